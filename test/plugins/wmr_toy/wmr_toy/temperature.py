# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A kind of stream: sensor_msgs/Temperature as one number in kelvin or degrees Celsius."""

from __future__ import annotations

from typing import Any

import numpy as np

from world_model_ros.contract import Stream
from world_model_ros.contract.problems import Problems, Section
from world_model_ros.wire.cdr import typestore
from world_model_ros.wire.kinds.stamped import StampedKind

ZERO_CELSIUS_K = 273.15
OFFSET_K = {'kelvin': ZERO_CELSIUS_K, 'celsius': 0.0}  # messages are in degrees Celsius


class TemperatureKind(StampedKind):
    """One thermometer; the key `scale` says what the model sees."""

    message_type = 'sensor_msgs/msg/Temperature'
    keys = ('scale',)

    def read(self, section: Section, problems: Problems) -> dict[str, Any]:
        """Read `scale`."""
        scale = section.choice('scale', tuple(OFFSET_K), 'kelvin')
        return {'shape': (1,), 'options': (('scale', scale),)}

    def words(self, stream: Stream) -> str:
        """In which unit."""
        return f'a temperature in {dict(stream.options)["scale"]}'

    def labels(self, stream: Stream) -> list[str]:
        """One number."""
        return [dict(stream.options)['scale']]

    def array(self, stream: Stream, message: Any) -> np.ndarray:
        """The temperature [1]."""
        offset = OFFSET_K[dict(stream.options)['scale']]
        return np.array([message.temperature + offset], np.float32)

    def message(self, stream: Stream, array: np.ndarray, header: Any) -> Any:
        """A message without a known variance."""
        offset = OFFSET_K[dict(stream.options)['scale']]
        return typestore().types[self.message_type](header, float(array[0]) - offset, 0.0)
