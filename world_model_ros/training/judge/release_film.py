# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A short film of a held-out episode: what was recorded beside what the model predicted.

Five seconds, open loop, in the robot's own time. The line between the two turns red where the
model sees no more. A picture for people; the figures are useful_horizon.py's.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from PIL import Image

from world_model_ros.contract import Contract
from world_model_ros.families.protocol import DecodingWorldModel, WorldModel
from world_model_ros.training.data.segments import Rows, split
from world_model_ros.training.judge.open_loop import LONGEST_PIECE
from world_model_ros.training.judge.strips import (
    CONTEXT,
    OPEN_LOOP,
    imagine_strip,
    keep_newest,
)

LONGEST_SEC = 5.0
MOST_TICKS, MOST_FRAMES = 250, 64  # a robot that ticks faster is shown at every second tick, ...
HEIGHT_PX = 128  # at most; a browser enlarges small ones
LINE_PX = 4  # between the two
SEEN, UNSEEN = (160, 160, 160), (220, 40, 40)  # RGB of the line
QUALITY, EFFORT = 75, 2  # of WebP: some 100 kB


def draw_film(model: WorldModel, contract: Contract, rows: Rows, target: Path) -> bool:
    """Write an animated WebP; False if the episode is too short, or no picture is predicted."""
    names = [s.name for s in contract.image_streams if _coloured(rows[f'obs_{s.name}'])]
    longest = max((len(piece['reward']) for piece in split(rows, LONGEST_PIECE)), default=0)
    ticks = min(longest - CONTEXT, round(LONGEST_SEC / contract.period_s), MOST_TICKS)
    if not names or ticks < OPEN_LOOP or not isinstance(model, DecodingWorldModel):
        return False
    made = imagine_strip(model, rows, ticks)
    if made is None or names[0] not in made[1]:
        return False
    came, predicted = (streams[names[0]] for streams in made)
    every = math.ceil(len(came) / MOST_FRAMES)
    frames = [_frame(came[k], predicted[k], k) for k in range(0, len(came), every)]
    target.parent.mkdir(parents=True, exist_ok=True)
    frames[0].save(
        target,
        format='WEBP',
        save_all=True,
        append_images=frames[1:],
        duration=max(1, round(1e3 * every * contract.period_s)),
        loop=0,
        quality=QUALITY,
        method=EFFORT,
    )
    keep_newest(target)
    return True


def _coloured(pictures: np.ndarray) -> bool:
    return pictures.dtype == np.uint8 and pictures.shape[-1] == 3


def _frame(recorded: np.ndarray, predicted: np.ndarray, tick: int) -> Image.Image:
    line: np.ndarray = np.zeros((recorded.shape[0], LINE_PX, 3), np.uint8)
    line[:] = SEEN if tick < CONTEXT else UNSEEN
    image = Image.fromarray(np.concatenate([recorded, line, predicted], 1))
    if image.height > HEIGHT_PX:
        width = round(image.width * HEIGHT_PX / image.height)
        image = image.resize((width, HEIGHT_PX), Image.Resampling.BILINEAR)
    return image
