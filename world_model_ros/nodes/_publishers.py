# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Why no message can have come on a topic, by who publishes on it and beside it."""

from __future__ import annotations

from rclpy.node import Node

from world_model_ros.nodes._qos import ends, unfit
from world_model_ros.wire.cdr import COMPRESSED_IMAGE, IMAGE

COMPRESSED_SUFFIX = '/compressed'
_SHOWN = 4  # topics offered instead


def publishers_text(node: Node, topic: str, wanted: str) -> str:
    """Why no message of this type can have come on a topic."""
    topic = node.resolve_topic_name(topic)
    types = {info.topic_type for info in node.get_publishers_info_by_topic(topic)}
    if wanted in types:
        me = node.get_fully_qualified_name()
        for sender, hearer, why in unfit(*ends(node, topic, wanted)):
            if hearer == me:
                return (
                    f'{topic}: nothing from {sender} reaches this node, their QoS do not fit '
                    f'({why}): let the driver be reliable, or set qos_overrides.{topic}'
                    '.subscription.reliability to best_effort'
                )
        return (
            f'{topic} has a publisher, but no message came; check that the driver runs. If it '
            'does, start it again: after a kill, DDS can lose the shared memory between the two'
        )
    if types:
        pictures = wanted == IMAGE and COMPRESSED_IMAGE in types
        return f'{topic} has the type {", ".join(sorted(types))}, expected {wanted}' + (
            '; write transport: compressed for this stream'
            if pictures
            else '; correct topic or kind'
        )
    packed = f'{topic}{COMPRESSED_SUFFIX}'
    if wanted == IMAGE and node.count_publishers(packed):
        return (
            f'{topic} has no publisher, only {packed} ({COMPRESSED_IMAGE}) has one; '
            f'expected {wanted}; write topic: {packed} for this stream'
        )
    return f'{topic} has no publisher; {_others(node, topic, wanted)}'


def _others(node: Node, topic: str, wanted: str) -> str:
    """Topics of the same type that somebody publishes: a name may be misspelt or remapped."""
    found = [
        name
        for name, types in node.get_topic_names_and_types()
        if wanted in types and name != topic and node.count_publishers(name)
    ]
    if not found:
        return f'nobody publishes {wanted}: start the driver'
    more = ', …' if len(found) > _SHOWN else ''
    return f'{wanted} comes on {", ".join(sorted(found)[:_SHOWN])}{more}: correct the topic'
