# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""The section `control` of a robot file: period, tick source, offset, command rate and timeout."""

from typing import Any

from world_model_ros.contract.problems import MISSING, Problems, Section, as_number
from world_model_ros.contract.rules import MAX_RATE_HZ, whole
from world_model_ros.contract.schema import Stream

MIN_PERIOD_SEC, MAX_PERIOD_SEC = 1e-4, 60.0  # outside it, seconds were mistaken for ms or ns
CONTROL_KEYS = (
    'period',
    'tick',
    'command_offset',
    'command_rate',
    'command_timeout',
    'frames_per_tick',
)


def peek_period(top: Section) -> float:
    """The control period in s as it is written, 0 where it is no sound number."""
    control = top.get('control', None)
    period = as_number(control.get('period')) if isinstance(control, dict) else None
    return period if period is not None and MIN_PERIOD_SEC <= period <= MAX_PERIOD_SEC else 0.0


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
