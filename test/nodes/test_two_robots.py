# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Two different robots in two namespaces of one machine do not hear each other."""

from __future__ import annotations

import json

import pytest

rclpy = pytest.importorskip('rclpy')
pytest.importorskip('onnx')
pytest.importorskip('mujoco')

import robot_processes
from std_msgs.msg import String

from world_model_ros.contract import find_robot, load_contract
from world_model_ros.nodes import _common

pytestmark = pytest.mark.ros


def test_two_robots_in_two_namespaces_act_apart(tmp_path, domain):
    episodes = {}
    with robot_processes.Robot(domain, tmp_path) as robot:
        for name in ('reacher', 'cartpole'):
            contract = load_contract(find_robot(name))
            clock = f'/clock:=/{name}_cell/clock'
            where = {'namespace': f'{name}_cell', 'contract': name}
            bundle = robot_processes.tiny_bundle(tmp_path, contract)
            robot.start('sim_robot', clock, **where)
            robot.start('guard', clock, use_sim_time=True, **where)
            robot.start('agent', clock, use_sim_time=True, robot_id=name, bundle=bundle, **where)
            robot.listen(f'{name}_cell')
            robot.node.create_subscription(
                String,
                f'/{name}_cell/agent/episode',
                lambda m: episodes.update({json.loads(m.data)['uuid']: json.loads(m.data)}),
                _common.LATCHED_QOS,
            )
        for name in ('reacher', 'cartpole'):
            robot.activate(f'{name}_cell')

        def acting():
            return {
                t.joints
                for t in robot.ticks
                if t.tick > 20 and episodes.get(t.episode, {}).get('acting')
            }

        robot.until(lambda: len(acting()) == 2, 'both act')
        assert acting() == {('shoulder', 'wrist'), ('cart',)}
        assert {e['robot_id'] for e in episodes.values()} == {'reacher', 'cartpole'}
        for tick in robot.ticks:
            wanted = 'cartpole' if tick.joints == ('cart',) else 'reacher'
            assert episodes.get(tick.episode, {'robot_id': wanted})['robot_id'] == wanted
        assert all(process.poll() is None for process in robot.processes.values())
