# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Positions to hold, from a robot that publishes its joints in parts."""

import numpy as np

from world_model_ros.contract import load_contract
from world_model_ros.onboard.guard.joint_positions import JointPositions

FIRST, SECOND = ['j4', 'j2', 'j3', 'j1'], ['j5', 'j6', 'j7', 'finger']


def positions():
    return JointPositions(load_contract('unfriendly_arm'))


def test_parts_on_one_topic_make_one_position():
    held = positions()
    assert held.topics == ('joint_states',)
    held.take(FIRST, [0.4, 0.2, 0.3, 0.1], 10.0)
    assert held.at(10.0) is None
    held.take(SECOND, [0.5, 0.6, 0.7, 9.0], 10.01)
    np.testing.assert_allclose(held.at(10.02), [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])


def test_one_part_that_ends_makes_the_whole_unknown():
    held = positions()
    held.take(FIRST, [0.0] * 4, 10.0)
    for i in range(20):
        held.take(SECOND, [0.0] * 4, 10.0 + 0.01 * i)
    assert held.at(10.19) is None


def test_a_message_without_positions_changes_nothing():
    held = positions()
    held.take(FIRST, [0.0] * 4, 10.0)
    held.take(SECOND, [0.0] * 4, 10.0)
    held.take(FIRST, [], 10.02)
    np.testing.assert_array_equal(held.at(10.02), np.zeros(7))
    assert held.at(10.06) is None
