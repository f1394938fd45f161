# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""The section `driver` of a robot file of format 2: what the robot's own driver says and needs.

How it reports a fault or a pressed hardware stop, which controllers of ros2_control take the
commands, its URDF, how late it follows, how fast it goes home. All of it is
optional, part of no interface.
"""

from typing import Any

from world_model_ros.contract.problems import Problems, Section
from world_model_ros.contract.rules import read_topic
from world_model_ros.contract.schema import Driver

DRIVER = 'driver'
KEYS = (
    'fault',
    'controllers',
    'controller_manager',
    'robot_description',
    'command_delay',
    'home_speed',
)
FAULT_KEYS = ('topic', 'type', 'name', 'when', 'max_age')
BOOL = 'std_msgs/msg/Bool'
DIAGNOSTICS = 'diagnostic_msgs/msg/DiagnosticArray'
FAULT_TYPES = (BOOL, DIAGNOSTICS)
MAX_AGE_SEC = 60.0
# Within it any robot follows a command. A longer one would hide that it does not.
MAX_DELAY_SEC = 2.0


def read_driver(top: Section, problems: Problems) -> Driver:
    """Read `driver`; the defaults where it is absent or faulty."""
    if DRIVER not in top.data:
        return Driver()
    section = Section(top.data[DRIVER], DRIVER, problems, KEYS)
    given = section.data
    values: dict[str, Any] = {}
    if 'fault' in given:
        values.update(_read_fault(given['fault'], problems))
    if 'controllers' in given:
        values['controllers'] = section.words('controllers')
    if 'controller_manager' in given:
        values['controller_manager'] = read_topic(section, key='controller_manager')
    if 'robot_description' in given:
        values['robot_description'] = read_topic(section, key='robot_description')
    if 'command_delay' in given:
        values['command_delay_s'] = section.number('command_delay', 'seconds', high=MAX_DELAY_SEC)
    if 'home_speed' in given:
        values['home_speed'] = section.number(
            'home_speed', 'the share of the velocity limits', high=1.0
        )
    return Driver(**values) if problems.clean(DRIVER) else Driver()


def _read_fault(data: Any, problems: Problems) -> dict[str, Any]:
    section = Section(data, f'{DRIVER}.fault', problems, FAULT_KEYS)
    kind = section.choice('type', FAULT_TYPES, BOOL)
    name = section.text('name', '')
    diagnostics = kind == DIAGNOSTICS
    if diagnostics and not name.strip() and problems.clean(section.key('name')):
        section.note(
            'name',
            name,
            'the name of the status that reports the fault',
            "write name: as the driver's status is called: ros2 topic echo the topic",
        )
    for key in ('name',) if not diagnostics else ('when',):
        if key in section.data:
            section.note(key, section.data[key], f'no such key for type {kind}', 'remove it')
    return {
        'fault_topic': read_topic(section),
        'fault_type': kind,
        'fault_name': name,
        'fault_when': section.flag('when', True),
        'fault_max_age_s': section.number(
            'max_age', 'seconds', 1.0, high=MAX_AGE_SEC, low_included=True
        ),
    }
