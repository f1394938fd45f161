# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Serialised messages for the tests of onboard/."""

import numpy as np

from world_model_ros.wire.cdr import IMAGE, JOINT_STATE, encode, typestore

TYPES = typestore().types
BYTES_PER_PIXEL = {'mono8': 1, 'rgba8': 4, 'bgra8': 4}


def header(stamp_ns, frame='base'):
    sec, nanosec = divmod(stamp_ns, 1_000_000_000)
    stamp = TYPES['builtin_interfaces/msg/Time'](sec=sec, nanosec=nanosec)
    return TYPES['std_msgs/msg/Header'](stamp=stamp, frame_id=frame)


def image_message(stamp_ns=0, picture=None, encoding='rgb8', padding=0, **changes):
    """A picture [h, w, channels] as a message; `padding` bytes of 77 end each row."""
    if picture is None:
        picture = np.arange(72, dtype=np.uint8).reshape(4, 6, 3)
    height, width = picture.shape[:2]
    rows = np.ascontiguousarray(picture).reshape(height, -1)
    data = np.pad(rows, ((0, 0), (0, padding)), constant_values=77)
    fields = {
        'header': header(stamp_ns),
        'height': height,
        'width': width,
        'encoding': encoding,
        'is_bigendian': 0,
        'step': data.shape[1],
        'data': data.reshape(-1),
    }
    return TYPES[IMAGE](**{**fields, **changes})


def image_cdr(*args, **kwargs):
    return encode(IMAGE, image_message(*args, **kwargs))


def joints_message(
    stamp_ns=0,
    names=('shoulder', 'wrist'),
    position=(0.1, 0.2),
    velocity=(1.0, 2.0),
    effort=(),
    frame='base',
):
    return TYPES[JOINT_STATE](
        header=header(stamp_ns, frame),
        name=list(names),
        position=np.array(position, float),
        velocity=np.array(velocity, float),
        effort=np.array(effort, float),
    )


def joints_cdr(*args, **kwargs):
    return encode(JOINT_STATE, joints_message(*args, **kwargs))
