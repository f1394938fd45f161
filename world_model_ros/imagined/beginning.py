# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An imagined world from what a person names: a bundle, a place in a recording, known episodes.

Must not import ROS or torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from world_model_ros.bundle import Bundle, find_bundle, load_bundle
from world_model_ros.contract import Contract
from world_model_ros.experience import list_episodes
from world_model_ros.imagined.known import Known
from world_model_ros.imagined.recorded_beliefs import ImaginedError, Recorded, believe, find_start
from world_model_ros.imagined.world import ImaginedWorld, Start
from world_model_ros.user_path import user_path

# What imagining and drawing need of a bundle; the planner's graph is large.
GRAPHS = ('observe', 'imagine', 'outcomes', 'decode')
# Of the newest episodes that are known beside that one: as many as are filtered in some 15 s.
MOST_KNOWN_TICKS = 4_000


class Beginning(NamedTuple):
    """A world, and the recording that it begins in."""

    world: ImaginedWorld
    recorded: Recorded
    row: int  # of the start in the recording


def begin_world(
    bundle: str,
    start: str,
    known: str,
    contract: Contract | None = None,
    threads: int = 1,
    warn: Callable[[str], None] = lambda _: None,
) -> Beginning:
    """Make a world.

    Args:
        bundle: a shipped name or a folder.
        start: EPISODE@TICK, EPISODE@SECONDSs or EPISODE, see find_start.
        known: a folder of episodes that count as known beside the one that it begins in, or ''.
        contract: of the robot, where it is known already.
        threads: of ONNX Runtime.
        warn: receives what is left out, a line each.

    Raises:
        BundleError: the bundle cannot be used.
        ImaginedError: there is no such episode or tick, or it is of another robot.
    """
    model = _load(bundle, contract, threads)
    recorded, row = find_start(start, model)
    far = Known([recorded, *_others(known, recorded, model, warn)], model)
    world = ImaginedWorld(model, Start.at(recorded, row, model), far)
    for lack in world.lacks:
        warn(f'left out: {lack}')
    if math.isnan(far.limit):
        warn(
            f'{far.count} recorded ticks are too few to tell what is far from them: name a folder '
            'of more episodes as known'
        )
    return Beginning(world, recorded, row)


def _load(name: str, contract: Contract | None, threads: int) -> Bundle:
    folder = find_bundle(name)
    files = load_bundle(folder, contract, graphs=()).manifest['files']
    graphs = [graph for graph in GRAPHS if f'{graph}.onnx' in files]
    return load_bundle(folder, contract, threads, graphs=graphs)


def _others(
    folder: str, begun: Recorded, bundle: Bundle, warn: Callable[[str], None]
) -> list[Recorded]:
    """The newest episodes below a folder but the one that it begins in; unfit ones are named."""
    if not folder:
        return []
    place = user_path(folder)
    if not place.is_dir():
        raise ImaginedError(f'known: {folder} is no folder; expected one with recorded episodes')
    found: list[Recorded] = []
    ticks = 0
    for path in reversed(list_episodes(place)):
        if ticks >= MOST_KNOWN_TICKS:
            break
        try:
            recorded = believe(path, bundle)
        except ImaginedError as error:
            warn(f'not known: {error}')
            continue
        if recorded.uuid != begun.uuid:
            found.append(recorded)
            ticks += int(np.isfinite(recorded.beliefs).all(-1).sum())
    return found
