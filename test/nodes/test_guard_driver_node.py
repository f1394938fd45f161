# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The guard's process before an arm that faults, whose brakes are put on, or that sticks."""

from __future__ import annotations

import time

import numpy as np
import pytest

rclpy = pytest.importorskip('rclpy')

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.executors import SingleThreadedExecutor
from std_msgs.msg import Bool, String

from world_model_ros.bench.chaos.driven_arm import driven_arm
from world_model_ros.contract import parse_contract
from world_model_ros.contract.driver_section import BOOL, DIAGNOSTICS
from world_model_ros.contract.schema import Driver
from world_model_ros.nodes import _common
from world_model_ros.nodes._boundary import Boundary
from world_model_ros.nodes._driver_fault import DriverFault
from world_model_ros.nodes._robot_description import RobotDescription
from world_model_ros.nodes.load.guard_stage import GuardStage
from world_model_ros.onboard.guard import Guard

pytestmark = pytest.mark.ros


@pytest.fixture
def stage(tmp_path, domain):
    path = tmp_path / 'robot.yaml'
    path.write_text(driven_arm(cameras=False))
    stage = GuardStage(tmp_path, path, domain, simulated=False)
    yield stage
    stage.close()


def acts(stage):
    return str(stage.guard.get('source')).startswith('chunk')


def insist(stage, call):
    """What is refused for a passing reason is granted soon."""
    answers = []

    def granted():
        answers.append(call())
        return answers[-1][0]

    stage.until(granted, f'an answer that grants: {answers[-1:]}')


def acts_again(stage):
    """Released for as long as positions that a busy machine brings late stop it again."""
    if stage.guard.get('source') == 'stopped':
        stage.trigger('guard/release_stop')
    return acts(stage)


def test_the_driver_stops_the_agent_and_after_the_release_it_acts_on(stage):
    commands = []
    stage.on_command = lambda *command: commands.append(command[4])
    stage.agent.plan = 'smooth'
    insist(stage, lambda: stage.activate(''))
    stage.until(lambda: acts(stage), 'an agent that acts')

    # The brakes: stopped, not to be released while they are on, then on from where it is.
    assert stage.trigger('hardware_stop')[0]
    stage.until(lambda: 'unfriendly_arm/fault is true' in stage.guard['stop_reason'], 'a stop')
    ok, text = stage.trigger('guard/release_stop')
    assert not ok and 'unfriendly_arm/fault is true' in text
    here = stage.driver['position']
    stage.until(
        lambda: np.all(np.abs(commands[-1] - here) <= 0.05 + 1e-6), 'a command where the arm is'
    )
    assert stage.trigger('hardware_release')[0]
    insist(stage, lambda: stage.trigger('guard/release_stop'))
    stage.until(lambda: acts_again(stage), 'an agent that acts again')

    # A joint sticks: named, stopped, kept on disk.
    stage.set(stuck='j3')
    stage.until(lambda: 'following_error' in stage.guard['stop_reason'], 'a stop')
    assert stage.guard['stop_reason'].startswith('j3 is at ')
    kept = (stage.folder / 'state').glob
    stage.until(lambda: any('j3 is at' in p.read_text() for p in kept('guard-*')), 'it on disk')
    stage.set(stuck='')
    insist(stage, lambda: stage.trigger('guard/release_stop'))
    stage.until(lambda: acts_again(stage), 'an agent that acts again')
    assert stage.driver['fault'] == '' and stage.driver['fault_count'] == 0
    steps = np.abs(np.diff(np.array(commands), axis=0))
    assert np.all(steps <= 1.0 / 60.0 + 1e-6)  # rad in a command period: never a jump


@pytest.fixture
def node(domain):
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=domain)
    node = rclpy.create_node('guard', context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)
    node.turn = executor.spin_once
    yield node
    executor.shutdown(timeout_sec=1.0)
    node.destroy_node()
    rclpy.try_shutdown(context=context)


class Reports:
    """What DriverFault says of the messages of a driver."""

    def __init__(self, node, kind, qos=_common.RELIABLE_QOS, **driver):
        self.node, self.told = node, []
        self.driver = node.create_publisher(kind, 'driver/fault', qos)
        about = Driver(**{'fault_topic': 'driver/fault', 'fault_type': BOOL, **driver})
        DriverFault(node, about, Boundary(node), self.told.append)

    def until(self, done, *messages):
        give_up_s = time.monotonic() + 30.0
        while not done(self.told):
            assert time.monotonic() < give_up_s, self.told
            for message in messages:
                self.driver.publish(message)
            self.node.turn(timeout_sec=0.02)
        return self.told


def test_a_bool_is_a_fault_when_the_contract_says_so_and_silence_is_one(node):
    reports = Reports(node, Bool, fault_when=False, fault_max_age_s=0.3)
    assert 'has said nothing yet' in reports.told[0]
    reports.until(lambda told: told[-1] == '', Bool(data=True))
    reports.until(lambda told: 'is false' in told[-1], Bool(data=False))
    reports.until(lambda told: told[-1] == '', Bool(data=True))
    reports.until(lambda told: 'silent for longer than 0.3 s' in told[-1])
    assert len(reports.told) == 5  # each change once


def test_a_latched_topic_that_was_published_once_is_heard(node):
    before = node.create_publisher(Bool, 'driver/fault', _common.LATCHED_QOS)
    before.publish(Bool(data=False))
    reports = Reports(node, Bool, _common.LATCHED_QOS, fault_max_age_s=0.0)
    reports.until(lambda told: told[-1] == '')


def test_a_status_of_diagnostics_is_found_by_its_name(node):
    reports = Reports(node, DiagnosticArray, fault_type=DIAGNOSTICS, fault_name='arm')

    def status(level, name='arm'):
        found = DiagnosticStatus(name=name, level=level, message='too hot')
        return DiagnosticArray(status=[DiagnosticStatus(name='other', level=b'\x02'), found])

    reports.until(lambda told: told[-1] == '', status(DiagnosticStatus.WARN))
    told = reports.until(lambda told: told[-1] != '', status(DiagnosticStatus.STALE))
    assert "'arm'" in told[-1] and 'too hot' in told[-1]


def test_limits_of_robot_description_are_waited_for_and_kept(node):
    text = driven_arm(cameras=False, robot_description='robot_description')
    contract = parse_contract(text)
    guard = Guard(contract)
    described = RobotDescription(node, contract, guard, Boundary(node))
    assert '/robot_description has not been heard' in described.apply()
    publisher = node.create_publisher(String, 'robot_description', _common.LATCHED_QOS)
    limit = '<limit lower="-0.5" upper="0.5" velocity="0.4" effort="1"/>'
    joints = [f'<joint name="{n}" type="revolute">{limit}</joint>' for n in contract.action.names]

    def says(joints, done):
        publisher.publish(String(data=f'<robot name="arm">{"".join(joints)}</robot>'))
        give_up_s = time.monotonic() + 30.0
        while not done(described.apply()):
            assert time.monotonic() < give_up_s
            node.turn(timeout_sec=0.02)

    says(joints[:-1], lambda problem: 'it limits no joint j7' in problem)
    assert described.box == ((), ())
    says(joints, lambda problem: problem == '')
    assert described.box == ((-0.5,) * 7, (0.5,) * 7)
    assert guard.limits.high.tolist() == [0.5] * 7 and guard.limits.rate.tolist() == [0.4] * 7
