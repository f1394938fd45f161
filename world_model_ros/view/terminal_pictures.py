# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a robot sees and believes, for a terminal: the newest picture of its first camera.

The belief is made again as for the page (belief_follower.py), in a thread of the process that
draws, at a lower priority: the agent has no part in it. Only what is shown is decoded.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np

from world_model_ros.contract import Contract
from world_model_ros.onboard.tick.tick_record import TickRecord
from world_model_ros.view.belief_follower import Follower, Load, Messages, Rebuilder, loader

PERIOD_SEC = 0.25  # between two drawings
NICE = 10  # of the thread
WAITING_TICKS = 32  # while a model loads: of older ones the messages are gone
LONGEST = 100  # characters of why there is no picture


class TerminalPictures:
    """Stores what is heard of a robot; a thread of its own makes pictures of it."""

    def __init__(self, contract: Contract, load: Load | None = None) -> None:
        """`load` loads bundles; by default from the disk, for the CPU."""
        self._messages = Messages(contract)
        self._rebuilder = Rebuilder(contract, self._messages.find)
        self._follower = Follower(load or loader(contract), contract.period_ns)
        self._stream = next((stream.name for stream in contract.image_streams), '')
        self._acting: Mapping[str, Any] | None = None
        self._ticks: deque[TickRecord] = deque(maxlen=WAITING_TICKS)
        self._drawn: dict[str, np.ndarray | str] = {}
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    # The thread of whoever listens

    def start(self) -> None:
        """Begin to draw, if there is a camera."""
        if self._stream:
            self._thread = threading.Thread(target=self._run, name='pictures', daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(timeout=2.0)

    def put_message(self, stream: str, cdr: bytes) -> None:
        """A serialised message of a stream."""
        self._messages.put(stream, cdr)

    def put_tick(self, record: TickRecord) -> None:
        """A tick's record."""
        self._ticks.append(record)

    def put_release(self, acting: Mapping[str, Any] | None) -> None:
        """Which bundle acts, as the agent's ~/release says."""
        self._acting = acting

    @property
    def drawn(self) -> Mapping[str, np.ndarray | str]:
        """`seen` and `believed`: pictures uint8 [h, w, 3], or why there is none."""
        return self._drawn

    # This thread

    def _run(self) -> None:
        # Of this thread alone: whatever the robot runs comes first.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        while not self._ended.wait(PERIOD_SEC):
            try:
                self.turn()
            except Exception as error:  # noqa: BLE001 - shown in its place; a demo outlives it
                why = f'cannot be drawn: {error}'[:LONGEST]
                self._drawn = {'seen': why, **self._drawn, 'believed': why}

    def turn(self) -> None:
        """Follow all ticks that came, and draw the newest."""
        follower = self._follower
        follower.use(self._acting)
        seen = believed = None
        for _ in range(len(self._ticks)):  # those that come meanwhile wait
            record = self._ticks.popleft()
            observation = self._rebuilder.observation(record)
            believed = follower.take(record, observation)
            seen = observation.arrays.get(self._stream)
        if seen is None:
            return
        drawn: dict[str, np.ndarray | str] = {'seen': seen, 'believed': follower.problem}
        graphs = follower.graphs
        if graphs is not None and believed is not None and follower.draws:
            [drawn['believed']] = graphs.decode(believed.belief, [self._stream])
        self._drawn = drawn
