# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""QoS that a user may override by parameter, and a watch on endpoints that do not fit each other.

Sensors are heard best effort, as REP-2003 asks of consumers; everything of ours is reliable. The
parameters have the names that rclcpp gives them: qos_overrides.TOPIC.subscription.reliability.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos import QoSCompatibility, QoSProfile, qos_check_compatible
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription

from world_model_ros.nodes._boundary import ends_nothing
from world_model_ros.nodes._common import STEADY_CLOCK

LOOK_PERIOD_SEC = 0.5  # for one topic: 0.4 ms of the executor's thread
Endpoint = tuple[str, QoSProfile]  # a node's name, and what its end of the topic offers or asks


def subscribe(
    node: Node,
    kind: Any,
    topic: str,
    callback: Callable[..., None],
    qos: QoSProfile,
    **more: Any,
) -> Subscription:
    """A subscription whose history, depth and reliability a user may override.

    Raises:
        ValueError: an override does not fit; in one line, with the parameter's name.
    """
    return _made(node.create_subscription, kind, topic, callback, copy.copy(qos), **more)


def publisher(node: Node, kind: Any, topic: str, qos: QoSProfile, **more: Any) -> Publisher:
    """A publisher whose history, depth and reliability a user may override.

    Raises:
        ValueError: an override does not fit; in one line, with the parameter's name.
    """
    return _made(node.create_publisher, kind, topic, copy.copy(qos), **more)


def _made(create: Callable[..., Any], kind: Any, topic: str, *rest: Any, **more: Any) -> Any:
    options = QoSOverridingOptions.with_default_policies()
    try:
        return create(kind, topic, *rest, qos_overriding_options=options, **more)
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise ValueError(
            f'parameter qos_overrides of {topic}: {type(error).__name__}: {error}; expected '
            'reliability: reliable or best_effort, history: keep_last or keep_all, depth: a '
            'whole number'
        ) from error


def unfit(senders: list[Endpoint], hearers: list[Endpoint]) -> list[tuple[str, str, str]]:
    """Pairs that no message passes between: sender, hearer, and why in the words of rclpy."""
    found = []
    for sender, offered in senders:
        for hearer, asked in hearers:
            fits, why = qos_check_compatible(offered, asked)
            if fits == QoSCompatibility.ERROR:
                found.append((sender, hearer, ' '.join(why.split()).rstrip('; ')))
    return found


def ends(node: Node, topic: str, kind: str = '') -> tuple[list[Endpoint], list[Endpoint]]:
    """Publishers and subscribers of a topic, of one message type if it is given."""
    sides = (
        node.get_publishers_info_by_topic(topic),
        node.get_subscriptions_info_by_topic(topic),
    )
    out, into = (
        [
            (f'{info.node_namespace.rstrip("/")}/{info.node_name}', info.qos_profile)
            for info in infos
            if not kind or info.topic_type == kind
        ]
        for infos in sides
    )
    return out, into


class QosWatch:
    """Says which endpoints of this node hear, or are heard by, nobody because of QoS."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._unfit: dict[str, str] = {}  # by topic
        self._left: list[str] = []  # topics of this round
        node.create_timer(LOOK_PERIOD_SEC, ends_nothing(node, self._look), clock=STEADY_CLOCK)

    @property
    def problem(self) -> str:
        """The first topic with a pair that does not fit, '' for none."""
        return next(iter(self._unfit.values()), '')

    def _look(self) -> None:
        """At one topic after the other, for the executor's thread has other work."""
        if not self._left:
            topics = {entity.topic_name for entity in self._node.subscriptions}
            topics |= {entity.topic_name for entity in self._node.publishers}
            self._left = sorted(topics)
            self._unfit = {t: text for t, text in self._unfit.items() if t in self._left}
        topic, me = self._left.pop(), self._node.get_fully_qualified_name()
        self._unfit.pop(topic, None)
        for sender, hearer, why in unfit(*ends(self._node, topic)):
            if me in (sender, hearer):
                self._unfit[topic] = (
                    f'{topic}: nothing from {sender} reaches {hearer} ({why}): give both the same '
                    f'QoS, here by the parameter qos_overrides.{topic}'
                )
