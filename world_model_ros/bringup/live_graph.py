# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether the ROS graph around a robot is sound: who commands, whose QoS match, controllers.

Who looks is nodes/_graph.py; this file judges what was seen, each fault with its remedy.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from world_model_ros.deploy.finding import Finding, warn

MANAGER_TYPE = 'controller_manager_msgs/srv/ListControllers'


@dataclass(frozen=True)
class Mismatch:
    """A publisher whose messages a subscriber cannot get, and why, in the words of rclpy."""

    publisher: str
    subscriber: str
    why: str
    ours: bool  # one of the two is a node of this package, running or to come


@dataclass(frozen=True)
class TopicSeen:
    """One topic of the contract; nodes by name, those of the wanted type."""

    topic: str  # resolved
    type: str  # wanted
    publishers: tuple[str, ...] = ()
    subscribers: tuple[str, ...] = ()
    other_types: tuple[str, ...] = ()  # that subscribers or publishers have instead
    mismatches: tuple[Mismatch, ...] = ()


@dataclass(frozen=True)
class Controller:
    """One row of list_controllers."""

    name: str
    state: str
    claims: tuple[str, ...]  # command interfaces, such as elbow/position
    needs: tuple[str, ...] = ()  # those that it claims once it is active


@dataclass(frozen=True)
class GraphSeen:
    """What the graph says around one robot."""

    nodes: tuple[str, ...]  # others than the doctor
    guard: str  # name that our guard has, or would have, in this namespace
    commands: tuple[TopicSeen, ...]
    reward: TopicSeen | None
    streams: tuple[TopicSeen, ...]
    managers: tuple[str, ...] = ()  # services of list_controllers
    # None: they could not be asked.
    controllers: tuple[Controller, ...] | None = None
    controllers_why: str = ''

    @property
    def topics(self) -> tuple[TopicSeen, ...]:
        """All of them."""
        return (*self.streams, *self.commands, *([self.reward] if self.reward else []))


def judge_graph(seen: GraphSeen) -> list[Finding]:
    """Everything that the graph says of a robot, one line each."""
    findings = list(_qos(seen))
    for commands in seen.commands:
        findings += [_listeners(commands), _rivals(seen, commands)]
    if seen.reward is not None and not seen.reward.publishers:
        findings.append(
            warn(
                'reward',
                f'{seen.reward.topic} has no publisher of {seen.reward.type}: the robot can act, '
                'but nothing says what is good; start the node that publishes it',
            )
        )
    return [*findings, _controllers(seen)]


def _qos(seen: GraphSeen) -> Iterator[Finding]:
    sound = True
    for topic in seen.topics:
        for found in topic.mismatches:
            sound = False
            text = (
                f'{topic.topic}: nothing that {found.publisher} publishes reaches '
                f'{found.subscriber} ({found.why}); {_qos_remedy(found.why)}'
            )
            yield Finding('qos', False, text) if found.ours else warn('qos', text)
    if sound:
        yield Finding('qos', True, 'publishers and subscribers of all topics fit')


def _qos_remedy(why: str) -> str:
    lower = why.lower()
    if 'reliab' in lower or 'best effort' in lower:
        return 'let the publisher be reliable, or the subscriber best effort'
    if 'durab' in lower or 'transient' in lower:
        return 'let the publisher be transient local, or the subscriber volatile'
    return 'give both the same QoS'


def _listeners(commands: TopicSeen) -> Finding:
    """Whether a driver listens to the commands."""
    if commands.subscribers:
        return Finding(
            'driver', True, f'{_names(commands.subscribers)} subscribes to {commands.topic}'
        )
    if commands.other_types:
        return Finding(
            'driver',
            False,
            f'{commands.topic} has the type {", ".join(commands.other_types)}, expected '
            f'{commands.type}: correct topic or type of the action',
        )
    return Finding(
        'driver',
        False,
        f'nobody subscribes to {commands.topic} ({commands.type}): start the driver, or correct '
        'the topic of the action',
    )


def _rivals(seen: GraphSeen, commands: TopicSeen) -> Finding:
    rivals = [name for name in commands.publishers if name != seen.guard]
    if rivals:
        return warn(
            'commands',
            f'{_names(rivals)} has a publisher on {commands.topic}: right while you watch in '
            'shadow; the guard does not become active beside it: end it before, or list it in '
            "the guard's parameter allowed_publishers if it never sends by itself",
        )
    who = seen.guard if commands.publishers else 'nobody'
    return Finding('commands', True, f'{who} commands on {commands.topic}')


def _controllers(seen: GraphSeen) -> Finding:
    if not seen.managers:
        return Finding('controllers', None, 'no controller manager is in the graph')
    manager = ', '.join(seen.managers)
    if seen.controllers is None:
        return Finding('controllers', None, f'untested: {manager}: {seen.controllers_why}')
    active = [row for row in seen.controllers if row.state == 'active' and row.claims]
    if active:
        text = '; '.join(f'{row.name} claims {", ".join(row.claims)}' for row in active)
        return Finding('controllers', True, f'{manager}: active: {text}')
    known = ', '.join(f'{row.name} ({row.state})' for row in seen.controllers) or 'none is loaded'
    return Finding(
        'controllers',
        False,
        f'{manager}: no active controller takes commands ({known}): ros2 control '
        'set_controller_state NAME active',
    )


def _names(names: tuple[str, ...] | list[str]) -> str:
    return ' and '.join(dict.fromkeys(names))
