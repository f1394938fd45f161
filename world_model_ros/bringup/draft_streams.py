# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From what was heard to streams of a first robot file; each guess has its doubt."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from world_model_ros.bringup.observed import Observed, stream_kinds
from world_model_ros.contract import Stream
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.contract.problems import Problems, Section
from world_model_ros.contract.stream_kind import Draft, StreamKind
from world_model_ros.contract.streams import MAX_AGE_PERIODS, read_streams
from world_model_ros.wire.decode import StreamError, decode_stream

ROUND_SHARE = 0.03  # 29.4 Hz are a driver's 30
NICE_HZ = (1, 2, 5, 10, 15, 20, 25, 30, 40, 50, 60, 90, 100, 120, 125, 200, 250, 400, 500, 1000)
AGE_PERIODS, MIN_AGE_SEC = 2.5, 0.03
LATE_SEC, AHEAD_SEC = 0.5, 0.005  # a stamp of another clock, not a slow driver
TRIED = 4  # messages on which a kind is tried
_DULL = {
    *('image_raw', 'image', 'image_color', 'image_rect', 'image_rect_color', 'image_rect_raw'),
    *('compressed', 'raw', 'data'),
}


@dataclass
class StreamDraft:
    """One stream; `unusable` is why its messages cannot become an array, ''."""

    name: str
    keys: dict[str, Any]
    observed: Observed
    doubts: dict[str, str] = field(default_factory=dict)
    unusable: str = ''
    stream: Stream | None = None  # None: its keys have faults


def draft_streams(heard: Sequence[Observed], namespace: str, period_s: float) -> list[StreamDraft]:
    """A stream, or several that share a topic, for each topic that a kind takes."""
    drafts: list[StreamDraft] = []
    taken: set[str] = set()
    for observed in heard:
        best: list[StreamDraft] = []
        for kind in stream_kinds(observed.type):
            found = _of_kind(kind, observed, namespace, period_s, set(taken))
            if not best or any(row.unusable for row in best):
                usable = found and not any(row.unusable for row in found)
                best = found if usable or not best else best
        drafts += best
        taken |= {row.name for row in best}
    return drafts


def _of_kind(
    kind: StreamKind, observed: Observed, namespace: str, period_s: float, taken: set[str]
) -> list[StreamDraft]:
    try:
        parts = kind.draft(observed.type, observed.messages)
    except Exception as error:  # noqa: BLE001 - a plug-in may raise anything
        parts = (Draft(doubts={'kind': f'{type(error).__name__}: {error}'}),)
    found = []
    for part in parts:
        name = _free(stream_name(kind, relative(observed.topic, namespace)), taken)
        taken.add(name)
        found.append(_draft(name, kind, part, observed, namespace, period_s))
    if len(parts) > 1:
        for row in found:
            row.doubts['names'] = 'other publishers share the topic; leave out what is no robot'
    return found


def _draft(
    name: str,
    kind: StreamKind,
    part: Draft,
    observed: Observed,
    namespace: str,
    period_s: float,
) -> StreamDraft:
    keys: dict[str, Any] = {'kind': kind.name, 'topic': relative(observed.topic, namespace)}
    draft = StreamDraft(name, keys, observed, dict(part.doubts))
    rate_hz = observed.rate_hz
    if kind.shared and part.keys.get('names'):
        rate_hz *= _share(kind, part.keys['names'], observed)
    keys['rate'] = nice_rate(rate_hz) if rate_hz else 10.0
    if not rate_hz:
        draft.doubts['rate'] = f'{observed.count} message(s) came: too few to measure it'
    elif abs(keys['rate'] - rate_hz) > 0.2 * ROUND_SHARE * rate_hz:
        draft.doubts['rate'] = f'measured {rate_hz:.4g} Hz'
    _age(draft, period_s)
    keys.update(part.keys)
    _try(draft, kind, period_s)
    return draft


def _share(kind: StreamKind, names: Sequence[str], observed: Observed) -> float:
    """Share of a topic's messages that hold a part's joints."""
    from world_model_ros.wire.cdr import joint_names

    mine = sum(names[0] in tuple(joint_names(cdr)) for cdr in observed.messages)
    return mine / max(1, len(observed.messages))


