# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a simulated body is: the protocol, and the optional ones beside it.

A body is what a robot *is* in simulation: physics, reset, reward and camera, in SI units. It knows
nothing of ticks, guards or ROS. It is made by a callable that takes the contract, registered under
the entry point group `world_model_ros.bodies`. Must not import onboard, nodes, torch or rclpy.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np

from world_model_ros.contract import Contract, Stream
from world_model_ros.robots.reality import ANY_BODY, Reality

SUCCESS = 'success'  # the outcome of an episode whose task was done
JointState = tuple[float, float, float]  # position, velocity, effort


class BodyError(ValueError):
    """A body that does not exist or a request it cannot meet."""


@runtime_checkable
class Body(Protocol):
    """What an environment needs of a simulated robot."""

    @property
    def frame_s(self) -> float:
        """Simulated time of one `advance`."""

    @property
    def actuators(self) -> tuple[str, ...]:
        """Names of the actions, in the order of `apply`."""

    def reset(self, rng: np.random.Generator) -> None:
        """Draw a new starting state."""

    def set_reality(self, reality: Reality) -> None:
        """Change strength, friction and camera mount; keeps the state."""

    def apply(self, command: np.ndarray) -> None:
        """Set the actuators in SI units; holds until the next call."""

    def advance(self) -> None:
        """Run the physics for one frame."""

    def joints(self) -> dict[str, JointState]:
        """Every joint: position, velocity, effort."""

    def render(self, camera: str, height: int, width: int) -> np.ndarray:
        """Return the picture of the image stream called `camera`, uint8 [h, w, 3].

        Another size than the one asked for is scaled as a driver's picture is.
        """

    def reward(self) -> float:
        """Return the reward of the frame that just ended."""

    def terminal(self) -> bool:
        """Whether the task ended for good."""

    def close(self) -> None:
        """Free the renderers."""


class BodyFactory(Protocol):
    """What an entry point of the group names: a class or a function."""

    def __call__(self, contract: Contract, /) -> Body:
        """Build the body for this contract; BodyError where they do not fit."""


@runtime_checkable
class TakesKinds(Protocol):
    """A body that obeys other commands than efforts."""

    @property
    def command_kinds(self) -> tuple[str, ...]:
        """The command kinds of a contract that `apply` understands."""


@runtime_checkable
class TakesTask(Protocol):
    """A body whose reward depends on the task of the episode."""

    def set_task(self, values: np.ndarray) -> None:
        """Take the task [n], float32, in the order of the contract; called after each reset."""


@runtime_checkable
class DrawsTask(TakesTask, Protocol):
    """A body that draws tasks itself, because not every point of their ranges is one."""

    def draw_task(self, rng: np.random.Generator) -> np.ndarray:
        """Return a task [n], drawn from this generator alone."""


@runtime_checkable
class Judges(Protocol):
    """A body that knows how an episode went."""

    def outcome(self) -> str:
        """Return `success`, a word for a failure, or `` while it is undecided."""


@runtime_checkable
class Demonstrates(Protocol):
    """A body that can show how its task is done, by what no sensor of the robot knows."""

    def demonstrate(self) -> np.ndarray:
        """Return the command [A] of a scripted controller now, SI units, as `apply` takes it."""


@runtime_checkable
class Truncates(Protocol):
    """A body whose episode may be cut off from within, without an end of the task."""

    def truncated(self) -> bool:
        """Whether the episode is cut off; the body then stands still until its reset."""


@runtime_checkable
class Senses(Protocol):
    """A body with sensors other than cameras and joints."""

    def sense(self, stream: Stream) -> np.ndarray:
        """Return what this stream shows now, of its dtype and shape."""


def refuse_others(reality: Reality, offered: frozenset[str], who: str) -> None:
    """Refuse a reality that changes what a body does not offer.

    Raises:
        BodyError: it does; names the first such quantity.
    """
    for name in sorted(reality.changed - offered - ANY_BODY):
        raise BodyError(
            f'reality {reality.name!r} changes {name}, which {who} does not offer: leave it out'
        )
