# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""The section `streams` of a robot file: the keys of every stream; those of its kind it reads."""

import math
import re
from typing import Any

from world_model_ros.contract.kinds import known, missing_text, plugin_of, stream_kind
from world_model_ros.contract.problems import MISSING, Problems, Section
from world_model_ros.contract.rules import MAX_RATE_HZ, RELATIVE_SLACK, read_topic
from world_model_ros.contract.schema import Stream
from world_model_ros.contract.stream_kind import StreamKind

# Older than three periods, of the stream or of control, is not the present any more.
MAX_AGE_PERIODS = 3.0
MAX_STREAMS = 32
MAX_REASON = 200  # characters of what foreign code raised
NO_DETAILS: dict[str, Any] = {
    'shape': (),
    'encoding': '',
    'names': (),
    'fields': (),
    'wrap': (),
}
COMMON_KEYS = ('kind', 'topic', 'rate', 'max_age', 'sampling', 'tolerance', 'stamp', 'record')
# What a kind may read into fields of Stream of their own; the rest goes into `options`.
KIND_FIELDS = (*NO_DETAILS, 'fit', 'options')
MAX_NUMBERS = 1 << 22  # of one array
_STREAM_NAME = re.compile(r'[a-z][a-z0-9_]*\Z')


def read_streams(
    top: Section,
    problems: Problems,
    period_s: float = 0.0,
    keep_missing: bool = False,
    version: int = 1,
) -> list[Stream]:
    """Read `streams`: every stream without a fault, in the order of the file.

    `period_s` is the control period, 0 where it is not known: a fast stream may be as old as a
    few of them. With `keep_missing` a kind whose plug-in is missing is no fault.
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
        stream = _read_stream(name, body, path, problems, period_s, keep_missing, version)
        if problems.clean(path):
            streams.append(stream)
    return streams


def _read_stream(
    name: str,
    body: Any,
    path: str,
    problems: Problems,
    period_s: float,
    keep_missing: bool,
    version: int,
) -> Stream:
    data = body if isinstance(body, dict) else {}
    kind = stream_kind(data['kind']) if isinstance(data.get('kind'), str) else None
    if kind is not None and kind.constant:
        kind = None  # it has a section of its own
    in_parts: tuple[str, ...] = ()
    if kind is None or kind.missing:  # nothing is known of its own keys
        section = Section(body, path, problems, [*COMMON_KEYS, *data])
        _check_kind(section, kind, keep_missing)
    else:
        in_parts = ('parts',) if kind.parts and version > 1 else ()
        section = Section(body, path, problems, (*COMMON_KEYS, *in_parts, *kind.keys))
    topic = read_topic(section)
    rate = section.number('rate', 'hertz', high=MAX_RATE_HZ)
    max_age = section.number('max_age', 'seconds')
    sampling = section.choice('sampling', ('hold', 'asof', 'drop'), 'hold')
    tolerance = section.number('tolerance', 'seconds', 0.0, low_included=True)
    _check_age(section, rate, max_age, period_s, problems)
    _check_tolerance(section, sampling, tolerance, problems)
    record = section.choice('record', ('raw', 'compressed', 'model_input'), 'raw')
    details = _read_details(section, kind, record, problems) if kind is not None else {}
    return Stream(
        name=name,
        kind=kind.name if kind is not None else '',
        topic=topic,
        rate_hz=rate,
        max_age_s=max_age,
        sampling=sampling,
        tolerance_s=tolerance,
        stamp=section.choice('stamp', ('header', 'receive'), 'header'),
        record=record,
        parts=section.flag('parts', True) if in_parts else False,
        **{**NO_DETAILS, **details},
    )


def _check_kind(section: Section, kind: StreamKind | None, keep_missing: bool) -> None:
    """Note a kind that is not written, or whose plug-in is missing."""
    if kind is None:
        section.choice('kind', known(StreamKind))
    elif not keep_missing:
        section.note('kind', kind.name, *missing_text(kind))


def _read_details(
    section: Section, kind: StreamKind, record: str, problems: Problems
) -> dict[str, Any]:
    """What the kind reads of its own keys; a plug-in's result is checked, whatever it is."""
    if record not in kind.records and not kind.missing:
        section.note(
            'record', record, f'raw for {kind.name}', 'only pictures are stored otherwise'
        )
    if not plugin_of(kind):
        return kind.read(section, problems)
    whose = f'kind {kind.name!r} of package {plugin_of(kind)}'
    try:
        details = dict(kind.read(section, problems))
        shape = details['shape'] = tuple(int(side) for side in details['shape'])
        sizes = {'picture': 3, 'vector': 1}
        if len(shape) != sizes[kind.form] or min(shape) < 1 or math.prod(shape) > MAX_NUMBERS:
            raise ValueError(f'shape {shape} for a {kind.form}')
        if unknown := set(details) - set(KIND_FIELDS):
            raise ValueError(f'{", ".join(sorted(unknown))} belong into options')
    except Exception as error:  # noqa: BLE001 - foreign code may raise anything
        section.note(
            'kind',
            kind.name,
            f'a shape and the like from {whose}',
            f'repair that package: {type(error).__name__}: {error}'[:MAX_REASON],
        )
        return {}
    return details


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
