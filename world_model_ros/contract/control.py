# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""The section `control` of a robot file: period, tick source, offset, command rate and timeout."""

from typing import Any

from world_model_ros.contract.problems import MISSING, Problems, Section, as_number
from world_model_ros.contract.rules import MAX_RATE_HZ, whole
from world_model_ros.contract.schema import Stream

MAX_OFFSET_SEC = 1e9
MIN_PERIOD_SEC, MAX_PERIOD_SEC = 1e-4, 60.0  # outside it, seconds were mistaken for ms or ns
# A period written with few digits, such as 0.0333, is taken as the number it was rounded from.
ROUNDED = 0.005
CONTROL_KEYS = (
    'period',
    'rate',
    'tick',
    'command_offset',
    'command_rate',
    'command_timeout',
    'frames_per_tick',
    'on_surprise',
)


def peek_period(top: Section) -> float:
    """The control period in s as it is written, 0 where it is no sound number."""
    control = top.get('control', None)
    if not isinstance(control, dict):
        return 0.0
    period, rate = as_number(control.get('period')), as_number(control.get('rate'))
    if period is None and rate:
        period = 1.0 / rate
    return period if period is not None and MIN_PERIOD_SEC <= period <= MAX_PERIOD_SEC else 0.0


def read_control(top: Section, problems: Problems, streams: list[Stream]) -> dict[str, Any]:
    """Read `control`: period or rate, tick source, offset, command rate and timeout."""
    section = Section(top.get('control', None), 'control', problems, CONTROL_KEYS)
    period = _read_period(section, problems)
    rate = section.number('command_rate', 'hertz', high=MAX_RATE_HZ)
    timeout = section.number('command_timeout', 'seconds', high=MAX_PERIOD_SEC)
    frames = section.integer('frames_per_tick', 1, low=1)
    surprise = section.choice('on_surprise', ('none', 'slow', 'hold', 'hand_over'), 'none')
    tick = Section(section.get('tick', None), 'control.tick', problems, ('source', 'stream'))
    source = tick.choice('source', ('timer', 'sim_time', 'stream', 'lockstep'))
    stream = tick.text('stream', '')
    timed = problems.clean('control.period', 'control.rate')
    if timed and problems.clean('control.command_rate', 'control.tick'):
        triggers = [item.rate_hz for item in streams if source == 'stream' and item.name == stream]
        period = _unrounded(period, [*triggers, rate])
    offset = section.number('command_offset', 'seconds', default=period, high=MAX_OFFSET_SEC)
    if abs(offset - max(1, round(offset / period)) * period) <= ROUNDED * period:
        offset = offset if whole(offset / period) else round(offset / period) * period

    if timed and problems.clean('control.command_offset') and not whole(offset / period):
        section.note(
            'command_offset',
            offset,
            f'a whole number (1 or more) of periods ({period})',
            f'write {max(1, round(offset / period)) * period:.10g}, or leave it out',
        )
    if timed and problems.clean('control.command_rate') and not whole(rate * period):
        section.note(
            'command_rate',
            rate,
            f'a whole number (1 or more) of commands in {period} s',
            f'write {max(1, round(rate * period)) / period:.10g}, or correct the period; '
            'control.rate, in hertz, is the better key where the period has no short number',
        )
    if (
        problems.clean('control.period', 'control.rate', 'control.command_timeout')
        and timeout < period
    ):
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
            period if timed else None,
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
        'on_surprise': surprise,
    }


def _read_period(section: Section, problems: Problems) -> float:
    """The period in s, written as `period` or as `rate`."""
    if section.get('rate') is MISSING:
        return section.number(
            'period', 'seconds', low=MIN_PERIOD_SEC, high=MAX_PERIOD_SEC, low_included=True
        )
    if section.get('period') is not MISSING:
        section.note(
            'rate', section.get('rate'), 'a period or a rate, not both', 'remove one of them'
        )
    rate = section.number(
        'rate', 'hertz', low=1 / MAX_PERIOD_SEC, high=1 / MIN_PERIOD_SEC, low_included=True
    )
    return 1.0 / rate


def _unrounded(period: float, rates: list[float]) -> float:
    """The period with which every rate makes a whole number, if it was rounded from such a one.

    A period that needs no help is never changed: it is part of the interface's hash.
    """
    if all(whole(rate * period) for rate in rates):
        return period
    exact = max(1, round(rates[0] * period)) / rates[0]
    fits = abs(exact - period) <= ROUNDED * period and all(whole(r * exact) for r in rates)
    return exact if fits else period


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
    elif period and not whole((rate_hz := by_name[stream].rate_hz) * period):
        tick.note(
            'stream',
            stream,
            f'a stream with a whole number of messages in {period} s',
            f'its rate is {rate_hz:.10g} Hz: correct it, or, instead of the period, write '
            f'control.rate: {rate_hz:.10g}',
        )
