# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The kind `joints`: named joints of sensor_msgs/JointState as float32 [fields * joints].

Field-major: the positions of all names, then their velocities, as `fields` orders them. Joints are
found by name; a robot may publish them in parts on one topic. Must not import ROS, torch or the
bundle.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from world_model_ros.contract.stream_kind import Draft, Sensors
from world_model_ros.wire.cdr import (
    JOINT_STATE,
    MessageError,
    decode_padded,
    encode,
    joint_names,
    typestore,
)
from world_model_ros.wire.decode import StreamError
from world_model_ros.wire.kinds.stamped import StampedKind, stamped_header

if TYPE_CHECKING:
    from world_model_ros.contract import Stream
    from world_model_ros.contract.problems import Problems, Section

FIELDS = ('position', 'velocity', 'effort')


class JointsKind(StampedKind):
    """Joints by name."""

    name = 'joints'
    message_type = JOINT_STATE
    keys = ('names', 'fields', 'wrap')
    joints = True
    shared = True
    parts = True

    def read(self, section: Section, problems: Problems) -> dict[str, Any]:
        """Read `names`, `fields` and `wrap`."""
        names = section.words('names')
        fields = section.words('fields')
        wrap = section.words('wrap', [], at_least=0)
        for field in fields:
            if field not in FIELDS:
                section.note(
                    'fields', field, f'fields among {", ".join(FIELDS)}', 'correct the field'
                )
        if problems.clean(section.key('names'), section.key('fields'), section.key('wrap')):
            for joint in wrap:
                if joint not in names:
                    section.note(
                        'wrap',
                        joint,
                        f'a joint among {", ".join(names)}',
                        'remove it, or add it to names',
                    )
            if wrap and 'position' not in fields:
                section.note('wrap', list(wrap), 'the field position', 'add position to fields')
        return {
            'names': names,
            'fields': fields,
            'wrap': tuple(n for n in names if n in wrap),
            'shape': (len(names) * len(fields),),
        }

    def interface(self, stream: Stream) -> dict[str, Any]:
        """Names, fields and turning joints, in their order."""
        return {
            'names': list(stream.names),
            'fields': list(stream.fields),
            'wrap': list(stream.wrap),
            'units': self.units,
        }

    def words(self, stream: Stream) -> str:
        """Which fields of which joints."""
        return f'{" and ".join(stream.fields)} of {", ".join(stream.names)}'

    def array(self, stream: Stream, message: Any) -> np.ndarray:
        """The stream's joints of a message."""
        return decode_joints(
            message.name, message.position, message.velocity, message.effort, stream
        )

    def message(self, stream: Stream, array: np.ndarray, header: Any) -> Any:
        """A message with the stream's joints and fields; fields that it has not are empty."""
        rows = np.asarray(array, np.float64).reshape(len(stream.fields), -1)
        given = dict(zip(stream.fields, rows, strict=True))
        columns = [np.ascontiguousarray(given.get(field, ())) for field in FIELDS]
        return typestore().types[JOINT_STATE](header, list(stream.names), *columns)

    def simulated(self, stream: Stream, robot: Sensors, t_ns: int) -> bytes:
        """All three fields of the stream's joints, as a driver has them."""
        state = robot.joints()
        rows = np.array([state[name] for name in stream.names], np.float64).reshape(-1, 3)
        columns = (np.ascontiguousarray(column) for column in rows.T)
        kind = typestore().types[JOINT_STATE]
        return encode(JOINT_STATE, kind(stamped_header(t_ns, ''), list(stream.names), *columns))

    def others(self, stream: Stream, cdr: bytes) -> tuple[str, ...] | None:
        """The joints of a message without one of ours: another publisher sends other joints."""
        seen = []
        try:
            for name in joint_names(cdr):
                if name in stream.names:
                    return None
                seen.append(name)
        except MessageError:
            return None
        return tuple(seen)

    def draft(self, type_name: str, messages: Sequence[bytes]) -> tuple[Draft, ...]:
        """One stream for each set of joints that comes in messages of its own."""
        parts: dict[frozenset[str], list[Any]] = {}
        for cdr in messages:
            message = decode_padded(type_name, cdr)
            if len(message.name):
                parts.setdefault(frozenset(message.name), []).append(message)
        return tuple(_draft(part) for part in parts.values())

    def held(self, stream: Stream, cdr: bytes) -> tuple[str, ...]:
        """Which of the stream's joints a message holds, without decoding its numbers."""
        there = set(joint_names(cdr))
        return tuple(name for name in stream.names if name in there)

    def merge(self, stream: Stream, messages: Sequence[bytes]) -> np.ndarray:
        """Joints of several messages: of each joint the first message that holds it."""
        if len(messages) == 1:
            return self.decode(stream, messages[0])
        rows: np.ndarray = np.empty((len(stream.fields), len(stream.names)), np.float32)
        left = list(stream.names)
        for cdr in messages:
            own = [name for name in self.held(stream, cdr) if name in left]
            message = self.whole(stream, cdr)
            numbers = message.position, message.velocity, message.effort
            values = decode_joints(message.name, *numbers, stream, own)
            rows[:, [stream.names.index(name) for name in own]] = values.reshape(len(rows), -1)
            left = [name for name in left if name not in own]
        if left:
            raise StreamError(
                stream.name,
                f'joints {list(stream.names)} in {len(messages)} messages',
                f'none with {left}',
                'start the driver that publishes them, or correct names in the contract',
            )
        return rows.reshape(-1)

    def positions(self, stream: Stream, array: np.ndarray) -> dict[str, float]:
        """Positions by joint, if they are among the fields."""
        if 'position' not in stream.fields:
            return {}
        start = stream.fields.index('position') * len(stream.names)  # field-major
        return dict(zip(stream.names, array[start:], strict=False))

    def turning(self, stream: Stream) -> list[int]:
        """The positions of the joints in `wrap`."""
        return [
            f * len(stream.names) + i
            for f, field in enumerate(stream.fields)
            for i, joint in enumerate(stream.names)
            if field == 'position' and joint in stream.wrap
        ]

    def labels(self, stream: Stream) -> list[str]:
        """Field and joint of each number."""
        return [f'{field} {joint}' for field in stream.fields for joint in stream.names]


