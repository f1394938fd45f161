# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The updater node: from the store's newest release to a bundle that the agent has taken.

A thread follows the store (fleet.updater). This file holds parameters, services and the hand-over:
the agent's parameters `bundle` and `release` in one call; its latched ~/release says what became
of it. The agent chooses the moment of the swap. Without store or agent this node waits, and the
robot goes on.
"""

from __future__ import annotations

import sys
import threading
import traceback
from pathlib import Path
from typing import Any

from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParametersAtomically
from rclpy.node import Node
from std_msgs.msg import String
from std_srvs.srv import Trigger

from world_model_ros.deploy.node_parameters import UPDATER
from world_model_ros.fleet.agent_word import AgentWord, read_word
from world_model_ros.fleet.preflight import run_preflight
from world_model_ros.fleet.slot import SlotsError
from world_model_ros.fleet.state import Slot, short
from world_model_ros.fleet.updater import Updater
from world_model_ros.nodes import _common
from world_model_ros.nodes._boundary import Boundary

STEP_PERIOD_SEC = 0.1
DIAGNOSTICS_PERIOD_SEC = 1.0
# After a hand-over that the agent took, until ~/release must show it; after one that it refused.
PATIENCE_SEC = 10.0
RETRY_SEC = 5.0
JOIN_SEC = 0.5  # a fetch or a preflight that is cut off is done again after the next start


class UpdaterNode(Node):
    """Timers, services and one thread around an Updater."""

    def __init__(self) -> None:
        super().__init__('updater')
        value = _common.parameters(self, UPDATER)
        contract, threads = value['contract'], value['threads']
        self._period_s = value['poll_period']
        robot_id = value['robot_id']
        self.updater = Updater(
            value['store'],
            contract,
            value['slots'],
            robot_id=robot_id,
            shipped=value['bundle'],
            preflight=lambda bundle: run_preflight(bundle, contract, threads=threads),
        )
        if self.updater.notice:
            self.get_logger().warning(self.updater.notice)
        self._told = AgentWord()  # the agent's newest ~/release
        self._untold: AgentWord | None = None  # one that the updater could not take in yet
        self._doubted = False  # whether others spoke in the agent's name
        self._problems = {'release': '', 'agent': ''}  # with its topic, with its services
        self._handed = ''  # bundle_sha that the agent has taken or is being asked to
        self._hand_s = self._swap_s = self._give_up_s = 0.0  # steady: not to ask again before
        self._now_sha = ''  # what shall not wait for a safe point: the operator's word
        self._call: Any = None
        self._said: tuple[str, int, str] = ('', 0, '')
        self._set = self.create_client(SetParametersAtomically, 'agent/set_parameters_atomically')
        self._swap_now = self.create_client(Trigger, 'agent/swap_now')
        self._boundary = Boundary(self)
        self._listen()
        self.create_service(Trigger, '~/rollback', self._on_rollback)
        self.create_service(Trigger, '~/begin_anew', self._on_begin_anew)
        self.create_service(Trigger, '~/check', self._on_check)
        self._diagnostics = _common.Diagnostics(self, robot_id)
        steady = _common.STEADY_CLOCK
        self.create_timer(STEP_PERIOD_SEC, self._step, clock=steady)
        self.create_timer(DIAGNOSTICS_PERIOD_SEC, self._publish_diagnostics, clock=steady)
        self._wake, self._ending = threading.Event(), False
        self.finished = False  # its thread broke: the supervisor sees the node end
        self._thread = threading.Thread(target=self._follow, name='follow', daemon=True)
        self._thread.start()

    def _follow(self) -> None:
        while not self._ending:
            self._wake.clear()
            try:
                self.updater.poll()
            except Exception:  # noqa: BLE001 - a thread that ends unseen would look like idleness
                self.get_logger().fatal(f'cannot follow the store:\n{traceback.format_exc()}')
                self.finished = True
                return
            self._wake.wait(self._period_s)

    # What the agent says.

    def _listen(self) -> None:
        on_release = self._boundary.wrap('agent/release', self._on_release)
        self._heard = self.create_subscription(
            String, 'agent/release', on_release, _common.LATCHED_QOS
        )

    def _on_release(self, message: String) -> None:
        try:
            told = read_word(message.data)
        except ValueError as error:
            self._problems['release'] = f'cannot be read: {short(str(error))}'
            return
        speakers = self.count_publishers(self._heard.topic_name)
        if speakers > 1:
            # One of them is not the agent, or has died a moment ago. Nobody knows whose word this
            # is: no bundle is bad for it. It is asked for again once only one is left.
            self._doubted = True
            told = AgentWord(told.acting, told.candidate)
            self._problems['release'] = (
                f'{speakers} nodes publish it, and one is expected: bundles that it calls bad '
                'are not believed to be'
            )
            if told.candidate is not None and told.candidate.state == 'refused':
                told = AgentWord(told.acting)
        self._untold = told
        self._take_in()

    def _take_in(self) -> None:
        """What the agent said, into the state on disk; tried again while the disk fails."""
        told, before = self._untold, self._told
        if told is None:
            return
        try:
            left, candidate = told.rolled_back, told.candidate
            if left is not None and left != before.rolled_back:
                self.updater.rolled_back(left.bundle_sha, f'the agent left it: {left.reason}')
            refused = candidate is not None and candidate.state == 'refused'
            if candidate is not None and refused and candidate != before.candidate:
                reason = f'the agent refused it: {candidate.reason}'
                self.updater.rolled_back(candidate.bundle_sha, reason)
            if told.acting is None:
                self.updater.acts_on_nothing()
            else:
                self.updater.swapped(told.acting.bundle_sha)
        except OSError as error:
            self._problems['release'] = f'cannot be written down: {error}'
            return
        had = self._held(self._handed)
        self._told, self._untold = told, None
        if not self._doubted:
            self._problems['release'] = ''
        if had and not self._held(self._handed):
            self._handed = ''  # the agent started anew and knows nothing of it
        self._wake.set()

    def _ask_again(self) -> None:
        """Hear the agent's latched word once more when nobody else speaks in its name."""
        if self._doubted and self.count_publishers(self._heard.topic_name) <= 1:
            self._doubted, self._problems['release'] = False, ''
            self.destroy_subscription(self._heard)
            self._listen()

    def _held(self, sha: str) -> str:
        """What the agent does with a bundle: acting, loading, ready, refused or ''."""
        return self._told.held(sha) if sha else ''

    # The hand-over.

    def _step(self) -> None:
        self._ask_again()
        self._take_in()
        self._say()
        slot, now_s = self.updater.offered, _common.STEADY_CLOCK.now().nanoseconds / 1e9
        if self._call is not None and now_s >= self._give_up_s:
            self._call.cancel()  # whoever was asked has died; a later answer counts no more
            self._call = None
        if slot is None or self._call is not None:
            return
        held = self._held(slot.bundle_sha)
        if held == 'ready' and self._now_sha == slot.bundle_sha and now_s >= self._swap_s:
            self._swap_s = now_s + RETRY_SEC
            self._ask(self._swap_now, Trigger.Request(), self._on_swapped_now, now_s)
        elif not held and (self._handed != slot.bundle_sha or now_s >= self._hand_s):
            self._handed, self._hand_s = slot.bundle_sha, now_s + PATIENCE_SEC
            self._ask(self._set, _request(slot), self._on_handed, now_s)

    def _ask(self, client: Any, request: Any, done: Any, now_s: float) -> None:
        if not client.service_is_ready():
            self._handed = ''
            self._problems['agent'] = f'no agent: {client.srv_name} is not there'
            return
        self._give_up_s = now_s + PATIENCE_SEC
        self._call = client.call_async(request)
        self._call.add_done_callback(done)

    def _on_handed(self, future: Any) -> None:
        if future is not self._call:
            return
        self._call = None
        if future.exception() is not None:
            self._complain(f'the agent did not answer: {future.exception()!r}')
            return
        result, self._problems['agent'] = future.result().result, ''
        if not result.successful:
            self._hand_s = _common.STEADY_CLOCK.now().nanoseconds / 1e9 + RETRY_SEC
            self._complain(f'the agent does not take the bundle now: {result.reason}')

    def _on_swapped_now(self, future: Any) -> None:
        if future is not self._call:
            return
        self._call = None
        if future.exception() is not None:
            self._complain(f'the agent did not answer: {future.exception()!r}')
            return
        answer, self._problems['agent'] = future.result(), ''
        if not answer.success:
            self._complain(f'the agent does not swap now: {answer.message}')

    def _complain(self, problem: str) -> None:
        self._problems['agent'] = problem
        self.get_logger().warning(problem)

    # The operator.

    def _on_rollback(self, _request: Any, response: Any) -> Any:
        try:
            slot = self.updater.rollback()
        except (SlotsError, OSError) as error:
            response.success, response.message = False, str(error)
            return response
        self._now_sha, self._handed, self._swap_s = slot.bundle_sha, '', 0.0
        text = f'going back to release {slot.release}, bundle {slot.bundle_sha[:12]}'
        self.get_logger().warning(f"the operator's word: {text}")
        response.success, response.message = True, text
        return response

    def _on_begin_anew(self, _request: Any, response: Any) -> Any:
        try:
            text = self.updater.begin_anew()
        except OSError as error:
            response.success, response.message = False, str(error)
            return response
        if self._told != AgentWord():  # it was not written down so far
            self._untold, self._told = self._told, AgentWord()
        self.get_logger().warning(f"the operator's word: {text}")
        response.success, response.message = True, text
        self._wake.set()
        return response

    def _on_check(self, _request: Any, response: Any) -> Any:
        self.updater.look_now()
        self._wake.set()
        status = self.updater.status
        response.success = not status.wrong
        response.message = f'{status.state} {status.reason}'.strip()
        return response

    # What is said.

    def _say(self) -> None:
        status = self.updater.status
        said = (status.state, status.release, status.reason)
        if said == self._said:
            return
        self._said = said
        text = f'release {status.release}: {status.state}' if status.release else status.state
        text = f'{text}: {status.reason}' if status.reason else text
        if status.wrong:
            self.get_logger().warning(text)
        else:
            self.get_logger().info(text)

    def _publish_diagnostics(self) -> None:
        status, state = self.updater.status, self.updater.state
        level = _common.WARN if status.wrong else _common.OK
        text = f'{status.state}: {status.reason}' if status.reason else status.state
        problem = self._problems['agent'] or self.updater.notice
        if self._problems['release']:
            problem = f"the agent's ~/release: {self._problems['release']}"
        if level == _common.OK and problem:
            level, text = _common.WARN, f'{status.state}: {problem}'
        values: dict[str, object] = {
            'state': status.state,
            'release': status.release,
            'bundle_sha': status.bundle_sha,
            'reason': status.reason,
            'agent': self._held(status.bundle_sha),
            'problem': problem,
            'bad': len(state.bad),
            **self._boundary.values(),
        }
        for name in ('acting', 'previous', 'candidate'):
            slot = getattr(state, name)
            values[name] = slot.release if slot else ''
        self._diagnostics.publish(*self._boundary.level(level, text), values)

    @property
    def exit_status(self) -> int:
        """1 after the thread broke."""
        return int(self.finished)

    def close(self) -> None:
        """Stop following; what was under way is done again after the next start."""
        self._ending = True
        self._wake.set()
        self._thread.join(JOIN_SEC)
        self.updater.close()


def _request(slot: Slot) -> SetParametersAtomically.Request:
    directory = ParameterValue(
        type=ParameterType.PARAMETER_STRING, string_value=str(Path(slot.bundle))
    )
    number = ParameterValue(type=ParameterType.PARAMETER_INTEGER, integer_value=slot.release)
    return SetParametersAtomically.Request(
        parameters=[
            Parameter(name='bundle', value=directory),
            Parameter(name='release', value=number),
        ]
    )


def main(args=None) -> None:
    """Run the node."""
    sys.exit(_common.run_node(UpdaterNode, args))


if __name__ == '__main__':
    main()
