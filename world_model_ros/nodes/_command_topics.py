# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The command topics of all groups of a robot, opened and left together.

One group has one topic (_command_topic.py). What holds for the robot holds for all of them: the
guard is active on all or on none, and another sender on one of them is another sender.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rclpy.node import Node

from world_model_ros.contract import Contract
from world_model_ros.nodes._command_topic import CommandTopic, Other


class CommandTopics:
    """The topics in the order of the contract's groups."""

    def __init__(
        self,
        node: Node,
        contract: Contract,
        allowed: Sequence[str],
        on_other_message: Callable[[str], None],
    ) -> None:
        """Call `on_other_message` with the name of the topic on which somebody else sends."""
        self.topics = tuple(
            CommandTopic(node, group, allowed, on_other_message) for group in contract.groups
        )
        self.gid = self.topics[0].gid  # of this process

    @property
    def name(self) -> str:
        """The names, for people."""
        return ' and '.join(topic.name for topic in self.topics)

    @property
    def silent_s(self) -> float:
        """Seconds since anybody's newest command on any of them, ours included."""
        return min(topic.silent_s for topic in self.topics)

    def open(self) -> None:
        """Make the publishers."""
        for topic in self.topics:
            topic.open()

    def deliver(self) -> None:
        """Wait until what was sent has arrived."""
        for topic in self.topics:
            topic.deliver()

    def close(self) -> None:
        """Remove the publishers."""
        for topic in self.topics:
            topic.close()

    @property
    def unheard(self) -> list[str]:
        """Names of the topics on which nobody listens."""
        return [topic.name for topic in self.topics if not topic.listeners]

    def others(self) -> list[Other]:
        """Publishers of the topics that are not in this process."""
        return [other for topic in self.topics for other in topic.others()]
