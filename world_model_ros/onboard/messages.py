# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Serialised ROS messages (CDR) to Python objects, without ROS.

Owns the one decoder that the agent, the recorder's checks and the trainer share: the nodes
subscribe raw and hand over the bytes that also land in the bag, so both sides decode the same
bytes with the same code. Must not import rclpy or torch.
"""

from __future__ import annotations

import functools
import struct
import zlib
from typing import Any

from rosbags.serde import SerdeError
from rosbags.typesys import Stores, get_typestore

IMAGE = 'sensor_msgs/msg/Image'
JOINT_STATE = 'sensor_msgs/msg/JointState'

_NS_PER_SEC = 1_000_000_000
# Encapsulation kind -> layout of builtin_interfaces/Time, right behind the 4 bytes of the kind.
_STAMP = {b'\x00\x01': struct.Struct('<iI'), b'\x00\x00': struct.Struct('>iI')}


class MessageError(ValueError):
    """Bytes that are not the message they are said to be."""


@functools.cache
def typestore() -> Any:
    """All message types of ROS 2 Jazzy; built once (60 ms), so touch it before the first tick."""
    return get_typestore(Stores.ROS2_JAZZY)


def decode(type_name: str, cdr: bytes) -> Any:
    """The message in `cdr`. Arrays are read-only numpy views on it: nothing large is copied."""
    try:
        return typestore().deserialize_cdr(cdr, type_name)
    except SerdeError as error:
        raise MessageError(
            f'expected a {type_name}, got {len(cdr)} bytes that are none ({error})'
        ) from error


def encode(type_name: str, message: Any) -> bytes:
    """The CDR of a message object of the typestore."""
    return bytes(typestore().serialize_cdr(message, type_name))


def header_stamp_ns(cdr: bytes) -> int:
    """header.stamp of a message that begins with a std_msgs/Header, without decoding the rest."""
    layout = _STAMP.get(bytes(cdr[:2]))
    if layout is None or len(cdr) < 12:
        raise MessageError(f'expected a serialised message with a header, got {len(cdr)} bytes')
    sec, nanosec = layout.unpack_from(cdr, 4)
    return sec * _NS_PER_SEC + nanosec


def checksum(cdr: bytes) -> int:
    """What identifies a message in the tick record: CRC-32 over its bytes as received."""
    return zlib.crc32(cdr)
