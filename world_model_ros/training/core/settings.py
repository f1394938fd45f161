# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Settings of the trainer as a service. Must not import ROS or a simulator."""

from __future__ import annotations

from dataclasses import dataclass, field

from world_model_ros.families.protocol import AlignSettings
from world_model_ros.training.data.ingest import HELD_OUT_SHARE, ROBOT_EPISODES
from world_model_ros.training.data.mixture import Shares
from world_model_ros.training.judge.gate import GateConfig


@dataclass(frozen=True)
class ServiceConfig:
    """Times in s, data in ticks."""

    capacity: int = 200_000  # robot ticks held
    start_ticks: int = 500  # robot ticks before the first update
    replay_ratio: float = 120.0  # replayed steps per ingested tick, at most
    family: str | None = None  # None: of the checkpoint or weights, else the default one
    # Of weights from elsewhere, before they learn: as the family does it, or with its settings;
    # False: they learn at once.
    align: AlignSettings | bool = True
    shares: Shares = field(default_factory=Shares)
    nominal_ticks: int = 20_000  # cap on the own simulator's; 0 switches it off
    held_out: float = HELD_OUT_SHARE
    robot_episodes: int = ROBOT_EPISODES  # of one robot, taken between two looks into the store
    gate: GateConfig = field(default_factory=GateConfig)
    poll_s: float = 2.0
    publish_every_s: float = 120.0
    publish_updates: int = 0  # publish after so many updates instead; 0: by the clock
    least_updates: int = 50  # between two candidates: fewer change little
    checkpoint_every_s: float = 60.0
    status_every_s: float = 5.0
    bad_in_row: int = 10  # updates that are not finite before going back
    seed: int = 0
    threads: int = 1
    policy_margin: float | None = None  # of the bundles' planner; None: as it was shipped
    imitate: bool = False  # what is read has no rewards, and no nominal ticks are simulated
