# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Kinds of streams whose messages begin with a std_msgs/Header, as those of sensors do.

A kind of one message type with a header says only which numbers of the message are its array.
Must not import ROS, torch or the bundle.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from world_model_ros.contract.stream_kind import StreamKind
from world_model_ros.wire.cdr import (
    MessageError,
    decode_padded,
    encode,
    header_stamp_ns,
    typestore,
)
from world_model_ros.wire.decode import StreamError

if TYPE_CHECKING:
    from world_model_ros.contract import Stream
    from world_model_ros.contract.problems import Section

_NS_PER_SEC = 1_000_000_000
MAX_FLOAT32 = 3.4e38


class StampedKind(StreamKind):
    """A kind whose messages carry their time in header.stamp."""

    @abstractmethod
    def array(self, stream: Stream, message: Any) -> np.ndarray:
        """The array of a message with the fields of `message_type`.

        Raises:
            ValueError: the message cannot become it.
        """

    @abstractmethod
    def message(self, stream: Stream, array: np.ndarray, header: Any) -> Any:
        """The message, of the typestore's class, of an array."""

    def stamp_ns(self, cdr: bytes) -> int:
        """header.stamp, without decoding the rest."""
        return header_stamp_ns(cdr)

    def decode(self, stream: Stream, cdr: bytes) -> np.ndarray:
        """A serialised message as the array of the stream."""
        return self.array(stream, self.whole(stream, cdr))

    def whole(self, stream: Stream, cdr: bytes) -> Any:
        """The message itself; StreamError for bytes that are none."""
        try:
            return decode_padded(self.type_of(stream), cdr)
        except MessageError as problem:
            raise StreamError(
                stream.name,
                f'a whole message on {stream.topic}',
                str(problem),
                'check the type of the topic and its transport',
            ) from problem

    def encode(self, stream: Stream, array: np.ndarray, t_ns: int) -> bytes:
        """The serialised message of an array."""
        header = stamped_header(t_ns, optical_frame(stream) if self.form == 'picture' else '')
        return encode(self.type_of(stream), self.message(stream, array, header))


def refusal(stream: Stream, field: str, expected: str, got: str, remedy: str) -> StreamError:
    """A message of which one field cannot be used; names the topic as well."""
    return StreamError(stream.name, f'{expected} in {field} on {stream.topic}', got, remedy)


def read_unstamped(section: Section, message_type: str) -> None:
    """Note a stream without `stamp: receive` whose messages have no header."""
    if section.get('stamp', 'header') == 'header':
        section.note(
            'stamp',
            section.get('stamp', 'header'),
            f'receive for {message_type}, which has no header',
            'write stamp: receive: the time of arrival counts',
        )


def finite(stream: Stream, values: Sequence[float], labels: Sequence[str]) -> np.ndarray:
    """Numbers as float32 [n].

    Raises:
        StreamError: one is not finite, or would not be as float32; with its label.
    """
    for value, label in zip(values, labels, strict=True):
        if not abs(value) < MAX_FLOAT32:
            raise refusal(
                stream, label, 'a finite number', f'{value}', 'check the sensor and its driver'
            )
    return np.array(values, np.float32)


def optical_frame(stream: Stream) -> str:
    """The frame_id of a simulated camera."""
    return f'{stream.name}_optical'


def stamped_header(t_ns: int, frame_id: str) -> Any:
    """A std_msgs/Header of the typestore."""
    types = typestore().types
    stamp = types['builtin_interfaces/msg/Time'](t_ns // _NS_PER_SEC, t_ns % _NS_PER_SEC)
    return types['std_msgs/msg/Header'](stamp, frame_id)
