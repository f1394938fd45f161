# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether live topics are what a robot needs: loss, rate, type and stamps, with remedies.

Who listens is nodes/_probe.py; this file judges what was measured.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from world_model_ros.contract import Contract, Stream
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.deploy.dds import segment_remedy
from world_model_ros.deploy.finding import Finding
from world_model_ros.onboard.tick.heard import CLOCKS, span
from world_model_ros.wire.cdr import IMAGE
from world_model_ros.wire.decode import StreamError, decode_stream

KEPT = 8  # messages to try the contract on; several publishers may share a topic
LOST_SHARE = 0.01  # lost by DDS: more than an accident
SLOW_SHARE = 0.9  # of the rate that the contract says
FAST_SHARE = 1.2
AHEAD_SEC = 0.005  # a stamp after its arrival: not the resolution of a clock
BEHIND_SEC = 1.0  # without a contract: later than any camera needs


@dataclass(frozen=True)
class Wanted:
    """A topic to listen to; an empty type is the one that somebody publishes."""

    topic: str
    type: str = ''
    # Of a topic that publishers share: None for a message that counts, else what is in it.
    others: Callable[[bytes], tuple[str, ...] | None] = lambda _cdr: None


@dataclass
class Measured:
    """What came on one topic."""

    topic: str  # resolved
    type: str
    messages: int = 0
    seconds: float = 0.0  # from the first to the last
    lost: int = 0  # as DDS counts
    largest_bytes: int = 0
    total_bytes: int = 0
    offset_s: float = math.nan  # median of arrival - stamp; NaN: no stamps
    absence: str = ''  # why nothing came
    offsets: list[float] = field(default_factory=list, repr=False)
    newest: deque[bytes] = field(default_factory=lambda: deque(maxlen=KEPT), repr=False)

    @property
    def rate_hz(self) -> float:
        """Messages per second that arrived; NaN for fewer than two."""
        return (self.messages - 1) / self.seconds if self.seconds > 0.0 else math.nan

    @property
    def bytes_per_sec(self) -> float:
        """What arrived, 0 where it is not known."""
        return self.total_bytes / self.seconds if self.seconds > 0.0 else 0.0

    @property
    def lost_share(self) -> float:
        """Share of what was sent that DDS lost."""
        return self.lost / max(1, self.lost + self.messages)


@dataclass(frozen=True)
class Expected:
    """What is known of a topic before it is measured; 0: nothing."""

    what: str
    topic: str
    type: str = ''
    rate_hz: float = 0.0
    max_age_s: float = 0.0
    stamped: bool = True  # False: the time of arrival counts
    stream: Stream | None = None


def expected_of(contract: Contract) -> list[Expected]:
    """The streams of a contract."""
    return [
        Expected(
            stream.name,
            stream.topic,
            stream_kind(stream.kind).type_of(stream),
            stream.rate_hz,
            stream.max_age_s,
            stream.stamp == 'header',
            stream,
        )
        for stream in contract.sensed
    ]


def wanted_of(expected: Expected) -> Wanted:
    """What to listen to for it."""
    stream = expected.stream
    if stream is None or not stream_kind(stream.kind).shared:
        return Wanted(expected.topic, expected.type)
    kind = stream_kind(stream.kind)
    return Wanted(expected.topic, expected.type, lambda cdr: kind.others(stream, cdr))


def judge(expected: Expected, got: Measured) -> Finding:
    """Say what was measured and, where it is not what is needed, what helps."""
    if not got.messages:
        return Finding(expected.what, False, f'no message: {got.absence}')
    rate = f'{got.rate_hz:.2f} Hz' if got.messages > 1 else 'one message'
    if expected.rate_hz:
        rate += f' of {expected.rate_hz:g} Hz'
    figures = f'{got.topic}: {got.type}, {rate}, {100 * got.lost_share:.1f} % lost'
    if got.offset_s == got.offset_s:
        side = 'before' if got.offset_s >= 0.0 else 'after'
        figures += f', stamped {span(round(abs(got.offset_s) * 1e9))} {side} arrival'
    checks = (_loss, _slow, _clock, _unusable)
    bad = [text for check in checks if (text := check(expected, got))]
    if bad:
        return Finding(expected.what, False, f'{figures}; {"; ".join(bad)}')
    if expected.rate_hz and got.rate_hz > FAST_SHARE * expected.rate_hz:
        figures += f'; faster than the contract says: write rate: {got.rate_hz:.3g}'
    return Finding(expected.what, True, figures)


def _loss(expected: Expected, got: Measured) -> str:
    if got.lost_share < LOST_SHARE:
        return ''
    large = stream_kind(expected.stream.kind).large if expected.stream else got.type == IMAGE
    if not large:
        return f'{got.lost} messages lost: the computer or the network is too busy'
    return f'{got.lost} messages of {got.largest_bytes / 1e6:.1f} MB lost: {segment_remedy()}'


def _slow(expected: Expected, got: Measured) -> str:
    sent_hz = got.rate_hz / max(1e-9, 1.0 - got.lost_share)  # with what was lost on the way
    if not expected.rate_hz or sent_hz >= SLOW_SHARE * expected.rate_hz:
        return ''
    return (
        f'the driver sends {sent_hz:.3g} Hz: correct rate in the contract, or its exposure time, '
        'its USB bandwidth or its own settings'
    )


def _unusable(expected: Expected, got: Measured) -> str:
    """Why none of the newest messages becomes the array that the contract describes."""
    problem = ''
    if expected.stream is None:
        return problem
    for cdr in got.newest:
        try:
            decode_stream(expected.stream, cdr)
            return ''
        except StreamError as error:
            problem = str(error)
    return problem


def _clock(expected: Expected, got: Measured) -> str:
    limit_s = expected.max_age_s or BEHIND_SEC
    if not expected.stamped or -AHEAD_SEC <= got.offset_s <= limit_s:
        return ''
    return CLOCKS if got.offset_s == got.offset_s else ''
