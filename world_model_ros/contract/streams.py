# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""The section `streams` of a robot file: cameras and joints, and how the model sees them."""

import re
from typing import Any

from world_model_ros.contract.problems import MISSING, Problems, Section
from world_model_ros.contract.rules import MAX_RATE_HZ, RELATIVE_SLACK, read_topic
from world_model_ros.contract.schema import Stream

# Older than three periods, of the stream or of control, is not the present any more.
MAX_AGE_PERIODS = 3.0
MAX_STREAMS = 32
MAX_SIDE_PIXELS = 1024  # of a picture as the model sees it, not of the camera's
NO_DETAILS: dict[str, Any] = {
    'shape': (),
    'encoding': '',
    'names': (),
    'fields': (),
    'wrap': (),
}
COMMON_KEYS = ('kind', 'topic', 'rate', 'max_age', 'sampling', 'tolerance', 'stamp', 'record')
STREAM_KEYS = {
    'image': (*COMMON_KEYS, 'shape', 'encoding', 'fit'),
    'joints': (*COMMON_KEYS, 'names', 'fields', 'wrap'),
}
_STREAM_NAME = re.compile(r'[a-z][a-z0-9_]*\Z')


def read_streams(top: Section, problems: Problems, period_s: float = 0.0) -> list[Stream]:
    """Read `streams`: every stream without a fault, in the order of the file.

    `period_s` is the control period, 0 where it is not known: a fast stream may be as old as a
    few of them.
    """
    data = top.get('streams', None)
    if not isinstance(data, dict) or not 1 <= len(data) <= MAX_STREAMS:
        problems.add(
            'streams',
            MISSING if data is None else data,
            f'a mapping of 1 to {MAX_STREAMS} named streams',
            'write streams: {joints: {kind: joints, …}}',
        )
        return []
    streams = []
    for name, body in data.items():
        path = f'streams.{str(name)[:80]}'
        if not isinstance(name, str) or not _STREAM_NAME.match(name):
            problems.add(
                path,
                name,
                'a name of small letters, digits and _',
                'rename the stream: it names an input of the network',
            )
            continue
        stream = _read_stream(name, body, path, problems, period_s)
        if problems.clean(path):
            streams.append(stream)
    return streams


def _read_stream(name: str, body: Any, path: str, problems: Problems, period_s: float) -> Stream:
    kind = body.get('kind') if isinstance(body, dict) else None
    keys = STREAM_KEYS.get(kind) if isinstance(kind, str) else None
    section = Section(
        body,
        path,
        problems,
        keys or (*COMMON_KEYS, 'shape', 'encoding', 'fit', 'names', 'fields', 'wrap'),
    )
    kind = section.choice('kind', ('image', 'joints'))
    topic = read_topic(section)
    rate = section.number('rate', 'hertz', high=MAX_RATE_HZ)
    max_age = section.number('max_age', 'seconds')
    sampling = section.choice('sampling', ('hold', 'asof', 'drop'), 'hold')
    tolerance = section.number('tolerance', 'seconds', 0.0, low_included=True)
    _check_age(section, rate, max_age, period_s, problems)
    _check_tolerance(section, sampling, tolerance, problems)
    record = section.choice('record', ('raw', 'compressed', 'model_input'), 'raw')
    if kind == 'joints' and record != 'raw':
        section.note('record', record, 'raw for joints', 'only pictures are stored otherwise')
    image = _read_image(section, problems) if kind == 'image' else {}
    joints = _read_joints(section, problems) if kind == 'joints' else {}
    return Stream(
        name=name,
        kind=kind,
        topic=topic,
        rate_hz=rate,
        max_age_s=max_age,
        sampling=sampling,
        tolerance_s=tolerance,
        stamp=section.choice('stamp', ('header', 'receive'), 'header'),
        record=record,
        **{**NO_DETAILS, **image, **joints},
    )


def _check_age(
    section: Section, rate: float, max_age: float, period_s: float, problems: Problems
) -> None:
    if problems.clean(section.key('rate'), section.key('max_age')):
        longest = MAX_AGE_PERIODS * max(1.0 / rate, period_s)
        if max_age > longest * (1 + RELATIVE_SLACK):
            section.note(
                'max_age',
                max_age,
                f'at most {longest:g} s ({MAX_AGE_PERIODS:g} periods of the stream, or of '
                'control where that is longer)',
                f'write {longest:g} or less, or correct the rate ({rate:g} Hz)',
            )


def _check_tolerance(
    section: Section, sampling: str, tolerance: float, problems: Problems
) -> None:
    if problems.clean(section.key('tolerance'), section.key('sampling')):
        if sampling == 'asof' and tolerance == 0.0:
            section.note(
                'tolerance',
                section.get('tolerance'),
                'seconds > 0 for sampling asof',
                'say how far before the tick a message may be stamped',
            )
        elif sampling != 'asof' and tolerance > 0.0:
            section.note(
                'tolerance',
                tolerance,
                f'no tolerance for sampling {sampling}',
                'remove it, or write sampling: asof',
            )


def _read_image(section: Section, problems: Problems) -> dict[str, Any]:
    shape = section.get('shape')
    sound = (
        isinstance(shape, list)
        and len(shape) == 3
        and all(isinstance(side, int) and not isinstance(side, bool) for side in shape)
        and all(1 <= side <= MAX_SIDE_PIXELS for side in shape[:2])
        and shape[2] == 3
    )
    if not sound:
        section.note(
            'shape',
            shape,
            f'[height, width, 3], sides up to {MAX_SIDE_PIXELS}',
            'write the size that the model sees, such as [64, 64, 3]',
        )
        shape = [1, 1, 3]
    return {
        'shape': tuple(shape),
        'encoding': section.choice('encoding', ('rgb8',), 'rgb8'),
        'fit': section.choice('fit', ('none', 'crop', 'pad'), 'none'),
    }


def _read_joints(section: Section, problems: Problems) -> dict[str, Any]:
    names = section.words('names')
    fields = section.words('fields')
    wrap = section.words('wrap', [], at_least=0)
    known = ('position', 'velocity', 'effort')
    for field in fields:
        if field not in known:
            section.note('fields', field, f'fields among {", ".join(known)}', 'correct the field')
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
