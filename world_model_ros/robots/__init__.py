# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Simulated robots. May import contract and onboard; never nodes, torch or rclpy."""

from world_model_ros.robots.bodies import BodyError
from world_model_ros.robots.env import Env, EnvError, Step, make_env
from world_model_ros.robots.reality import (
    NOMINAL,
    Reality,
    RealityError,
    load_ranges,
    load_reality,
    parse_ranges,
    parse_reality,
    sample_reality,
)
from world_model_ros.robots.simulated_robot import SimRobot

__all__ = [
    'NOMINAL',
    'BodyError',
    'Env',
    'EnvError',
    'Reality',
    'RealityError',
    'SimRobot',
    'Step',
    'load_ranges',
    'load_reality',
    'make_env',
    'parse_ranges',
    'parse_reality',
    'sample_reality',
]
