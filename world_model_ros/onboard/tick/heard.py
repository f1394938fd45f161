# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What came in on a stream since the last reset, in counts and in words for what is wrong.

Owns the difference between "no message" and "messages that cannot be used", so that nobody looks
for a cable where a clock is wrong. Written in the executor's thread. Must not import ROS.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from world_model_ros.wire.decode import StreamError

if TYPE_CHECKING:
    from world_model_ros.contract import Stream

CLOCKS = 'synchronise the clocks of sensor and robot, or write stamp: receive for this stream'
_FIRST_DATE_SEC = 1_000_000_000  # a stamp before 2001 counts from the start of something
_SHOWN = 8  # joint names in one text


class Heard:
    """One stream's messages since the last reset."""

    def __init__(self) -> None:
        self.kept = 0  # usable as far as their stamp goes
        self.early = 0  # stamped before the reset, or before the episode began
        self.others = 0  # with none of the stream's joints
        self.stamp_ns = self.receive_ns = 0  # of the newest to arrive, of any of these
        self.joints: tuple[str, ...] = ()  # in the newest of the others
        self.error = ''  # of the newest without a readable header

    def note(self, stamp_ns: int, receive_ns: int) -> None:
        """A message with a readable stamp came."""
        self.stamp_ns, self.receive_ns = stamp_ns, receive_ns

    @property
    def delay_ns(self) -> int:
        """How long before its arrival the newest message is stamped; negative: after it."""
        return self.receive_ns - self.stamp_ns

    def absence(self, stream: Stream, future: bool) -> str:
        """Why no message counts."""
        name = stream.name
        if future:
            return error_text(
                name,
                'a message not later than the tick',
                f'only messages of the future, stamped {when(self.stamp_ns)}, '
                f'{span(-self.delay_ns)} after they arrive',
                f'the clocks differ: {CLOCKS}',
            )
        if self.early and not self.kept:
            return error_text(
                name,
                'stamps of the present',
                f'messages stamped {when(self.stamp_ns)}, {span(self.delay_ns)} before they '
                f'arrive ({self.early} of them)',
                CLOCKS,
            )
        if self.others and not self.kept:
            return error_text(
                name,
                f'joints {list(stream.names)}',
                f'{self.others} messages with joints {list(self.joints)} and none of these',
                'correct names in the contract, or start the driver that publishes them',
            )
        return error_text(
            name,
            f'a message on {stream.topic}',
            self.error or 'none',
            'check the topic name, the driver and its QoS',
        )

    def lacking(self, stream: Stream, missing: Sequence[str]) -> str:
        """Why a stream in parts is not whole though messages come."""
        others = f', and {self.others} messages with {list(self.joints)}' if self.others else ''
        return error_text(
            stream.name,
            f'joints {list(joint_list(tuple(missing)))} on {stream.topic}',
            self.error or f'only other joints of the stream{others}',
            'start the driver that publishes them, or correct names in the contract',
        )

    def lateness(self, stream: Stream, limit_s: float, age_s: float) -> str:
        """Why the newest message is too old though messages come, '' where they do not."""
        limit_ns = limit_s * 1e9
        comes = age_s * 1e9 - self.delay_ns <= limit_ns  # it arrived lately
        if not self.kept or self.delay_ns <= limit_ns or not comes:
            return ''
        return error_text(
            stream.name,
            f'a message not older than {limit_s:g} s',
            f'messages that come, but are stamped {when(self.stamp_ns)}, {span(self.delay_ns)} '
            'before they arrive',
            f'a slow driver, or clocks that differ: {CLOCKS}',
        )


def leads(stream: Stream, trigger: Stream, age_s: float, limit_s: float, ahead_s: float) -> str:
    """Why a stream seems too old where the stream that triggers ticks is stamped ahead."""
    if age_s - ahead_s > limit_s:
        return ''
    return error_text(
        trigger.name,
        'stamps not later than their arrival',
        f'stamps {ahead_s:.3f} s after it; ticks have their times, so that {stream.name} seems '
        f'{age_s:.3f} s old',
        CLOCKS,
    )


def error_text(stream: str, expected: str, got: str, remedy: str) -> str:
    """The words of a StreamError."""
    return str(StreamError(stream, expected, got, remedy))


def joint_list(names: tuple[str, ...]) -> tuple[str, ...]:
    """As many names as fit in one text."""
    more = len(names) - _SHOWN
    return names if more <= 0 else (*names[:_SHOWN], f'and {more} more')


def when(stamp_ns: int) -> str:
    """A stamp in words; one that no clock of this century gives is written as a number."""
    seconds = stamp_ns * 1e-9
    if stamp_ns == 0:
        return '0 (the driver does not set it)'
    if not _FIRST_DATE_SEC < seconds < 1 << 33:
        return f'{seconds:.3f} s (counted from the start of a device or a simulation?)'
    return time.strftime('%Y-%m-%d %H:%M:%S UTC', time.gmtime(seconds))


def span(length_ns: int) -> str:
    """A time in the unit that fits."""
    seconds = length_ns * 1e-9
    for unit, size in (('days', 86400.0), ('h', 3600.0), ('min', 60.0)):
        if abs(seconds) >= 2 * size:
            return f'{seconds / size:.1f} {unit}'
    return f'{seconds:.3f} s'
