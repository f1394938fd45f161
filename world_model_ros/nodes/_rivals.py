# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Other publishers of the command topic, and what the guard does about them.

Owns the rules of docs/reference/guard.md, "Another publisher": refused at activation, and for a
moment after its last command; one that appears later and sends nothing brings the robot to rest;
one that sends makes the guard silent. Of two guards of one name that were activated at once, the
one with the lower GID stays.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from world_model_ros.nodes._command_topic import Other
from world_model_ros.nodes._command_topics import CommandTopics
from world_model_ros.onboard.guard.guard_status import Refusal, RefusalKind

# Publishers are found within this time after a process has begun; nobody is activated before.
DISCOVERY_SEC = 1.0
# Two guards that were activated at once have found each other, and one has left, within this time.
TWIN_SEC = 1.0
UNKNOWN = 'UNKNOWN'  # in the name that ROS gives to a node whose name is not known yet
LOOK_PERIOD_SEC = 0.1  # a look costs 0.2 ms


class Rivals:
    """What the graph says of the command topic."""

    def __init__(
        self, topics: CommandTopics, twin_alive: Callable[[], bool], settle_s: float
    ) -> None:
        """Ask `twin_alive` whether another guard of our name has a heartbeat.

        For `settle_s` after a command the driver still follows it; 0: it does not.
        """
        self._topics, self._twin_alive, self._settle_s = topics, twin_alive, settle_s
        self._born_s = time.monotonic()
        self._twins_since_s: float | None = None

    def refusal(self) -> Refusal | None:
        """Why the guard must not be activated, None if it may be."""
        if time.monotonic() - self._born_s < DISCOVERY_SEC:
            text = 'just started: it still looks for other publishers; try again in a second'
            return Refusal(RefusalKind.JUST_STARTED, text)
        others = self._unwanted()
        if not others:
            return self._unsettled()
        if all(other.twin for other in others):
            text = (
                f'another guard called {others[0]} is active on {_topics(others)}: was '
                'everything started twice?'
            )
        else:
            text = (
                f'{_names(others)} has a publisher on {_topics(others)}: two senders would '
                'fight; end it, or list it in allowed_publishers if it never sends by itself'
            )
        return Refusal(RefusalKind.RIVAL, text)

    def _unsettled(self) -> Refusal | None:
        silent_s = self._topics.silent_s
        if silent_s >= self._settle_s:
            return None
        # A first command from where it is measured would be a step to the driver.
        text = (
            f'a command was sent {silent_s:.2f} s ago: the driver still follows it. Try again '
            f'after {self._settle_s:g} s without a command'
        )
        return Refusal(RefusalKind.JUST_COMMANDED, text)

    def begin(self) -> None:
        """The guard was activated."""
        self._twins_since_s = None

    def look(self) -> tuple[str, bool]:
        """What is wrong, '' for nothing; and whether the guard must leave the topic."""
        others = self._unwanted()
        if not others:
            self._twins_since_s = None
            return '', False
        if all(other.twin for other in others):
            if min(other.gid for other in others) < self._topics.gid:
                return f'another guard called {others[0]} was activated at the same time', True
            if self._twins_since_s is None:
                self._twins_since_s = time.monotonic()
            if self._tolerant():
                return '', False
        return (
            f'{_names(others)} has a publisher on {_topics(others)} and sends nothing yet: the '
            'robot comes to rest and chunks are refused until it is gone'
        ), False

    def tolerates_message(self) -> bool:
        """Whether a message that is not ours is a twin's, which is about to leave."""
        others = self._unwanted()
        if not others or not all(other.twin for other in others):
            return False
        if min(other.gid for other in others) < self._topics.gid:
            return False
        if self._twins_since_s is None:
            self._twins_since_s = time.monotonic()
        return self._tolerant()

    def names(self, topic: str) -> str:
        """Who else has a publisher on a topic, as far as the graph knows."""
        others = [other for other in self._topics.others() if other.topic == topic]
        return _names(others) if others else 'a node that the graph does not name'

    def _tolerant(self) -> bool:
        since_s = self._twins_since_s
        return since_s is not None and time.monotonic() - since_s < TWIN_SEC

    def _unwanted(self) -> list[Other]:
        # A guard that was killed stays in the graph for twenty seconds; it has no heartbeat.
        return [
            other
            for other in self._topics.others()
            if not other.allowed and (not other.twin or self._twin_alive())
        ]


def _topics(others: list[Other]) -> str:
    return ' and '.join(dict.fromkeys(other.topic for other in others))


def _names(others: list[Other]) -> str:
    # A publisher is seen a moment before the name of its node.
    names = ['a node' if UNKNOWN in str(other) else str(other) for other in others]
    return ' and '.join(dict.fromkeys(names))
