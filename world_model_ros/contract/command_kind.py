# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a kind of command is: the one class that a new kind derives from.

A kind owns what an action means to the driver: its unit, its safe action, its message. Limits are
none of its business: the guard applies them before it encodes. One file holds one kind; `kinds.py`
has the table. Must not import any other folder of this package.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from world_model_ros.contract.stream_kind import Draft

if TYPE_CHECKING:
    from world_model_ros.contract.problems import Section
    from world_model_ros.contract.schema import Action, SafeAction

# Which numbers of a trajectory_msgs/JointTrajectoryPoint carry the action in a chunk.
PointField = Literal['positions', 'velocities', 'accelerations', 'effort']


class CommandKind(ABC):
    """One kind of command. An instance has no state: it serves all actions of the kind."""

    name = ''  # as in the robot file; set by the table
    unit = ''  # of the action's numbers, such as 'rad/s or m/s'
    # Types that a driver may take; the first is the default.
    message_types: tuple[str, ...] = ()
    # Which safe actions may be chosen; the first is the one to recommend.
    safe: tuple[SafeAction, ...] = ('zero',)
    # The numbers are positions: interpolated between ticks, held, and bounded by a box that a
    # joint may be outside of.
    positions = False
    # Zero is no rest: the robot may fall. The robot file must say gravity_safe: true.
    may_fall = False
    point_field: PointField = 'velocities'
    # Names, in `limits` of a robot file, of the limits on the first, second and third derivative
    # of the command. The first must be given; names are those of MoveIt and nav2 where the
    # meaning is the same: of a position they are velocity, acceleration and jerk.
    derivatives: tuple[str, ...] = ('slew_rate',)
    # Keys of the robot file beside those of every action.
    keys: tuple[str, ...] = ()
    # Why the kind cannot be used: its plug-in is missing or broken; '' for a kind that is there.
    missing = ''

    def holds(self, action: Action) -> bool:
        """Whether the safe action is to hold a position: then measurements are needed."""
        return self.positions and action.safe == 'hold'

    def read(
        self, section: Section, message_type: str, names: tuple[str, ...], command_period_s: float
    ) -> tuple[tuple[str, Any], ...]:
        """Read and check the kind's own keys, and what its message demands of the names.

        `command_period_s` is the time between two commands, 0 where it is not known. Every fault
        is noted in the section. Returns what becomes `options`: (key, value) with plain values.
        """
        return ()

    @abstractmethod
    def encode(self, action: Action, t_ns: int, values: np.ndarray) -> bytes:
        """The serialised command for time t_ns; `values` [A] are inside of the limits."""

    @abstractmethod
    def decode(self, action: Action, cdr: bytes) -> np.ndarray | None:
        """What a command says, float64 [A] in the order of the names; None: it moves nothing.

        Anybody's command, also a foreign one: it may be damaged or of other joints.

        Raises:
            ValueError: the bytes are no such message.
        """

    def stamp_ns(self, action: Action, cdr: bytes) -> int | None:
        """For which time a command was sent; None where the message has no stamp."""
        return None

    def axes(self, type_name: str) -> tuple[str, ...]:
        """The names that messages of a type can carry; any of them may be left out, and is zero.

        () where the names are the robot's joints.
        """
        return ()

    def draft(self, type_name: str, messages: Sequence[bytes]) -> Draft:
        """The kind's own keys for a first robot file, from commands that came on a topic.

        Raises:
            ValueError: the bytes are no such message.
        """
        return Draft()

    def heard(self, type_name: str, cdr: bytes) -> tuple[tuple[str, ...], np.ndarray] | None:
        """Names and numbers [A] of anybody's command, for a first robot file.

        None where the kind sends no messages of this type, or this one says nothing in its unit.
        The names are () where messages of the type have none.

        Raises:
            ValueError: the bytes are no such message.
        """
        return None
