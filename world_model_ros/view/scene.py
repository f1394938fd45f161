# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One tick as the page shows it: figures for the curves, what was seen and what is believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from world_model_ros.contract import Contract
from world_model_ros.onboard.tick.observation import Observation
from world_model_ros.onboard.tick.tick_record import TickRecord
from world_model_ros.view.belief_follower import Believed, Follower
from world_model_ros.view.turns import near
from world_model_ros.view.view_picture import Picture, picture_of


@dataclass(frozen=True)
class Followed:
    """A tick: what was recorded, what was seen, and what the model makes of it."""

    record: TickRecord
    observation: Observation
    believed: Believed | None
    decoded: Mapping[str, np.ndarray]  # stream -> what the belief says; empty where it cannot


def followed(
    contract: Contract,
    follower: Follower,
    record: TickRecord,
    observation: Observation,
    believed: Believed | None,
    *,
    draws: bool = True,
) -> Followed:
    """A tick with its belief decoded once, for curves and pictures alike, where it `draws`."""
    decoded: dict[str, np.ndarray] = {}
    if draws and believed is not None and follower.graphs is not None and follower.draws:
        names = [stream.name for stream in (*contract.image_streams, *contract.vector_streams)]
        decoded = dict(zip(names, follower.graphs.decode(believed.belief, names), strict=True))
    return Followed(record, observation, believed, decoded)


def figures_of(contract: Contract, tick: Followed) -> dict[str, Any]:
    """The figures of a tick; what does not exist is None."""
    record, seen = tick.record, tick.observation.arrays
    vectors = [stream.name for stream in contract.vector_streams]
    return {
        't': record.t_ns * 1e-9,
        'tick': record.tick,
        'first': record.first,
        'source': record.source,
        'seen': {name: np.ravel(seen[name]) for name in vectors if name in seen},
        'believed': numbers_of(contract, tick),
        'sent': record.sent,
        'surprise': record.surprise,
        'value': record.value,
        'reward': record.reward,
        'predicted': None if tick.believed is None else tick.believed.reward,
        'late_ms': 1e3 * record.lateness,
    }


def numbers_of(contract: Contract, tick: Followed) -> dict[str, np.ndarray]:
    """What a belief says of each vector; of angles that wrap the turn next to what was seen."""
    found = {}
    for stream in contract.vector_streams:
        if stream.name in tick.decoded:
            believed = np.ravel(tick.decoded[stream.name])
            seen = tick.observation.arrays.get(stream.name)
            found[stream.name] = believed if seen is None else near(stream, believed, seen)
    return found


def pictures_of(contract: Contract, tick: Followed) -> tuple[Picture, ...]:
    """What was seen and, where the model draws, what it believes."""
    names = [stream.name for stream in contract.image_streams]
    seen = tick.observation.arrays
    return (
        *(picture_of(name, 'seen', seen[name]) for name in names if name in seen),
        *(picture_of(n, 'believed', tick.decoded[n]) for n in names if n in tick.decoded),
    )
