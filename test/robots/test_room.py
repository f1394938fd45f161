# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Rooms of the base: nothing overlaps, every post can be reached, whatever the seed."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings

from world_model_ros.robots.bodies.room import (
    COLOURS,
    PASSAGE_M,
    POST_RADIUS_M,
    ROBOT_RADIUS_M,
    ROOM_HALF_M,
    START_M,
    START_TO_POST_M,
    draw_layout,
    gaps_m,
)
from world_model_ros.robots.bodies.room_path import Way, drive_along

SEEDS = st.integers(0, 2**32 - 1)
EXACT = 1e-9


@given(SEEDS)
@settings(max_examples=60, deadline=None)
def test_nothing_overlaps_and_the_robot_passes_between_any_two_things(seed):
    layout = draw_layout(np.random.default_rng(seed))
    discs = layout.discs
    for i, (x, y, radius) in enumerate(discs):
        rest = np.delete(discs, i, axis=0)
        assert gaps_m(np.array([x, y]), rest) - radius >= PASSAGE_M - EXACT
    start = layout.start[:2]
    assert gaps_m(start, discs) - ROBOT_RADIUS_M >= START_M - EXACT
    to_posts = np.linalg.norm(layout.posts - start, axis=1) - POST_RADIUS_M - ROBOT_RADIUS_M
    assert to_posts.min() >= START_TO_POST_M - EXACT
    assert np.abs(layout.posts).max() < ROOM_HALF_M


@given(SEEDS)
@settings(max_examples=6, deadline=None)
def test_every_post_can_be_reached_by_a_way_that_is_no_shorter_than_the_straight_line(seed):
    layout = draw_layout(np.random.default_rng(seed))
    for post in range(len(COLOURS)):
        left_m = Way(layout, post).from_m(layout.start[:2])
        straight = float(np.linalg.norm(layout.posts[post] - layout.start[:2]))
        assert straight - 0.6 < left_m < 30.0  # 0.6: the way ends beside the post; 30: soft edges


def test_the_same_seed_gives_the_same_room():
    one, two, other = (draw_layout(np.random.default_rng(seed)) for seed in (3, 3, 4))
    assert np.array_equal(one.discs, two.discs) and np.array_equal(one.start, two.start)
    assert not np.array_equal(one.discs, other.discs)


def test_a_driver_far_from_its_heading_turns_on_the_spot_and_else_drives():
    layout = draw_layout(np.random.default_rng(0))
    way = Way(layout, 0)
    x, y, _ = layout.start
    ahead = way.ahead(layout.start[:2], 0.35)
    heading = float(np.arctan2(ahead[1] - y, ahead[0] - x))
    straight, back = drive_along(way, (x, y, heading)), drive_along(way, (x, y, heading + 2.0))
    assert straight[0] > 0.4 and abs(straight[1]) < 0.2
    assert back[0] == 0.0 and back[1] == -1.5
