# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Kinds whose array is a choice of the vectors of one message, by name: `fields`.

A field is a whole vector (`linear`), one number of it (`linear.x`), a whole orientation
(`orientation`: x, y, z, w of a unit quaternion with w >= 0), or its `yaw` in radians, which wraps.
Must not import ROS, torch or the bundle.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from world_model_ros.contract.problems import Problems, Section, did_you_mean
from world_model_ros.wire.cdr import blank
from world_model_ros.wire.kinds.stamped import StampedKind, finite, refusal

if TYPE_CHECKING:
    from world_model_ros.contract import Stream

VECTOR, QUATERNION = 'xyz', 'xyzw'
YAW, ORIENTATION = 'yaw', 'orientation'
_NOT_MEASURED = -1.0  # in the first number of a covariance, as sensor_msgs/Imu defines it
_NORM_ERROR = 0.1  # of a quaternion: more is none, such as the zeros of a field nobody filled in


class Group(NamedTuple):
    """A vector or a quaternion in a message."""

    path: str  # from the body of the message, with dots
    leaves: str  # VECTOR or QUATERNION
    covariance: str = ''  # path of its covariance, where that can say "not measured"


class ChosenFieldsKind(StampedKind):
    """A choice of the groups of one message."""

    groups: Mapping[str, Group] = {}
    chosen: tuple[str, ...] = ()  # where the robot file has no `fields`
    keys: tuple[str, ...] = ('fields',)

    def body(self, message: Any) -> Any:
        """Where the paths of the groups begin."""
        return message

    def read(self, section: Section, problems: Problems) -> dict[str, Any]:
        """Read `fields`."""
        fields = section.words('fields', list(self.chosen))
        for field in fields:
            if not self._labels(field):
                section.note(
                    'fields',
                    field,
                    f'fields among {", ".join(self._known())}, or one number, such as '
                    f'{self._known()[0]}.x',
                    did_you_mean(field, self._known()),
                )
        labels = [label for field in fields for label in self._labels(field)]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if YAW in fields and ORIENTATION in fields:
            twice = [YAW]
        if twice:
            section.note(
                'fields', list(fields), 'every number once', f'remove the second {twice[0]}'
            )
        return {'fields': fields, 'shape': (len(labels),)}

    def interface(self, stream: Stream) -> dict[str, Any]:
        """The fields, in their order."""
        return {'units': self.units, 'fields': list(stream.fields)}

    def words(self, stream: Stream) -> str:
        """The fields and the type."""
        return f'{", ".join(stream.fields)} of a {self.type_of(stream).split("/")[-1]}'

    def labels(self, stream: Stream) -> list[str]:
        """Field and axis of each number."""
        return [label for field in stream.fields for label in self._labels(field)]

    def turning(self, stream: Stream) -> list[int]:
        """The yaw."""
        return [i for i, label in enumerate(self.labels(stream)) if label == YAW]

    def array(self, stream: Stream, message: Any) -> np.ndarray:
        """The chosen numbers of a message."""
        body = self.body(message)
        values = [value for field in stream.fields for value in self._values(stream, body, field)]
        return finite(stream, values, self.labels(stream))

    def message(self, stream: Stream, array: np.ndarray, header: Any) -> Any:
        """A message with the chosen numbers; others are zero, an orientation is none."""
        message = blank(self.type_of(stream))
        if hasattr(message, 'header'):
            message.header = header
        body = self.body(message)
        if ORIENTATION in self.groups:
            attrgetter(self.groups[ORIENTATION].path)(body).w = 1.0
        values = [float(value) for value in array]
        for label, value in zip(self.labels(stream), values, strict=True):
            if label == YAW:
                owner = attrgetter(self.groups[ORIENTATION].path)(body)
                owner.z, owner.w = math.sin(0.5 * value), math.cos(0.5 * value)
            else:
                name, _, leaf = label.partition('.')
                setattr(attrgetter(self.groups[name].path)(body), leaf, value)
        return message

    def _known(self) -> list[str]:
        return [*self.groups, *([YAW] if ORIENTATION in self.groups else [])]

    def _labels(self, field: str) -> tuple[str, ...]:
        """The numbers of a field by name; none for a field that is not known."""
        if field == YAW and ORIENTATION in self.groups:
            return (YAW,)
        name, dot, leaf = field.partition('.')
        group = self.groups.get(name)
        if group is None:
            return ()
        if not dot:
            return tuple(f'{name}.{each}' for each in group.leaves)
        single = group.leaves == VECTOR and len(leaf) == 1 and leaf in VECTOR
        return (field,) if single else ()

    def _values(self, stream: Stream, body: Any, field: str) -> list[float]:
        """The numbers of a field."""
        name, _, leaf = field.partition('.')
        group = self.groups[ORIENTATION if field == YAW else name]
        if group.covariance and attrgetter(group.covariance)(body)[0] == _NOT_MEASURED:
            raise refusal(
                stream,
                group.path,
                'a measurement',
                f'-1 in {group.covariance}: the driver does not measure it',
                f'take {field} out of fields',
            )
        owner = attrgetter(group.path)(body)
        if group.leaves == VECTOR:
            return [getattr(owner, each) for each in leaf or VECTOR]
        x, y, z, w = _unit(stream, group.path, [getattr(owner, each) for each in QUATERNION])
        if field == YAW:
            return [math.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))]
        return [x, y, z, w]


def _unit(stream: Stream, path: str, given: list[float]) -> list[float]:
    """A quaternion of length 1; of the two that mean one orientation, that with w >= 0."""
    norm = math.hypot(*given)
    if not abs(norm - 1.0) < _NORM_ERROR:
        raise refusal(
            stream,
            path,
            'a quaternion of length 1',
            f'{given} of length {norm:.4g}',
            'the driver must fill in the orientation; or take it out of fields',
        )
    x, y, z, w = given
    first = next(value for value in (w, x, y, z) if value)  # the length is not 0
    scale = math.copysign(1.0 if abs(norm - 1.0) < 1e-6 else 1.0 / norm, first)
    return [value * scale + 0.0 for value in given]  # no -0.0
