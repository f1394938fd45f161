# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The hands of the live view: services of agent, guard and updater, and a person's chunks.

Owns which hand is which service. Calls come from the server's threads and wait for the robot's
answer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.node import Node
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import JointTrajectory

from world_model_ros.contract import Contract
from world_model_ros.nodes import _common, _wire
from world_model_ros.nodes._service_caller import ServiceCaller
from world_model_ros.onboard.guard.guard_status import GuardStatus
from world_model_ros.view.driving import CannotDrive, Driving
from world_model_ros.view.outcomes import Outcomes

ASK_SEC = 3.0
ACTIVATE_SEC = 12.0  # the agent waits for the guard, which looks for other publishers first
NO_STOP = 'the guard did not answer: use the hardware stop'

_ACTIVATE, _DEACTIVATE = Transition.TRANSITION_ACTIVATE, Transition.TRANSITION_DEACTIVATE
# Hand -> type and name of its service, what fills in the request, seconds to wait.
_SERVICES: dict[str, tuple[Any, str, Any, float]] = {
    'stop': (Trigger, 'guard/stop', None, ASK_SEC),
    'release_stop': (Trigger, 'guard/release_stop', None, ASK_SEC + 5.0),
    'enable': (SetBool, 'guard/enable', True, ASK_SEC),
    'disable': (SetBool, 'guard/enable', False, ASK_SEC),
    'activate': (ChangeState, 'agent/change_state', _ACTIVATE, ACTIVATE_SEC),
    'shadow': (ChangeState, 'agent/change_state', _DEACTIVATE, ACTIVATE_SEC),
    'start_episode': (Trigger, 'agent/start_episode', None, ASK_SEC),
    'end_episode': (Trigger, 'agent/end_episode', None, ASK_SEC),
    'mark': (Trigger, 'agent/mark', None, ASK_SEC),
    'rollback': (Trigger, 'updater/rollback', None, ASK_SEC),
}
_OUTCOMES = ('success', 'failure')


class RobotHands:
    """What a person may do to one robot; `names` as the page shows them."""

    names: Sequence[str] = (*_SERVICES, *_OUTCOMES)

    def __init__(
        self,
        node: Node,
        contract: Contract,
        outcomes: Outcomes,
        guard: Callable[[], GuardStatus | None],
        episode: Callable[[], str],
        joints: Callable[[], dict[str, float]],
    ) -> None:
        """`guard` gives its newest status, None while it is silent."""
        self._contract, self._outcomes = contract, outcomes
        self._guard, self._episode = guard, episode
        self._caller = ServiceCaller(node, 'hands')
        for kind, name, _, _ in _SERVICES.values():
            self._caller.know(kind, name)  # found before a stop needs it
        self._teleop = node.create_publisher(JointTrajectory, 'guard/teleop', _common.RELIABLE_QOS)
        self._lock = threading.Lock()
        self._driving = Driving(contract, joints)

    def close(self) -> None:
        """Let whoever waits come back."""
        self._caller.close()

    def do(self, name: str) -> tuple[bool, str]:
        """Do one of `names`; whether it was done, and the robot's words."""
        if name in _OUTCOMES:
            return self._end_as(name)
        kind, service, value, seconds = _SERVICES[name]
        request = kind.Request()
        if kind is SetBool:
            request.data = value
        elif kind is ChangeState:
            request.transition.id = value
        answer = self._caller.call(kind, service, request, seconds)
        if answer is None:
            return False, NO_STOP if name == 'stop' else f'{service} did not answer'
        if kind is ChangeState and not answer.success:
            return False, 'refused: the state of agent and guard says why'
        return bool(answer.success), getattr(answer, 'message', '')

    def _end_as(self, outcome: str) -> tuple[bool, str]:
        """End the episode, and say how it went once it is sealed."""
        uuid = self._episode()
        if not uuid:
            return False, 'no episode runs'
        done, words = self.do('end_episode')
        if done:
            self._outcomes.note(uuid, outcome)
            return True, f'episode {uuid[:8]} ends as a {outcome}'
        return False, words

    def drive(self, directions: Sequence[float]) -> str:
        """A person's chunk of one command; why it moves nothing, or ''."""
        with self._lock:
            try:
                values = self._driving.command(directions, self._guard(), time.monotonic())
            except CannotDrive as why:
                return str(why)
            self._teleop.publish(_wire.chunk_message(self._contract, 0, values[np.newaxis]))
        return ''

    def let_go(self) -> None:
        """A chunk without points: the agent commands again, or the robot comes to rest."""
        with self._lock:
            self._driving.let_go()
            nothing: np.ndarray = np.zeros((0, self._contract.action_dim))
            self._teleop.publish(_wire.chunk_message(self._contract, 0, nothing))
