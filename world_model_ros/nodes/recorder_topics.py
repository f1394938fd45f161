# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the recorder subscribes to, in which role, and with which QoS.

Owns the list of roles of an episode and the rule that a subscription takes after its publishers:
reliable where all of them are, else best effort. Subscriptions are raw; nothing is decoded here.
What is stored in another form than received says so in its name in the bag.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from rclpy.event_handler import QoSMessageLostInfo, SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription
from rclpy.topic_endpoint_info import TopicEndpointInfo

from world_model_ros.contract import Contract
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.experience import Qos, Topic
from world_model_ros.experience.bag import IMAGINED_ROLE, command_role
from world_model_ros.experience.pictures import (
    COMPRESSED_SUFFIX,
    MODEL_INPUT_SUFFIX,
    model_input,
)
from world_model_ros.nodes._boundary import Boundary
from world_model_ros.nodes._message_class import message_class
from world_model_ros.wire.cdr import COMPRESSED_IMAGE, JOINT_STATE

# Queues of the subscriptions, filled only while this process is held up: 2 s of the fastest
# topics, 3 s of a camera (90 MB of VGA). A simulator in lockstep runs faster than any of them.
DEPTH = 500
LARGE_DEPTH = 100

IMAGINED_TOPIC = 'imagined_robot/state'  # nobody publishes it for a real robot

OnMessage = Callable[[str, bytes], None]  # role, CDR as received
OnLost = Callable[[str, int], None]


@dataclass(frozen=True)
class Wanted:
    """A topic to record: its role in the episode, its name and type."""

    role: str
    topic: str
    type: str
    depth: int = DEPTH
    own: bool = False  # published by our nodes, reliably: subscribed before they are there
    stored: str = ''  # ending of its name in the bag, where it is not stored as received


def wanted_topics(contract: Contract, *, clock: bool) -> list[Wanted]:
    """All topics of an episode under this contract; raises ValueError for what cannot be."""
    wanted: list[Wanted] = []
    for stream in contract.sensed:
        role = f'stream.{stream.name}'
        if stream.record != 'raw' and stream.stamp == 'receive':
            raise ValueError(
                f'{contract.name}: streams.{stream.name}.record is {stream.record} with stamp: '
                'receive; pictures not stored as received are found again by the stamp in their '
                'header: write stamp: header, or record: raw'
            )
        kind = stream_kind(stream.kind)
        depth = LARGE_DEPTH if kind.large else DEPTH
        if stream.record == 'compressed':
            topic = f'{stream.topic}{COMPRESSED_SUFFIX}'
            wanted.append(Wanted(role, topic, COMPRESSED_IMAGE, depth))
        elif not kind.shared or all(item.topic != stream.topic for item in wanted):
            # A shared topic (joints in parts) is recorded once, and found by its name.
            stored = MODEL_INPUT_SUFFIX if stream.record == 'model_input' else ''
            wanted.append(Wanted(role, stream.topic, kind.type_of(stream), depth, stored=stored))
        for beside in kind.companions(stream):
            if all(item.topic != beside.topic for item in wanted):  # colours and distances share
                wanted.append(Wanted(f'{beside.role}.{stream.name}', beside.topic, beside.type))
    if contract.reward.topic:
        wanted.append(Wanted('reward', contract.reward.topic, JOINT_STATE))
    wanted += [
        *(
            Wanted(command_role(group), group.topic, group.type, own=True)
            for group in contract.groups
        ),
        Wanted('sent', 'guard/sent', JOINT_STATE, own=True),
        Wanted('tick', 'agent/tick', JOINT_STATE, own=True),
        Wanted('chunk', 'agent/chunk', 'trajectory_msgs/msg/JointTrajectory', own=True),
        Wanted('episode', 'agent/episode', 'std_msgs/msg/String', own=True),
        Wanted(IMAGINED_ROLE, IMAGINED_TOPIC, 'std_msgs/msg/String', own=True),
        Wanted('diagnostics', '/diagnostics', 'diagnostic_msgs/msg/DiagnosticArray'),
    ]
    if clock:
        wanted.append(Wanted('clock', '/clock', 'rosgraph_msgs/msg/Clock'))
    return wanted


def conversions(contract: Contract) -> dict[str, Callable[[bytes], bytes]]:
    """Role to how its messages are stored, of those that are not stored as received."""
    return {
        f'stream.{stream.name}': partial(model_input, stream)
        for stream in contract.image_streams
        if stream.record == 'model_input'
    }


class TopicFollower:
    """One wanted topic: subscribed when a publisher appears, again when its QoS asks for it."""

    def __init__(
        self,
        node: Node,
        wanted: Wanted,
        on_message: OnMessage,
        on_lost: OnLost,
        boundary: Boundary,
    ) -> None:
        self.wanted = wanted
        self.name = node.resolve_topic_name(wanted.topic)
        self.problem = ''
        self._node = node
        self._on_message = on_message
        self._on_lost = on_lost
        self._receive = boundary.wrap(self.name, self._store)
        self._subscription: Subscription | None = None
        self._reliable = False
        self._latched = False
        self.found = False  # a publisher, ever
        if wanted.own:
            # Waiting for discovery would cost the first ticks of the first episode.
            self._subscribe(reliable=True, latched=wanted.role in ('episode', IMAGINED_ROLE))

    def follow(self) -> Topic | None:
        """Look at the publishers; returns the topic when it was found, or found changed."""
        publishers = self._node.get_publishers_info_by_topic(self.name)
        fitting = [info for info in publishers if info.topic_type == self.wanted.type]
        self.problem = ''
        if publishers and not fitting:
            self.problem = (
                f'{self.name} has type {publishers[0].topic_type}, expected {self.wanted.type}'
            )
        if not fitting:
            return None
        reliable = all(_is(info, ReliabilityPolicy.RELIABLE) for info in fitting)
        latched = all(
            info.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL for info in fitting
        )
        # A subscription that asks for less than is offered still works: only widen it.
        works = (reliable or not self._reliable) and (latched or not self._latched)
        if self.found and works:
            return None
        if self._subscription is None or not works:
            self._subscribe(reliable, latched)
        self.found = True
        qos = tuple(sorted({_qos(info) for info in fitting}, key=repr))
        return Topic(self.name + self.wanted.stored, self.wanted.type, qos)

    def _subscribe(self, reliable: bool, latched: bool) -> None:
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
        self._reliable, self._latched = reliable, latched
        profile = QoSProfile(
            history=HistoryPolicy.KEEP_LAST,
            depth=self.wanted.depth,
            reliability=ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT,
            durability=(
                DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE
            ),
        )
        self._subscription = self._node.create_subscription(
            message_class(self.wanted.type),
            self.name,
            self._receive,
            profile,
            raw=True,
            event_callbacks=SubscriptionEventCallbacks(message_lost=self._lost),
        )

    def _store(self, data: bytes) -> None:
        # Without the message info: the EventsExecutor of rclpy 7.1 dies of a second argument.
        self._on_message(self.wanted.role, data)

    def _lost(self, event: QoSMessageLostInfo) -> None:
        self._on_lost(self.wanted.role, event.total_count_change)


def _is(info: TopicEndpointInfo, reliability: ReliabilityPolicy) -> bool:
    return info.qos_profile.reliability == reliability


def _qos(info: TopicEndpointInfo) -> Qos:
    offered = info.qos_profile
    return Qos(
        reliability=offered.reliability.name.lower(),
        durability=offered.durability.name.lower(),
        history=offered.history.name.lower(),
        depth=offered.depth,
        liveliness=offered.liveliness.name.lower(),
    )
