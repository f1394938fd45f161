# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The dashboard beside real nodes: pictures, hands, a dead robot; nothing where nobody looks."""

from __future__ import annotations

import json
import struct
import threading
import time
from contextlib import contextmanager

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('onnxruntime')
pytest.importorskip('mujoco')
pytest.importorskip('uvicorn', reason='the page is in the extra "view"')

from robot_processes import Robot
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from world_model_ros.experience.read.labels import read_label

pytestmark = pytest.mark.ros
HEARD_OF = ('/agent/tick', '/camera/image_raw', '/guard/status')


class Viewer:
    """A page without a browser: a thread that keeps the newest of everything."""

    def __init__(self, address: str) -> None:
        page, _, token = address.partition('#token=')
        self._socket = connect(f'{page.replace("http", "ws")}live', max_size=None)
        self.token, self.state, self.pictures, self.answers = token, {}, {}, []
        self.samples: list[dict] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            for message in self._socket:
                if isinstance(message, str):
                    self.answers += [json.loads(message).get('answer')]
                    continue
                (size,) = struct.unpack('>I', message[:4])
                head, begin = json.loads(message[4 : 4 + size]), 4 + size
                for row in head['pictures']:
                    png = message[begin : begin + row['bytes']]
                    self.pictures.setdefault((row['what'], row['in_s']), set()).add(png)
                    begin += row['bytes']
                self.state = head['state']
                self.samples += head['samples']
        except ConnectionClosed:
            pass

    def send(self, **request) -> None:
        self._socket.send(json.dumps(request))

    def answered(self, what: str) -> bool:
        return any(row and row['done'] and row.get('what') == what for row in self.answers)

    def close(self) -> None:
        self._socket.close()
        self._thread.join()


@contextmanager
def looking(address: str):
    viewer = Viewer(address)
    try:
        yield viewer
    finally:
        viewer.close()


def first_label(episodes):
    """Of the episodes that are sealed; None as long as there is none."""
    sealed = [path for path in episodes.iterdir() if path.suffix != '.active']
    return next(filter(None, map(read_label, sealed)), None)


def test_a_robot_is_seen_stopped_and_missed(tmp_path, domain):
    with Robot(domain, tmp_path) as robot:
        robot.listen()
        file, episodes = tmp_path / 'address', tmp_path / 'episodes'
        robot.start('guard', contract='cartpole', use_sim_time=True)
        robot.start('recorder', contract='cartpole', directory=episodes, use_sim_time=True)
        robot.start(
            'agent',
            contract='cartpole',
            bundle='cartpole',
            use_sim_time=True,
            autostart=True,
        )
        robot.start('sim_robot', contract='cartpole')
        robot.start('dashboard', contract='cartpole', port=0, address_file=file)
        robot.until(file.is_file, 'an address')
        robot.until_recorder_hears_the_agent()

        def heard() -> list[str]:
            """Topics that the dashboard subscribes to; none where it is not discovered."""
            if 'dashboard' not in robot.node.get_node_names():
                return []
            rows = robot.node.get_subscriber_names_and_types_by_node('dashboard', '/')
            return [name for name, _ in rows]

        robot.until(lambda: 'dashboard' in robot.node.get_node_names(), 'the dashboard')
        assert not set(heard()) & set(HEARD_OF)  # nobody looks
        with looking(file.read_text().strip()) as viewer:
            # Pictures move, and the belief is the agent's own: the reward that it predicts for a
            # tick comes from the same graphs.
            for key in (('seen', 0), ('believed', 0), ('imagined', 1.0)):
                robot.until(lambda key=key: len(viewer.pictures.get(key, ())) > 3, f'{key}')
            robot.until(lambda: viewer.state['guard']['state'] == 'active', 'an acting robot')
            assert set(HEARD_OF) <= set(heard()) and viewer.state['alarms'] == []
            # Not of a tick that saw nothing, or is the first one.
            assert any(row['predicted'] is not None for row in viewer.samples)
            viewer.send(do='stop')
            robot.until(lambda: viewer.answers[-1], 'a refusal')
            assert 'looking only' in viewer.answers[-1]['words']
            viewer.send(token=viewer.token)
            viewer.send(do='success')
            robot.until(lambda: viewer.answered('success'), 'an outcome')
            label = robot.until(lambda: first_label(episodes), 'a label')
            assert label.outcome == 'success'
            viewer.send(do='stop')
            robot.until(lambda: viewer.answered('stop'), 'a stop')
            robot.until(lambda: viewer.state['guard']['stopped'], 'a stopped guard')
            sent = robot.until(lambda: robot.sent and robot.sent[-1][1] == 'stopped', 'rest')
            assert sent
            robot.kill('agent')
            killed_s = time.monotonic()

            def missed() -> bool:
                return any(row.startswith('agent: silent') for row in viewer.state['alarms'])

            robot.until(missed, 'a dead agent')
            assert time.monotonic() - killed_s < 4.0  # two seconds, on a machine that has time
        robot.until(lambda: not set(heard()) & set(HEARD_OF), 'that nobody looks')
        assert robot.end('dashboard') == 0
        assert not file.exists()
        assert viewer.token not in robot.logs()
