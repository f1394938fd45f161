# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Serialised ROS messages (CDR) to Python objects, without ROS.

Owns the one decoder that the agent, the recorder's checks and the trainer share: the nodes
subscribe raw and hand over the bytes that also land in the bag, so both sides decode the same
bytes with the same code. Must not import rclpy or torch.
"""

from __future__ import annotations

import contextlib
import functools
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from rosbags.interfaces import Nodetype
from rosbags.serde import SerdeError
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

HEADER = 'std_msgs/msg/Header'
IMAGE = 'sensor_msgs/msg/Image'
JOINT_STATE = 'sensor_msgs/msg/JointState'
FLOATS = 'std_msgs/msg/Float64MultiArray'
COMPRESSED_IMAGE = 'sensor_msgs/msg/CompressedImage'
# Not among the common interfaces: known here, so that it can be recorded, read and tested.
GRIPPER = 'control_msgs/msg/GripperCommand'
_GRIPPER_FIELDS = 'float64 position\nfloat64 max_effort\n'

_NS_PER_SEC = 1_000_000_000
# Encapsulation kind -> layout of builtin_interfaces/Time, right behind the 4 bytes of the kind.
_STAMP = {b'\x00\x01': struct.Struct('<iI'), b'\x00\x00': struct.Struct('>iI')}


_COUNT = {b'\x00\x01': struct.Struct('<I'), b'\x00\x00': struct.Struct('>I')}
_HEADER_BYTES = 12
# What rclpy's serialize_message leaves behind a message, by experiment: bags written with it.
PADDING_BYTES = (4, 8, 12)
MAX_JOINTS = 1024  # in one message; more is a damaged length


class MessageError(ValueError):
    """Bytes that are not the message they are said to be."""


@functools.cache
def typestore() -> Any:
    """All message types of ROS 2 Jazzy; built once (60 ms), so touch it before the first tick."""
    store = get_typestore(Stores.ROS2_JAZZY)
    store.register(get_types_from_msg(_GRIPPER_FIELDS, GRIPPER))
    return store


def blank(type_name: str) -> Any:
    """A message of a type: numbers are zero, texts and sequences empty."""
    _, fields = typestore().fielddefs[type_name]
    return typestore().types[type_name](*(_zero(kind, of) for _, (kind, of) in fields))


def _zero(kind: Nodetype, of: Any) -> Any:
    if kind == Nodetype.NAME:
        return blank(of)
    if kind == Nodetype.BASE:
        return {'string': '', 'bool': False}.get(of[0], 0.0 if of[0].startswith('float') else 0)
    (inner, element), count = of
    if inner == Nodetype.BASE and element[0] != 'string':
        return np.zeros(count if kind == Nodetype.ARRAY else 0, element[0])
    return [_zero(inner, element) for _ in range(count if kind == Nodetype.ARRAY else 0)]


def decode_padded(type_name: str, cdr: bytes) -> Any:
    """As `decode`; takes also what rclpy's serialize_message made, which adds bytes."""
    try:
        return decode(type_name, cdr)
    except MessageError:
        for count in PADDING_BYTES:
            with contextlib.suppress(MessageError):
                return decode(type_name, cdr[:-count])
        raise  # the first refusal is about the whole message


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


def has_header(type_name: str) -> bool:
    """Whether messages of a type begin with a std_msgs/Header; False for an unknown type."""
    _, fields = typestore().fielddefs.get(type_name, ((), ()))
    return bool(fields) and fields[0][1][1] == HEADER


def joint_names(cdr: bytes) -> Iterator[str]:
    """The names of a sensor_msgs/JointState one by one, without decoding its numbers.

    Raises:
        MessageError: the bytes are no such message; at the name that is damaged, not before.
    """
    layout = _COUNT.get(bytes(cdr[:2]))
    if layout is None:
        raise MessageError(f'expected a serialised JointState, got {len(cdr)} bytes')
    at = _HEADER_BYTES  # the length of frame_id follows kind and stamp
    try:
        at = _aligned(at + 4 + layout.unpack_from(cdr, at)[0])
        (count,) = layout.unpack_from(cdr, at)
        if count > MAX_JOINTS:
            raise MessageError(f'expected at most {MAX_JOINTS} joints, got {count}')
        at += 4
        for _ in range(count):
            (length,) = layout.unpack_from(cdr, at)
            text = bytes(cdr[at + 4 : at + 4 + length])
            if not length or len(text) != length:
                raise MessageError(f'expected a name of {length} bytes, got {len(text)}')
            yield text[:-1].decode('utf-8', 'replace')
            at = _aligned(at + 4 + length)
    except struct.error as error:
        raise MessageError(f'expected a whole JointState, got {len(cdr)} bytes') from error


def _aligned(at: int) -> int:
    """The next place of a 4-byte number; counted from behind the 4 bytes of the kind."""
    return (at + 3) & ~3


def checksum(cdr: bytes) -> int:
    """What identifies a message in the tick record: CRC-32 over its bytes as received."""
    return zlib.crc32(cdr)
