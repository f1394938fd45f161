# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A recorded episode and a tiny bundle of the same robot, for tests of imagined worlds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import counter
from tiny_bundle import USUAL, make_tiny_bundle

from world_model_ros.bundle import load_bundle
from world_model_ros.experience import EpisodeInfo, EpisodeWriter
from world_model_ros.imagined import ImaginedWorld, Known, Start, believe

TICKS = 120


def write_episode(folder: Path, uuid: str = 'real', ticks: int = TICKS, **info) -> Path:
    """Write an episode of the reacher; `info` are other fields of its first record."""
    begin: EpisodeInfo = replace(counter.info(uuid), **info)
    writer = EpisodeWriter(folder, begin, min_free_bytes=0)
    writer.write(counter.TOPICS['episode'], counter.announcement(uuid), counter.T0_NS)
    for message in counter.run(ticks, uuid):
        writer.write(counter.TOPICS[message.role], message.cdr, message.t_ns)
    writer.close()
    assert writer.join(20) and writer.sealed, writer.error
    return writer.path


def bundle_folder(folder: Path, without: tuple[str, ...] = (), seed: int = 0) -> Path:
    """Write a tiny bundle of the reacher; its `sizes` and planner do not matter here."""
    able = tuple(name for name in USUAL if name not in without)
    return make_tiny_bundle(folder, counter.contract(), capabilities=able, seed=seed)


def world_at(bundle_path: Path, episode: Path, row: int = 60) -> ImaginedWorld:
    """The world of a bundle, begun in an episode that is also all that is known."""
    bundle = load_bundle(bundle_path)
    recorded = believe(episode, bundle)
    return ImaginedWorld(bundle, Start.at(recorded, row, bundle), Known([recorded], bundle))
