# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The messages that a command can travel in: one form a type, for any kind of command.

A form owns which field of its message holds which number, what the contract must say for that, and
whether the message has a time. The order of the numbers is that of `action.names`. Must not import
ROS, torch or the bundle.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from world_model_ros.contract.stream_kind import Draft
from world_model_ros.wire.cdr import (
    FLOATS,
    GRIPPER,
    JOINT_STATE,
    blank,
    header_stamp_ns,
    typestore,
)
from world_model_ros.wire.kinds.joints import FIELDS
from world_model_ros.wire.kinds.motions import TWIST, TWIST_STAMPED
from world_model_ros.wire.kinds.stamped import stamped_header

if TYPE_CHECKING:
    from world_model_ros.contract import Action
    from world_model_ros.contract.problems import Section

JOINT_TRAJECTORY = 'trajectory_msgs/msg/JointTrajectory'
AXES = tuple(f'{part}.{axis}' for part in ('linear', 'angular') for axis in 'xyz')
TIME_FROM_START, MAX_EFFORT = 'time_from_start', 'max_effort'  # keys of the robot file
DRAFT_EFFORT_N, MOST_N = 10.0, 1e4  # of a gripper in a first robot file
_NS_PER_SEC = 1_000_000_000
_NONE: np.ndarray = np.zeros(0)


class CommandForm(ABC):
    """One type of message."""

    type = ''
    keys: tuple[str, ...] = ()  # of the robot file
    axes: tuple[str, ...] = ()  # names that its messages have, any of which may be left out

    def read(
        self, section: Section, names: tuple[str, ...], command_period_s: float
    ) -> tuple[tuple[str, Any], ...]:
        """Read and check the form's own keys, and what it demands of the names; options."""
        return ()

    @abstractmethod
    def message(self, action: Action, field: str, t_ns: int, numbers: np.ndarray) -> Any:
        """The message, of the typestore's class; `field` is that of a JointState."""

    @abstractmethod
    def values(self, action: Action, field: str, message: Any) -> Any:
        """The numbers of anybody's message in the order of the names; None: not all are there."""

    @abstractmethod
    def heard(self, field: str, message: Any) -> tuple[tuple[str, ...], np.ndarray] | None:
        """Names and numbers of anybody's message, for a first robot file; None: it says nothing.

        The names are () where the message has none.
        """

    def draft(self, messages: Sequence[Any]) -> Draft:
        """The form's own keys for a first robot file."""
        return Draft()

    def stamp_ns(self, cdr: bytes) -> int | None:
        """For which time a command was sent; None where the message has no time."""
        return None


class JointStateForm(CommandForm):
    """One field of a JointState, matched by name."""

    type = JOINT_STATE

    def message(self, action: Action, field: str, t_ns: int, numbers: np.ndarray) -> Any:
        """The names, and the numbers in the kind's field."""
        columns = (numbers if name == field else _NONE for name in FIELDS)
        return typestore().types[JOINT_STATE](
            stamped_header(t_ns, ''), list(action.names), *columns
        )

    def values(self, action: Action, field: str, message: Any) -> Any:
        """By name."""
        return _by_name(action, message.name, getattr(message, field))

    def heard(self, field: str, message: Any) -> tuple[tuple[str, ...], np.ndarray] | None:
        """All joints."""
        return _named(message.name, getattr(message, field))

    def stamp_ns(self, cdr: bytes) -> int | None:
        """header.stamp."""
        return header_stamp_ns(cdr)


class FloatsForm(CommandForm):
    """The plain numbers of a Float64MultiArray, as the forward controllers take them."""

    type = FLOATS

    def message(self, action: Action, field: str, t_ns: int, numbers: np.ndarray) -> Any:
        """The numbers, without a layout."""
        message = blank(FLOATS)
        message.data = numbers
        return message

    def values(self, action: Action, field: str, message: Any) -> Any:
        """By their place."""
        return message.data

    def heard(self, field: str, message: Any) -> tuple[tuple[str, ...], np.ndarray] | None:
        """The numbers."""
        return (), np.array(message.data, np.float64)


class TrajectoryForm(CommandForm):
    """One point of a JointTrajectory, for the joint_trajectory_controller.

    Its stamp is zero: the controller begins at once. A stamp in the past, by the delay of the way,
    would make it refuse the point.
    """

    type = JOINT_TRAJECTORY
    keys = (TIME_FROM_START,)

    def read(
        self, section: Section, names: tuple[str, ...], command_period_s: float
    ) -> tuple[tuple[str, Any], ...]:
        """Read `time_from_start`, one command period where it is left out."""
        least = command_period_s or 1e-3
        time_s = section.number(TIME_FROM_START, 'seconds', least, high=10.0)
        if section.problems.clean(section.key(TIME_FROM_START)) and time_s < least * (1 - 1e-6):
            section.note(
                TIME_FROM_START,
                time_s,
                f'at least one command period ({least:g} s)',
                'a point that is reached before the next one comes is approached too fast: '
                'write more, or remove it',
            )
        return ((TIME_FROM_START, time_s),)

    def message(self, action: Action, field: str, t_ns: int, numbers: np.ndarray) -> Any:
        """One point, reached in `time_from_start`."""
        types = typestore().types
        reach_ns = round(dict(action.options)[TIME_FROM_START] * _NS_PER_SEC)
        point = types['trajectory_msgs/msg/JointTrajectoryPoint'](
            numbers,
            _NONE,
            _NONE,
            _NONE,
            types['builtin_interfaces/msg/Duration'](
                reach_ns // _NS_PER_SEC, reach_ns % _NS_PER_SEC
            ),
        )
        return types[JOINT_TRAJECTORY](stamped_header(0, ''), list(action.names), [point])

    def values(self, action: Action, field: str, message: Any) -> Any:
        """By name; none of a trajectory of several points, which is no command of one moment."""
        if len(message.points) != 1:
            return None
        return _by_name(action, message.joint_names, message.points[0].positions)

    def heard(self, field: str, message: Any) -> tuple[tuple[str, ...], np.ndarray] | None:
        """All joints of the first point."""
        return _named(message.joint_names, message.points[0].positions) if message.points else None


