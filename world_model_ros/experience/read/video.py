# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An episode as a film for people: the picture of each tick, its number, action and reward.

Shows the arrays that the agent used, not the raw topic. Must not import ROS or torch.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from world_model_ros.contract import Contract
from world_model_ros.experience.bag import EpisodeError
from world_model_ros.experience.read.reader import EpisodeReader
from world_model_ros.experience.read.rebuild import RebuiltTick, rebuild

CODECS = {'.mp4': 'mp4v', '.avi': 'MJPG'}
MIN_WIDTH_PX = 384  # small pictures are enlarged, or no text would fit
LINE_PX = 18
_FONT = cv2.FONT_HERSHEY_SIMPLEX
_WHITE = (255, 255, 255)
_RED = (60, 60, 255)  # BGR


def export_video(
    episode: Path | str | EpisodeReader,
    output: Path | str,
    *,
    stream: str = '',
    contract: Contract | None = None,
) -> int:
    """Write one frame per tick at the control rate; returns the number of frames."""
    reader = episode if isinstance(episode, EpisodeReader) else EpisodeReader(episode)
    contract = contract or reader.contract
    images = [s.name for s in contract.image_streams]
    name = stream or (images[0] if images else '')
    if name not in images:
        raise EpisodeError(
            f'{reader.file}: no image stream {name!r}; there is {", ".join(images) or "none"}'
        )
    output = Path(output)
    if output.suffix not in CODECS:
        raise EpisodeError(f'{output}: the suffix must be one of {", ".join(CODECS)}')
    height, width = contract.stream(name).shape[:2]
    scale = max(1, -(-MIN_WIDTH_PX // width))
    lines = 2 + contract.action_dim
    size = (width * scale, height * scale + LINE_PX * lines + 6)
    film = cv2.VideoWriter(
        str(output), cv2.VideoWriter.fourcc(*CODECS[output.suffix]), 1.0 / contract.period_s, size
    )
    if not film.isOpened():
        raise EpisodeError(f'{output}: this OpenCV cannot write {output.suffix}; try .avi')
    frames = 0
    total = 0.0
    try:
        for tick in rebuild(reader, contract):
            total += 0.0 if np.isnan(tick.record.reward) else tick.record.reward
            film.write(_frame(tick, name, size, scale, total))
            frames += 1
    finally:
        film.release()
    return frames


def _frame(
    tick: RebuiltTick, stream: str, size: tuple[int, int], scale: int, total: float
) -> np.ndarray:
    record = tick.record
    canvas: np.ndarray = np.zeros((size[1], size[0], 3), np.uint8)
    image = tick.observation.arrays.get(stream) if tick.observation else None
    if image is not None:
        shown = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
        canvas[: shown.shape[0]] = shown[..., ::-1]
    text = [
        f'tick {record.tick}  {record.source}{"" if record.valid else "  INVALID"}',
        f'reward {record.reward:.3f}  return {total:.2f}',
    ]
    text += [
        f'{joint}: sent {sent:+.4g}  asked {asked:+.4g}'
        for joint, sent, asked in zip(record.joints, record.sent, record.asked, strict=True)
    ]
    top = size[1] - LINE_PX * len(text)
    for number, line in enumerate(text):
        color = _RED if number == 0 and not tick.usable else _WHITE
        place = (4, top + LINE_PX * number + 8)
        cv2.putText(canvas, line, place, _FONT, 0.42, color, 1, cv2.LINE_AA)
    return canvas
