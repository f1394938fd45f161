# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A simulated robot that becomes another one once it has acted for a while."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('mujoco')

from world_model_ros.nodes.sim_robot import SimRobotNode

STEP_NS = 20_000_000


def node(later='shifted'):
    return SimpleNamespace(
        _wake=threading.Condition(),
        _later=later,
        _later_ns=3 * STEP_NS,
        _acted_ns=0,
        _step_ns=STEP_NS,
        _timed_out=False,
        _new_reality=None,
    )


def step(robot, times):
    for _ in range(times):
        SimRobotNode._note_acting(robot)


def test_only_the_time_in_which_it_is_commanded_counts():
    robot = node()
    step(robot, 2)
    robot._timed_out = True
    step(robot, 10)
    assert robot._new_reality is None
    robot._timed_out = False
    step(robot, 1)
    assert (robot._new_reality, robot._later) == ('shifted', None)


def test_it_changes_once():
    robot = node()
    step(robot, 3)
    robot._new_reality = None  # taken by the simulation
    step(robot, 10)
    assert robot._new_reality is None
