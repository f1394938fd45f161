# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The kinds `laser_scan` and `range`: distances as float32 [n] in metres.

Every number lies within the stream's `range`, or is 0: nothing was measured. NaN, what is not
positive and what is below the message's range_min is nothing; what is farther than the range, +inf
and what is above range_max is its far end; -inf is its near end (REP 117). Must not import ROS,
torch or the bundle.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from world_model_ros.contract.problems import Problems, Section, as_number
from world_model_ros.contract.stream_kind import Draft
from world_model_ros.wire.cdr import blank, decode_padded
from world_model_ros.wire.kinds.stamped import StampedKind, refusal

if TYPE_CHECKING:
    from world_model_ros.contract import Stream

MAX_BEAMS = 4096
_TURN = 2.0 * np.pi
_SAME_ANGLE = 1e-4  # rad; angles travel as float32, and a reading on an edge belongs behind it
DRAFT_BEAMS = 36
_FAR = 1000.0  # m; a driver that says more says nothing
_RANGE_DOUBT = 'how near and far it must see, in metres: less shows near things better'
_LEAST_SHARE = 1e-3  # of the far end: a narrower range is a mistake


def read_range(section: Section) -> tuple[float, float]:
    """Read `range` of a robot file: [near, far] in metres."""
    return _read_pair(section, 'range', 0.0, 1e5, 'metres, such as [0.1, 10.0]')


def _read_pair(
    section: Section, key: str, low: float, high: float, unit: str
) -> tuple[float, float]:
    given = section.get(key)
    numbers = [as_number(value) for value in given] if isinstance(given, list) else []
    first, last = (numbers + [None, None])[:2] if len(numbers) == 2 else (None, None)
    if first is None or last is None or not low <= first < last <= high:
        section.note(key, given, f'two numbers [near, far] of {unit}', 'write the smaller first')
        return 1.0, 2.0
    if last - first < _LEAST_SHARE * max(abs(first), abs(last)):
        section.note(key, given, 'two numbers that differ by 0.1 % and more', 'widen it')
    return first, last


class LaserScanKind(StampedKind):
    """A scan in a fixed number of beams: each is the nearest reading of its part of the scan.

    The parts are equal shares of `angles`, or of the readings where the stream has no `angles`.
    """

    name = 'laser_scan'
    message_type = 'sensor_msgs/msg/LaserScan'
    keys = ('beams', 'range', 'angles')

    def read(self, section: Section, problems: Problems) -> dict[str, Any]:
        """Read `beams`, `range` and `angles`."""
        beams = section.integer('beams', low=1)
        if problems.clean(section.key('beams')) and beams > MAX_BEAMS:
            section.note('beams', beams, f'at most {MAX_BEAMS} beams', 'write fewer')
            beams = 1
        options: list[tuple[str, Any]] = [('range', read_range(section))]
        if 'angles' in section.data:
            unit = 'radians, at most one turn, such as [-1.57, 1.57]'
            low, high = _read_pair(section, 'angles', -_TURN, _TURN, unit)
            if high - low > _TURN + 1e-6:
                section.note('angles', [low, high], 'at most one turn', 'write a smaller part')
            options.append(('angles', (low, high)))
        return {'shape': (beams,), 'options': tuple(options)}

    def draft(self, type_name: str, messages: Sequence[bytes]) -> tuple[Draft, ...]:
        """Some beams over the whole scan, as far as the scanner sees."""
        scans = [decode_padded(type_name, cdr) for cdr in messages]
        fewest = min((len(scan.ranges) for scan in scans), default=DRAFT_BEAMS)
        ends = _seen_range(scan.range_max for scan in scans)
        keys = {'beams': max(1, min(DRAFT_BEAMS, fewest)), 'range': ends}
        return (Draft(keys, {'beams': f'of {fewest} readings', 'range': _RANGE_DOUBT}),)

    def words(self, stream: Stream) -> str:
        """Beams and range."""
        near, far = dict(stream.options)['range']
        return f'a scan of {stream.shape[0]} beams, {near:g} to {far:g} m'

    def labels(self, stream: Stream) -> list[str]:
        """Number of each beam."""
        return [f'beam {i}' for i in range(stream.shape[0])]

    def array(self, stream: Stream, message: Any) -> np.ndarray:
        """The nearest reading of each beam; 0 where none was measured."""
        readings = _usable(
            np.asarray(message.ranges, np.float64),
            message.range_min,
            message.range_max,
            dict(stream.options)['range'],
        )
        part = _parts(stream, message, readings.size)
        inside = part >= 0
        if np.count_nonzero(inside) < stream.shape[0]:
            raise refusal(
                stream,
                'ranges',
                f'at least {stream.shape[0]} readings, one for each beam',
                f'{np.count_nonzero(inside)} of {readings.size} readings'
                + (' within angles' if 'angles' in dict(stream.options) else ''),
                'write fewer beams, or correct angles',
            )
        beams = np.full(stream.shape[0], np.inf)
        np.minimum.at(beams, part[inside], readings[inside])
        return np.where(np.isinf(beams), 0.0, beams).astype(np.float32)

    def message(self, stream: Stream, array: np.ndarray, header: Any) -> Any:
        """A scan with one reading for each beam."""
        low, high = dict(stream.options).get('angles', (-np.pi, np.pi))
        near, far = dict(stream.options)['range']
        message = blank(self.message_type)
        message.header = header
        message.angle_increment = (high - low) / array.size
        message.angle_min = low + 0.5 * message.angle_increment
        message.angle_max = high - 0.5 * message.angle_increment
        message.range_min, message.range_max = near, far
        message.ranges = np.ascontiguousarray(array, np.float32)
        return message