def _age(draft: StreamDraft, period_s: float) -> None:
    """`max_age` from the rate and the delay, and whose clock counts."""
    keys, offset_s = draft.keys, draft.observed.offset_s
    period = 1.0 / keys['rate']
    longest = MAX_AGE_PERIODS * max(period, period_s)
    age_s, late_s = max(AGE_PERIODS * period, MIN_AGE_SEC), 0.0
    if offset_s is not None and -AHEAD_SEC <= offset_s <= LATE_SEC:
        late_s = max(0.0, offset_s)
    elif offset_s is not None:
        keys['stamp'] = 'receive'
        side = 'before' if offset_s > 0 else 'after'
        draft.doubts['stamp'] = (
            f'stamped {abs(offset_s):.3g} s {side} arrival: another clock, or none. Better '
            'synchronise the clocks, and write stamp: header'
        )
    wanted = age_s + late_s
    keys['max_age'] = _down(min(wanted, longest))
    if wanted > longest * 1.001 and late_s > 0.5 * period:
        draft.doubts['max_age'] = (
            f'messages come {late_s:.3g} s after their stamp: more may be old than is allowed'
        )


def _try(draft: StreamDraft, kind: StreamKind, period_s: float) -> None:
    """Read the keys as a robot file's, and decode messages as the agent will."""
    problems = Problems()
    top = Section({'streams': {draft.name: draft.keys}}, '', problems, ('streams',))
    streams = read_streams(top, problems, period_s)
    for problem in problems.found:
        key = problem.key.split('.', 2)[-1].split('[')[0]
        draft.doubts.setdefault(key, f'expected {problem.expected}; {problem.remedy}')
    if not streams:
        return
    draft.stream = streams[0]
    reason, tried = '', 0
    for cdr in draft.observed.messages[-50:]:
        if kind.shared and kind.others(streams[0], cdr) is not None:
            continue
        try:
            decode_stream(streams[0], cdr)
            return
        except StreamError as error:
            reason, tried = str(error), tried + 1
        if tried >= TRIED:
            break
    draft.unusable = reason


def joint_ranges(drafts: Sequence[StreamDraft]) -> dict[str, tuple[float, float]]:
    """Lowest and highest position of each joint, in the order of the streams."""
    return _ranges(drafts, 'position')


def joint_speeds(drafts: Sequence[StreamDraft]) -> dict[str, float]:
    """Highest speed of each joint whose velocity is measured."""
    return {
        name: max(abs(low), abs(high)) for name, (low, high) in _ranges(drafts, 'velocity').items()
    }


def _ranges(drafts: Sequence[StreamDraft], field_name: str) -> dict[str, tuple[float, float]]:
    found: dict[str, tuple[float, float]] = {}
    for draft in drafts:
        stream = draft.stream
        if stream is None or draft.unusable or not stream_kind(stream.kind).joints:
            continue
        for name in stream.names:
            found.setdefault(name, (0.0, 0.0) if field_name != 'position' else (math.nan,) * 2)
        if field_name not in stream.fields:
            continue
        start = stream.fields.index(field_name) * len(stream.names)
        kind = stream_kind(stream.kind)
        for cdr in draft.observed.messages:
            if kind.others(stream, cdr) is not None:
                continue
            try:
                array = decode_stream(stream, cdr)
            except StreamError:
                continue
            for i, name in enumerate(stream.names):
                value, (low, high) = float(array[start + i]), found[name]
                found[name] = (
                    (value, value) if math.isnan(low) else (min(low, value), max(high, value))
                )
    return found


def nice_rate(rate_hz: float) -> float:
    """The rate that a driver was probably set to."""
    near = min(NICE_HZ, key=lambda nice: abs(nice - rate_hz))
    if abs(near - rate_hz) <= ROUND_SHARE * near:
        return float(near)
    return float(f'{rate_hz:.3g}')


def relative(topic: str, namespace: str) -> str:
    """A topic as a robot file writes it: relative where it lies in the namespace."""
    prefix = f'/{namespace.strip("/")}/' if namespace.strip('/') else '/'
    return topic[len(prefix) :] if topic.startswith(prefix) else topic


def stream_name(kind: StreamKind, topic: str) -> str:
    """A short name for a stream, from its topic."""
    parts = [part for part in topic.strip('/').split('/') if part]
    while len(parts) > 1 and parts[-1] in _DULL:
        parts.pop()
    text = re.sub(r'[^a-z0-9_]', '_', '_'.join(parts).lower()).strip('_')
    if kind.joints:
        text = re.sub(r'_?states?$', 's', text) if text.endswith(('state', 'states')) else text
        text = re.sub(r'joints+$', 'joints', text) or 'joints'
    text = re.sub(r'_+', '_', text)
    return text if text[:1].isalpha() else f'{kind.name}_{text}'.rstrip('_')


def _free(name: str, taken: set[str]) -> str:
    number, found = 2, name
    while found in taken:
        found, number = f'{name}_{number}', number + 1
    return found


def _down(seconds: float) -> float:
    """Two figures, never more than it was."""
    digits = 1 - math.floor(math.log10(seconds))
    return math.floor(seconds * 10**digits + 1e-9) / 10**digits
