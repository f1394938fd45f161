# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Listens for some seconds to every topic that a robot file could name, for a first one."""

from __future__ import annotations

import time

from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from world_model_ros.bringup.live_topics import Wanted
from world_model_ros.bringup.observed import Observed, wanted_type
from world_model_ros.nodes._message_class import message_class
from world_model_ros.nodes._probe import DISCOVERY_SEC, listening_node, measure_with

# Publishers are all found once none was new for so long.
QUIET_SEC = 1.0


def overhear(seconds: float, namespace: str = '', domain: int | None = None) -> list[Observed]:
    """Every topic of a type that some kind takes and that this ROS installation has, by name.

    With a namespace those of other namespaces are left out, but for /clock.
    """
    with listening_node(namespace, domain) as (node, executor):
        found = _discover(node, executor, namespace)
        heard = {topic: Observed(topic, kind) for topic, kind in found.items()}
        measure_with(
            node,
            executor,
            [Wanted(topic, kind) for topic, kind in found.items() if _publishers(node, topic)],
            seconds,
            lambda topic, _kind, t_ns, cdr: heard[topic].add(t_ns, cdr),
        )
        me = node.get_fully_qualified_name()
        for topic, row in heard.items():
            row.publishers = tuple(sorted(set(_publishers(node, topic)) - {me}))
            infos = node.get_subscriptions_info_by_topic(topic)
            row.listeners = tuple(
                sorted({f'{i.node_namespace.rstrip("/")}/{i.node_name}' for i in infos} - {me})
            )
        return [heard[topic] for topic in sorted(heard)]


def _discover(node: Node, executor: SingleThreadedExecutor, namespace: str) -> dict[str, str]:
    found: dict[str, str] = {}
    began_s = news_s = time.monotonic()
    while time.monotonic() - began_s < DISCOVERY_SEC:
        if found and time.monotonic() - news_s > QUIET_SEC:
            break
        for topic, types in node.get_topic_names_and_types():
            kind = next((kind for kind in types if wanted_type(kind)), '')
            if topic not in found and kind and _inside(topic, namespace) and _installed(kind):
                found[topic], news_s = kind, time.monotonic()
        executor.spin_once(timeout_sec=0.05)
    return found


def _inside(topic: str, namespace: str) -> bool:
    name = namespace.strip('/')
    return not name or topic == '/clock' or topic.startswith(f'/{name}/')


def _installed(kind: str) -> bool:
    try:
        message_class(kind)
    except ValueError:
        return False
    return True


def _publishers(node: Node, topic: str) -> list[str]:
    return [
        f'{info.node_namespace.rstrip("/")}/{info.node_name}'
        for info in node.get_publishers_info_by_topic(topic)
    ]