def _parts(stream: Stream, message: Any, count: int) -> np.ndarray:
    """The beam of each reading, int [count]; -1 for a reading outside of `angles`."""
    beams, angles = stream.shape[0], dict(stream.options).get('angles')
    if angles is None:
        return np.arange(count) * beams // max(1, count)
    start, step = float(message.angle_min), float(message.angle_increment)
    for field, value in (('angle_min', start), ('angle_increment', step)):
        if not np.isfinite(value) or (field == 'angle_increment' and value == 0.0):
            raise refusal(
                stream, field, 'a finite angle, not 0 for the increment', f'{value}',
                'check the driver of the scanner, or leave angles out',
            )  # fmt: skip
    low, high = angles
    away = (start + step * np.arange(count) - low + _SAME_ANGLE) % _TURN
    part = np.floor(away / (high - low) * beams)
    return np.where(part < beams, part, -1).astype(np.int64)


class RangeKind(StampedKind):
    """One distance of an ultrasonic or infrared sensor."""

    name = 'range'
    message_type = 'sensor_msgs/msg/Range'
    keys = ('range',)

    def read(self, section: Section, problems: Problems) -> dict[str, Any]:
        """Read `range`."""
        return {'shape': (1,), 'options': (('range', read_range(section)),)}

    def draft(self, type_name: str, messages: Sequence[bytes]) -> tuple[Draft, ...]:
        """As far as the sensor sees."""
        ends = _seen_range(decode_padded(type_name, cdr).max_range for cdr in messages)
        return (Draft({'range': ends}, {'range': _RANGE_DOUBT}),)

    def words(self, stream: Stream) -> str:
        """The range."""
        near, far = dict(stream.options)['range']
        return f'a distance, {near:g} to {far:g} m'

    def labels(self, stream: Stream) -> list[str]:
        """It is one number."""
        return ['range']

    def array(self, stream: Stream, message: Any) -> np.ndarray:
        """The distance [1]; 0 where none was measured."""
        ends = dict(stream.options)['range']
        given = np.array([message.range], np.float64)
        reading = _usable(given, message.min_range, message.max_range, ends)
        return np.where(np.isinf(reading), 0.0, reading).astype(np.float32)

    def message(self, stream: Stream, array: np.ndarray, header: Any) -> Any:
        """The distance, with the stream's range as the sensor's."""
        message = blank(self.message_type)
        message.header = header
        message.min_range, message.max_range = dict(stream.options)['range']
        message.range = float(array[0])
        return message


def _seen_range(farthest: Iterable[float]) -> list[float]:
    """A range [near, far] up to the farthest that a driver says it measures."""
    far = max((value for value in farthest if 0.2 < value < _FAR), default=10.0)
    return [0.1, float(f'{far:.3g}')]


def _usable(
    readings: np.ndarray, low: float, high: float, ends: tuple[float, float]
) -> np.ndarray:
    """Readings within `ends`; +inf where nothing was measured, so that others are nearer.

    The sensor itself measures from `low` to `high`.
    """
    near, far = ends
    nothing = np.isnan(readings) | (np.isfinite(readings) & (readings <= 0.0))
    nothing |= np.isfinite(readings) & (readings < low)
    too_far = high > 0.0 and readings > high  # a driver that leaves the field out says 0
    return np.where(nothing, np.inf, np.where(too_far, far, np.clip(readings, near, far)))
