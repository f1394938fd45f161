# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What `demonstrate` runs: a simulated robot that its scripted controller drives by teleoperation.

Owns the settings of the nodes, and when enough is recorded. The agent thinks in vain: its chunks
pace the simulator in lockstep, and do not count while somebody drives. Imports neither rclpy nor
torch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path

from world_model_ros.contract import Contract
from world_model_ros.deploy.nodes_table import Settings
from world_model_ros.experience import EpisodeReader
from world_model_ros.experience.read.rebuild import read_ticks
from world_model_ros.telemetry.robot_view import RobotView

# From the end of the last episode until it is sealed: the recorder waits for late messages and for
# the disk, and publishes its count once a second.
SEALED_SEC = 15.0


def demonstration_settings(
    contract: Contract,
    contract_file: Path,
    episodes: int,
    recorded: Path,
    logs: Path,
    *,
    seed: int = 0,
    reality: str = 'nominal',
    real_time: bool = False,
) -> Settings:
    """Settings of the nodes that record so many demonstrated episodes.

    Args:
        contract: of the robot.
        contract_file: where it was read from.
        episodes: how many; episode i starts from `seed` + i.
        recorded: for the recordings.
        logs: for logs and state.
        seed: of the first episode.
        reality: a name or file of config/reality.
        real_time: the robot keeps to the clock on the wall, not in lockstep.
    """
    return Settings(
        contract=str(contract_file.resolve()),
        robot_id=f'{contract.name}_demonstrated',
        explore=True,  # without a bundle somebody must decide, and nobody obeys
        tick_source='' if real_time else 'lockstep',
        autostart=True,
        seed=seed,
        reality=reality,
        demonstrate=episodes,
        directory=str(recorded.resolve()),
        state_directory=str(logs / 'state'),
        use_sim_time=True,
    )


class Enough:
    """Whether all episodes are recorded; or the robot has long been done, and some are not."""

    def __init__(self, episodes: int) -> None:
        """Wait for so many."""
        self._episodes = episodes
        self._done_s: float | None = None  # when no further reset was served

    def __call__(self, view: RobotView) -> bool:
        """Look at the robot."""
        if recorded(view) >= self._episodes:
            return True
        agent = view.status('agent')
        done = agent.values.get('phase') == 'waiting_for_reset' and agent.number('ticks', 0.0) > 0
        if not done:
            self._done_s = None
        elif self._done_s is None:
            self._done_s = time.monotonic()
        return self._done_s is not None and time.monotonic() - self._done_s > SEALED_SEC


def recorded(view: RobotView) -> int:
    """How many episodes the recorder has sealed."""
    return int(view.status('recorder').number('episodes', 0.0))


def returns_of(episodes: Sequence[Path]) -> list[float]:
    """The return of each recorded episode, in the order in which they began."""
    found = []
    for path in episodes:
        ticks = read_ticks(EpisodeReader(path))
        rewards = [tick.reward for tick in ticks if math.isfinite(tick.reward)]
        found.append((ticks[0].t_ns if ticks else 0, sum(rewards)))
    return [value for _, value in sorted(found)]
