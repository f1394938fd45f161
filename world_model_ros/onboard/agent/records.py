# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The record of a tick from what the worker knows of it. Pure; holds no ROS entity."""

from __future__ import annotations

import numpy as np

from world_model_ros.onboard.agent.episode import Episode
from world_model_ros.onboard.policy.brain import Decision
from world_model_ros.onboard.tick.observation import Observation
from world_model_ros.onboard.tick.tick_record import TickRecord
from world_model_ros.onboard.tick.ticker import Tick


def make_record(
    tick: Tick, episode: Episode, observation: Observation, decision: Decision, sent: np.ndarray
) -> TickRecord:
    """What was seen and decided; how the tick ended is for the worker to add."""
    return TickRecord(
        episode=episode.uuid,
        t_ns=tick.t_ns,
        tick=tick.index,
        valid=observation.valid,
        explore=episode.explore or decision.source == 'explore',
        eval=episode.eval,
        source=decision.source,
        iterations=decision.iterations,
        noise_key=episode.noise_key,
        surprise=decision.surprise,
        value=decision.value,
        skipped=tick.skipped,
        obs_crc=observation.crc if decision.observed else -1,
        asked=decision.chunk[0].astype(np.float64),
        sent=sent.astype(np.float64),
        streams=observation.samples,
        task=episode.task,
    )
