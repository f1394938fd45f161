# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The guard node: the only process that talks to the driver.

Chunks, stop and enable come in; at the contract's command rate one bounded command goes out,
with a report of what was sent and why. All judgement is in onboard.guard; here are clocks and
topics. Loads neither a bundle nor ONNX Runtime. The protective stop is software and replaces no
hardware emergency stop.

Clocks: a real robot's guard samples on a steady timer; with use_sim_time, on /clock; in
lockstep it waits at each control period for the chunk that covers it, with patience.
"""

from __future__ import annotations

import sys
import time
from collections import Counter, deque

import numpy as np
from rclpy.node import Node
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import JointTrajectory

from world_model_ros.contract import find_robot, load_contract
from world_model_ros.node_parameters import GUARD
from world_model_ros.nodes import _common, _wire
from world_model_ros.nodes._common import NANOSECONDS
from world_model_ros.onboard.guard import Guard, GuardCommand
from world_model_ros.onboard.joint_positions import JointPositions

DIAGNOSTICS_PERIOD_SEC = 1.0
LATENESS_WINDOW = 500  # samples; 10 s at 50 Hz


class GuardNode(Node):
    """Clocks and topics around onboard.guard.Guard."""

    def __init__(self) -> None:
        super().__init__('guard')
        value = _common.parameters(self, GUARD)
        self._patience_s = value['lockstep_patience']
        self.contract = load_contract(find_robot(value['contract']))
        self._guard = Guard(self.contract, enabled=value['enabled'])
        self._lockstep = (value['tick_source'] or self.contract.tick_source) == 'lockstep'
        self._sim_time = self._lockstep or self.get_parameter('use_sim_time').value
        self._period_ns = round(self.contract.period_s * NANOSECONDS)
        self._command_period_ns = self._guard.command_period_ns
        self._clock_ns = 0
        self._pending_ns: int | None = None  # lockstep: the sample that waits for its chunk
        self._pending_since_s = 0.0
        self._newest_start_ns: int | None = None
        self._sent_ns: int | None = None
        self._last: GuardCommand | None = None
        self._positions = JointPositions(self.contract)
        self._counts: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()
        self._lateness_ms: deque[float] = deque(maxlen=LATENESS_WINDOW)
        self._due_s: float | None = None
        self._refused = ''
        self._create_topics()
        self._diagnostics = _common.Diagnostics(self, value['robot_id'])
        if self._sim_time:
            self.create_subscription(ClockMessage, '/clock', self._on_clock, 10)
            self.create_timer(0.05, self._on_patience, clock=_common.STEADY_CLOCK)
        else:
            self.create_timer(
                self._command_period_ns / NANOSECONDS, self._on_timer, clock=_common.STEADY_CLOCK
            )
        self.create_timer(
            DIAGNOSTICS_PERIOD_SEC, self._publish_diagnostics, clock=_common.STEADY_CLOCK
        )

    def _create_topics(self) -> None:
        action = self.contract.action
        self._command = self.create_publisher(
            _wire.command_type(self.contract), action.topic, _common.RELIABLE_QOS
        )
        self._sent = self.create_publisher(JointState, '~/sent', _common.RELIABLE_QOS)
        self.create_subscription(
            JointTrajectory, 'agent/chunk', self._on_chunk, _common.RELIABLE_QOS
        )
        self.create_subscription(
            JointTrajectory, '~/teleop', self._on_teleop, _common.RELIABLE_QOS
        )
        self.create_service(Trigger, '~/stop', self._on_stop)
        self.create_service(Trigger, '~/release_stop', self._on_release_stop)
        self.create_service(SetBool, '~/enable', self._on_enable)
        if action.safe == 'hold':  # holding needs to know where the robot is
            for topic in self._positions.topics:
                self.create_subscription(JointState, topic, self._on_joints, _common.SENSOR_QOS)

    # Inputs

    def _robot_s(self) -> float:
        """The clock that messages of the robot age by: a simulator's may be slow or stand."""
        return self._clock_ns / NANOSECONDS if self._sim_time else time.monotonic()

    def _steady_s(self) -> float:
        """What times out: the steady clock; in lockstep the simulator's, which is the only one."""
        return self._clock_ns / NANOSECONDS if self._lockstep else time.monotonic()

    def _on_chunk(self, message: JointTrajectory) -> None:
        if not message.points:  # the agent gives up its last chunk: an episode ended
            self._guard.drop_chunks()
            self._newest_start_ns = None
            return
        self._take(message, teleop=False)

    def _on_teleop(self, message: JointTrajectory) -> None:
        """A person drives. No points: lets go. A stamp of 0 means now, as everywhere in ROS."""
        if not message.points:
            self._guard.drop_chunks(teleop=True)
            return
        if not _common.to_ns(message.header.stamp):
            now_ns = self._clock_ns if self._sim_time else self.get_clock().now().nanoseconds
            message.header.stamp = _common.to_time(now_ns)
        self._take(message, teleop=True)

    def _take(self, message: JointTrajectory, teleop: bool) -> None:
        try:
            names, times, values = _wire.chunk_arrays(self.contract, message)
        except _wire.ChunkError as error:
            self._guard.refused += 1
            self._reasons['chunk refused: its points cannot be read'] += 1
            self._say_refused(f'chunk refused: {error}', teleop)
            return
        heard_s = self._steady_s()
        if self._lockstep:  # it may overtake the /clock that its sender thought at
            heard_s = max(heard_s, times[0] / NANOSECONDS)
        refused = self._guard.on_chunk(names, times, values, heard_s, teleop)
        self._say_refused(refused, teleop)
        if not teleop and (not refused or self._guard.stopped):
            self._newest_start_ns = times[0]
        self._try_pending()

    def _say_refused(self, refused: str, teleop: bool) -> None:
        """Log once whose chunk was refused, and why."""
        if refused and refused != self._refused:
            sender = 'teleoperation' if teleop else 'agent'
            self.get_logger().warning(f'{sender}: {refused}', throttle_duration_sec=1.0)
        self._refused = refused

    def _on_joints(self, message: JointState) -> None:
        self._positions.take(message.name, message.position, self._robot_s())

    def _position(self) -> np.ndarray | None:
        """Where the joints are; None once nobody has said so for too long: not where they were."""
        return self._positions.at(self._robot_s())

    def _on_stop(self, _request, response):
        self._guard.stop('service call')
        self.get_logger().error('protective stop (software): latched until guard/release_stop')
        response.success, response.message = True, 'stopped'
        return response

    def _on_release_stop(self, _request, response):
        self._guard.release_stop()
        self.get_logger().info('protective stop released')
        response.success, response.message = True, 'released; only new chunks count'
        return response

    def _on_enable(self, request, response):
        self._guard.enable(request.data)
        response.success = True
        response.message = 'enabled' if request.data else 'disabled: the safe action is sent'
        self.get_logger().info(response.message)
        return response

    # Clocks

    def _on_timer(self) -> None:
        now_s = time.monotonic()
        step_s = self._command_period_ns / NANOSECONDS
        if self._due_s is None or now_s - self._due_s > 1.0:  # first, or the machine slept
            self._due_s = now_s
        self._lateness_ms.append(1e3 * (now_s - self._due_s))
        self._due_s += step_s
        self._send(self.get_clock().now().nanoseconds)

    def _on_clock(self, message: ClockMessage) -> None:
        t_ns = _common.to_ns(message.clock)
        if self._lockstep and t_ns == self._sent_ns and self._last is not None:
            self._publish(t_ns, self._last)  # the simulator asks again: it may have missed it
            return
        same_slot = self._sent_ns is not None and (
            t_ns // self._command_period_ns == self._sent_ns // self._command_period_ns
        )
        self._clock_ns = t_ns
        if same_slot:
            return
        if not self._lockstep:
            self._send(t_ns)
        elif t_ns != self._pending_ns:
            self._pending_ns, self._pending_since_s = t_ns, time.monotonic()
            self._try_pending()

    def _on_patience(self) -> None:
        if self._pending_ns is None:
            return
        if time.monotonic() - self._pending_since_s > self._patience_s:
            self.get_logger().warning(
                'lockstep: no chunk from the agent, moving on with what there is',
                throttle_duration_sec=5.0,
            )
            self._send(self._pending_ns)

    def _try_pending(self) -> None:
        """Lockstep: send once the chunk that covers the pending time, or a later one, is here."""
        if self._pending_ns is None or self._newest_start_ns is None:
            return
        if self._newest_start_ns > self._pending_ns - self._period_ns:
            self._send(self._pending_ns)

    # Outputs

    def _send(self, t_ns: int) -> None:
        self._pending_ns = None
        command = self._guard.sample(t_ns, self._steady_s(), self._position())
        before = self._last.source if self._last else None
        if before is not None and before != command.source:
            self.get_logger().info(
                f'{before} -> {command.source} {"; ".join(command.reasons)}'.rstrip(),
                throttle_duration_sec=1.0,
            )
        self._last, self._sent_ns = command, t_ns
        self._counts[command.source] += 1
        self._reasons.update(command.reasons)
        self._publish(t_ns, command)

    def _publish(self, t_ns: int, command: GuardCommand) -> None:
        if not command.send:
            return
        self._command.publish(_wire.command_message(self.contract, t_ns, command.values))
        self._sent.publish(
            _wire.sent_message(
                self.contract, t_ns, command.values, command.source, command.reasons
            )
        )

    def _publish_diagnostics(self) -> None:
        source = self._last.source if self._last else 'no clock yet'
        level = {
            'chunk': _common.OK,
            'chunk_rest': _common.OK,
            'teleop': _common.OK,
            'disabled': _common.OK,
            'stopped': _common.ERROR,
        }.get(source, _common.WARN)
        values: dict[str, object] = {f'samples.{key}': n for key, n in self._counts.items()}
        values.update({f'reason.{key}': n for key, n in self._reasons.most_common(8)})
        values['refused_chunks'] = self._guard.refused
        if self._lateness_ms:
            p50, p99 = np.percentile(np.array(self._lateness_ms), (50, 99))
            values['sample_late_ms.p50'], values['sample_late_ms.p99'] = float(p50), float(p99)
        self._diagnostics.publish(level, source, values)

    def close(self) -> None:
        """The last command of a guard that is asked to end is the safe one."""
        if self._last is None:
            return
        self._guard.enable(False)
        now = self.get_clock().now().nanoseconds
        t_ns = max(self._sent_ns or 0, self._clock_ns if self._sim_time else now)
        self._send(t_ns)


def main(args=None) -> None:
    """Run the node."""
    sys.exit(_common.run_node(GuardNode, args))


if __name__ == '__main__':
    main()
