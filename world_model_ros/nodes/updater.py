# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The updater node: from the store's newest release to a bundle that the agent has taken.

A thread follows the store (fleet/updater.py); the executor hands over (fleet/hand_over.py): the
agent's parameters `bundle` and `release` in one call; its latched ~/release says what became of
it. The agent chooses the moment of the swap. Without store or agent this node waits, and the robot
goes on. This file holds parameters, topics and services.
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

from world_model_ros.bundle.providers import ProviderSettings
from world_model_ros.deploy.node_parameters import UPDATER
from world_model_ros.fleet.hand_over import Ask, Call, HandOver
from world_model_ros.fleet.preflight import run_preflight
from world_model_ros.fleet.slot import SlotsError
from world_model_ros.fleet.updater import Updater
from world_model_ros.fleet.updater_state import Slot
from world_model_ros.nodes import _common
from world_model_ros.nodes._boundary import Boundary

STEP_PERIOD_SEC = 0.1
DIAGNOSTICS_PERIOD_SEC = 1.0
JOIN_SEC = 0.5  # a fetch or a preflight that is cut off is done again after the next start


class UpdaterNode(Node):
    """Timers, services and one thread around an Updater."""

    def __init__(self) -> None:
        super().__init__('updater')
        value = _common.parameters(self, UPDATER)
        contract, threads = value['contract'], value['threads']
        provider = ProviderSettings(
            value['provider'], value['device_id'], value['allow_cpu_fallback']
        )
        self._period_s = value['poll_period']
        robot_id = value['robot_id']
        self.updater = Updater(
            value['store'],
            contract,
            value['slots'],
            robot_id=robot_id,
            shipped=value['bundle'],
            preflight=lambda bundle: run_preflight(
                bundle, contract, threads=threads, provider=provider
            ),
        )
        if self.updater.notice:
            self.get_logger().warning(self.updater.notice)
        self._hand_over = HandOver(self.updater, lambda text: self.get_logger().warning(text))
        self._call: tuple[Call, Any] | None = None  # and its future
        self._said: tuple[str, int, str] = ('', 0, '')
        self._set = self.create_client(SetParametersAtomically, 'agent/set_parameters_atomically')
        self._swap_now = self.create_client(Trigger, 'agent/swap_now')
        self._boundary = Boundary(self)
        self._listen()
        self.create_service(Trigger, '~/rollback', self._on_rollback)
        self.create_service(Trigger, '~/start_over', self._on_start_over)
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
        speakers = self.count_publishers(self._heard.topic_name)
        if self._hand_over.hear(message.data, speakers):
            self._wake.set()

    def _ask_again(self) -> None:
        """Hear the agent's latched word once more when nobody else speaks in its name."""
        if self._hand_over.doubted and self.count_publishers(self._heard.topic_name) <= 1:
            self._hand_over.believe_again()
            self.destroy_subscription(self._heard)
            self._listen()

    # The hand-over.

    def _step(self) -> None:
        self._ask_again()
        if self._hand_over.take_in():
            self._wake.set()
        self._say()
        call = self._hand_over.next_call(_steady_s())
        if self._call is not None and self._call[0] is not self._hand_over.call:
            self._call[1].cancel()
            self._call = None
        if call is not None:
            self._make(call)

    def _make(self, call: Call) -> None:
        take = call.ask is Ask.TAKE
        client: Any = self._set if take else self._swap_now
        if not client.service_is_ready():
            self._hand_over.no_agent(call, client.srv_name)
            return
        future = client.call_async(_request(call.slot) if take else Trigger.Request())
        self._call = call, future
        future.add_done_callback(lambda future: self._on_answer(call, future))

    def _on_answer(self, call: Call, future: Any) -> None:
        if call is not self._hand_over.call:
            return
        self._call = None
        if future.exception() is not None:
            self._hand_over.failed(call, repr(future.exception()))
            return
        answer = future.result()
        if call.ask is Ask.TAKE:
            done, reason = answer.result.successful, answer.result.reason
        else:
            done, reason = answer.success, answer.message
        self._hand_over.answered(call, done, reason, _steady_s())

    # The operator.

    def _on_rollback(self, _request: Any, response: Any) -> Any:
        try:
            slot = self._hand_over.rollback()
        except (SlotsError, OSError) as error:
            response.success, response.message = False, str(error)
            return response
        text = f'going back to release {slot.release}, bundle {slot.bundle_sha[:12]}'
        self.get_logger().warning(f"the operator's word: {text}")
        response.success, response.message = True, text
        return response

    def _on_start_over(self, _request: Any, response: Any) -> Any:
        try:
            text = self._hand_over.start_over()
        except OSError as error:
            response.success, response.message = False, str(error)
            return response
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
        text = f'release {status.release}: {status.state}' if status.release else f'{status.state}'
        text = f'{text}: {status.reason}' if status.reason else text
        if status.wrong:
            self.get_logger().warning(text)
        else:
            self.get_logger().info(text)

    def _publish_diagnostics(self) -> None:
        status, state = self.updater.status, self.updater.state
        level = _common.WARN if status.wrong else _common.OK
        text = f'{status.state}: {status.reason}' if status.reason else f'{status.state}'
        problem = self._hand_over.problem or self.updater.notice
        if level == _common.OK and problem:
            level, text = _common.WARN, f'{status.state}: {problem}'
        values: dict[str, object] = {
            'state': status.state.value,
            'release': status.release,
            'bundle_sha': status.bundle_sha,
            'reason': status.reason,
            'agent': self._hand_over.held(status.bundle_sha).value,
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


def _steady_s() -> float:
    return _common.STEADY_CLOCK.now().nanoseconds / 1e9


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


def main(args: list[str] | None = None) -> None:
    """Run the node."""
    sys.exit(_common.run_node(UpdaterNode, args))


if __name__ == '__main__':
    main()
