# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Names that become folders and parts of keys: one rule, asked wherever a name enters.

Owns what a robot, an episode, an interface or a file may be called. A name is checked where it
comes in (parameters, launch arguments, messages, listings), so that nothing behind has to.
"""

from __future__ import annotations

import re

MAX_NAME_BYTES = 200  # folders allow 255, and stage under longer names
# Folder stores write `NAME#1` first and rename; names of that form would be taken for such.
_STAGED = re.compile(r'#\d+\Z')
_FORBIDDEN = '/\\:'


class NameRefused(ValueError):
    """A name that cannot be a folder or a part of a key; the text says which and why."""


def check_name(name: object, what: str) -> str:
    """One part of a path or key, usable as a file name everywhere; returns it.

    Raises:
        NameRefused: it is not.
    """
    if (
        not isinstance(name, str)
        or name in ('', '.', '..')
        or not name.isprintable()  # no NUL, no line break, no lone surrogate
        or len(name.encode()) > MAX_NAME_BYTES
        or any(mark in name for mark in _FORBIDDEN)
        or _STAGED.search(name)
    ):
        shown = ascii(name)
        raise NameRefused(
            f'{what} {shown if len(shown) <= 80 else shown[:80] + "…"} cannot be part of a key: '
            f'it must be one printable word of 1 to {MAX_NAME_BYTES} bytes without / \\ : and not '
            'end in # and digits'
        )
    return name


def check_robot_id(robot_id: object, what: str = 'parameter robot_id') -> str:
    """A robot's name as every node takes it; returns it.

    Raises:
        NameRefused: it is empty, or no name.
    """
    if robot_id == '':
        raise NameRefused(
            f'{what} is empty: name this robot; its records and its place in the store carry it'
        )
    return check_name(robot_id, what)
