# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Small pictures in a terminal: a half block has two pixels, its foreground and its background.

Arrays in, text out; where and whether they are shown is decided by `fits`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import cv2
import numpy as np
from rich.color import Color
from rich.console import Console, Group, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

ROWS = 12  # lines of a picture
MOST_COLUMNS = 32  # of one; a wide camera loses lines instead
# Beside the figures in a wide terminal, below them in a tall one.
WIDE, TALL = 140, 48
Place = Literal['', 'beside', 'below']


def fits(console: Console) -> Place:
    """Where pictures have room; '' in a terminal that is small or has few colours."""
    if not console.is_terminal or console.color_system not in ('256', 'truecolor'):
        return ''
    if console.width >= WIDE:
        return 'beside'
    return 'below' if console.height >= TALL else ''


def half_blocks(picture: np.ndarray, rows: int = ROWS, most_columns: int = MOST_COLUMNS) -> Text:
    """A picture uint8 [h, w, 3] in RGB as lines of half blocks, in its proportions.

    Raises:
        ValueError: it is no such picture.
    """
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
        raise ValueError(
            f'expected a picture uint8 [h, w, 3], got {picture.dtype} {list(picture.shape)}'
        )
    height, width = picture.shape[:2]
    columns = max(1, round(2 * rows * width / height))
    if columns > most_columns:
        columns = most_columns
        rows = max(1, round(columns * height / width / 2))
    small = cv2.resize(
        np.ascontiguousarray(picture), (columns, 2 * rows), interpolation=cv2.INTER_AREA
    )
    text = Text(no_wrap=True)
    for row in range(rows):
        for upper, lower in zip(small[2 * row], small[2 * row + 1], strict=True):
            style = Style(color=_colour(upper), bgcolor=_colour(lower))
            text.append('▀', style)
        if row + 1 < rows:
            text.append('\n')
    return text


def framed(pictures: Mapping[str, np.ndarray | str]) -> Table:
    """Pictures side by side below their names; a text says why there is none."""
    table = Table.grid(padding=(0, 2, 0, 0))
    cells: list[RenderableType] = []
    for name, picture in pictures.items():
        drawn = half_blocks(picture) if isinstance(picture, np.ndarray) else Text(picture, 'dim')
        table.add_column(width=None if isinstance(picture, np.ndarray) else MOST_COLUMNS)
        cells.append(Group(Text(name, 'bold'), drawn))
    table.add_row(*cells)
    return table


def _colour(pixel: np.ndarray) -> Color:
    red, green, blue = (int(value) for value in pixel)
    return Color.from_rgb(red, green, blue)
