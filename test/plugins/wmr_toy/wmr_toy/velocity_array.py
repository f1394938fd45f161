# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A kind of command: speeds as std_msgs/Float64MultiArray with a label for each joint."""

from __future__ import annotations

import numpy as np

from world_model_ros.contract import Action
from world_model_ros.contract.command_kind import CommandKind
from world_model_ros.wire.cdr import FLOATS, decode, encode, typestore


class VelocityArrayKind(CommandKind):
    """Speeds that are matched by the labels of the array's dimensions."""

    unit = 'rad/s or m/s'
    message_types = (FLOATS,)

    def encode(self, action: Action, t_ns: int, values: np.ndarray) -> bytes:
        """One number and one label for each joint."""
        types = typestore().types
        dimension = types['std_msgs/msg/MultiArrayDimension']
        layout = types['std_msgs/msg/MultiArrayLayout'](
            [dimension(name, 1, 1) for name in action.names], 0
        )
        return encode(FLOATS, types[FLOATS](layout, np.array(values, np.float64)))

    def decode(self, action: Action, cdr: bytes) -> np.ndarray | None:
        """The speeds by label; None where a joint has none."""
        message = decode(FLOATS, cdr)
        labels = [dimension.label for dimension in message.layout.dim]
        given = dict(zip(labels, message.data, strict=False))
        if not all(name in given for name in action.names):
            return None
        values = np.array([given[name] for name in action.names], np.float64)
        return values if np.isfinite(values).all() else None
