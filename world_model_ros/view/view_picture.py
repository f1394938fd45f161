# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A picture of the page: PNG bytes, which stream it is of, and whether it was seen or made up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

What = Literal['seen', 'believed', 'imagined', 'rejected']
_QUICK = [cv2.IMWRITE_PNG_COMPRESSION, 1]  # of loopback there is plenty, of processor time not


@dataclass(frozen=True)
class Picture:
    """One picture."""

    stream: str
    what: What
    png: bytes
    in_s: float = 0.0  # how far ahead it is imagined


def picture_of(stream: str, what: What, array: np.ndarray, in_s: float = 0.0) -> Picture:
    """The picture of an array uint8 [h, w, 3] in RGB."""
    _, png = cv2.imencode('.png', np.ascontiguousarray(array[:, :, ::-1]), _QUICK)
    return Picture(stream, what, png.tobytes(), in_s)
