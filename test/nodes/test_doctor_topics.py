# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`doctor` on live topics: loss, rate, type and stamps, each with its remedy."""

from __future__ import annotations

import threading

import pytest

pytest.importorskip('rclpy')

import rclpy
from sensor_msgs.msg import JointState
from typer.testing import CliRunner

from world_model_ros.bringup.live_topics import Wanted
from world_model_ros.cli import main
from world_model_ros.contract import load_contract
from world_model_ros.nodes import _common
from world_model_ros.nodes._loss import LossWatch
from world_model_ros.nodes._probe import measure
from world_model_ros.onboard.agent.inputs import Inputs
from world_model_ros.onboard.tick.clock import WallTime
from world_model_ros.wire.cdr import IMAGE, JOINT_STATE

CONTRACT = load_contract('reacher')


def test_listens_to_a_live_topic(domain):
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=domain)
    node = rclpy.create_node('driver', context=context)
    publisher = node.create_publisher(JointState, 'arm/joint_states', _common.RELIABLE_QOS)
    clock, end = WallTime(), threading.Event()

    def publish():
        while not end.wait(0.02):
            message = JointState(name=['a'], position=[0.0])
            message.header.stamp = _common.to_time(clock.now_ns() - 50_000_000)
            publisher.publish(message)

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        wanted = [Wanted('joint_states'), Wanted('camera', IMAGE)]
        joints, camera = measure(wanted, 1.0, namespace='arm', domain=domain)
    finally:
        end.set()
        thread.join()
        node.destroy_node()
        rclpy.try_shutdown(context=context)
    assert joints.topic == '/arm/joint_states' and joints.type == JOINT_STATE
    assert joints.messages > 10 and 10.0 < joints.rate_hz < 60.0
    assert 0.05 <= joints.offset_s < 0.2
    assert camera.messages == 0 and '/arm/camera has no publisher' in camera.absence


def test_one_thing_at_a_time():
    shown = CliRunner(env={'COLUMNS': '400'}).invoke(
        main.app, ['doctor', '--topic', 'a', '--contract', 'reacher']
    )
    assert shown.exit_code == 2


def test_losses_of_the_last_seconds_are_told_until_they_have_passed():
    inputs, lost = Inputs(CONTRACT), {'camera': 7, 'joints': 0}
    watch = LossWatch(CONTRACT, inputs, lost)
    assert watch.look() == ''  # what was lost before is not news
    inputs.received['camera'] += 20
    lost['camera'] += 5
    text = watch.look()
    assert '20 % of camera/image_raw is lost' in text and 'fastdds_large_messages.xml' in text
    for _ in range(6):
        inputs.received['camera'] += 25
        text = watch.look()
    assert text == ''


def test_a_few_lost_joint_messages_are_nothing_to_act_on():
    inputs, lost = Inputs(CONTRACT), {'joints': 0}
    watch = LossWatch(CONTRACT, inputs, lost)
    watch.look()
    inputs.received['joints'] += 50
    lost['joints'] += 2
    assert watch.look() == ''
    lost['joints'] += 30
    assert 'too busy' in watch.look()
