# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Hears what the guard commands and when, and makes faults: `bench reaction`, `chaos faults`.

Owns a node with a thread of its own in a process that does nothing else. A command counts from
its arrival on the command topic; why it was sent says `guard/sent` with the same stamp. Commands
nothing itself. Its clients exist before they are used: finding a service is no reaction.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import rclpy
from rcl_interfaces.srv import SetParameters
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from world_model_ros.contract import Contract
from world_model_ros.nodes import _common, _wire
from world_model_ros.nodes._boundary import Boundary
from world_model_ros.wire.cdr import JOINT_STATE

ARM = 'unfriendly_arm'
FIND_SEC = 20.0  # discovery is slow on a busy machine
ANSWER_SEC = 5.0
KEPT = 1000  # commands; none of the runs needs more than a few hundred


class ReactionEars:
    """A listener and a hand of one unfriendly arm with its guard."""

    def __init__(self, contract: Contract, domain: int, triggers: Sequence[str] = ()) -> None:
        """Begin to listen; `triggers` are further services of that type.

        Raises:
            ValueError: the robot's commands carry no stamp.
        """
        (group,) = contract.groups  # of the unfriendly arm
        if group.type != JOINT_STATE:
            raise ValueError(
                f'{contract.name}: commands of type {group.type} carry no stamp; '
                'expected a robot that takes sensor_msgs/msg/JointState'
            )
        self._contract = contract
        self._lock = threading.Lock()
        self._arrived_s: dict[int, float] = {}  # stamp -> arrival, until its source is known
        self._source: dict[int, str] = {}  # stamp -> source, until it has arrived
        self._heard: list[tuple[float, str]] = []
        self.states: dict[str, dict[str, Any]] = {'guard': {}, ARM: {}}  # newest status of each
        self._context = Context()
        rclpy.init(
            context=self._context, domain_id=domain, signal_handler_options=SignalHandlerOptions.NO
        )
        self._node = node = rclpy.create_node('reaction_ears', context=self._context)
        boundary = Boundary(node)
        for topic, heard in (
            (group.topic, self._on_command),
            ('guard/sent', self._on_sent),
        ):
            callback = boundary.wrap(topic, heard)
            node.create_subscription(JointState, topic, callback, _common.RELIABLE_QOS)
        for name in self.states:
            keep = boundary.wrap(f'{name}/status', partial(self._on_status, name))
            node.create_subscription(String, f'{name}/status', keep, _common.LATCHED_QOS)
        self._clients = {
            name: node.create_client(kind, name)
            for kind, name in (
                (Trigger, 'guard/stop'),
                (Trigger, 'guard/release_stop'),
                (SetBool, 'guard/enable'),
                (SetParameters, f'{ARM}/set_parameters'),
                *((Trigger, name) for name in triggers),
            )
        }
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(node)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name='ears', daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._end.set()
        _common.end_listener(self._thread, self._node)

    def heard(self) -> list[tuple[float, str]]:
        """Arrival (time.monotonic()) and source of the newest commands, in order of arrival."""
        with self._lock:
            return sorted(self._heard)

    def find_services(self) -> None:
        """Wait until everything that will be called is there. TimeoutError if it does not come."""
        for name, client in self._clients.items():
            if not client.wait_for_service(FIND_SEC):
                raise TimeoutError(f'{name}: no such service within {FIND_SEC:g} s')

    def trigger(self, name: str) -> None:
        """Call a Trigger. ValueError with its words where it is refused."""
        self._call(name, Trigger.Request())

    def enable(self, on: bool) -> None:
        """Switch the guard on or off."""
        self._call('guard/enable', SetBool.Request(data=on))

    def set_arm(self, name: str, value: bool | float | str) -> None:
        """Change one fault of the arm."""
        parameter = Parameter(name, value=value).to_parameter_msg()
        self._call(f'{ARM}/set_parameters', SetParameters.Request(parameters=[parameter]))

    def versions(self) -> dict[str, str]:
        """The middleware that carries the messages."""
        return {'rmw': rclpy.get_rmw_implementation_identifier()}

    def _call(self, name: str, request: object) -> None:
        answered = threading.Event()
        future = self._clients[name].call_async(request)
        future.add_done_callback(lambda _: answered.set())
        if not answered.wait(ANSWER_SEC):
            raise TimeoutError(f'{name} has not answered within {ANSWER_SEC:g} s')
        answer = future.result()
        for part in getattr(answer, 'results', [answer]):
            if not getattr(part, 'successful', getattr(part, 'success', False)):
                why = getattr(part, 'reason', getattr(part, 'message', ''))
                raise ValueError(f'{name} was refused: {why}')

    # The node's thread

    def _run(self) -> None:
        while not self._end.is_set():
            self._executor.spin_once(timeout_sec=_common.SPIN_TIMEOUT_SEC)
        self._executor.shutdown(timeout_sec=1.0)

    def _on_command(self, message: JointState) -> None:
        now_s = time.monotonic()
        stamp_ns = _common.to_ns(message.header.stamp)
        if stamp_ns in self._source:
            self._keep(now_s, self._source.pop(stamp_ns))
        else:
            self._arrived_s[stamp_ns] = now_s
            _forget_oldest(self._arrived_s)

    def _on_status(self, name: str, message: String) -> None:
        self.states[name] = json.loads(message.data)

    def _on_sent(self, message: JointState) -> None:
        stamp_ns, _, source = _wire.sent_values(self._contract, message)
        if stamp_ns in self._arrived_s:
            self._keep(self._arrived_s.pop(stamp_ns), source)
        else:
            self._source[stamp_ns] = source
            _forget_oldest(self._source)

    def _keep(self, at_s: float, source: str) -> None:
        with self._lock:
            self._heard.append((at_s, source))
            del self._heard[:-KEPT]


def _forget_oldest(waiting: dict) -> None:
    """Of a message whose partner was lost nothing comes."""
    if len(waiting) > KEPT:
        del waiting[next(iter(waiting))]
