# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`doctor` on live topics: loss, rate, type and stamps, each with its remedy."""

from __future__ import annotations

import math
import sys
import threading
from pathlib import Path

import pytest

pytest.importorskip('rclpy')
sys.path.insert(0, str(Path(__file__).parents[1] / 'onboard'))

import numpy as np
import rclpy
from onboard_messages import image_cdr, joints_cdr
from sensor_msgs.msg import JointState
from typer.testing import CliRunner

from world_model_ros.cli import main
from world_model_ros.cli._doctor_topics import Expected, expected_of, judge
from world_model_ros.contract import load_contract
from world_model_ros.nodes import _common
from world_model_ros.nodes._loss import LossWatch
from world_model_ros.nodes._probe import Measured, Wanted, measure
from world_model_ros.onboard.agent.inputs import Inputs
from world_model_ros.onboard.tick.clock import WallTime
from world_model_ros.wire.cdr import IMAGE, JOINT_STATE

CONTRACT = load_contract('reacher')
CAMERA, JOINTS = expected_of(CONTRACT)
VGA = image_cdr(picture=np.zeros((480, 640, 3), np.uint8))


def measured(kind=IMAGE, messages=126, newest=(), **changes):
    """Five seconds of a sound camera of 25 Hz."""
    fields = {'seconds': 5.0, 'largest_bytes': 921_600, 'offset_s': 0.01, **changes}
    got = Measured('/camera/image_raw', kind, messages, **fields)
    got.newest.extend(newest)
    return got


def test_a_sound_camera_is_well():
    finding = judge(CAMERA, measured())
    assert finding.ok and '25.00 Hz of 25 Hz' in finding.text and '0.0 % lost' in finding.text


@pytest.mark.parametrize(
    'expected, got, words',
    [
        (
            CAMERA,
            measured(messages=80, lost=46),
            ['36.5 % lost', 'FASTRTPS_DEFAULT_PROFILES_FILE'],
        ),
        (CAMERA, measured(messages=80, lost=46), ['fastdds_large_messages.xml', 'segment']),
        (CAMERA, measured(messages=63), ['driver sends 12.4 Hz', 'exposure']),
        (CAMERA, measured(offset_s=10_800.0), ['3.0 h before arrival', 'stamp: receive']),
        (CAMERA, measured(offset_s=-0.5), ['0.500 s after arrival', 'stamp: receive']),
        (CAMERA, measured(messages=0, absence='/x has no publisher'), ['/x has no publisher']),
        (CAMERA, measured(newest=[VGA]), ['640x480', 'fit: crop']),
        (JOINTS, measured(JOINT_STATE, 251, [joints_cdr(names=('a', 'b'))]), ["'shoulder'"]),
        (JOINTS, measured(JOINT_STATE, 200, lost=51), ['51 messages lost', 'too busy']),
    ],
)
def test_what_a_robot_cannot_run_with_is_bad_and_has_its_remedy(expected, got, words):
    finding = judge(expected, got)
    assert finding.ok is False and all(word in finding.text for word in words), finding.text


def test_lost_pictures_do_not_make_the_driver_slow():
    assert 'driver sends' not in judge(CAMERA, measured(messages=80, lost=46)).text


def test_parts_of_other_publishers_between_do_not_matter_nor_stamps_of_receive():
    parts = [joints_cdr(), joints_cdr(names=('finger', 'thumb'))]
    assert judge(JOINTS, measured(JOINT_STATE, 251, parts)).ok
    received = Expected('camera', 'c', IMAGE, 25.0, 0.1, stamped=False)
    assert judge(received, measured(offset_s=1e9)).ok
    assert judge(CAMERA, measured(offset_s=math.nan)).ok  # simulated time: not compared


def test_listens_to_a_live_topic():
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=89)
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
        joints, camera = measure(wanted, 1.0, namespace='arm', domain=89)
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
    shown = CliRunner().invoke(main.app, ['doctor', '--topic', 'a', '--contract', 'reacher'])
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
