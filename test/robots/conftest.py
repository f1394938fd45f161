# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One simulated robot for all tests of a module, which names it in `ROBOT`."""

import pytest

from world_model_ros.robots import make_env


@pytest.fixture(scope='module')
def env(request):
    """The robot; each test begins with a reset."""
    env = make_env(request.module.ROBOT, 0)
    yield env
    env.close()


@pytest.fixture
def body(env):
    env.set_reality(None)
    env.reset(10_000)
    return env.robot.body
