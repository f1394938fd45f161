# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""QoS that a user overrides by parameter, and endpoints that do not fit named with the remedy."""

from __future__ import annotations

import time

import pytest

rclpy = pytest.importorskip('rclpy')

from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import ReliabilityPolicy
from std_msgs.msg import Empty

from world_model_ros.nodes import _common, _qos
from world_model_ros.nodes._boundary import Boundary
from world_model_ros.nodes._publishers import publishers_text

pytestmark = pytest.mark.ros
OVERRIDE = 'qos_overrides./scan.subscription.{}'
EMPTY = 'std_msgs/msg/Empty'


@pytest.fixture
def made(domain):
    """Make nodes of one context with these parameters."""
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=domain)
    nodes = []

    def make(name, **overrides):
        given = [Parameter(OVERRIDE.format(key), value=value) for key, value in overrides.items()]
        nodes.append(rclpy.create_node(name, context=context, parameter_overrides=given))
        return nodes[-1]

    make.context = context
    yield make
    for node in nodes:
        node.destroy_node()
    rclpy.try_shutdown(context=context)


def heard(node):
    return _qos.subscribe(node, Empty, 'scan', lambda _message: None, _common.SENSOR_QOS)


def test_reliability_is_overridden_by_parameter_and_the_default_stays(made):
    assert heard(made('plain')).qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
    changed = heard(made('changed', reliability='reliable', depth=3)).qos_profile
    assert changed.reliability == ReliabilityPolicy.RELIABLE and changed.depth == 3
    assert _common.SENSOR_QOS.reliability == ReliabilityPolicy.BEST_EFFORT
    assert heard(made('again')).qos_profile.depth == _common.SENSOR_QOS.depth


def test_two_streams_of_one_topic_have_one_override(made):
    node = made('parts', reliability='reliable')
    assert {heard(node).qos_profile.reliability for _ in range(2)} == {ReliabilityPolicy.RELIABLE}


def test_an_override_that_does_not_fit_is_refused_in_one_line(made):
    with pytest.raises(ValueError, match=r'qos_overrides of scan: .*reliable or best_effort'):
        heard(made('wrong', reliability='relyable'))


def test_a_publisher_that_is_never_heard_is_named_until_it_is_gone(made):
    node, driver = made('agent', reliability='reliable'), made('driver')
    boundary = Boundary(node)
    boundary.watch = _qos.QosWatch(node)
    heard(node)
    publisher = driver.create_publisher(Empty, 'scan', _common.SENSOR_QOS)
    executor = SingleThreadedExecutor(context=made.context)
    executor.add_node(node)

    def until(done):
        give_up_s = time.monotonic() + 20.0
        while not done():
            assert time.monotonic() < give_up_s, boundary.problem
            executor.spin_once(timeout_sec=0.05)

    until(lambda: boundary.problem)
    level, text = boundary.level(_common.OK, 'running')
    assert level == _common.WARN and '/driver reaches /agent' in text
    assert 'qos_overrides./scan' in text
    assert 'QoS do not fit' in publishers_text(node, 'scan', EMPTY)
    driver.destroy_publisher(publisher)
    until(lambda: not boundary.problem)
    executor.shutdown()
