# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Who else is on a robot's topics: a driver on its commands, a publisher of its streams.

For nodes that play a robot and must keep away from real ones. Reads the graph alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from rclpy.node import Node
from rclpy.topic_endpoint_info import TopicEndpointInfo

# Endpoints are found within this time after a process has begun.
DISCOVERY_SEC = 1.0
# Of the same namespace: these hear commands to check, judge or keep them.
OURS = ('agent', 'guard', 'recorder', 'dashboard', 'monitor')
NAMELESS = 'a node'
UNKNOWN = 'UNKNOWN'  # in the name that ROS gives to a node whose name is not known yet


class Strangers:
    """Endpoints of other nodes than ours, as the graph knows them."""

    def __init__(self, node: Node, allowed: Sequence[str] = ()) -> None:
        """Nodes `allowed` by name may listen."""
        self._node = node
        self._allowed = {name.lstrip('/') for name in allowed}
        self._me = node.get_fully_qualified_name()

    def listening(self, topics: Sequence[str]) -> str:
        """Who listens to these commands as a driver would; '' for nobody."""
        space = self._node.get_namespace().rstrip('/')
        ours = {f'{space}/{name}' for name in OURS}
        for topic in topics:
            name = self._node.resolve_topic_name(topic)
            for info in self._node.get_subscriptions_info_by_topic(name):
                who = _name(info)
                # A tool such as `ros2 topic echo` hides itself by its name.
                known = who in ours or who == self._me or _hidden(info)
                if not known and not {who.lstrip('/'), info.node_name} & self._allowed:
                    return (
                        f'{who} listens to the commands on {name}, as the driver of a real robot '
                        'does: end it, give another namespace, or list it in allowed_listeners'
                    )
        return ''

    def sending(self, topics: Sequence[str]) -> str:
        """Who publishes on one of these topics; '' for nobody."""
        for topic in topics:
            name = self._node.resolve_topic_name(topic)
            for info in self._node.get_publishers_info_by_topic(name):
                who = _name(info)
                if who != self._me:
                    return (
                        f'{who} publishes on {name}, where this robot would: end it, or give '
                        'another namespace'
                    )
        return ''


def _name(info: TopicEndpointInfo) -> str:
    if UNKNOWN in info.node_name:
        return NAMELESS
    return f'{info.node_namespace.rstrip("/")}/{info.node_name}'


def _hidden(info: TopicEndpointInfo) -> bool:
    return bool(info.node_name.startswith('_')) and UNKNOWN not in info.node_name
