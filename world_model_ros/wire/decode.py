# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From a serialised message to the array of its stream, whatever its kind.

Owns the error that every refusal is, with its remedy, and what holds for the arrays of a plug-in:
whatever foreign code raises or returns, the tick gets a checked array or that error. Must not
import ROS, torch or the bundle.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from world_model_ros.contract.kinds import plugin_of, stream_kind

if TYPE_CHECKING:
    from world_model_ros.contract import Stream

Decoder = Callable[[bytes], np.ndarray]
Merger = Callable[[Sequence[bytes]], np.ndarray]
MAX_REASON = 300  # characters of what foreign code raised


class StreamError(ValueError):
    """A message that cannot become the stream's array."""

    def __init__(self, stream: str, expected: str, got: str, remedy: str) -> None:
        super().__init__(f'stream {stream!r}: expected {expected}, got {got}; {remedy}')


def decoder(stream: Stream) -> Decoder:
    """What decodes the messages of a stream; found once, so that a tick looks nothing up.

    It raises StreamError for a message that cannot become the array, and nothing else.
    """
    kind = stream_kind(stream.kind)
    if plugin_of(kind):
        return partial(_checked, partial(kind.decode, stream), stream, plugin_of(kind))
    if kind.missing:
        return partial(_missing, stream, kind.missing)
    return partial(kind.decode, stream)


def merger(stream: Stream) -> Merger:
    """What decodes the messages of a stream that comes in parts: (messages, newest first)."""
    kind = stream_kind(stream.kind)
    if plugin_of(kind):
        return partial(_checked, partial(kind.merge, stream), stream, plugin_of(kind))
    if kind.missing:
        return partial(_missing, stream, kind.missing)
    return partial(kind.merge, stream)


def decode_stream(stream: Stream, cdr: bytes) -> np.ndarray:
    """A serialised message of a stream as the array that the model sees.

    Raises:
        StreamError: it cannot become one.
    """
    return decoder(stream)(cdr)


def _missing(stream: Stream, why: str, _: object) -> np.ndarray:
    raise StreamError(
        stream.name, f'the kind {stream.kind!r}', why, 'install the plug-in that brings it'
    )


def _checked(
    decode: Callable[[Any], np.ndarray], stream: Stream, package: str, cdr: Any
) -> np.ndarray:
    """What a plug-in decodes, if it is what the contract describes."""
    whose = f'kind {stream.kind!r} of package {package}'
    try:
        array = decode(cdr)
    except StreamError:
        raise
    except ValueError as problem:  # the message's fault, as the kind says
        raise StreamError(
            stream.name, f'a message that {whose} can decode', str(problem)[:MAX_REASON],
            'check the publisher',
        ) from problem  # fmt: skip
    except Exception as problem:  # a fault of foreign code must not end the tick
        raise StreamError(
            stream.name,
            f'an array of {whose}',
            f'{type(problem).__name__}: {problem}'[:MAX_REASON],
            'repair that package',
        ) from problem  # fmt: skip
    kind = stream_kind(stream.kind)
    if not isinstance(array, np.ndarray) or array.dtype != kind.dtype:
        got = str(array.dtype) if isinstance(array, np.ndarray) else type(array).__name__
        raise StreamError(stream.name, f'{kind.dtype} of {whose}', got, 'repair that package')
    if array.shape != tuple(stream.shape):
        raise StreamError(
            stream.name, f'shape {list(stream.shape)} of {whose}', f'{list(array.shape)}',
            'correct the stream in the contract, or repair that package',
        )  # fmt: skip
    if kind.form == 'vector' and not np.isfinite(array).all():
        raise StreamError(
            stream.name, f'finite numbers of {whose}', f'{array.tolist()}'[:MAX_REASON],
            'check the sensor and its driver',
        )  # fmt: skip
    return array
