# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The simulated robot's messages as serialised bytes, without ROS.

`Env` sees its robot through the same bytes, decoder and assembly as the agent sees a driver.
Must not import mujoco, nodes, torch or rclpy.
"""

from __future__ import annotations

import numpy as np

from world_model_ros.robots.bodies import JointState
from world_model_ros.wire.cdr import IMAGE, JOINT_STATE, encode, typestore

_NS_PER_SEC = 1_000_000_000


def image_cdr(image: np.ndarray, t_ns: int, frame_id: str = '') -> bytes:
    """Serialise a picture uint8 [h, w, 3] as sensor_msgs/Image, rgb8."""
    height, width, channels = image.shape
    message = typestore().types[IMAGE](
        _header(t_ns, frame_id),
        height,
        width,
        'rgb8',
        0,
        width * channels,
        np.ascontiguousarray(image).reshape(-1),
    )
    return encode(IMAGE, message)


def joints_cdr(joints: dict[str, JointState], t_ns: int) -> bytes:
    """Serialise all joints as sensor_msgs/JointState."""
    columns = np.array(list(joints.values()), np.float64).reshape(-1, 3).T.copy()  # [3, J]
    return encode(
        JOINT_STATE, typestore().types[JOINT_STATE](_header(t_ns, ''), list(joints), *columns)
    )


def _header(t_ns: int, frame_id: str) -> object:
    types = typestore().types
    stamp = types['builtin_interfaces/msg/Time'](t_ns // _NS_PER_SEC, t_ns % _NS_PER_SEC)
    return types['std_msgs/msg/Header'](stamp, frame_id)