def _draft(messages: Sequence[Any]) -> Draft:
    """A stream of the joints of these messages, which all have the same ones."""
    names = list(messages[0].name)
    fields, lacking, doubts = [], [], {}
    for field in FIELDS:
        rows = [getattr(message, field) for message in messages]
        if all(len(row) == len(names) and np.all(np.isfinite(row)) for row in rows):
            fields.append(field)
        elif any(len(row) for row in rows):
            lacking.append(field)
    wide = []
    if 'position' in fields:
        # By name: the order may change from message to message.
        rows = [dict(zip(m.name, m.position, strict=True)) for m in messages]
        wide = [name for name in names if max(abs(row[name]) for row in rows) > math.pi]
    if fields == ['position', 'velocity', 'effort']:
        fields = ['position', 'velocity']
        doubts['fields'] = 'effort comes too: add it where it is measured and forces matter'
    elif lacking:
        doubts['fields'] = (
            f'{" and ".join(lacking)} is not always a finite number for each joint: left out'
        )
    if 'velocity' in fields and not any(np.any(message.velocity) for message in messages):
        moved = 'position' in fields and any(
            not np.array_equal(messages[0].position, message.position) for message in messages
        )
        doubts['fields'] = 'velocity was always 0' + (
            ' though the joints moved: take it out' if moved else ': does the driver measure it?'
        )
    if wide:
        doubts['wrap'] = f'{", ".join(wide)} went beyond ±π: list here what turns without limit'
    return Draft({'names': names, 'fields': fields, **({'wrap': []} if wide else {})}, doubts)


def decode_joints(
    names: Sequence[str],
    position: np.ndarray,
    velocity: np.ndarray,
    effort: np.ndarray,
    stream: Stream,
    wanted: Sequence[str] | None = None,
) -> np.ndarray:
    """Joint values by name, field-major: [position of all names..., velocity of all names...].

    The names are those of `wanted`, or all of the stream.
    """
    names = list(names)
    wanted = stream.names if wanted is None else wanted
    missing = [name for name in wanted if name not in names]
    if missing:
        raise StreamError(
            stream.name,
            f'joints {list(stream.names)}',
            f'{names}, without {missing}',
            'correct names in the contract or the joint publisher; joints of several publishers: '
            'write format: 2, where a stream takes them in parts',
        )
    columns = [names.index(name) for name in wanted]
    available = {'position': position, 'velocity': velocity, 'effort': effort}
    out: np.ndarray = np.empty(len(columns) * len(stream.fields), np.float32)
    at = 0
    for field in stream.fields:
        values = available[field]
        if len(values) != len(names):
            raise StreamError(
                stream.name,
                f'{len(names)} values of {field}',
                f'{len(values)}',
                f'the publisher must fill {field}, or take it out of fields',
            )
        for column in columns:
            value = float(values[column])
            if not abs(value) < 3.4e38:  # NaN, infinite, or infinite once it is float32
                raise StreamError(
                    stream.name,
                    f'a finite {field} of {names[column]!r}',
                    f'{value}',
                    'check the sensor and its driver',
                )
            out[at] = value
            at += 1
    return out
