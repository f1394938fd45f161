# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What one tick saw: arrays by stream, and the messages that they came from. Only data."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

NO_CHECKSUM = -1  # outside CRC-32: no message was used


class MessageId(NamedTuple):
    """What finds a message in a recording."""

    stamp_ns: int
    checksum: int


@dataclass(slots=True)
class StreamSample:
    """Which message a stream contributed to a tick, and whether it counts.

    A stream in parts may take several: this one is the newest, `parts` are the others, and the age
    is that of the oldest.
    """

    stamp_ns: int
    checksum: int
    fresh: bool  # False: the tick before used the same message
    age_s: float
    valid: bool
    error: str
    blamed: str = ''  # another stream that is to blame for the error
    parts: tuple[MessageId, ...] = ()

    @property
    def messages(self) -> tuple[MessageId, ...]:
        """All messages, newest first: each name has the value of the first that holds it."""
        return (MessageId(self.stamp_ns, self.checksum), *self.parts)


@dataclass(slots=True)
class Observation:
    """What one tick saw. A stream that could not be decoded has no entry in `arrays`."""

    t_ns: int
    arrays: dict[str, np.ndarray]
    ages: np.ndarray  # float32 [S], seconds, in the contract's order of streams
    samples: dict[str, StreamSample]  # of the streams that have messages
    valid: bool

    @property
    def decoded(self) -> bool:
        """Whether there is an array of every stream that has messages."""
        return all(name in self.arrays for name in self.samples)

    @property
    def crc(self) -> int:
        """CRC-32 over all arrays in the contract's order: what a rebuilt tick is held to."""
        total = 0
        for array in self.arrays.values():
            total = zlib.crc32(np.ascontiguousarray(array).data, total)
        return total
