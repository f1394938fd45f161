# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""The checks of a robot file's control, streams and action: one function for each section.

Each reads a `Section`, notes faults and returns types or the arguments for them.
"""

import re
from typing import Any

from world_model_ros.contract.problems import MISSING, Problems, Section
from world_model_ros.contract.schema import Action, Stream

# Slack for "is a whole number of": decimal fractions such as 0.04 * 25 are not exact in binary.
RELATIVE_SLACK = 1e-6
MIN_PERIOD_SEC, MAX_PERIOD_SEC = 1e-4, 60.0  # outside it, seconds were mistaken for ms or ns
MAX_RATE_HZ = 10_000.0
MAX_AGE_PERIODS = 3.0  # older than three periods is not the present any more
MAX_STREAMS = 32
MAX_SIDE_PIXELS = 1024  # of a picture as the model sees it, not of the camera's
COMMAND_TYPES = ('sensor_msgs/msg/JointState', 'std_msgs/msg/Float64MultiArray')
SAFE_BY_KIND = {
    'effort': 'zero',
    'velocity': 'zero',
    'position': 'hold',
    'position_delta': 'zero',
}
UNIT_BY_KIND = {
    'effort': 'N·m or N',
    'velocity': 'rad/s or m/s',
    'position': 'rad or m',
    'position_delta': 'rad or m',
}
CONTROL_KEYS = (
    'period',
    'tick',
    'command_offset',
    'command_rate',
    'command_timeout',
    'frames_per_tick',
)
NO_DETAILS: dict[str, Any] = {
    'shape': (),
    'encoding': '',
    'names': (),
    'fields': (),
    'wrap': (),
}
COMMON_KEYS = ('kind', 'topic', 'rate', 'max_age', 'sampling', 'tolerance', 'stamp', 'record')
STREAM_KEYS = {
    'image': (*COMMON_KEYS, 'shape', 'encoding'),
    'joints': (*COMMON_KEYS, 'names', 'fields', 'wrap'),
}
ACTION_KEYS = (
    'topic',
    'type',
    'kind',
    'names',
    'low',
    'high',
    'rate_limit',
    'safe',
    'gravity_safe',
)
_TOPIC = re.compile(r'[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*\Z')
_STREAM_NAME = re.compile(r'[a-z][a-z0-9_]*\Z')


def whole(ratio: float) -> bool:
    """Whether a ratio is an integer of at least 1, but for rounding."""
    return round(ratio) >= 1 and abs(ratio - round(ratio)) <= RELATIVE_SLACK * ratio


def check_topic(section: Section, name: str, topic: str) -> None:
    """Note a topic that is not a relative ROS name."""
    if not _TOPIC.match(topic):
        section.note(
            name,
            topic,
            'a relative ROS name such as camera/image_raw',
            'leave out the leading slash; use the namespace or a remapping',
        )


def read_control(top: Section, problems: Problems, streams: list[Stream]) -> dict[str, Any]:
    """Read `control`: period, tick source, offset, command rate and timeout."""
    section = Section(top.get('control', None), 'control', problems, CONTROL_KEYS)
    period = section.number(
        'period', 'seconds', low=MIN_PERIOD_SEC, high=MAX_PERIOD_SEC, low_included=True
    )
    offset = section.number('command_offset', 'seconds', default=section.get('period'))
    rate = section.number('command_rate', 'hertz', high=MAX_RATE_HZ)
    timeout = section.number('command_timeout', 'seconds', high=MAX_PERIOD_SEC)
    frames = section.integer('frames_per_tick', 1, low=1)
    tick = Section(section.get('tick', None), 'control.tick', problems, ('source', 'stream'))
    source = tick.choice('source', ('timer', 'sim_time', 'stream', 'lockstep'))
    stream = tick.text('stream', '')

    if problems.clean('control.period', 'control.command_offset') and not whole(offset / period):
        section.note(
            'command_offset',
            offset,
            f'a whole number (1 or more) of periods ({period})',
            f'write {max(1, round(offset / period)) * period:g}, or leave it out',
        )
    if problems.clean('control.period', 'control.command_rate') and not whole(rate * period):
        section.note(
            'command_rate',
            rate,
            f'a whole number (1 or more) of commands in {period} s',
            f'write {max(1, round(rate * period)) / period:g}',
        )
    if problems.clean('control.period', 'control.command_timeout') and timeout < period:
        section.note(
            'command_timeout',
            timeout,
            f'at least one period ({period})',
            'a chunk comes once a period: a shorter timeout would stop the robot',
        )
    if problems.clean('control.tick'):
        _check_tick(
            tick,
            source,
            stream,
            period if problems.clean('control.period') else None,
            streams,
            problems,
        )
    return {
        'period_s': period,
        'tick_source': source,
        'tick_stream': stream,
        'command_offset_s': offset,
        'command_rate_hz': rate,
        'command_timeout_s': timeout,
        'frames_per_tick': frames,
    }


def _check_tick(
    tick: Section,
    source: str,
    stream: str,
    period: float | None,
    streams: list[Stream],
    problems: Problems,
) -> None:
    if source != 'stream':
        if stream:
            tick.note(
                'stream',
                stream,
                f'no stream where the source is {source}',
                'remove it, or write source: stream',
            )
        return
    by_name = {item.name: item for item in streams}
    if stream and not problems.clean(f'streams.{stream}'):
        return  # the stream exists but has faults of its own, which are listed already
    if stream not in by_name:
        tick.note(
            'stream',
            stream or MISSING,
            'the name of a stream of this file',
            f'use one of: {", ".join(by_name) or "none is usable"}',
        )
    elif period and not whole(by_name[stream].rate_hz * period):
        tick.note(
            'stream',
            stream,
            f'a stream with a whole number of messages in {period} s',
            f'its rate is {by_name[stream].rate_hz:g} Hz: change the period or the rate',
        )


def read_streams(top: Section, problems: Problems) -> list[Stream]:
    """Read `streams`: every stream without a fault, in the order of the file."""
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
        stream = _read_stream(name, body, path, problems)
        if problems.clean(path):
            streams.append(stream)
    return streams


def _read_stream(name: str, body: Any, path: str, problems: Problems) -> Stream:
    kind = body.get('kind') if isinstance(body, dict) else None
    keys = STREAM_KEYS.get(kind) if isinstance(kind, str) else None
    section = Section(
        body,
        path,
        problems,
        keys or (*COMMON_KEYS, 'shape', 'encoding', 'names', 'fields', 'wrap'),
    )
    kind = section.choice('kind', ('image', 'joints'))
    topic = section.text('topic')
    if problems.clean(f'{path}.topic'):
        check_topic(section, 'topic', topic)
    rate = section.number('rate', 'hertz', high=MAX_RATE_HZ)
    max_age = section.number('max_age', 'seconds')
    if problems.clean(f'{path}.rate', f'{path}.max_age'):
        longest = MAX_AGE_PERIODS / rate
        if max_age > longest * (1 + RELATIVE_SLACK):
            section.note(
                'max_age',
                max_age,
                f'at most {MAX_AGE_PERIODS:g} periods of the stream ({longest:g} s)',
                f'write {longest:g} or less, or correct the rate ({rate:g} Hz)',
            )
    sampling = section.choice('sampling', ('hold', 'asof', 'drop'), 'hold')
    tolerance = section.number('tolerance', 'seconds', 0.0, low_included=True)
    if problems.clean(f'{path}.tolerance', f'{path}.sampling'):
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
    return {'shape': tuple(shape), 'encoding': section.choice('encoding', ('rgb8',), 'rgb8')}


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


def read_action(top: Section, problems: Problems) -> Action | None:
    """Read `action`: the one group, its limits and its safe action; None where it is absent."""
    data = top.get('action', None)
    groups = (
        [str(key)[:80] for key in data]
        if isinstance(data, dict)
        and data
        and all(isinstance(value, dict) for value in data.values())
        else []
    )
    if groups or isinstance(data, list):
        problems.add(
            'action',
            groups or data,
            'one action group in format 1',
            'put the keys of one group directly under action',
        )
        return None
    section = Section(data, 'action', problems, ACTION_KEYS)
    topic = section.text('topic')
    if problems.clean('action.topic'):
        check_topic(section, 'topic', topic)
    kind = section.choice('kind', tuple(SAFE_BY_KIND))
    names = section.words('names')
    unit = UNIT_BY_KIND[kind]
    low = section.numbers('low', unit, len(names))
    high = section.numbers('high', unit, len(names))
    rate_limit = section.numbers('rate_limit', f'{unit} per second', len(names))
    safe = section.choice('safe', ('zero', 'hold'))
    gravity_safe = section.flag('gravity_safe', False)
    action = Action(
        topic=topic,
        type=section.choice('type', COMMAND_TYPES, COMMAND_TYPES[0]),
        kind=kind,
        names=names,
        low=low,
        high=high,
        rate_limit=rate_limit,
        safe=safe,
        gravity_safe=gravity_safe,
    )
    _check_box(section, action, problems)
    _check_safe(section, action, problems)
    return action


def _check_box(section: Section, action: Action, problems: Problems) -> None:
    if problems.clean('action.low', 'action.high'):
        for index, (low, high) in enumerate(zip(action.low, action.high, strict=False)):
            if low >= high:
                section.note(
                    f'low[{index}]',
                    low,
                    f'less than high[{index}] ({high:g})',
                    f'correct the limits of {action.names[index]!r}',
                )
    if problems.clean('action.rate_limit'):
        for index, rate in enumerate(action.rate_limit):
            if rate <= 0:
                section.note(
                    f'rate_limit[{index}]',
                    rate,
                    'more than 0',
                    'say how fast the command may change, per second',
                )


def _check_safe(section: Section, action: Action, problems: Problems) -> None:
    if not problems.clean('action.kind', 'action.safe', 'action.gravity_safe'):
        return
    wanted = SAFE_BY_KIND[action.kind]
    if action.safe != wanted:
        section.note(
            'safe', action.safe, f'{wanted} for kind {action.kind}', f'write safe: {wanted}'
        )
        return
    if action.kind == 'effort' and not action.gravity_safe:
        section.note(
            'gravity_safe',
            section.get('gravity_safe'),
            'true for kind effort',
            'zero effort lets the robot fall: write gravity_safe: true only if it '
            'cannot do harm, else command velocity or position',
        )
    if wanted == 'zero' and problems.clean('action.low', 'action.high'):
        for index, (low, high) in enumerate(zip(action.low, action.high, strict=False)):
            if not low <= 0.0 <= high:
                section.note(
                    f'low[{index}]',
                    low,
                    'a box that contains 0, the safe action',
                    f'correct the limits of {action.names[index]!r}',
                )
