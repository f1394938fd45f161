# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What `demonstrate` runs: a simulated robot that its scripted controller drives by teleoperation.

Owns the settings of the nodes, when the agent begins, and when enough is recorded. The agent
thinks in vain: its chunks pace the simulator in lockstep, and do not count while somebody drives.
Imports neither rclpy nor torch.
"""

from __future__ import annotations

import time
from pathlib import Path

from world_model_ros.contract import Contract
from world_model_ros.deploy.nodes_table import GUARD, RECORDER, SIM_ROBOT, Settings
from world_model_ros.telemetry.robot_view import RobotView

# The agent comes once the recorder has found the robot: no tick of an episode is lost.
BEFORE_THE_AGENT = (SIM_ROBOT, GUARD, RECORDER)
# From the end of the last episode until it is sealed: the recorder waits for late messages and for
# the disk, and tells its count once a second.
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


def robot_is_heard(view: RobotView, contract: Contract) -> bool:
    """Whether the recorder has found whatever the robot says."""
    silent = view.status('recorder').values.get('silent')
    topics = [stream.topic for stream in contract.sensed]
    topics += [contract.reward.topic] if contract.reward.topic else []
    names = {f'/{topic.lstrip("/")}' for topic in topics}
    return silent is not None and not names & set(silent.split())


class Enough:
    """Whether all episodes are recorded; or all have ended, and the recorder has had its time."""

    def __init__(self, episodes: int) -> None:
        """Wait for so many."""
        self._episodes = episodes
        self._ended_s: float | None = None

    def __call__(self, view: RobotView) -> bool:
        """Look at the robot."""
        if view.status('recorder').number('episodes', 0.0) >= self._episodes:
            return True
        if len(view.returns) >= self._episodes and self._ended_s is None:
            self._ended_s = time.monotonic()
        return self._ended_s is not None and time.monotonic() - self._ended_s > SEALED_SEC
