# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Adversarial messages of any type, from sound ones: what no sound publisher would send.

Owns the classes of attack. Input: a sound message as CDR. Output: what comes instead, as CDR.
Must not import ROS or torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from rosbags.interfaces import Nodetype

from world_model_ros.wire.cdr import decode, encode, typestore

_FLOATS = (np.nan, np.inf, -np.inf, 1e300, -1e300, 3.5e38, 5e-324, -0.0, 1e6, -1.0)
_TEXTS = (
    '', ' ', 'left', 'right', 'a.b::c', 'größe', '名', '16UC1', '32FC1', 'rgb8', 'yuv422_yuy2',
    'bayer_rggb8', 'mono16', '8UC3', 'jpeg', '16UC1; compressedDepth rvl',
    '32FC1; compressedDepth', 'x' * 300, '../../etc', '%s%n',
)  # fmt: skip
_WHOLE = {
    'uint8': (0, 255), 'uint16': (0, 65535), 'uint32': (0, (1 << 32) - 1),
    'uint64': (0, (1 << 64) - 1), 'int8': (-128, 127), 'int16': (-(1 << 15), (1 << 15) - 1),
    'int32': (-(1 << 31), (1 << 31) - 1), 'int64': (-(1 << 63), (1 << 63) - 1),
}  # fmt: skip
MAX_LENGTH = 80  # of a sequence that an attack makes


class Leaf(NamedTuple):
    """One field of a message, however deep."""

    owner: Any
    name: str
    node: Nodetype
    base: str  # float64, string, ...; '' for a sequence of messages
    length: int  # of an array of fixed size


def leaves(message: Any, type_name: str) -> Iterator[Leaf]:
    """All fields of a message that hold numbers, texts or sequences."""
    for name, (node, of) in typestore().fielddefs[type_name][1]:
        if node == Nodetype.NAME:
            yield from leaves(getattr(message, name), of)
        elif node == Nodetype.BASE:
            yield Leaf(message, name, node, of[0], 0)
        else:
            (inner, element), count = of
            if inner == Nodetype.BASE:
                yield Leaf(message, name, node, element[0], count)
            else:
                for part in getattr(message, name):
                    yield from leaves(part, element)
                yield Leaf(message, name, node, '', count)


def _changed(
    rng: np.random.Generator, type_name: str, cdr: bytes, wanted: Callable[[Leaf], bool],
    change: Callable[[np.random.Generator, Leaf], Any],
) -> bytes:  # fmt: skip
    """The message with one to three fields of a sort changed."""
    message = decode(type_name, cdr)
    fitting = [leaf for leaf in leaves(message, type_name) if wanted(leaf)]
    for _ in range(int(rng.integers(1, 4)) if fitting else 0):
        leaf = fitting[int(rng.integers(len(fitting)))]
        setattr(leaf.owner, leaf.name, change(rng, leaf))
    return encode(type_name, message)


def _bits(rng: np.random.Generator, type_name: str, cdr: bytes) -> bytes:
    content = bytearray(cdr)
    for _ in range(int(rng.integers(1, 9))):
        content[int(rng.integers(len(content)))] = int(rng.integers(256))
    return bytes(content)


def _cut(rng: np.random.Generator, type_name: str, cdr: bytes) -> bytes:
    return cdr[: int(rng.integers(len(cdr)))]


def _longer(rng: np.random.Generator, type_name: str, cdr: bytes) -> bytes:
    return cdr + rng.bytes(int(rng.integers(1, 40)))


def _noise(rng: np.random.Generator, type_name: str, cdr: bytes) -> bytes:
    return cdr[: int(rng.choice([0, 4, 12]))] + rng.bytes(int(rng.integers(200)))


def _not_finite(rng: np.random.Generator, type_name: str, cdr: bytes) -> bytes:
    def change(rng: np.random.Generator, leaf: Leaf) -> Any:
        with np.errstate(over='ignore'):
            if leaf.node == Nodetype.BASE:
                return float(np.dtype(leaf.base).type(rng.choice(_FLOATS)))
            numbers = np.array(getattr(leaf.owner, leaf.name))
            if numbers.size:
                numbers[rng.integers(numbers.size, size=3)] = rng.choice(_FLOATS)
            return numbers

    return _changed(rng, type_name, cdr, lambda leaf: leaf.base.startswith('float'), change)


def _whole_numbers(rng: np.random.Generator, type_name: str, cdr: bytes) -> bytes:
    """Heights, widths, steps, offsets and stamps."""

    def change(rng: np.random.Generator, leaf: Leaf) -> Any:
        low, high = _WHOLE[leaf.base]
        some = [low, high, 0, 1, 2, 31, 32, 33, 64, 4096, int(rng.integers(low, high >> 1))]
        value = min(max(int(some[int(rng.integers(len(some)))]), low), high)
        if leaf.name == 'nanosec':
            return value % (1 << 32)
        return value

    return _changed(
        rng, type_name, cdr,
        lambda leaf: leaf.node == Nodetype.BASE and leaf.base in _WHOLE, change,
    )  # fmt: skip


def _lengths(rng: np.random.Generator, type_name: str, cdr: bytes) -> bytes:
    """Sequences of another length."""

    def change(rng: np.random.Generator, leaf: Leaf) -> Any:
        old, length = getattr(leaf.owner, leaf.name), int(rng.integers(MAX_LENGTH))
        if leaf.base in ('', 'string'):
            return [old[i % len(old)] for i in range(length)] if len(old) else old
        return np.resize(old, length) if len(old) else np.zeros(length, leaf.base)

    return _changed(rng, type_name, cdr, lambda leaf: leaf.node == Nodetype.SEQUENCE, change)


def _texts(rng: np.random.Generator, type_name: str, cdr: bytes) -> bytes:
    """Names of joints, encodings, frames and formats."""

    def change(rng: np.random.Generator, leaf: Leaf) -> Any:
        def text() -> str:
            return _TEXTS[int(rng.integers(len(_TEXTS)))]

        if leaf.node == Nodetype.BASE:
            return text()
        return [text() for _ in range(int(rng.integers(6)))]

    return _changed(rng, type_name, cdr, lambda leaf: leaf.base == 'string', change)


def _big_endian(rng: np.random.Generator, type_name: str, cdr: bytes) -> bytes:
    message = decode(type_name, cdr)
    return bytes(typestore().serialize_cdr(message, type_name, little_endian=False))


def _sound(rng: np.random.Generator, type_name: str, cdr: bytes) -> bytes:
    return cdr


Attack = Callable[[np.random.Generator, str, bytes], bytes]
ATTACKS: dict[str, Attack] = {
    'sound': _sound,
    'bits': _bits,
    'cut': _cut,
    'longer': _longer,
    'noise': _noise,
    'not finite': _not_finite,
    'whole numbers': _whole_numbers,
    'lengths': _lengths,
    'texts': _texts,
    'big endian': _big_endian,
}


def attacked(
    rng: np.random.Generator, type_name: str, cdr: bytes, share: float
) -> tuple[str, bytes]:
    """A class of attack, drawn, and what it makes of a sound message; `share` are attacked."""
    if rng.random() >= share:
        return 'sound', cdr
    name = list(ATTACKS)[int(rng.integers(len(ATTACKS)))]
    return name, ATTACKS[name](rng, type_name, cdr)
