# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""The section `guard` of a robot file: workspace, collision, locks, dead-man and zones.

Only reads and checks what the file says. The URDF is opened by the guard (onboard/guard/).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from world_model_ros.contract.guard_settings import (
    BOOL,
    JOY,
    MAX_PRIORITY,
    Collision,
    GuardSettings,
    Lock,
    Point,
    Workspace,
    Zone,
)
from world_model_ros.contract.kinds import command_kind
from world_model_ros.contract.problems import Problems, Section, as_number
from world_model_ros.contract.rules import read_topic
from world_model_ros.contract.schema import Action

KEYS = ('urdf', 'joint_positions', 'workspace', 'collision', 'dead_man', 'locks', 'zones')
LOCK_KEYS = ('topic', 'type', 'button', 'priority', 'timeout')
ZONE_KEYS = (
    *('topic', 'points', 'radius', 'pose', 'action_type'),
    *('slowdown_ratio', 'min_points', 'priority', 'source_timeout'),
)
DEAD_MAN = 'dead_man'
MAX_LOCKS = MAX_ZONES = 16
MAX_CORNERS = 64
MAX_TIMEOUT_SEC = 10.0  # an operator who let go so long ago is not there
MAX_DISTANCE_M = 10.0


def read_guard(top: Section, problems: Problems, groups: Sequence[Action]) -> GuardSettings:
    """Read `guard`; the defaults where it is absent or faulty."""
    if 'guard' not in top.data:
        return GuardSettings()
    section = Section(top.data['guard'], 'guard', problems, KEYS)
    settings = GuardSettings(
        urdf=section.text('urdf', ''),
        joint_positions=_joint_positions(section),
        workspace=_workspace(section),
        collision=_collision(section),
        locks=_locks(section),
        zones=_zones(section),
    )
    if problems.clean('guard'):
        _check_urdf(section, settings, groups)
        _check_zones(section, settings, groups)
    return settings if problems.clean('guard') else GuardSettings()


def _check_urdf(section: Section, settings: GuardSettings, groups: Sequence[Action]) -> None:
    uses = [key for key in ('workspace', 'collision') if getattr(settings, key) is not None]
    if uses and not settings.urdf:
        section.note('urdf', '', 'the file of a URDF', f'{" and ".join(uses)} need(s) one')
    if settings.urdf and not uses:
        section.note('urdf', settings.urdf, 'workspace or collision beside it', 'add one of them')
    if uses and groups and not any(command_kind(group.kind).positions for group in groups):
        kinds = ' and '.join(dict.fromkeys(group.kind for group in groups))
        section.note(
            uses[0],
            kinds,
            'a group that commands positions',
            'the guard knows where a position leads, not where an effort or a speed does',
        )


def _check_zones(section: Section, settings: GuardSettings, groups: Sequence[Action]) -> None:
    """Half of a speed is slower; half of a position or an effort is another place or a fall."""
    speeds = any(command_kind(group.kind).derivatives[0] == 'acceleration' for group in groups)
    for zone in settings.zones:
        if zone.action == 'slowdown' and groups and not speeds:
            section.note(
                f'zones.{zone.name}.action_type',
                zone.action,
                'a group that commands speeds',
                'write action_type: stop',
            )


def _joint_positions(section: Section) -> tuple[tuple[str, float], ...]:
    data = section.get('joint_positions', {})
    if not isinstance(data, dict) or any(
        not isinstance(name, str) or as_number(value) is None for name, value in data.items()
    ):
        section.note('joint_positions', data, 'joint: position', 'write {finger: 0.02}')
        return ()
    return tuple((name, float(value)) for name, value in data.items())


def _point(section: Section, key: str) -> Point:
    """Three numbers; zeros where they are faulty."""
    values = section.numbers(key, 'm', 3)
    return (values[0], values[1], values[2]) if len(values) == 3 else (0.0, 0.0, 0.0)


def _workspace(section: Section) -> Workspace | None:
    if 'workspace' not in section.data:
        return None
    box = Section(
        section.data['workspace'],
        section.key('workspace'),
        section.problems,
        ('low', 'high', 'links'),
    )
    low, high = _point(box, 'low'), _point(box, 'high')
    links = box.words('links') if 'links' in box.data else ()
    if box.problems.clean(box.path):
        for axis, least, most in zip('xyz', low, high, strict=True):
            if least >= most:
                box.note(
                    'low', list(low), f'less than high in {axis} ({most:g})', 'correct the box'
                )
    return Workspace(low, high, links)


