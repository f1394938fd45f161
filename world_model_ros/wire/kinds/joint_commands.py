# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The kinds of commands that drivers take: effort, velocity, position, position_delta.

A kind is what the numbers mean; the message that carries them is one of command_forms.py. Must not
import ROS, torch or the bundle.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from world_model_ros.contract.command_kind import CommandKind, PointField
from world_model_ros.contract.stream_kind import Draft
from world_model_ros.wire.cdr import FLOATS, GRIPPER, JOINT_STATE, decode_padded, encode
from world_model_ros.wire.kinds.command_forms import FORMS, JOINT_TRAJECTORY
from world_model_ros.wire.kinds.motions import TWIST, TWIST_STAMPED

if TYPE_CHECKING:
    from world_model_ros.contract import Action
    from world_model_ros.contract.problems import Section


class JointCommandKind(CommandKind):
    """Commands of joints, or of a base; `field` is where a JointState carries them."""

    message_types: tuple[str, ...] = (JOINT_STATE, FLOATS)
    field = ''

    def read(
        self, section: Section, message_type: str, names: tuple[str, ...], command_period_s: float
    ) -> tuple[tuple[str, Any], ...]:
        """Read the keys of the message's form; those of another form are faults."""
        form = FORMS[message_type]
        for key in self.keys:
            if key in section.data and key not in form.keys:
                types = [name for name in self.message_types if key in FORMS[name].keys]
                section.note(
                    key,
                    section.data[key],
                    f'no such key for type {message_type}',
                    f'remove it: it belongs to {", ".join(types)}',
                )
        return form.read(section, names, command_period_s)

    def encode(self, action: Action, t_ns: int, values: np.ndarray) -> bytes:
        """The serialised command for time t_ns."""
        numbers = np.array(values, np.float64)
        return encode(action.type, FORMS[action.type].message(action, self.field, t_ns, numbers))

    def decode(self, action: Action, cdr: bytes) -> np.ndarray | None:
        """What a command says, by name; None: a joint is missing, or a number is not finite."""
        message = decode_padded(action.type, cdr)
        found = FORMS[action.type].values(action, self.field, message)
        if found is None:
            return None
        values = np.array(found, np.float64)
        if values.shape != (len(action.names),) or not np.all(np.isfinite(values)):
            return None
        return values

    def axes(self, type_name: str) -> tuple[str, ...]:
        """Those of a Twist."""
        return FORMS[type_name].axes if type_name in self.message_types else ()

    def draft(self, type_name: str, messages: Sequence[bytes]) -> Draft:
        """What the message's form asks for."""
        if type_name not in self.message_types:
            return Draft()
        return FORMS[type_name].draft([decode_padded(type_name, cdr) for cdr in messages])

    def heard(self, type_name: str, cdr: bytes) -> tuple[tuple[str, ...], np.ndarray] | None:
        """Names and numbers of anybody's command; None: another type, or the field is empty."""
        if type_name not in self.message_types:
            return None
        return FORMS[type_name].heard(self.field, decode_padded(type_name, cdr))

    def stamp_ns(self, action: Action, cdr: bytes) -> int | None:
        """For which time a command was sent; None for a message without one."""
        return FORMS[action.type].stamp_ns(cdr)


class EffortKind(JointCommandKind):
    """Torques and forces."""

    name, field, unit = 'effort', 'effort', 'N·m or N'
    point_field: PointField = 'effort'
    may_fall = True


class VelocityKind(JointCommandKind):
    """Speeds of joints, or of a base."""

    name, field, unit = 'velocity', 'velocity', 'rad/s or m/s'
    message_types = (JOINT_STATE, FLOATS, TWIST, TWIST_STAMPED)
    derivatives = ('acceleration', 'jerk')


class PositionKind(JointCommandKind):
    """Positions of joints, which the robot holds."""

    name, field, unit = 'position', 'position', 'rad or m'
    point_field: PointField = 'positions'
    message_types = (JOINT_STATE, FLOATS, JOINT_TRAJECTORY, GRIPPER)
    keys = (*FORMS[JOINT_TRAJECTORY].keys, *FORMS[GRIPPER].keys)
    safe = ('hold',)
    positions = True
    derivatives = ('velocity', 'acceleration', 'jerk')


class PositionDeltaKind(JointCommandKind):
    """Steps of positions, from where the robot is."""

    name, field, unit = 'position_delta', 'position', 'rad or m'
    point_field: PointField = 'positions'
