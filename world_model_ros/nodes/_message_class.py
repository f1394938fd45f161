# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From the name of a message type, as contracts and bags write it, to its rclpy class."""

from __future__ import annotations

import importlib


def message_class(type_name: str) -> type:
    """The rclpy class of `package/msg/Name`.

    Raises:
        ValueError: this ROS installation has no such type; one line with the remedy.
    """
    package, _, name = type_name.split('/')
    try:
        found: type = getattr(importlib.import_module(f'{package}.msg'), name)
    except (ImportError, AttributeError) as error:
        raise ValueError(
            f'no message type {type_name} is installed here ({error}): install the ROS package '
            f'{package}'
        ) from error
    return found