def _collision(section: Section) -> Collision | None:
    if 'collision' not in section.data:
        return None
    inside = Section(
        section.data['collision'],
        section.key('collision'),
        section.problems,
        ('distance', 'ignore'),
    )
    distance = inside.number('distance', 'm', high=MAX_DISTANCE_M, low_included=True)
    pairs = inside.get('ignore', [])
    sound = isinstance(pairs, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(link, str) for link in pair)
        for pair in pairs
    )
    if not sound:
        inside.note('ignore', pairs, 'pairs of links', 'write [[base, link_1], [link_2, tool]]')
        return None
    return Collision(distance, tuple((first, second) for first, second in pairs))


def _locks(section: Section) -> tuple[Lock, ...]:
    locks = [
        _lock(Section(body, path, section.problems, LOCK_KEYS), name, False)
        for name, body, path in _named(section, 'locks', MAX_LOCKS)
    ]
    if DEAD_MAN in section.data:
        path = section.key(DEAD_MAN)
        held = Section(section.data[DEAD_MAN], path, section.problems, LOCK_KEYS)
        locks.append(_lock(held, DEAD_MAN, True))
    return tuple(locks)


def _lock(section: Section, name: str, hold_to_run: bool) -> Lock:
    kind = section.choice('type', (BOOL, JOY), BOOL)
    button = section.integer('button') if kind == JOY else 0
    if section.get('type', BOOL) == BOOL and 'button' in section.data:
        section.note('button', section.data['button'], f'type: {JOY} beside it', 'correct one')
    return Lock(
        name=name,
        topic=read_topic(section),
        type=kind,
        button=button,
        hold_to_run=hold_to_run,
        priority=_priority(section, MAX_PRIORITY),
        timeout_s=section.number('timeout', 's', 0.5, high=MAX_TIMEOUT_SEC),
    )


def _priority(section: Section, default: int) -> int:
    priority = section.integer('priority', default)
    if section.problems.clean(section.key('priority')) and priority > MAX_PRIORITY:
        section.note('priority', priority, f'0 to {MAX_PRIORITY}', 'as in twist_mux')
    return priority


def _zones(section: Section) -> tuple[Zone, ...]:
    return tuple(
        _zone(Section(body, path, section.problems, ZONE_KEYS), name)
        for name, body, path in _named(section, 'zones', MAX_ZONES)
    )


def _zone(section: Section, name: str) -> Zone:
    polygon = _polygon(section) if 'points' in section.data else ()
    if ('radius' in section.data) == ('points' in section.data):
        section.note(
            'points',
            section.get('points', None),
            'points or radius, one of the two',
            'write radius: 0.5, or points: [[0.5, 0.3], [0.5, -0.3], [-0.2, 0.0]]',
        )
    slows = section.choice('action_type', ('stop', 'slowdown')) == 'slowdown'
    if not slows and 'slowdown_ratio' in section.data:
        given = section.data['slowdown_ratio']
        section.note('slowdown_ratio', given, 'action_type: slowdown beside it', 'correct one')
    pose = section.numbers('pose', 'm, m, rad', 3) if 'pose' in section.data else (0.0, 0.0, 0.0)
    return Zone(
        name=name,
        topic=read_topic(section),
        polygon=polygon,
        radius=section.number('radius', 'm', 1.0, high=MAX_DISTANCE_M),
        pose=(pose[0], pose[1], pose[2]) if len(pose) == 3 else (0.0, 0.0, 0.0),
        action='slowdown' if slows else 'stop',
        slowdown_ratio=section.number('slowdown_ratio', 'the speed', 0.5, high=1.0),
        min_points=section.integer('min_points', 4, low=1),
        priority=_priority(section, MAX_PRIORITY),
        timeout_s=section.number('source_timeout', 's', 0.5, high=MAX_TIMEOUT_SEC),
    )


def _polygon(section: Section) -> tuple[tuple[float, float], ...]:
    points: Any = section.get('points')
    if (
        not isinstance(points, list)
        or not 3 <= len(points) <= MAX_CORNERS
        or any(
            not isinstance(p, list) or len(p) != 2 or any(as_number(n) is None for n in p)
            for p in points
        )
    ):
        section.note(
            'points',
            points,
            f'3 to {MAX_CORNERS} corners [x, y] in m',
            'write [[0.5, 0.3], [0.5, -0.3], [-0.2, 0.0]]',
        )
        return ()
    return tuple((float(x), float(y)) for x, y in points)


def _named(section: Section, key: str, most: int) -> list[tuple[str, Any, str]]:
    """Name, body and dotted key of each entry of a mapping."""
    data = section.get(key, {})
    if (
        not isinstance(data, dict)
        or len(data) > most
        or any(not isinstance(name, str) or not name.isidentifier() for name in data)
        or DEAD_MAN in data
    ):
        section.note(
            key,
            data,
            f'a mapping of at most {most} names of letters, digits and _, none of them {DEAD_MAN}',
            'write {front: {topic: …}}',
        )
        return []
    return [(name, body, f'{section.key(key)}.{name}') for name, body in data.items()]
