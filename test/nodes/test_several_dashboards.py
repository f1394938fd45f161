# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`world-model view` of two robots: one process, one server, a node in each namespace."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('uvicorn', reason='the page is in the extra "view"')

import robot_processes
from websockets.sync.client import connect

pytestmark = pytest.mark.ros
WITHIN_SEC = 120.0  # anything, on a busy machine


@pytest.fixture
def viewing(tmp_path, domain):
    """The process, and the address that it serves."""
    line = ['view', 'cartpole@left', 'reacher@cell/right', '--port', '0']
    process = subprocess.Popen(
        [sys.executable, '-m', 'world_model_ros.cli.main', *line],
        env={
            **os.environ,
            'HOME': str(tmp_path),  # where the address with the token is left
            'ROS_DOMAIN_ID': str(domain),
            'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        },
        cwd=robot_processes.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        said = []
        for words in process.stdout:
            said.append(words)
            if found := re.search(r'http://127\.0\.0\.1:\d+/', words):
                break
        else:
            pytest.fail(''.join(said))
        yield process, found[0]
    finally:
        process.kill()
        process.communicate()


def test_each_robot_has_its_page_and_its_node(viewing):
    process, address = viewing
    socket = address.replace('http', 'ws')
    for name, namespace, robot in (
        ('left', 'left', 'cartpole'),
        ('cell.right', 'cell/right', 'reacher'),
    ):
        with connect(f'{socket}robot/{name}/live', max_size=None) as viewer:
            about = json.loads(viewer.recv(timeout=WITHIN_SEC))['about']
            assert (about['namespace'], about['robot']) == (namespace, robot)
            assert 'stop' in about['hands']
            assert isinstance(viewer.recv(timeout=WITHIN_SEC), bytes)  # its thread works
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=WITHIN_SEC)
    assert process.returncode == 0
