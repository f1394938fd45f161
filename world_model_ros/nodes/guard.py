# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The guard node: the only process that talks to the driver.

A lifecycle node. Inactive it has no publisher on the command topic and sends nothing; active, one
bounded command goes out per command period, with a report of what was sent and why. All judgement
is in onboard/guard/, the table of rules in docs/reference/guard.md; here are topics, services and
the life cycle. Loads neither a bundle nor ONNX Runtime. The protective stop is software and
replaces no hardware emergency stop.

Threads: on a real robot a metronome samples, so that neither the disk nor a service delays a
command; the executor does the rest. One lock, held for one sample or one switch, orders them.
"""

from __future__ import annotations

import sys
import threading
import time
from functools import partial

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from std_msgs.msg import Header

from world_model_ros.contract import contract_warnings, find_robot, load_contract
from world_model_ros.deploy.node_parameters import GUARD
from world_model_ros.nodes import _common
from world_model_ros.nodes._boundary import Boundary, ends_nothing
from world_model_ros.nodes._command_topics import CommandTopics
from world_model_ros.nodes._controllers import Controllers
from world_model_ros.nodes._driver_fault import DriverFault
from world_model_ros.nodes._guard_beat import make_beat
from world_model_ros.nodes._guard_home import GuardHome
from world_model_ros.nodes._guard_inputs import GuardInputs
from world_model_ros.nodes._guard_locks import GuardLocks
from world_model_ros.nodes._guard_output import GuardOutput
from world_model_ros.nodes._guard_report import GuardReport
from world_model_ros.nodes._guard_switches import GuardSwitches
from world_model_ros.nodes._lifecycle import logs_errors, refuse_impossible_transitions
from world_model_ros.nodes._no_shared_memory import avoid_shared_memory
from world_model_ros.nodes._qos import QosWatch
from world_model_ros.nodes._rivals import LOOK_PERIOD_SEC, Rivals
from world_model_ros.nodes._robot_description import RobotDescription
from world_model_ros.nodes._service_caller import ServiceCaller
from world_model_ros.onboard.guard import Guard
from world_model_ros.onboard.guard.guard_status import (
    GuardState,
    GuardStatus,
    Refusal,
    RefusalKind,
)
from world_model_ros.onboard.guard.keep_out.loading import load_keep_out
from world_model_ros.onboard.guard.latch import Latch, Latched, latch_name
from world_model_ros.onboard.guard.reasons import ReasonKind


class GuardNode(LifecycleNode):
    """Topics, services and the life cycle around onboard.guard.Guard."""

    def __init__(self, caution: str = '') -> None:
        super().__init__('guard')
        refuse_impossible_transitions(self)
        value = _common.parameters(self, GUARD)
        robot_id = value['robot_id']
        file = find_robot(value['contract'])
        self.contract = load_contract(file)
        for warning in (*contract_warnings(self.contract), *([caution] if caution else ())):
            self.get_logger().warning(warning)
        self._lock = threading.Lock()
        self._latch = Latch(value['state_directory'], latch_name(self.get_namespace(), robot_id))
        latched = self._latch.state
        keep_out, self._no_keep_out = load_keep_out(self.contract, file)
        enabled = value['enabled'] and latched.enabled
        self._guard = Guard(self.contract, enabled=enabled, keep_out=keep_out)
        if latched.stop_reason:
            self._guard.stop(latched.stop_reason)
            self.get_logger().error(f'still stopped: {latched.stop_reason}')
        self._refusal: Refusal | None = None  # why the last activation was refused
        self._silenced = ''  # why the guard left the command topic by itself
        self._commands = CommandTopics(
            self, self.contract, value['allowed_publishers'], self._on_other_message
        )
        parts = self, self.contract, self._lock, self._guard
        self._inputs = GuardInputs(*parts)
        self._output = GuardOutput(*parts, self._commands, self._inputs.measured)
        lockstep = (value['tick_source'] or self.contract.tick_source) == 'lockstep'
        self._beat = make_beat(
            self,
            self.contract,
            value['lockstep_patience'] if lockstep else None,
            lambda: self._inputs.newest_start_ns,
            self._output.send,
            self._output.send_again,
        )
        self._inputs.beat = self._output.beat = self._beat
        self._output.on_stop = self._on_own_stop
        self._boundary = Boundary(self)
        self._boundary.watch = self._qos = QosWatch(self)
        self._inputs.subscribe(self._boundary)
        clock = self._beat.robot_s
        GuardLocks(self, self.contract.guard, self._lock, self._guard, clock, self._boundary)
        on_agent = self._boundary.wrap('agent/alive', self._on_agent)
        self.create_subscription(Header, 'agent/alive', on_agent, _common.RELIABLE_QOS)
        self._described = RobotDescription(self, self.contract, self._guard, self._boundary)
        self._report = GuardReport(
            self, self.contract.command_timeout_s, robot_id, self._status, self._figures
        )
        self._switches = GuardSwitches(
            self,
            self._lock,
            self._guard,
            self._latch,
            self._inputs.measured,
            self._beat.unready,
            lambda: self._report.publish_status(),
        )
        GuardHome(self, self._lock, self._guard, self._inputs.measured, self._beat.now_ns)
        on_fault = partial(self._on_fault, ReasonKind.DRIVER_FAULT)
        DriverFault(self, self.contract.driver, self._boundary, on_fault)
        self._controllers = Controllers(
            self.contract.driver,
            ServiceCaller(self, 'controllers'),
            partial(self._on_fault, ReasonKind.CONTROLLER),
            self.get_logger(),
        )
        settle_s = self.contract.command_timeout_s if self._beat.settles else 0.0
        self._rivals = Rivals(self._commands, self._report.twin_alive, settle_s)
        look = ends_nothing(self, self._look_for_rivals)
        self.create_timer(LOOK_PERIOD_SEC, look, clock=_common.STEADY_CLOCK)
        self._first = self.create_timer(0.0, self._on_first, clock=_common.STEADY_CLOCK)

    # Life cycle

    def _on_first(self) -> None:
        self._first.cancel()
        self.trigger_configure()

    @logs_errors
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Command the robot, from where it is; refused with a reason that ~/status carries."""
        self._refusal = self._activate()
        self._report.publish_status()
        if self._refusal:
            self.get_logger().error(f'not activated: {self._refusal.text}')
            return TransitionCallbackReturn.FAILURE
        self.get_logger().info(f'active: commands go to {self._commands.name}')
        return super().on_activate(state)

    def _activate(self) -> Refusal | None:
        if self._guard.stopped:
            text = f'stopped ({self._guard.stop_reason}): call guard/release_stop first'
            return Refusal(RefusalKind.STOPPED, text)
        if self._no_keep_out:
            return Refusal(RefusalKind.NO_KEEP_OUT, self._no_keep_out)
        if refusal := self._rivals.refusal():
            return refusal
        if unready := self._beat.unready():
            return Refusal(RefusalKind.NO_CLOCK, unready)
        if refused := self._described.apply():
            return Refusal(RefusalKind.DESCRIPTION, refused)
        if refused := self._controllers.take():
            return Refusal(RefusalKind.CONTROLLERS, refused)
        if refusal := self._begin():
            self._controllers.give_back()
            return refusal
        self._controllers.watch()
        self._rivals.begin()
        self._beat.begin()
        return None

    def _begin(self) -> Refusal | None:
        """The guard commands from the next beat on."""
        with self._lock:
            text = self._guard.activate(self._inputs.measured())
            if text:
                return Refusal(self._refusal_kind(), text)
            self._inputs.newest_start_ns = None
            self._silenced = ''
            self._output.activated_s = time.monotonic()
            self._commands.open()
        return None

    def _refusal_kind(self) -> RefusalKind:
        """Of an activation that the arbiter refused."""
        if self._guard.stopped:  # a moment ago
            return RefusalKind.STOPPED
        return RefusalKind.FAULT if self._guard.faults else RefusalKind.NO_POSITION

    @logs_errors
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Come to rest, then leave the command topic."""
        if not self._silenced:
            with self._lock:
                self._guard.come_to_rest()
            self._beat.rest(lambda: self._guard.at_rest, self._guard.rest_s)
            if not self._guard.at_rest and not self._beat.simulated:
                self.get_logger().error('deactivated before the command had come to rest')
        self._leave()
        self.get_logger().info('inactive: nothing is sent')
        return super().on_deactivate(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Leave in an orderly way from any state; a stop is kept until the process ends."""
        self._rest_and_leave()
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """A transition failed halfway, which rclpy does not say: nothing is sent any more."""
        self.get_logger().error(
            f'a transition from {state.label} failed: the guard leaves the command topic'
        )
        self._rest_and_leave()
        self._controllers.give_back()  # also where it had not begun to command
        return TransitionCallbackReturn.SUCCESS

    def _leave(self) -> None:
        self._beat.end()
        ends_nothing(self, self._commands.deliver)()
        with self._lock:
            self._guard.deactivate()
            self._commands.close()
        self._controllers.give_back()
        self._report.publish_status()

    def _rest_and_leave(self) -> None:
        if not self._guard.active:
            return
        with self._lock:
            self._guard.come_to_rest()
        rest = self._beat.rest
        ends_nothing(self, lambda: rest(lambda: self._guard.at_rest, self._guard.rest_s))()
        self._leave()

    def close(self) -> None:
        """Come to rest, leave the command topic, and see the latch written."""
        try:
            self._rest_and_leave()
        finally:
            self._controllers.close()
            self._latch.close()

    # What the driver does

    def _on_fault(self, kind: ReasonKind, text: str) -> None:
        """The driver has a fault, or with '' no longer."""
        with self._lock:
            latched = self._guard.set_fault(kind, text)
        if latched:
            self._on_own_stop()
        elif text:
            self.get_logger().warning(text)
        self._report.publish_status()

    def _on_own_stop(self) -> None:
        """The stop was latched for what the robot did or did not do, by no person."""
        self._latch.save_soon(Latched(self._guard.stop_reason, self._guard.enabled))
        self.get_logger().error(
            f'protective stop (software): {self._guard.stop_reason}: find the cause, then call '
            'guard/release_stop'
        )

    # Who else commands

    def _on_other_message(self, topic: str) -> None:
        """A message that is not ours came in on a command topic: be silent at once."""
        if self._rivals.tolerates_message():
            return
        self._give_way(f'{self._rivals.names(topic)} commands {topic}')

    def _give_way(self, why: str) -> None:
        with self._lock:
            self._guard.deactivate()  # before anything else: two senders are worse than none
            self._commands.close()
        self._silenced = (
            f'{why}: the guard is silent and inactive; end the other publisher, then activate '
            'the agent again'
        )
        self.get_logger().error(self._silenced)
        self.trigger_deactivate()

    def _look_for_rivals(self) -> None:
        if not self._guard.active:
            return
        text, give_way = self._rivals.look()
        if give_way:
            self._give_way(text)
            return
        with self._lock:
            before = self._guard.foreign
            self._guard.set_foreign(text)
        if text and not before:
            self.get_logger().error(text)

    # What is said

    def _on_agent(self, message: Header) -> None:
        self._report.agent_alive(message.frame_id)

    def _status(self) -> GuardStatus:
        guard, last, refusal = self._guard, self._output.last, self._refusal
        return GuardStatus(
            state=GuardState.ACTIVE if guard.active else GuardState.INACTIVE,
            source=last.source if guard.active and last else '',
            stop_reason=guard.stop_reason,
            enabled=guard.enabled,
            refusal=refusal.text if refusal else '',
            silenced=self._silenced,
            foreign=guard.foreign,
            outside=guard.outside,
            held_back=guard.held_back if guard.active else '',
            problem=self._problem(),
            refusal_kind=refusal.kind if refusal else RefusalKind.NONE,
            low=self._described.box[0],
            high=self._described.box[1],
        )

    def _problem(self) -> str:
        if self._latch.problem:
            return f'a stop cannot be kept over a restart: {self._latch.problem}'
        if self._qos.problem:
            return self._qos.problem
        if self._guard.faults:
            return self._guard.faults.text
        if self._guard.active and (unheard := self._commands.unheard):
            return f'nobody listens on {" and ".join(unheard)}: is the driver running?'
        return self._beat.problem or self._boundary.problem

    def _figures(self) -> dict[str, object]:
        values = self._output.tally.values()
        values['refused_chunks'] = self._guard.refused
        values['enabled'] = self._guard.enabled
        values.update(self._boundary.values())
        return values

    @property
    def finished(self) -> bool:
        """Whether the metronome broke: the driver's timeout and the agent take over."""
        return bool(self._beat.failed())

    @property
    def exit_status(self) -> int:
        """1 after the metronome broke."""
        return int(self.finished)


def main(args: list[str] | None = None) -> None:
    """Run the node."""
    sys.exit(_common.run_node(partial(GuardNode, avoid_shared_memory()), args))


if __name__ == '__main__':
    main()
