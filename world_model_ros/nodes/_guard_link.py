# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The agent's line to its guard: is it alive, what does it say, activate it, let it rest.

Owns a small node with a thread of its own, so that the agent can wait for the guard inside of a
transition of its own life cycle, and misses it although its executor is busy. The guard's
heartbeat is `guard/status`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.node import Node
from std_msgs.msg import Header, String

from world_model_ros.nodes import _common
from world_model_ros.nodes._boundary import Boundary
from world_model_ros.onboard.agent.acting import Role
from world_model_ros.onboard.agent.guard_may_command import GuardMayCommand
from world_model_ros.onboard.guard.guard_status import GuardStatus, read_status

FIND_SEC = 3.0  # to find a guard that has just been started
ACTIVATE_SEC = 5.0  # the guard looks for other publishers first, and for the joints
ASK_SEC = 1.5  # for one answer
GONE_SEC = 2.0  # of silence: no answer will come
REST_SEC = 4.0  # longer than the guard lets coming to rest take
ALIVE_PERIOD_SEC = 0.25
_POLL_SEC = 0.02


@dataclass(frozen=True)
class Heard:
    """The newest status, when it came, and which process of the guard sent it."""

    status: GuardStatus
    instance: str
    at_s: float


class GuardLink:
    """Hears the guard of this robot and asks it for transitions."""

    def __init__(self, owner: Node, timeout_s: float) -> None:
        """Begin to listen; the guard counts as lost after `timeout_s` of silence."""
        self._timeout_s = timeout_s
        self._heard: Heard | None = None
        self._may_command = GuardMayCommand()
        self.problem = ''  # why the newest status could not be read
        self.role = Role.SHADOW  # what agent/alive says of the agent
        self._node = Node(
            f'{owner.get_name()}_guard_link',
            namespace=owner.get_namespace(),
            context=owner.context,
            use_global_arguments=False,
            enable_rosout=False,
            start_parameter_services=False,
        )
        on_status = Boundary(owner).wrap('guard/status', self._on_status)
        self._node.create_subscription(String, 'guard/status', on_status, _common.LATCHED_QOS)
        self._alive = self._node.create_publisher(Header, 'agent/alive', _common.RELIABLE_QOS)
        self._client = self._node.create_client(ChangeState, 'guard/change_state')
        self._node.create_timer(ALIVE_PERIOD_SEC, self._tell, clock=_common.STEADY_CLOCK)
        self._ended = threading.Event()
        self._executor = _common.make_executor(owner.context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._run, name='guard link', daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Listen no more."""
        self._ended.set()
        self._thread.join(timeout=1.0)
        self._node.destroy_node()

    @property
    def status(self) -> GuardStatus | None:
        """What the guard said last, None if it never spoke."""
        return self._heard.status if self._heard else None

    @property
    def instance(self) -> str:
        """Which process of the guard spoke last, '' for none."""
        return self._heard.instance if self._heard else ''

    @property
    def silent_s(self) -> float:
        """How long the guard has said nothing."""
        return time.monotonic() - self._heard.at_s if self._heard else float('inf')

    @property
    def commands(self) -> bool:
        """Whether what comes on the command topic may be the guard's, or still on its way."""
        return self._may_command.at(time.monotonic())

    def lost(self) -> str:
        """Why the guard cannot be relied on now, '' while it lives."""
        if self._heard is None:
            return 'no guard: start it in the same namespace'
        if self.silent_s > self._timeout_s:
            return f'the guard is silent for {self.silent_s:.1f} s: no command reaches the robot'
        return ''

    def activate(self) -> str:
        """Let the guard command the robot; waits, and returns why it refuses, or ''."""
        give_up_s = time.monotonic() + ACTIVATE_SEC
        if not self._wait(lambda: not self.lost(), FIND_SEC):
            return self.lost()
        while True:
            status = self.status
            if status is not None and status.active:
                return ''
            before_s = time.monotonic()
            self._may_command.asked(before_s)
            # A request that reached only a guard that was killed is never answered: ask again.
            done = self._change(Transition.TRANSITION_ACTIVATE, min(give_up_s, before_s + ASK_SEC))
            self._wait(partial(self._heard_since, before_s), self._timeout_s + 1.0)
            status = self.status
            if done and status is not None and status.active:
                return ''
            passing = not done or (status is not None and status.refusal_kind.passing)
            if not passing or time.monotonic() > give_up_s:
                self._may_command.refused(time.monotonic())
                refusal = status.refusal if status is not None else ''
                return refusal or 'guard/change_state was refused or not answered'
            time.sleep(0.1)

    def deactivate(self, timeout_s: float = REST_SEC) -> str:
        """Let the robot come to rest and the guard leave; why that cannot be sent, or ''."""
        if self.lost():
            return self.lost()
        status = self.status
        if status is None or not status.active:
            return ''
        if self._change(Transition.TRANSITION_DEACTIVATE, time.monotonic() + timeout_s):
            return ''
        return f'the guard has not been deactivated within {timeout_s:g} s'

    def _change(self, transition: int, give_up_s: float) -> bool:
        ready = self._client.service_is_ready
        self._wait(lambda: ready() or self.lost(), give_up_s - time.monotonic())
        if not ready():
            return False
        request = ChangeState.Request()
        request.transition.id = transition
        answered = threading.Event()
        future = self._client.call_async(request)
        future.add_done_callback(lambda _: answered.set())
        # A guard that comes to rest says nothing meanwhile; one that is gone never will.
        self._wait(
            lambda: answered.is_set() or self.silent_s > GONE_SEC, give_up_s - time.monotonic()
        )
        if not answered.is_set():
            self._client.remove_pending_request(future)
            return False
        answer = future.result()
        return answer is not None and answer.success

    def _heard_since(self, at_s: float) -> bool:
        return self._heard is not None and self._heard.at_s > at_s

    def _wait(self, done: Callable[[], object], seconds: float) -> bool:
        give_up_s = time.monotonic() + seconds
        while not done():
            if time.monotonic() > give_up_s or self._ended.wait(_POLL_SEC):
                return False
        return True

    # The link's own thread

    def _run(self) -> None:
        while not self._ended.is_set():
            self._executor.spin_once(timeout_sec=_common.SPIN_TIMEOUT_SEC)

    def _tell(self) -> None:
        message = Header(frame_id=self.role.value)
        message.stamp = self._node.get_clock().now().to_msg()
        self._alive.publish(message)

    def _on_status(self, message: String) -> None:
        try:
            self._heard = Heard(*read_status(message.data), time.monotonic())
            self._may_command.heard(self._heard.status.active, self._heard.at_s)
            self.problem = ''
        except (ValueError, TypeError) as error:
            self.problem = f'guard/status cannot be read: {str(error)[:200]}'
