# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Real beside imagined as a film or a strip, for people.

A red border grows on the imagined picture as the model leaves what was recorded. Must not import
ROS or torch.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from world_model_ros.experience.read.video import CODECS
from world_model_ros.imagined.compare import Comparison
from world_model_ros.imagined.recorded_beliefs import ImaginedError, pictures_of

HEIGHT_PX = 256  # of a picture in a film; small ones are enlarged
LINE_PX, GAP_PX = 20, 8
COLUMNS = 12  # of a strip
STRIP_PX = 96
BORDER_SHARE = 0.06  # of a picture's height, where nothing is known any more
_FONT, _WHITE, _RED = cv2.FONT_HERSHEY_SIMPLEX, (255, 255, 255), (60, 60, 255)  # BGR


def write_film(found: Comparison, output: Path, stream: str = '') -> int:
    """Write recorded | imagined at the control rate, by the suffix; returns the frames.

    Raises:
        ImaginedError: there is no such picture, or this OpenCV cannot write it.
    """
    name = picture_stream(found, stream)
    if output.suffix not in CODECS:
        raise ImaginedError(f'{output}: the suffix must be one of {", ".join(CODECS)}')
    frames = [_frame(found, name, k) for k in range(len(found.observed))]
    height, width = frames[0].shape[:2]
    codec = cv2.VideoWriter.fourcc(*CODECS[output.suffix])
    rate = 1.0 / found.contract.period_s
    film = cv2.VideoWriter(str(output), codec, rate, (width, height))
    if not film.isOpened():
        raise ImaginedError(f'{output}: cannot be written; try .avi, and a folder that exists')
    for frame in frames:
        film.write(frame)
    film.release()
    return len(frames)


def write_strip(found: Comparison, output: Path, stream: str = '') -> int:
    """Write a PNG, recorded above imagined, COLUMNS ticks evenly spread; returns the columns.

    Raises:
        ImaginedError: there is no such picture, or the file cannot be written.
    """
    name = picture_stream(found, stream)
    count = len(found.observed)
    rows = np.unique(np.linspace(0, count - 1, min(COLUMNS, count)).round().astype(int))
    columns = []
    for k in rows.tolist():
        pair = [_shown(picture, STRIP_PX) for picture in _pair(found, name, k)]
        _border(pair[1], float(found.fade[k]))
        seconds = (k + 1) * found.contract.period_s
        columns.append(np.concatenate([_words(f'+{seconds:.2f} s', pair[0].shape[1]), *pair], 0))
    if output.suffix != '.png' or not cv2.imwrite(str(output), np.concatenate(columns, 1)):
        raise ImaginedError(f'{output}: cannot be written; give a .png in a folder that exists')
    return len(columns)


def picture_stream(found: Comparison, stream: str) -> str:
    """The picture to show: the one named, or the first.

    Raises:
        ImaginedError: there is none, or the bundle cannot draw.
    """
    names = pictures_of(found.contract)
    name = stream or (names[0] if names else '')
    if name not in names:
        raise ImaginedError(
            f'no picture {name!r}: robot {found.contract.name!r} has {", ".join(names) or "none"}'
        )
    if name not in found.imagined:
        raise ImaginedError('the bundle has no decode: nothing that it imagines can be drawn')
    return name


def _pair(found: Comparison, name: str, k: int) -> tuple[np.ndarray, np.ndarray]:
    recorded = found.recorded[name][k]
    return recorded if found.observed[k] else np.zeros_like(recorded), found.imagined[name][k]


def _frame(found: Comparison, name: str, k: int) -> np.ndarray:
    left, right = (_shown(picture, HEIGHT_PX) for picture in _pair(found, name, k))
    _border(right, float(found.fade[k]))
    gap: np.ndarray = np.zeros((left.shape[0], GAP_PX, 3), np.uint8)
    both = np.concatenate([left, gap, right], 1)
    seconds = (k + 1) * found.contract.period_s
    return np.concatenate(
        [
            _words(f'recorded | imagined   +{seconds:.2f} s', both.shape[1]),
            both,
            _words(
                f'reward {found.recorded_reward[k]:.2f} | {found.imagined_reward[k]:.2f}   '
                f'distance {found.distance[k]:.2f}',
                both.shape[1],
            ),
        ],
        0,
    )


def _shown(picture: np.ndarray, height: int) -> np.ndarray:
    """A picture in BGR, enlarged."""
    scale = max(1, round(height / picture.shape[0]))
    shown = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
    return np.ascontiguousarray(shown[..., ::-1])


def _border(picture: np.ndarray, fade: float) -> None:
    """Draw the border: nothing where the model knows what it shows."""
    width = round(float(np.nan_to_num(fade)) * BORDER_SHARE * picture.shape[0])
    for side in (picture[:width], picture[picture.shape[0] - width :]):
        side[:] = _RED
    for side in (picture[:, :width], picture[:, picture.shape[1] - width :]):
        side[:] = _RED


def _words(text: str, width: int) -> np.ndarray:
    line: np.ndarray = np.zeros((LINE_PX, width, 3), np.uint8)
    cv2.putText(line, text, (4, LINE_PX - 6), _FONT, 0.4, _WHITE, 1, cv2.LINE_AA)
    return line