class TwistForm(CommandForm):
    """The numbers of a Twist that the names choose, such as linear.x and angular.z."""

    type = TWIST
    axes = AXES

    def read(
        self, section: Section, names: tuple[str, ...], command_period_s: float
    ) -> tuple[tuple[str, Any], ...]:
        """Check the names."""
        for name in names:
            if name not in AXES:
                section.note(
                    'names',
                    name,
                    f'names among {", ".join(AXES)} for a Twist',
                    'write which velocities of the base are commanded, such as '
                    '[linear.x, angular.z]',
                )
        return ()

    def message(self, action: Action, field: str, t_ns: int, numbers: np.ndarray) -> Any:
        """The chosen velocities; all others are zero."""
        message = blank(self.type)
        self._fill(message, action, numbers)
        return message

    def values(self, action: Action, field: str, message: Any) -> Any:
        """The chosen velocities."""
        places = (name.partition('.') for name in action.names)
        return [getattr(getattr(self._twist(message), part), axis) for part, _, axis in places]

    def heard(self, field: str, message: Any) -> tuple[tuple[str, ...], np.ndarray] | None:
        """All six axes."""
        twist, places = self._twist(message), (name.partition('.') for name in AXES)
        numbers = [getattr(getattr(twist, part), axis) for part, _, axis in places]
        return AXES, np.array(numbers, np.float64)

    def _fill(self, message: Any, action: Action, numbers: np.ndarray) -> None:
        for name, number in zip(action.names, numbers.tolist(), strict=True):
            part, _, axis = name.partition('.')
            setattr(getattr(self._twist(message), part), axis, number)

    def _twist(self, message: Any) -> Any:
        return message


class TwistStampedForm(TwistForm):
    """A Twist with a time."""

    type = TWIST_STAMPED

    def message(self, action: Action, field: str, t_ns: int, numbers: np.ndarray) -> Any:
        """The chosen velocities for time t_ns."""
        message = blank(self.type)
        message.header = stamped_header(t_ns, '')
        self._fill(message, action, numbers)
        return message

    def stamp_ns(self, cdr: bytes) -> int | None:
        """header.stamp."""
        return header_stamp_ns(cdr)

    def _twist(self, message: Any) -> Any:
        return message.twist


class GripperForm(CommandForm):
    """The opening of a control_msgs/GripperCommand; the package must be installed to send it."""

    type = GRIPPER
    keys = (MAX_EFFORT,)

    def read(
        self, section: Section, names: tuple[str, ...], command_period_s: float
    ) -> tuple[tuple[str, Any], ...]:
        """Read `max_effort`; there is one name."""
        if len(names) != 1:
            section.note(
                'names',
                list(names),
                'one name for a GripperCommand',
                'write the joint that opens and closes',
            )
        effort = section.number(MAX_EFFORT, 'N', 0.0, low_included=True)
        return ((MAX_EFFORT, effort),)

    def message(self, action: Action, field: str, t_ns: int, numbers: np.ndarray) -> Any:
        """The opening, and the effort of the contract."""
        return typestore().types[GRIPPER](float(numbers[0]), dict(action.options)[MAX_EFFORT])

    def values(self, action: Action, field: str, message: Any) -> Any:
        """The opening."""
        return [message.position]

    def draft(self, messages: Sequence[Any]) -> Draft:
        """The largest effort that was sent."""
        sent = [message.max_effort for message in messages if 0.0 < message.max_effort < MOST_N]
        doubt = 'N: how hard it may close' + ('' if sent else '; guessed')
        return Draft({MAX_EFFORT: max(sent, default=DRAFT_EFFORT_N)}, {MAX_EFFORT: doubt})

    def heard(self, field: str, message: Any) -> tuple[tuple[str, ...], np.ndarray] | None:
        """The opening."""
        return (), np.array([message.position], np.float64)


def _by_name(action: Action, names: list[str], numbers: Any) -> list[float] | None:
    given = dict(zip(names, numbers, strict=False))
    if not all(name in given for name in action.names):
        return None
    return [given[name] for name in action.names]


def _named(names: list[str], numbers: Any) -> tuple[tuple[str, ...], np.ndarray] | None:
    values = np.array(numbers, np.float64)
    return (tuple(names), values) if len(values) and len(values) == len(names) else None


_FORMS = (
    JointStateForm, FloatsForm, TrajectoryForm, TwistForm, TwistStampedForm, GripperForm,
)  # fmt: skip
FORMS: dict[str, CommandForm] = {form.type: form() for form in _FORMS}
