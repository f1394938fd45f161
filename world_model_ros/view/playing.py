# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Serves a recorded episode until it is asked to end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from world_model_ros.deploy.supervisor import StopRequest
from world_model_ros.view.access import Access, new_token
from world_model_ros.view.address import address_of
from world_model_ros.view.port import listening_socket
from world_model_ros.view.recorded import MOST_TICKS, RecordedEpisode
from world_model_ros.view.server import Server, make_app


def play(episode: Path, bundle: str, host: str, port: int, say: Callable[[str], None]) -> None:
    """Show an episode in the browser; returns after Ctrl-C.

    Raises:
        PortError: the port cannot be used.
        EpisodeError, BundleError, ValueError: what is to be shown cannot be read.
    """
    listening = listening_socket(host, port)
    source = RecordedEpisode(episode, bundle)
    if source.cut:
        say(f'the episode is long: its first {MOST_TICKS} ticks are shown')
    stop = StopRequest()
    number = listening.getsockname()[1]
    app, _ = make_app({'': source}, Access(host, number, new_token()))  # nothing to act on
    server = Server(app, listening)
    server.start()
    say(f'{episode} is on {address_of(host, number)} (Ctrl-C ends it)')
    while server.alive and not stop.asked.wait(0.2):
        pass
    server.close()
