# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The faults of the unfriendly arm as parameters: one table of default, choices and meaning.

docs/reference/unfriendly_arm.md lists the same names; a test compares them.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from rclpy.node import Node

from world_model_ros.nodes._common import declare
from world_model_ros.robots.unfriendly_physics import LAG_S, SAG_RAD

JOINT = 'joint'  # choices: '' or the name of a joint


class Fault(NamedTuple):
    """One parameter that may change while the node runs."""

    default: bool | float | str
    meaning: str
    allowed: tuple = ()  # words; (lowest, highest) of a number; (JOINT,); () of a bool


STAMPS = ('good', 'zero', 'uptime', 'late_hours')
FAULTS = {
    'joint_rate': Fault(100.0, 'Messages of each part of the joints, Hz', (30.0, 500.0)),
    'joint_parts': Fault(True, 'Joints come in two parts; false: all in one message'),
    'camera_rate': Fault(30.0, 'Pictures of each camera, Hz', (1.0, 60.0)),
    'sag': Fault(SAG_RAD, 'How far the joints hang below a commanded position, rad', (0.0, 0.2)),
    'lag': Fault(LAG_S, 'How long the joints are behind a command, s', (0.0, 0.5)),
    'drop_camera': Fault(False, 'The first camera publishes nothing'),
    'drop_wrist_camera': Fault(False, 'The second camera publishes nothing'),
    'drop_joints': Fault(
        'none', 'Which part of the joints is not published', ('none', 'first', 'second', 'all')
    ),
    'nan_joint': Fault('', 'This joint is published as NaN; empty: none', (JOINT,)),
    'stamp': Fault('good', 'How pictures are stamped', STAMPS),
    'joint_stamp': Fault('good', 'How joints are stamped', STAMPS),
    'out_of_box': Fault(
        '', 'A person holds this joint 0.1 rad beyond its upper limit; empty: none', (JOINT,)
    ),
    'stuck': Fault('', 'This joint stays where it is, whatever is commanded', (JOINT,)),
    'foreign': Fault(
        'none',
        'A second controller on the command topic, node other_controller',
        ('none', 'silent', 'sends'),
    ),
    'foreign_rate': Fault(30.0, 'Commands of the second controller, Hz', (1.0, 200.0)),
    'clock': Fault(
        'none',
        '/clock: not published; runs; paused like a simulator; ended: no message any more',
        ('none', 'runs', 'paused', 'ended'),
    ),
    'clock_step': Fault(
        0.0, 'Each time it is set, stamps and /clock jump by so many seconds', (-1e6, 1e6)
    ),
}


def declare_all(node: Node, joints: tuple[str, ...]) -> dict[str, Any]:
    """Declare every fault; returns their values. Raises ValueError for one that is impossible."""
    values = {}
    for name, fault in FAULTS.items():
        values[name] = declare(node, name, fault.default, _described(fault), changeable=True)
        wrong = problem(name, values[name], joints)
        if wrong:
            raise ValueError(wrong)
    return values


def problem(name: str, value: object, joints: tuple[str, ...]) -> str:
    """Why a value is impossible, or ''."""
    fault = FAULTS.get(name)
    if fault is None or isinstance(fault.default, bool):
        return ''
    if isinstance(fault.default, float):
        low, high = fault.allowed
        wrong = not (isinstance(value, float) and math.isfinite(value) and low <= value <= high)
        return f'{name} must be {low:g} to {high:g}, not {value!r}' if wrong else ''
    choices = ('', *joints) if fault.allowed == (JOINT,) else fault.allowed
    return '' if value in choices else f'{name} must be one of {list(choices)}, not {value!r}'


def _described(fault: Fault) -> str:
    if not fault.allowed or fault.allowed == (JOINT,):
        return fault.meaning
    if isinstance(fault.default, float):
        return f'{fault.meaning}; {fault.allowed[0]:g} to {fault.allowed[1]:g}'
    return f'{fault.meaning}: {", ".join(fault.allowed)}'
