# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Joints in parts: two streams of one topic are found in the bag again, each by its own bytes."""

from __future__ import annotations

from types import SimpleNamespace

import counter
import pytest

from world_model_ros.contract import parse_contract
from world_model_ros.experience.bag import Topic
from world_model_ros.experience.read.stream_messages import StreamMessages
from world_model_ros.onboard.tick.assembly import Assembler

BOTH = 'names: [shoulder, wrist]\n'  # of the stream; the action's come later
TEXT = counter.contract().text.replace(BOTH, 'names: [shoulder]\n', 1)
SECOND = """  wrist:
    kind: joints
    topic: joint_states
    rate: 50.0
    max_age: 0.06
    names: [wrist]
    fields: [position]

action:
"""


class Bag:
    """Messages on /joint_states, as a reader gives them."""

    file = 'bag'

    def __init__(self, messages):
        self.topics = {'/joint_states': Topic('/joint_states', 'sensor_msgs/msg/JointState')}
        self._messages = [SimpleNamespace(topic='/joint_states', data=data) for data in messages]

    def topic(self, role):
        return '/camera' if role == 'stream.camera' else '/joint_states'

    def places(self, topics):
        return enumerate(self._messages)

    def at(self, place):
        return self._messages[place]


def shared():
    """The reacher, its joints in two streams of one topic."""
    return parse_contract(TEXT.replace('action:\n', SECOND, 1))


def test_two_streams_of_one_topic_are_picked_each_by_its_own_message():
    robot = shared()
    t_ns = counter.T0_NS
    parts = [
        counter.joint_state(t_ns, ['shoulder'], [0.25], velocity=[1.0]),
        counter.joint_state(t_ns, ['wrist'], [0.5]),
    ]
    live = Assembler(robot)
    for cdr in parts:
        for name in ('joints', 'wrist'):
            live.store(name, cdr, t_ns)
    live.store('camera', counter.image(t_ns, counter.picture(0)), t_ns)
    seen = live.assemble(t_ns)
    assert seen.valid and seen.arrays['wrist'].tolist() == [0.5]
    found = StreamMessages(Bag(parts), robot)
    for name, cdr in zip(('joints', 'wrist'), parts, strict=True):
        assert found.pick(name, seen.samples[name]).cdr == cdr


def test_a_topic_of_two_streams_is_recorded_once():
    pytest.importorskip('rclpy')
    from world_model_ros.nodes.recorder_topics import wanted_topics

    topics = [wanted.topic for wanted in wanted_topics(shared(), clock=False)]
    assert topics.count('joint_states') == 1
