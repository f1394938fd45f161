# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Settings of every test, before anything is imported: rendering, DDS, hypothesis, workers."""

import os
import sys
from pathlib import Path

import pytest
from hypothesis import settings

# mujoco reads this when it is first imported; DDS when the first node starts.
os.environ.setdefault('MUJOCO_GL', 'egl')
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'

# Processes of the tests find the helpers as the tests do (pythonpath in pyproject.toml).
HELPERS = [part for part in sys.path if Path(part).parent == Path(__file__).parent]
os.environ['PYTHONPATH'] = os.pathsep.join(
    dict.fromkeys([*HELPERS, *filter(None, [os.environ.get('PYTHONPATH')])])
)

# Machines are shared and slow at times; a deadline would test the machine, not the code.
settings.register_profile('default', deadline=None)
# CI must not fail today for an example that it did not draw yesterday; developers explore.
settings.register_profile('ci', deadline=None, derandomize=True)
settings.load_profile('ci' if os.environ.get('CI') else 'default')


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups in the same hook
def pytest_collection_modifyitems(items):
    """With several workers (pytest -n): who starts nodes shares one, so that they take turns.

    A file of the other tests stays together too, so that its fixtures are made once.
    """
    items.sort(key=lambda item: item.get_closest_marker('ros') is None)  # the longest begins first
    for item in items:
        own = 'ros' if item.get_closest_marker('ros') else str(Path(item.fspath))
        item.add_marker(pytest.mark.xdist_group(own))
