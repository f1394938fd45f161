# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The kinds of commands that drivers of joints take: effort, velocity, position, position_delta.

Each goes out as one field of a sensor_msgs/JointState, matched by name, or as the plain numbers of
a std_msgs/Float64MultiArray. Must not import ROS, torch or the bundle.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import numpy as np

from world_model_ros.contract.command_kind import CommandKind, PointField
from world_model_ros.wire.cdr import (
    FLOATS,
    JOINT_STATE,
    MessageError,
    decode,
    encode,
    header_stamp_ns,
    typestore,
)
from world_model_ros.wire.kinds.joints import FIELDS
from world_model_ros.wire.kinds.stamped import stamped_header

if TYPE_CHECKING:
    from world_model_ros.contract import Action


# What rclpy leaves behind a message that it serialises for itself, by experiment.
PADDING_BYTES = (4, 8, 12)


class JointCommandKind(CommandKind):
    """Commands of joints; `field` is where a JointState carries them."""

    message_types = (JOINT_STATE, FLOATS)
    field = ''

    def encode(self, action: Action, t_ns: int, values: np.ndarray) -> bytes:
        """The serialised command for time t_ns."""
        types = typestore().types
        numbers = np.array(values, np.float64)
        if action.type == FLOATS:
            layout: Any = types['std_msgs/msg/MultiArrayLayout']([], 0)
            return encode(FLOATS, types[FLOATS](layout, numbers))
        columns = (numbers if name == self.field else _NONE for name in FIELDS)
        header = stamped_header(t_ns, '')
        return encode(JOINT_STATE, types[JOINT_STATE](header, list(action.names), *columns))

    def decode(self, action: Action, cdr: bytes) -> np.ndarray | None:
        """What a command says, by name; None: a joint is missing, or a number is not finite."""
        message = _message(action.type, cdr)
        if action.type == FLOATS:
            values = np.array(message.data, np.float64)
        else:
            given = dict(zip(message.name, getattr(message, self.field), strict=False))
            if not all(name in given for name in action.names):
                return None
            values = np.array([given[name] for name in action.names], np.float64)
        if values.shape != (len(action.names),) or not np.all(np.isfinite(values)):
            return None
        return values

    def heard(self, type_name: str, cdr: bytes) -> tuple[tuple[str, ...], np.ndarray] | None:
        """Names and numbers of anybody's command; None: another type, or the field is empty."""
        if type_name not in self.message_types:
            return None
        message = _message(type_name, cdr)
        if type_name == FLOATS:
            return (), np.array(message.data, np.float64)
        values = np.array(getattr(message, self.field), np.float64)
        if not len(values) or len(values) != len(message.name):
            return None
        return tuple(message.name), values

    def stamp_ns(self, action: Action, cdr: bytes) -> int | None:
        """header.stamp; None for a message without a header."""
        return None if action.type == FLOATS else header_stamp_ns(cdr)


def _message(type_name: str, cdr: bytes) -> Any:
    """A command of anybody, also one from rclpy's serialize_message, which adds bytes."""
    try:
        return decode(type_name, cdr)
    except MessageError:
        for count in PADDING_BYTES:
            with contextlib.suppress(MessageError):
                return decode(type_name, cdr[:-count])
        raise  # the first refusal is about the whole message


class EffortKind(JointCommandKind):
    """Torques and forces."""

    name, field, unit = 'effort', 'effort', 'N·m or N'
    point_field: PointField = 'effort'
    may_fall = True


class VelocityKind(JointCommandKind):
    """Speeds of joints."""

    name, field, unit = 'velocity', 'velocity', 'rad/s or m/s'
    derivatives = ('acceleration', 'jerk')


class PositionKind(JointCommandKind):
    """Positions of joints, which the robot holds."""

    name, field, unit = 'position', 'position', 'rad or m'
    point_field: PointField = 'positions'
    safe = ('hold',)
    positions = True
    derivatives = ('velocity', 'acceleration', 'jerk')


class PositionDeltaKind(JointCommandKind):
    """Steps of positions, from where the robot is."""

    name, field, unit = 'position_delta', 'position', 'rad or m'
    point_field: PointField = 'positions'


_NONE: np.ndarray = np.zeros(0)
