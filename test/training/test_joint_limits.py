# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which joints the exported planner keeps inside of the box of their commands."""

from __future__ import annotations

from world_model_ros.contract import find_robot, load_contract
from world_model_ros.training.export.graph_modules import joint_limits


class _Blind:
    """Does not say where joints are."""


class _Sees(_Blind):
    """Says it."""

    def decode_vectors(self, belief):
        return {}


def test_joints_are_limited_where_positions_are_commanded_and_the_model_says_where_they_are():
    arm = load_contract(find_robot('unfriendly_arm'))
    limits = joint_limits(_Sees(), arm)
    assert sorted(a for rows in limits.joints.values() for a, _ in rows) == list(range(7))
    for name, rows in limits.joints.items():
        names = arm.stream(name).names
        assert all(names[place % len(names)] == arm.action.names[a] for a, place in rows)
    assert limits.tolerance == arm.groups[0].box_tolerance
    assert joint_limits(_Blind(), arm) is None
    assert joint_limits(_Sees(), load_contract(find_robot('reacher'))) is None
