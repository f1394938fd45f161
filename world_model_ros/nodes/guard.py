# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The guard node: the only process that talks to the driver.

A lifecycle node. Inactive it has no publisher on the command topic and sends nothing; active, one
bounded command goes out per command period, with a report of what was sent and why. All judgement
is in onboard/guard/, the table of rules in docs/guard.md; here are topics, services and the life
cycle. Loads neither a bundle nor ONNX Runtime. The protective stop is software and replaces no
hardware emergency stop.

Threads: on a real robot a metronome samples, so that neither the disk nor a service delays a
command; the executor does the rest. One lock, held for one sample or one switch, orders them.
"""

from __future__ import annotations

import sys
import threading
import time
from functools import partial

import numpy as np
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from sensor_msgs.msg import JointState
from std_msgs.msg import Header
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import JointTrajectory

from world_model_ros.contract import contract_warnings, find_robot, load_contract
from world_model_ros.deploy.node_parameters import GUARD
from world_model_ros.nodes import _common, _wire
from world_model_ros.nodes._boundary import Boundary, ends_nothing
from world_model_ros.nodes._command_topic import CommandTopic
from world_model_ros.nodes._guard_beat import LockstepBeat, SimBeat, WallBeat
from world_model_ros.nodes._guard_report import GuardReport, GuardStatus
from world_model_ros.nodes._guard_tally import Tally
from world_model_ros.nodes._lifecycle import logs_errors, refuse_impossible_transitions
from world_model_ros.nodes._no_shared_memory import avoid_shared_memory
from world_model_ros.nodes._rivals import LOOK_PERIOD_SEC, Rivals
from world_model_ros.onboard.guard import Guard, GuardCommand
from world_model_ros.onboard.guard.joint_positions import JointPositions
from world_model_ros.onboard.guard.latch import Latch, Latched, latch_name

# After an activation the robot rests until a driver listens, and a moment longer.
SETTLE_SEC = 0.2
LISTEN_SEC = 1.0  # at most: nobody may listen on purpose


class GuardNode(LifecycleNode):
    """Topics, services and the life cycle around onboard.guard.Guard."""

    def __init__(self, caution: str = '') -> None:
        super().__init__('guard')
        refuse_impossible_transitions(self)
        value = _common.parameters(self, GUARD)
        robot_id = value['robot_id']
        self.contract = load_contract(find_robot(value['contract']))
        for warning in (*contract_warnings(self.contract), *([caution] if caution else ())):
            self.get_logger().warning(warning)
        self._lock = threading.Lock()
        self._latch = Latch(value['state_directory'], latch_name(self.get_namespace(), robot_id))
        latched = self._latch.state
        self._guard = Guard(self.contract, enabled=value['enabled'] and latched.enabled)
        if latched.stop_reason:
            self._guard.stop(latched.stop_reason)
            self.get_logger().error(f'still stopped: {latched.stop_reason}')
        self._positions = JointPositions(self.contract)
        self._newest_start_ns: int | None = None
        self._last: GuardCommand | None = None
        self._tally = Tally()
        self._refused = ''  # the newest refusal of a chunk, as it was logged
        self._refusal = ''  # why the last activation was refused
        self._silenced = ''  # why the guard left the command topic by itself
        self._command = CommandTopic(
            self, self.contract, value['allowed_publishers'], self._on_other_message
        )
        self._activated_s = -float('inf')
        self._beat = self._make_beat(value['tick_source'], value['lockstep_patience'])
        self._boundary = Boundary(self)
        self._create_topics()
        self._report = GuardReport(
            self, self.contract.command_timeout_s, robot_id, self._status, self._figures
        )
        self._rivals = Rivals(self._command, self._report.twin_alive)
        look = ends_nothing(self, self._look_for_rivals)
        self.create_timer(LOOK_PERIOD_SEC, look, clock=_common.STEADY_CLOCK)
        self._first = self.create_timer(0.0, self._on_first, clock=_common.STEADY_CLOCK)

    def _make_beat(self, source: str, patience_s: float):
        period_ns = self._guard.command_period_ns
        if (source or self.contract.tick_source) == 'lockstep':
            return LockstepBeat(
                self,
                self.contract.period_ns,
                patience_s,
                lambda: self._newest_start_ns,
                self._send,
                self._send_again,
            )
        if self.get_parameter('use_sim_time').value:
            return SimBeat(self, period_ns, self.contract.command_timeout_s, self._send)
        return WallBeat(self, period_ns, self._send)

    def _create_topics(self) -> None:
        qos = _common.RELIABLE_QOS
        self._sent = self.create_publisher(JointState, '~/sent', qos)
        self._subscribe(JointTrajectory, 'agent/chunk', self._on_chunk, qos)
        self._subscribe(JointTrajectory, '~/teleop', self._on_teleop, qos)
        self._subscribe(Header, 'agent/alive', self._on_agent, qos)
        self._serve(Trigger, '~/stop', self._on_stop)
        self._serve(Trigger, '~/release_stop', self._on_release_stop)
        self._serve(SetBool, '~/enable', self._on_enable)
        if self._guard.holds_position:
            for topic in self._positions.topics:
                self._subscribe(JointState, topic, self._on_joints, _common.SENSOR_QOS)

    def _subscribe(self, kind, topic: str, callback, qos) -> None:
        self.create_subscription(kind, topic, self._boundary.wrap(topic, callback), qos)

    def _serve(self, kind, name: str, callback) -> None:
        def answer(request, response):
            ends_nothing(self, lambda: callback(request, response))()
            response.message = response.message or 'failed: see the log of the guard'
            return response

        self.create_service(kind, name, answer)

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
            self.get_logger().error(f'not activated: {self._refusal}')
            return TransitionCallbackReturn.FAILURE
        self.get_logger().info(f'active: commands go to {self._command.name}')
        return super().on_activate(state)

    def _activate(self) -> str:
        if self._guard.stopped:
            return f'stopped ({self._guard.stop_reason}): call guard/release_stop first'
        if refusal := self._rivals.refusal():
            return refusal
        if self._beat.settles and self._command.silent_s < self.contract.command_timeout_s:
            return (  # a first command from where it is measured would be a step to the driver
                f'a command was sent {self._command.silent_s:.2f} s ago: the driver still follows '
                f'it. Try again after {self.contract.command_timeout_s:g} s without a command'
            )
        if self._beat.simulated and not self._beat.now_ns():
            return 'no /clock yet: start the simulator, or leave use_sim_time out'
        with self._lock:
            refusal = self._guard.activate(self._measured())
            if refusal:
                return refusal
            self._newest_start_ns = None
            self._silenced = ''
            self._activated_s = time.monotonic()
            self._command.open()
        self._rivals.begin()
        self._beat.begin()
        return ''

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
        return TransitionCallbackReturn.SUCCESS

    def _leave(self) -> None:
        self._beat.end()
        ends_nothing(self, self._command.deliver)()
        with self._lock:
            self._guard.deactivate()
            self._command.close()
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
            self._latch.close()

    # Who else commands

    def _on_other_message(self) -> None:
        """A message that is not ours came in on the command topic: be silent at once."""
        if self._rivals.tolerates_message():
            return
        self._give_way(f'{self._rivals.names()} commands {self._command.name}')

    def _give_way(self, why: str) -> None:
        with self._lock:
            self._guard.deactivate()  # before anything else: two senders are worse than none
            self._command.close()
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

    # Inputs

    def _measured(self) -> np.ndarray | None:
        """Where the joints are; None once nobody has said so for too long: not where they were."""
        return self._positions.at(self._beat.robot_s()) if self._guard.holds_position else None

    def _on_joints(self, message: JointState) -> None:
        self._positions.take(message.name, message.position, self._beat.robot_s())

    def _on_agent(self, message: Header) -> None:
        self._report.agent_alive(message.frame_id)

    def _on_chunk(self, message: JointTrajectory) -> None:
        if message.points:
            self._take(message, teleop=False)
            return
        with self._lock:  # the agent gives up its last chunk: an episode ended
            self._guard.drop_chunks()
            self._newest_start_ns = None

    def _on_teleop(self, message: JointTrajectory) -> None:
        """A person drives. No points: lets go. A stamp of 0 means now, as everywhere in ROS."""
        if not message.points:
            with self._lock:
                self._guard.drop_chunks(teleop=True)
            return
        if not _common.to_ns(message.header.stamp):
            message.header.stamp = _common.to_time(self._beat.now_ns())
        self._take(message, teleop=True)

    def _take(self, message: JointTrajectory, teleop: bool) -> None:
        try:
            names, times, values = _wire.chunk_arrays(self.contract, message)
        except _wire.ChunkError as error:
            with self._lock:
                refused = self._guard.refuse(str(error), teleop)
            self._log_refusal(refused)
            return
        with self._lock:
            heard_s = self._beat.timeout_s(times[0])
            refused = self._guard.on_chunk(names, times, values, heard_s, teleop)
            if not teleop:  # a refused one is an answer, too: in lockstep time goes on
                self._newest_start_ns = times[0]
        self._log_refusal(refused)
        self._beat.chunk_came()

    def _log_refusal(self, refused: str) -> None:
        # An inactive guard refuses everything; the agent in shadow sends nothing anyway.
        if refused and refused != self._refused and self._guard.active:
            self.get_logger().warning(refused, throttle_duration_sec=1.0)
        self._refused = refused

    # Services

    def _on_stop(self, _request, response):
        with self._lock:
            self._guard.stop('service call')
        self._latch.save_soon(Latched(self._guard.stop_reason, self._guard.enabled))
        response.success, response.message = True, 'stopped'
        self.get_logger().error('protective stop (software): latched until guard/release_stop')
        self._report.publish_status()
        return response

    def _on_release_stop(self, _request, response):
        if not self._guard.stopped:
            response.success, response.message = True, 'not stopped: nothing to release'
            return response
        self._unlatch(
            response,
            Latched('', self._guard.enabled),
            self._guard.release_stop,
            'released; only new chunks count',
        )
        return response

    def _on_enable(self, request, response):
        if request.data and self._guard.enabled:  # a moving robot waits for no disk
            response.success, response.message = True, 'enabled already'
            return response
        if request.data:
            self._unlatch(
                response,
                Latched(self._guard.stop_reason, True),
                lambda measured: self._guard.enable(True, measured),
                'enabled; only new chunks count',
            )
            return response
        with self._lock:
            self._guard.enable(False)
        self._latch.save_soon(Latched(self._guard.stop_reason, False))
        self._report.publish_status()
        response.success, response.message = True, 'disabled: the robot comes to rest'
        self.get_logger().info(response.message)
        return response

    def _unlatch(self, response, state: Latched, act, done: str) -> None:
        """Allow motion again: first it is on disk, then it happens; refused with the reason."""
        before = Latched(self._guard.stop_reason, self._guard.enabled)
        with self._lock:
            measured = self._measured()
        refusal = self._guard.refuses_motion(measured)
        refusal = refusal or self._latch.save_now(state)
        if not refusal:
            with self._lock:
                refusal = act(measured)
            if refusal:
                self._latch.save_soon(before)
        response.success, response.message = not refusal, refusal or done
        # Two calls: rclpy fixes the severity of each place that logs.
        if refusal:
            self.get_logger().error(f'refused: {refusal}')
        else:
            self.get_logger().info(done)
        self._report.publish_status()

    # Outputs

    def _send(self, t_ns: int, timeout_s: float, rest: str) -> None:
        with self._lock:
            rest = rest or self._not_heard_yet()
            command = self._guard.sample(t_ns, timeout_s, self._measured(), rest)
            if not command.send:
                return
            before, self._last = self._last, command
            self._publish(t_ns, command)
        self._tally.add(command.source, command.reasons, self._beat.late_s)
        if before is not None and before.source != command.source:
            self.get_logger().info(
                f'{before.source} -> {command.source} {"; ".join(command.reasons)}'.rstrip(),
                throttle_duration_sec=1.0,
            )

    def _not_heard_yet(self) -> str:
        """Why the robot is still kept at rest after an activation, ''.

        A driver that finds the new publisher a moment late would see the first steps as one.
        """
        age_s = time.monotonic() - self._activated_s
        heard = age_s > SETTLE_SEC and (age_s > LISTEN_SEC or self._command.listeners)
        still = self._beat.settles and not heard
        return 'just activated: the driver may not listen yet' if still else ''

    def _send_again(self, t_ns: int) -> None:
        if self._last is not None:
            self._publish(t_ns, self._last)

    def _publish(self, t_ns: int, command: GuardCommand) -> None:
        message = _wire.command_message(self.contract, t_ns, command.values)
        try:
            self._command.publish(message)
        except Exception:
            self._guard.not_sent()
            raise
        self._sent.publish(
            _wire.sent_message(
                self.contract, t_ns, command.values, command.source, command.reasons
            )
        )

    def _status(self) -> GuardStatus:
        guard = self._guard
        return GuardStatus(
            state='active' if guard.active else 'inactive',
            source=self._last.source if guard.active and self._last else '',
            stop_reason=guard.stop_reason,
            enabled=guard.enabled,
            refusal=self._refusal,
            silenced=self._silenced,
            foreign=guard.foreign,
            outside=guard.outside,
            problem=self._problem(),
        )

    def _problem(self) -> str:
        if self._latch.problem:
            return f'a stop cannot be kept over a restart: {self._latch.problem}'
        if self._guard.active and not self._command.listeners:
            return f'nobody listens on {self._command.name}: is the driver running?'
        return self._beat.problem or self._boundary.problem

    def _figures(self) -> dict[str, object]:
        values = self._tally.values()
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


def main(args=None) -> None:
    """Run the node."""
    sys.exit(_common.run_node(partial(GuardNode, avoid_shared_memory()), args))


if __name__ == '__main__':
    main()
