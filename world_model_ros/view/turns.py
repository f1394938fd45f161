# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Angles that wrap, as curves: without a jump of a whole turn where nothing jumped."""

from __future__ import annotations

import numpy as np

from world_model_ros.contract import Stream
from world_model_ros.contract.kinds import stream_kind


def near(stream: Stream, values: np.ndarray, other: np.ndarray) -> np.ndarray:
    """The values [n] of a stream, angles that wrap in the turn next to another value's."""
    other = np.ravel(other)
    turned: np.ndarray = other + stream_kind(stream.kind).difference(stream, values, other)
    return turned
