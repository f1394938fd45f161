# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Episodes as somebody could upload them who means harm, or whose disk failed.

Owns the list of what a review found, by name, and the random damage beside it. An attack takes an
episode apart, or its file's bytes, and changes them. Must not import ROS or torch.
"""

from __future__ import annotations

import functools
import json
import math
import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from mcap.writer import CompressionType

from world_model_ros.bench.chaos import episode_parts as forge
from world_model_ros.bench.chaos.episode_parts import Parts
from world_model_ros.onboard.tick.tick_record import tick_names

MIB = 1 << 20
ODD_NUMBERS = (
    math.inf, -math.inf, math.nan, -1.0, 0.5, 1e300, -1e300, 2.0**31, 2.0**53, 2.0**63, 2.0**64,
    5e-324, 1e18,
)  # fmt: skip
ODD_TEXTS = (
    '', '\0', '..', '../../etc', '/' * 300, '$\\foo$', '<script>', '[' * 50_000, '{"a":' * 20_000,
    '9' * 5_000, '1e999', 'NaN', '-1', 'null', '[]', '{}', '"x"', '\u202e', 'ä' * 1000, '%s%n',
    '- {reliability: !!python/object:os.system x}', '&a [*a]', '{a: ', ': :', '\t\t',
)  # fmt: skip


@dataclass(frozen=True)
class Attack:
    """How one episode is changed before it is uploaded."""

    name: str
    parts: Callable[[Parts], None] = lambda parts: None
    file: Callable[[bytes], bytes] = lambda data: data
    # Whether everything that was recorded can still be read: it must be learned from then.
    harmless: bool = False


def _begin(name: str, text: str) -> Callable[[Parts], None]:
    return lambda parts: parts.begin.__setitem__(name, text)


def _tick(name: str, value: float) -> Callable[[Parts], None]:
    def change(parts: Parts) -> None:
        for number in parts.ticks()[1:]:
            parts.set_tick(number, name, value)

    return change


def _qos(text: str) -> Callable[[Parts], None]:
    return lambda parts: setattr(parts.topics[1], 'qos', text)


def _nothing(parts: Parts) -> None:
    parts.topics, parts.messages = [], []


def _no_ticks(parts: Parts) -> None:
    parts.messages = [m for m in parts.messages if m[0] != parts.tick_topic]


def _no_end(parts: Parts) -> None:
    parts.end = None


def _unpacked(parts: Parts) -> None:
    parts.compression = CompressionType.NONE


def _huge_message(parts: Parts) -> None:
    parts.messages.insert(0, (parts.tick_topic, 0, bytes(40 * MIB)))


def _after_begin(make: Callable[[], bytes]) -> Callable[[bytes], bytes]:
    made = functools.lru_cache(1)(make)
    return lambda data: forge.insert_after_begin(data, made())


DEEP = '[' * 200_000
LISTED: tuple[Attack, ...] = (
    Attack('nothing changed', harmless=True),
    Attack('no end record', _no_end, harmless=True),
    Attack('not compressed', _unpacked, harmless=True),
    Attack('QoS is no YAML', _qos('[{a: ')),
    Attack('QoS is a word', _qos('reliable')),
    Attack('QoS is deep', _qos(DEEP[:60_000])),
    Attack('no topics', _nothing),
    Attack('no tick records', _no_ticks),
    Attack('topics are deep', _begin('topics', DEEP)),
    Attack('topics are null', _begin('topics', 'null')),
    Attack('announcement is deep', _begin('announced', '{"first_tick":' + DEEP), harmless=True),
    Attack('contract is deep', _begin('contract', DEEP[:100_000])),
    Attack('contract is huge', _begin('contract', 'x' * (3 * MIB))),
    Attack('start is huge', _begin('started_ns', '9' * 5_000)),
    Attack('counts are deep', lambda parts: (parts.end or {}).update(counts=DEEP)),
    Attack('skipped is infinite', _tick('skipped', math.inf)),
    Attack('skipped is NaN', _tick('skipped', math.nan)),
    Attack('tick is infinite', _tick('tick', math.inf)),
    Attack('tick is 2**53', _tick('tick', 2.0**53)),
    Attack('reward is 1e30', _tick('reward', 1e30)),
    Attack('action is 1e30', lambda parts: _largest_action(parts)),
    Attack('a stamp is 1e300', _tick('camera.stamp_sec', 1e300)),
    Attack('a message of 40 MiB', _huge_message),
    Attack('zstd bomb of 256 MiB', file=_after_begin(lambda: forge.bomb('zstd', 256 * MIB))),
    Attack('zstd bomb that says 1', file=_after_begin(lambda: forge.bomb('zstd', 256 * MIB, 1))),
    Attack('zstd frame of 4 TiB', file=_after_begin(lambda: forge.forged_zstd(4 << 40))),
    Attack('lz4 bomb of 256 MiB', file=_after_begin(lambda: forge.bomb('lz4', 256 * MIB))),
    Attack('lz4 bomb that says 1', file=_after_begin(lambda: forge.bomb('lz4', 256 * MIB, 1))),
    Attack('lz4 frame of 4 TiB', file=_after_begin(lambda: forge.forged_lz4(4 << 40))),
    Attack('bombs within the limit', file=_after_begin(lambda: 8 * forge.bomb('zstd', 100 * MIB))),
    Attack('a chunk of 4 TiB', file=_after_begin(lambda: forge.chunk_record('', b'', 4 << 40))),
    Attack('a record of 2**63', file=_after_begin(lambda: forge.record(0x0C, b'', 1 << 63))),
    Attack('10,000 topics', file=_after_begin(lambda: _many_topics(10_000))),
    Attack('10,000 metadata records', file=_after_begin(lambda: 10_000 * _metadata())),
    Attack('an empty file', file=lambda data: b''),
    Attack('a file of zeros', file=lambda data: bytes(len(data))),
)
# Bombs are left out of a file that is read otherwise: nothing that was recorded is lost by them.
BOMBS = tuple(attack for attack in LISTED if 'bomb' in attack.name or 'TiB' in attack.name)


def _largest_action(parts: Parts) -> None:
    name = next(n for n in _names(parts) if n.startswith('action.sent.'))
    _tick(name, 1e30)(parts)


def _names(parts: Parts) -> list[str]:
    from world_model_ros.contract import parse_contract

    return tick_names(parse_contract(parts.begin['contract'], 'fixture'))


def _many_topics(count: int) -> bytes:
    content = b''
    for number in range(count):
        name = f'/t{number}'.encode()
        channel = struct.pack('<HHI', number, 1, len(name)) + name
        content += forge.record(0x04, channel + struct.pack('<I', 3) + b'cdr' + bytes(4))
    return content


def _metadata() -> bytes:
    return forge.record(0x0C, struct.pack('<I', 1) + b'x' + struct.pack('<I', 0))


# ---- at random -----------------------------------------------------------------------------


def at_random(rng: np.random.Generator) -> Attack:
    """Damage of one random kind; its name is the kind."""
    kinds: tuple[Callable[[np.random.Generator], Attack], ...] = (
        _bits, _cut, _odd_tick, _odd_text, _odd_message, _swapped, _pasted, _odd_time,
    )  # fmt: skip
    return kinds[int(rng.integers(len(kinds)))](rng)


def _bits(rng: np.random.Generator) -> Attack:
    def change(data: bytes) -> bytes:
        out = bytearray(data)
        for at in rng.integers(0, len(out), int(rng.integers(1, 20))):
            out[at] ^= 1 << int(rng.integers(8))
        return bytes(out)

    return Attack('bits', _unpacked if rng.integers(2) else lambda parts: None, change)


def _cut(rng: np.random.Generator) -> Attack:
    return Attack('cut', file=lambda data: data[: int(rng.integers(len(data)))])


def _pasted(rng: np.random.Generator) -> Attack:
    def change(data: bytes) -> bytes:
        start, end = sorted(rng.integers(0, len(data), 2))
        at = int(rng.integers(len(data)))
        return data[:at] + data[start:end] + data[at:]

    return Attack('pasted', _unpacked, change)


def _odd_tick(rng: np.random.Generator) -> Attack:
    def change(parts: Parts) -> None:
        names = _names(parts)
        for _ in range(int(rng.integers(1, 6))):
            number = int(rng.choice(parts.ticks()))
            name = names[int(rng.integers(len(names)))]
            parts.set_tick(number, name, ODD_NUMBERS[int(rng.integers(len(ODD_NUMBERS)))])

    return Attack('odd number in a tick', change)


def _odd_text(rng: np.random.Generator) -> Attack:
    def change(parts: Parts) -> None:
        text = ODD_TEXTS[int(rng.integers(len(ODD_TEXTS)))]
        where = int(rng.integers(4))
        topic = parts.topics[int(rng.integers(len(parts.topics)))]
        if where == 0:
            parts.begin[str(rng.choice(sorted(parts.begin)))] = text
        elif where == 1:
            topic.qos = text
        elif where == 2:
            setattr(topic, str(rng.choice(['name', 'type', 'encoding'])), text)
        elif parts.end is not None:
            parts.end[str(rng.choice(sorted(parts.end)))] = text

    return Attack('odd text', change)


def _odd_message(rng: np.random.Generator) -> Attack:
    def change(parts: Parts) -> None:
        for _ in range(int(rng.integers(1, 6))):
            at = int(rng.integers(len(parts.messages)))
            topic, log_ns, cdr = parts.messages[at]
            data = bytearray(cdr)
            if rng.integers(2) and data:
                data[int(rng.integers(len(data)))] ^= 0xFF
                for place in rng.integers(0, len(data), 4):
                    data[place] = 0xFF
            else:
                del data[int(rng.integers(len(data) + 1)) :]
            parts.messages[at] = (topic, log_ns, bytes(data))

    return Attack('odd message', change)


def _swapped(rng: np.random.Generator) -> Attack:
    def change(parts: Parts) -> None:
        kind = int(rng.integers(4))
        if kind == 0:  # topics change their names
            a, b = rng.integers(len(parts.topics), size=2)
            parts.topics[a].name, parts.topics[b].name = parts.topics[b].name, parts.topics[a].name
        elif kind == 1:  # messages change their topics
            for at in rng.integers(len(parts.messages), size=5):
                _, log_ns, cdr = parts.messages[at]
                parts.messages[at] = (int(rng.integers(len(parts.topics))), log_ns, cdr)
        elif kind == 2:  # another order
            parts.messages = [parts.messages[at] for at in rng.permutation(len(parts.messages))]
        else:  # roles change their topics
            names = json.loads(parts.begin['topics'])
            mixed = rng.permutation(sorted(names.values())).tolist()
            parts.begin['topics'] = json.dumps(dict(zip(sorted(names), mixed, strict=True)))

    return Attack('swapped', change)


def _odd_time(rng: np.random.Generator) -> Attack:
    def change(parts: Parts) -> None:
        for at in rng.integers(len(parts.messages), size=3):
            topic, _, cdr = parts.messages[at]
            time_ns = int(rng.choice(np.array([0, 1, 2**63, 2**64 - 1], np.uint64)))
            parts.messages[at] = (topic, time_ns, cdr)

    return Attack('odd time', change, harmless=True)
