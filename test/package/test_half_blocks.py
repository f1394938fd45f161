# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures in a terminal, and the line that says when the robot was knocked."""

from __future__ import annotations

import io
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from world_model_ros.telemetry.half_blocks import (
    MOST_COLUMNS,
    ROWS,
    TALL,
    WIDE,
    fits,
    framed,
    half_blocks,
)
from world_model_ros.telemetry.robot_view import NodeStatus, RobotView
from world_model_ros.telemetry.terminal import draw, knock_line


def terminal(width=WIDE, height=TALL, colours='truecolor', is_terminal=True):
    return Console(
        file=io.StringIO(),
        force_terminal=is_terminal,
        color_system=colours,
        width=width,
        height=height,
        legacy_windows=False,
        _environ={},
    )


def printed(console, what):
    console.print(what)
    return console.file.getvalue()


def test_a_block_has_the_pixel_above_and_the_pixel_below():
    picture = np.zeros((2, 2, 3), np.uint8)
    picture[0, 0], picture[1, 0], picture[0, 1], picture[1, 1] = (
        (255, 0, 0), (0, 255, 0), (0, 0, 255), (9, 8, 7)
    )  # fmt: skip
    text = half_blocks(picture, rows=1)
    assert text.plain == '▀▀'
    colours = [
        (tuple(span.style.color.triplet), tuple(span.style.bgcolor.triplet)) for span in text.spans
    ]
    assert colours == [((255, 0, 0), (0, 255, 0)), ((0, 0, 255), (9, 8, 7))]
    assert '\x1b[38;2;255;0;0;48;2;0;255;0m▀' in printed(terminal(), text)


@given(st.integers(1, 300), st.integers(1, 300))
def test_any_picture_fits_into_its_place(height, width):
    lines = half_blocks(np.full((height, width, 3), 7, np.uint8)).plain.split('\n')
    assert 1 <= len(lines) <= ROWS and len({len(line) for line in lines}) == 1
    assert 1 <= len(lines[0]) <= MOST_COLUMNS


@pytest.mark.parametrize(
    'array', [np.zeros((4, 4)), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)]
)
def test_what_is_no_picture_is_refused(array):
    with pytest.raises(ValueError, match=r'expected a picture uint8 \[h, w, 3\]'):
        half_blocks(array)


def test_pictures_are_left_out_where_a_terminal_cannot_show_them():
    assert fits(terminal()) == 'beside'
    assert fits(terminal(width=WIDE - 1)) == 'below'
    assert fits(terminal(width=WIDE - 1, height=TALL - 1)) == ''
    assert fits(terminal(colours=None)) == fits(terminal(colours='standard')) == ''
    assert fits(terminal(is_terminal=False)) == ''


@pytest.mark.parametrize('place', ['beside', 'below'])
def test_seen_and_believed_stand_in_the_live_view(place):
    grey = np.full((64, 64, 3), 99, np.uint8)
    pictures = {'seen': grey, 'believed': 'no model acts yet'}
    parts = 'title', RobotView(), [], 1.0, 'episodes', 0.04, None
    text = printed(terminal(), draw(*parts, pictures, place))
    assert 'seen' in text and 'no model acts yet' in text
    assert text.count('▀') == 2 * ROWS * ROWS
    assert '▀' not in printed(terminal(), draw(*parts, pictures, ''))
    assert framed({'seen': 'none'}).row_count == 1


def test_a_robot_that_became_another_one_says_when():
    view = RobotView()
    assert knock_line(view, 1.0) == ''
    view.hear('sim_robot', NodeStatus(0, 'commanded', {'reality': 'nominal'}))
    assert view.change is None
    values = {'reality': 'shifted_reacher', 'changed_ns': '30000000000'}
    view.hear('sim_robot', NodeStatus(0, 'commanded', values))
    assert knock_line(view, 31.0) == 'at 00:31, 0 s ago: shifted_reacher'
    view.tick = SimpleNamespace(t_ns=42_000_000_000)
    assert knock_line(view, 73.0) == 'at 01:01, 12 s ago: shifted_reacher'


@pytest.mark.parametrize('stamp', ['', '-1', 'x', '1e9', '9' * 30])
def test_a_stamp_that_is_none_is_no_change(stamp):
    view = RobotView()
    view.hear('other', NodeStatus(0, '', {'changed_ns': stamp}))
    assert view.change is None
