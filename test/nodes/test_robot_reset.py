# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The driver's reset as the agent calls it: what it answers reaches the next episode, or none."""

from __future__ import annotations

import json
import threading
from types import SimpleNamespace

import pytest

rclpy = pytest.importorskip('rclpy')

from rclpy.executors import SingleThreadedExecutor
from std_srvs.srv import Trigger

from world_model_ros.contract import find_robot, load_contract
from world_model_ros.nodes._agent_topics import AgentTopics
from world_model_ros.nodes._robot_reset import RobotReset
from world_model_ros.onboard.agent.inputs import Inputs

pytestmark = pytest.mark.ros
NOW_NS = 77
BASE = load_contract(find_robot('diff_drive'))
YELLOW = {'red': 0.0, 'green': 0.0, 'blue': 0.0, 'yellow': 1.0}


@pytest.fixture
def driver(domain):
    """A driver whose next answer the test writes, and the agent's half of the call."""
    rclpy.init(domain_id=domain)
    node, executor, warnings = rclpy.create_node('driver'), SingleThreadedExecutor(), []
    answer = SimpleNamespace(success=True, message='')

    def on_reset(_request, response):
        response.success, response.message = answer.success, answer.message
        return response

    node.create_service(Trigger, 'reset', on_reset)
    executor.add_node(node)
    thread = threading.Thread(target=executor.spin)
    thread.start()
    inputs = Inputs(BASE)
    reset = RobotReset(node, lambda: NOW_NS, warnings.append)
    topics = SimpleNamespace(_reset=reset, _inputs=inputs)
    yield SimpleNamespace(
        answer=answer,
        warnings=warnings,
        task=inputs.begin_task,
        call=lambda: AgentTopics.reset_robot(topics),
    )
    executor.shutdown()
    thread.join()
    node.destroy_node()
    rclpy.shutdown()


def test_the_task_of_an_answer_is_that_of_the_next_episode(driver):
    driver.answer.message = json.dumps({'stamp_ns': 5, 'task': YELLOW})
    assert driver.call() == 5 and driver.task() == YELLOW
    driver.answer.message = 'at home'
    assert driver.call() == NOW_NS and driver.task() == YELLOW
    assert not driver.warnings


@pytest.mark.parametrize('task', [{'yellow': 1.0}, {**YELLOW, 'red': 7.0}, 'yellow'])
def test_no_episode_begins_with_a_task_that_the_contract_does_not_have(driver, task):
    before = driver.task()
    driver.answer.message = json.dumps({'stamp_ns': 5, 'task': task})
    assert driver.call() is None and driver.task() == before
    [said] = driver.warnings
    assert 'reset' in said and 'no episode begins' in said


def test_a_reset_that_is_refused_is_named_with_its_reason(driver):
    driver.answer.success, driver.answer.message = False, 'all 3 episodes are demonstrated'
    assert driver.call() is None
    assert 'all 3 episodes are demonstrated' in driver.warnings[0]
