# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Looks at the ROS graph around a robot, for `doctor`: nodes, endpoints, QoS, controllers.

Counts also the endpoints that our nodes will have, so that a fault is seen before they run.
"""

from __future__ import annotations

import copy
import importlib
import time
from collections.abc import Callable

from rclpy.duration import Infinite
from rclpy.node import Node
from rclpy.qos import LivelinessPolicy, QoSProfile

from world_model_ros.bringup.live_graph import (
    MANAGER_TYPE,
    Controller,
    GraphSeen,
    Mismatch,
    TopicSeen,
)
from world_model_ros.bringup.live_topics import expected_of
from world_model_ros.contract import Contract
from world_model_ros.nodes import _common
from world_model_ros.nodes._qos import ends, unfit
from world_model_ros.wire.cdr import JOINT_STATE

OURS = ('agent', 'guard', 'recorder')
ANSWER_SEC = 3.0  # of a controller manager


def look(node: Node, contract: Contract, spin: Callable[[float], None]) -> GraphSeen:
    """What the graph says around the robot of a contract, in the node's namespace.

    `spin` turns the node's executor for so many seconds.
    """
    me = node.get_fully_qualified_name()
    nodes = tuple(
        sorted(
            name
            for name in (f'{space.rstrip("/")}/{n}' for n, space in _node_names(node))
            if name != me
        )
    )
    types = {item.topic: item.type for item in expected_of(contract)}
    streams = tuple(
        _seen(node, topic, kind, hears=_common.SENSOR_QOS) for topic, kind in types.items()
    )
    reward = contract.reward.topic
    managers = tuple(
        name for name, types in node.get_service_names_and_types() if MANAGER_TYPE in types
    )
    controllers, why = _controllers(node, managers, spin)
    return GraphSeen(
        nodes,
        node.resolve_topic_name('guard'),
        tuple(
            _seen(node, group.topic, group.type, sends=_common.RELIABLE_QOS)
            for group in contract.groups
        ),
        _seen(node, reward, JOINT_STATE, hears=_common.RELIABLE_QOS) if reward else None,
        streams,
        managers,
        controllers,
        why,
    )


def _node_names(node: Node) -> list[tuple[str, str]]:
    return [(str(name), str(space)) for name, space in node.get_node_names_and_namespaces()]


def _seen(
    node: Node,
    topic: str,
    kind: str,
    hears: QoSProfile | None = None,
    sends: QoSProfile | None = None,
) -> TopicSeen:
    """One topic; `hears`, `sends`: the QoS of an endpoint that our nodes have there."""
    name, me = node.resolve_topic_name(topic), node.get_fully_qualified_name()
    agent, guard = node.resolve_topic_name('agent'), node.resolve_topic_name('guard')
    ours = {node.resolve_topic_name(own) for own in OURS}
    out, into = ([end for end in side if end[0] != me] for side in ends(node, name, kind))
    others = {
        info.topic_type
        for info in (
            *node.get_publishers_info_by_topic(name),
            *node.get_subscriptions_info_by_topic(name),
        )
    }
    senders, hearers = list(out), list(into)
    if hears is not None and all(who != agent for who, _ in hearers):
        hearers.append((agent, _as_discovered(hears)))
    if sends is not None and all(who != guard for who, _ in senders):
        senders.append((guard, _as_discovered(sends)))
    found = [
        Mismatch(sender, hearer, why, sender in ours or hearer in ours)
        for sender, hearer, why in unfit(senders, hearers)
    ]
    return TopicSeen(
        name,
        kind,
        tuple(sorted({who for who, _ in out})),
        tuple(sorted({who for who, _ in into} - ours)),
        tuple(sorted(others - {kind})),
        tuple(dict.fromkeys(found)),
    )


def _as_discovered(qos: QoSProfile) -> QoSProfile:
    """A profile as the graph shows it: what it leaves open is endless there."""
    found = copy.copy(qos)
    found.deadline = found.lifespan = found.liveliness_lease_duration = Infinite
    found.liveliness = LivelinessPolicy.AUTOMATIC
    return found


def _controllers(
    node: Node, managers: tuple[str, ...], spin: Callable[[float], None]
) -> tuple[tuple[Controller, ...] | None, str]:
    """The rows of every manager, or None and why they cannot be asked."""
    if not managers:
        return (), ''
    try:
        module = importlib.import_module('controller_manager_msgs.srv')
    except ImportError:
        return None, 'install the ROS package controller_manager_msgs, to ask it'
    rows: list[Controller] = []
    for service in managers:
        client = node.create_client(module.ListControllers, service)
        try:
            future = client.call_async(module.ListControllers.Request())
            give_up_s = time.monotonic() + ANSWER_SEC
            while not future.done() and time.monotonic() < give_up_s:
                spin(0.05)
            if not future.done():
                return None, f'it gave no answer within {ANSWER_SEC:g} s: is it hung?'
            rows += [
                Controller(row.name, row.state, tuple(row.claimed_interfaces))
                for row in future.result().controller
            ]
        finally:
            node.destroy_client(client)
    return tuple(rows), ''
