# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An imagined world as a simulated body, so that a simulated robot's machinery runs it unchanged.

`imagined_robot` makes the robot of the node, `Env(contract, seed, body=...)` the environment of
evaluation. The model knows whole control periods: what is commanded within one is averaged, as the
guard's samples are for the tick record; between ticks everything stands. Must not import ROS or
torch.
"""

from __future__ import annotations

import numpy as np

from world_model_ros.contract import Stream
from world_model_ros.imagined.world import ImaginedWorld
from world_model_ros.robots import NOMINAL, BodyError, Reality, SimRobot
from world_model_ros.robots.bodies import JointState

GOES_ON = 0.5  # below this probability the task has ended
_FIELDS = ('position', 'velocity', 'effort')


class ImaginedBody:
    """The body of an imagined robot."""

    def __init__(self, world: ImaginedWorld) -> None:
        """Take the world; its contract says everything else."""
        self.world = world
        contract = world.contract
        self._frames = contract.frames_per_tick
        self.frame_s = contract.period_s / self._frames
        self.actuators = contract.action.names
        self.command_kinds = tuple(dict.fromkeys(contract.action.kinds))
        self._command: np.ndarray = np.zeros(contract.action_dim)
        self._begin()

    def _begin(self) -> None:
        self._sum: np.ndarray = np.zeros(len(self.actuators))  # of the commands of this period
        self._frame = 0  # of this period
        self._reward, self._terminal = 0.0, False

    def reset(self, rng: np.random.Generator) -> None:
        """Begin again at the same belief."""
        self.world.reset()
        self._begin()

    def set_reality(self, reality: Reality) -> None:
        """Refuse any but the nominal one.

        Raises:
            BodyError: another reality.
        """
        if reality != NOMINAL:
            raise BodyError(
                f'reality {reality.name!r}: an imagined robot lives in what its bundle learned; '
                'give nominal'
            )

    def apply(self, command: np.ndarray) -> None:
        """Hold a command [A], SI units."""
        self._command = np.asarray(command, np.float64)

    def advance(self) -> None:
        """Pass one frame; the last one of a control period imagines it."""
        self._sum = self._sum + self._command
        self._frame += 1
        self._reward = 0.0
        if self._frame < self._frames:
            return
        found = self.world.step(self._sum / self._frames)
        self._sum, self._frame = np.zeros(len(self.actuators)), 0
        self._reward = found.reward
        self._terminal = found.continuation < GOES_ON

    def joints(self) -> dict[str, JointState]:
        """Every joint of the contract's streams; 0 for a field that no stream has."""
        found: dict[str, dict[str, float]] = {}
        for stream in self.world.contract.joint_streams:
            rows = self.world.observation[stream.name].reshape(len(stream.fields), -1)
            for field, row in zip(stream.fields, rows, strict=True):
                for name, value in zip(stream.names, row, strict=True):
                    found.setdefault(name, {})[field] = float(value)
        return {
            name: (
                state.get('position', 0.0),
                state.get('velocity', 0.0),
                state.get('effort', 0.0),
            )
            for name, state in found.items()
        }

    def render(self, camera: str, height: int, width: int) -> np.ndarray:
        """Return the imagined picture of a stream, uint8 [h, w, 3], as the model sees it."""
        return self.world.observation[camera]

    def sense(self, stream: Stream) -> np.ndarray:
        """Return the imagined array of any other stream."""
        return self.world.observation[stream.name]

    def reward(self) -> float:
        """Return the reward of the period at its last frame, else 0; NaN: none is predicted."""
        return self._reward

    def terminal(self) -> bool:
        """Whether the model says that the task has ended."""
        return self._terminal

    def truncated(self) -> bool:
        """Whether the model broke: the world then stands still until its reset."""
        return bool(self.world.failure)

    def close(self) -> None:
        """Nothing is open."""


def imagined_robot(world: ImaginedWorld) -> SimRobot:
    """The imagined robot behind the driver's side of the contract."""
    return SimRobot(world.contract, 0, body=ImaginedBody(world))
