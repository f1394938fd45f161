# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the agent says while it waits: who publishes what, beside what the contract expects."""

from __future__ import annotations

import time

import pytest

rclpy = pytest.importorskip('rclpy')

from onboard_messages import image_cdr
from rclpy.node import Node
from sensor_msgs.msg import CompressedImage, Image, JointState

from world_model_ros.contract import load_contract
from world_model_ros.nodes._lacking import Lacking
from world_model_ros.onboard.agent.given_up import CALM, ERROR, WARN, GivenUp
from world_model_ros.onboard.agent.inputs import Inputs
from world_model_ros.onboard.agent.worker_state import Phase, State

pytestmark = pytest.mark.ros
CONTRACT = load_contract('reacher')
NOW_NS = 1_790_000_000 * 10**9
WAITING = State(Phase.WAITING_FOR_INPUTS)


@pytest.fixture
def node(domain):
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=domain)
    node = Node('waits', context=context)
    yield node
    node.destroy_node()
    rclpy.try_shutdown(context=context)


def waiting(node, kind, topic, words):
    """The text of an agent that waits while somebody publishes this, once it is discovered."""
    node.create_publisher(kind, topic, 1)
    lacking = Lacking(node, CONTRACT, Inputs(CONTRACT), {})
    give_up_s = time.monotonic() + 60.0
    while True:
        level, text = lacking.status(WAITING, GivenUp(print))
        if words in text or time.monotonic() > give_up_s:
            assert level == WARN and text.startswith(f'{WAITING.text}: ')
            return text


@pytest.mark.parametrize(
    'kind, topic, words, remedy',
    [
        (
            CompressedImage,
            'camera/image_raw/compressed',
            'only /camera/image_raw/c',
            'write topic: /camera/image_raw/c',
        ),
        (
            CompressedImage,
            'camera/image_raw',
            'has the type sensor_msgs/msg/Comp',
            'transport: compressed',
        ),
        (JointState, 'camera/image_raw', 'has the type sensor_msgs/msg/JointState', 'correct'),
        (Image, 'camera/image_raw', 'has a publisher, but no message came', 'driver runs'),
        (Image, 'cam/image', 'comes on /cam/image', 'correct the topic'),
        (JointState, 'arm/joint_states', 'comes on /arm/joint_states', 'correct the topic'),
    ],
)
def test_what_somebody_publishes_is_named_beside_what_is_expected(
    node, kind, topic, words, remedy
):
    text = waiting(node, kind, topic, words)
    assert words in text and remedy in text


def test_stamps_are_blamed_where_messages_come(node):
    inputs = Inputs(CONTRACT)
    inputs.start_after(NOW_NS)
    inputs.put_stream('camera', image_cdr(0), NOW_NS)
    _, text = Lacking(node, CONTRACT, inputs, {}).status(WAITING, GivenUp(print))
    assert 'stamped 0 ' in text and 'stamp: receive' in text and "stream 'joints'" in text


def test_an_error_names_the_type_of_the_topic_too_and_all_well_says_nothing(node):
    now = [0.0]
    given_up = GivenUp(print, lambda: now[0])
    inputs = Inputs(CONTRACT)
    lacking = Lacking(node, CONTRACT, inputs, {})
    assert lacking.status(State(Phase.RUNNING), given_up) == (CALM, '')
    given_up.note('camera', 'got none; check the QoS')
    now[0] = 1.5
    given_up.note('camera', 'got none; check the QoS')
    level, text = lacking.status(State(Phase.NO_INPUT, 'camera'), given_up)
    assert level == ERROR and text.startswith('no usable camera (2 chunks')
    assert '/camera/image_raw has no publisher' in text and 'QoS' not in text
