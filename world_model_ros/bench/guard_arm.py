# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An arm of six joints on a table, as a URDF and a robot file: what `bench guard` commands."""

from __future__ import annotations

from pathlib import Path

LINKS_M = (0.1, 0.3, 0.25, 0.1, 0.1, 0.08)
AXES = ('0 0 1', '0 1 0', '0 1 0', '1 0 0', '0 1 0', '1 0 0')
NAMES = tuple(f'j{i}' for i in range(1, 7))
TICK_HZ = 25  # plans a second, at each command rate
WORKSPACE = 'workspace: {low: [-0.7, -0.7, -0.02], high: [0.7, 0.7, 1.5], links: [tool]}'
BOTH = f'{{urdf: six.urdf, {WORKSPACE}, collision: {{distance: 0.02}}}}'


def write_arm(folder: Path, command_rate_hz: int) -> Path:
    """Write URDF and robot file; the path of the robot file."""
    (folder / 'six.urdf').write_text(six_joints(), encoding='utf-8')
    path = folder / 'six.yaml'
    path.write_text(robot_text(command_rate_hz=command_rate_hz), encoding='utf-8')
    return path


def robot_text(
    guard: str = BOTH,
    limits: str = 'acceleration: [4, 4, 4, 4, 4, 4]',
    command_rate_hz: int = 100,
) -> str:
    """The robot file, with this section `guard`."""
    names = f'[{", ".join(NAMES)}]'
    return f"""
format: 2
name: six
control: {{rate: {TICK_HZ}, tick: {{source: timer}}, command_rate: {command_rate_hz},
          command_timeout: 0.2}}
streams:
  joints: {{kind: joints, topic: joint_states, rate: 100, max_age: 0.05, names: {names},
           fields: [position]}}
actions:
  arm:
    topic: command
    kind: position
    names: {names}
    low: [-3, -3, -3, -3, -3, -3]
    high: [3, 3, 3, 3, 3, 3]
    limits: {{velocity: [1, 1, 1, 1, 1, 1], {limits}}}
    safe: hold
guard: {guard}
"""


def body(name: str, shape: str = '', xyz: str = '0 0 0') -> str:
    """A link, with one shape where it has one."""
    inside = f'<collision><origin xyz="{xyz}"/><geometry>{shape}</geometry></collision>'
    return f'<link name="{name}">{inside if shape else ""}</link>'


def joint(
    name: str,
    parent: str,
    child: str,
    xyz: str = '0 0 0',
    kind: str = 'fixed',
    axis: str = '0 0 1',
    more: str = '',
) -> str:
    """A joint between two links."""
    return (
        f'<joint name="{name}" type="{kind}"><parent link="{parent}"/><child link="{child}"/>'
        f'<origin xyz="{xyz}"/><axis xyz="{axis}"/>'
        f'<limit lower="-3" upper="3" effort="1" velocity="1"/>{more}</joint>'
    )


def six_joints(extra: str = '') -> str:
    """The URDF; `extra` are more links and joints."""
    parts = [
        body('base', '<cylinder radius="0.08" length="0.1"/>', '0 0 0.05'),
        body('table', '<box size="2 2 0.05"/>', '0 0 -0.03'),
        joint('on_table', 'base', 'table'),
    ]
    before, up = 'base', 0.1
    for i, (axis, length) in enumerate(zip(AXES, LINKS_M, strict=True), 1):
        shape = f'<cylinder radius="0.04" length="{length * 0.8}"/>'
        parts.append(body(f'l{i}', shape, f'0 0 {length / 2}'))
        parts.append(joint(f'j{i}', before, f'l{i}', f'0 0 {up}', 'revolute', axis))
        before, up = f'l{i}', length
    parts += [body('tool'), joint('flange', 'l6', 'tool', '0 0 0.08')]
    return f'<robot name="six">{"".join(parts)}{extra}</robot>'
