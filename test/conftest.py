# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Settings of every test, before anything is imported, and what each worker runs.

With several workers (`pytest -n 3`) the nodes that act in real time run in one of them, one test
after the other, and everything else in the others at a lower priority. So these nodes run as on a
machine of their own, and their waiting time is used.
"""

import os
import signal
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import settings

# mujoco reads this when it is first imported; DDS when the first node starts.
os.environ.setdefault('MUJOCO_GL', 'egl')
os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
# torch reads this when it is imported; threads that share cores cost ten times the work.
os.environ['OMP_NUM_THREADS'] = '1'
# The tests start hundreds of processes: they compile our code once, and not each for itself.
os.environ.pop('PYTHONDONTWRITEBYTECODE', None)
sys.dont_write_bytecode = False
# A shell's background job ignores Ctrl+C, and so would every process that a test starts.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)

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

# Groups of pytest-xdist; one worker runs all of a group. Every other file is a group of its own.
# A test with nodes is of the first, unless it is marked xdist_group('patient'): it waits for what
# happens, however long that takes, and its robot keeps no time or simulated time.
REAL_TIME, PATIENT = 'ros', 'patient'
NICE = 10  # of whatever is not in the first group


def group_of(item: pytest.Item) -> str:
    """The group of pytest-xdist that a test belongs to."""
    given = item.get_closest_marker('xdist_group')
    if given is not None:
        return given.args[0]
    return REAL_TIME if item.get_closest_marker('ros') else item.nodeid.split('::')[0]


@pytest.hookimpl(tryfirst=True)  # pytest-xdist reads the groups in the same hook
def pytest_collection_modifyitems(items):
    """Give every test its group; the groups that take longest begin first."""
    first = {REAL_TIME: 0, PATIENT: 1}

    def turn(item: pytest.Item) -> int:
        return first.get(group_of(item), 2 if 'test/training/' in item.nodeid else 3)

    items.sort(key=turn)
    for item in items:
        if item.get_closest_marker('xdist_group') is None:
            item.add_marker(pytest.mark.xdist_group(group_of(item)))


def pytest_runtest_setup(item):
    """Other workers give way to the nodes in real time; they get none of those after that."""
    if 'PYTEST_XDIST_WORKER' in os.environ and group_of(item) != REAL_TIME:
        os.nice(max(0, NICE - os.getpriority(os.PRIO_PROCESS, 0)))


@pytest.fixture(scope='session', autouse=True)
def _shared(tmp_path_factory):
    """Where all workers of this run and their processes share what is made once."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if 'PYTEST_XDIST_WORKER' in os.environ else base) / 'shared'
    folder.mkdir(exist_ok=True)
    os.environ['WORLD_MODEL_TEST_SHARED'] = str(folder)


@pytest.fixture
def domain():
    """A DDS domain of this test's own, also of the processes and benchmarks that it starts."""
    import ros_domain

    # Not the test's monkeypatch: that must end before other fixtures do.
    with ros_domain.claimed() as number, pytest.MonkeyPatch.context() as monkeypatch:
        for name in ('ROS_DOMAIN_ID', 'WORLD_MODEL_BENCH_DOMAIN'):
            monkeypatch.setenv(name, str(number))
        yield number


@pytest.fixture(autouse=True)
def _own_domain(request):
    """Whatever a test with nodes starts stays in a domain of its own."""
    if request.node.get_closest_marker('ros'):
        request.getfixturevalue('domain')
