# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A node with a life cycle outlives transitions that it cannot make now."""

from __future__ import annotations

import time

import pytest

rclpy = pytest.importorskip('rclpy')

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode
from rclpy.node import Node

from world_model_ros.nodes._common import make_executor
from world_model_ros.nodes._lifecycle import refuse_impossible_transitions

pytestmark = pytest.mark.ros


@pytest.fixture
def asked(domain):
    """Ask a life cycle for something; the executor that nodes use, and the plain one."""
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=domain)
    node, client = LifecycleNode('cycle', context=context), Node('client', context=context)
    refuse_impossible_transitions(node)
    theirs = SingleThreadedExecutor(context=context)
    theirs.add_node(client)
    # The executor of run_node takes the default context; here is none.
    ours = SingleThreadedExecutor(context=context)
    ours.add_node(node)

    def call(kind, name, **fields):
        end = client.create_client(kind, f'cycle/{name}')
        future, give_up_s = None, time.monotonic() + 60.0
        while time.monotonic() < give_up_s:
            if future is None and end.service_is_ready():
                future = end.call_async(kind.Request(**fields))
            if future is not None and future.done():
                return future.result()
            ours.spin_once(timeout_sec=0.01)
            theirs.spin_once(timeout_sec=0.01)
        raise AssertionError(f'{name} has not answered')

    yield call
    for executor in (ours, theirs):
        executor.shutdown(timeout_sec=1.0)
    rclpy.try_shutdown(context=context)


def test_an_impossible_transition_is_refused_and_the_node_lives(asked):
    def change(transition='', number=0):
        asked_for = Transition(id=number, label=transition)
        return asked(ChangeState, 'change_state', transition=asked_for).success

    assert not change(number=Transition.TRANSITION_ACTIVATE)  # unconfigured
    assert change(number=Transition.TRANSITION_CONFIGURE)
    assert change(number=Transition.TRANSITION_ACTIVATE)
    assert not change(number=Transition.TRANSITION_ACTIVATE)
    assert not change(transition='activate')
    assert not change(transition='no such thing')
    assert not change(number=250)
    assert asked(GetState, 'get_state').current_state.label == 'active'
    assert change(transition='deactivate')
    assert asked(GetState, 'get_state').current_state.label == 'inactive'


def test_the_executor_of_the_nodes_calls_what_was_put_in_its_place(domain):
    """EventsExecutor is C++: it must look the callback up when it is called."""
    rclpy.init(domain_id=domain)
    node, client_node = LifecycleNode('cycle'), Node('client')
    try:
        refuse_impossible_transitions(node)
        executor = make_executor()
        for each in (node, client_node):
            executor.add_node(each)
        client = client_node.create_client(ChangeState, 'cycle/change_state')
        give_up_s = time.monotonic() + 60.0
        while not client.service_is_ready() and time.monotonic() < give_up_s:
            executor.spin_once(timeout_sec=0.01)
        request = ChangeState.Request()
        request.transition.id = Transition.TRANSITION_ACTIVATE
        future = client.call_async(request)
        while not future.done() and time.monotonic() < give_up_s:
            executor.spin_once(timeout_sec=0.01)
        assert future.done() and not future.result().success
    finally:
        client_node.destroy_node()
        node.destroy_node()
        rclpy.try_shutdown()
