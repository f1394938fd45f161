# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Kinds of streams whose messages begin with a std_msgs/Header, as those of sensors do.

A kind of one message type with a header says only which numbers of the message are its array.
Must not import ROS, torch or the bundle.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from world_model_ros.contract.stream_kind import StreamKind
from world_model_ros.wire.cdr import MessageError, decode, encode, header_stamp_ns, typestore
from world_model_ros.wire.decode import StreamError

if TYPE_CHECKING:
    from world_model_ros.contract import Stream

_NS_PER_SEC = 1_000_000_000


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
            return decode(self.message_type, cdr)
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
        return encode(self.message_type, self.message(stream, array, header))


def optical_frame(stream: Stream) -> str:
    """The frame_id of a simulated camera."""
    return f'{stream.name}_optical'


def stamped_header(t_ns: int, frame_id: str) -> Any:
    """A std_msgs/Header of the typestore."""
    types = typestore().types
    stamp = types['builtin_interfaces/msg/Time'](t_ns // _NS_PER_SEC, t_ns % _NS_PER_SEC)
    return types['std_msgs/msg/Header'](stamp, frame_id)
