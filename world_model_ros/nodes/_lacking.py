# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which streams of the contract lack messages, and why: by what came, and by who publishes.

Looks into the ROS graph, so it runs in the executor's thread at the pace of the diagnostics,
never in a tick.
"""

from __future__ import annotations

from rclpy.node import Node

from world_model_ros.contract import Contract, Stream
from world_model_ros.nodes._given_up import WARN, GivenUp
from world_model_ros.nodes._inputs import WAITING, Inputs
from world_model_ros.onboard.messages import IMAGE, JOINT_STATE

COMPRESSED_SUFFIX = '/compressed'
COMPRESSED_IMAGE = 'sensor_msgs/msg/CompressedImage'
_SHOWN = 4  # topics offered instead
_REMEDY = (
    "let the driver publish raw pictures, or decode them with image_transport's republish "
    '(in_transport compressed, out_transport raw)'
)
_LOG_SEC = 10.0


class Lacking:
    """Says what the agent waits for."""

    def __init__(self, node: Node, contract: Contract, inputs: Inputs) -> None:
        self._node, self._contract, self._inputs = node, contract, inputs

    def status(self, state: str, given_up: GivenUp) -> tuple[int, str]:
        """Level (as in _given_up) and words, CALM where nothing lacks."""
        level, text = given_up.report()
        silent = [s for s in self._contract.streams if not self._inputs.received[s.name]]
        if state == WAITING:
            streams = [s for s in self._contract.streams if self._absence(s)]
            what = '; '.join(self._why(stream) for stream in streams)
            level, text = max(level, WARN), f'{WAITING}: {what}' if what else WAITING
            if what:
                self._node.get_logger().warning(text, throttle_duration_sec=_LOG_SEC)
        elif level and silent:
            text = '; '.join([text, *(self._why(stream) for stream in silent)])
        return level, text

    def ignored(self) -> dict[str, int]:
        """Messages of other publishers on a stream's topic, for the diagnostics."""
        counts = {
            f'ignored.{stream.name}': self._inputs.assembler.ignored(stream.name)
            for stream in self._contract.joint_streams
        }
        return {key: count for key, count in counts.items() if count}

    def _absence(self, stream: Stream) -> str:
        return self._inputs.assembler.absence(stream.name)

    def _why(self, stream: Stream) -> str:
        if self._inputs.received[stream.name]:
            return self._absence(stream)
        return f'stream {stream.name!r}: {publishers_text(self._node, stream)}'


def publishers_text(node: Node, stream: Stream) -> str:
    """Why no message of a stream can have come, by who publishes on its topic."""
    topic = node.resolve_topic_name(stream.topic)
    wanted = IMAGE if stream.kind == 'image' else JOINT_STATE
    types = {info.topic_type for info in node.get_publishers_info_by_topic(topic)}
    if wanted in types:
        return f'{topic} has a publisher, but no message came; check that the driver runs'
    if types:
        return f'{topic} has the type {", ".join(sorted(types))}, expected {wanted}' + (
            f'; {_REMEDY}' if COMPRESSED_IMAGE in types else '; correct topic or kind'
        )
    packed = f'{topic}{COMPRESSED_SUFFIX}'
    if stream.kind == 'image' and node.count_publishers(packed):
        return (
            f'{topic} has no publisher, only {packed} ({COMPRESSED_IMAGE}) has one; '
            f'expected {wanted}; {_REMEDY}'
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
