# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A robot for tests that forgives nothing, in real time behind real topics.

For tests, fault injection and trying things out by hand; no driver of a user's robot. Joints,
gravity, lag and the driver's limits are robots.UnfriendlyArm's; here are topics, time and the
faults of a driver. Every fault is a parameter that can change while the node runs:
docs/reference/unfriendly_arm.md. There is no `reset` service, as on most real robots.

Messages come from one thread of its own, at their own steady rates; the executor's thread takes
commands, services and parameters. Must not import the agent, the guard or onboard.
"""

from __future__ import annotations

import array
import heapq
import json
import math
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Bool, Float64MultiArray, String
from std_srvs.srv import Trigger

from world_model_ros.contract import find_robot, load_contract
from world_model_ros.nodes import _common, _unfriendly_faults
from world_model_ros.nodes._boundary import Boundary
from world_model_ros.nodes._common import NANOSECONDS, declare
from world_model_ros.nodes._message_class import message_class
from world_model_ros.nodes._unfriendly_foreign import OtherController, command_of
from world_model_ros.nodes._unfriendly_time import RobotTime
from world_model_ros.robots.unfriendly_driver import DriverLimits
from world_model_ros.robots.unfriendly_physics import UnfriendlyArm
from world_model_ros.robots.unfriendly_picture import HEIGHT, WIDTH, StickPicture

FIRST_PART = 4  # joints that the first of the two publishers has
CLOCK_HZ = 100.0
STATUS_HZ = 10.0
FAULT_HZ = 50.0  # whether it is in a fault, for a guard to hear
START_TOLERANCE = 0.05  # rad that a first command may be from where the arm is
START_SHARE = 0.2  # where in the box it starts, from its middle (0) to its end (1)
OUTSIDE_RAD = 0.1  # how far beyond its box a person moves a joint


class UnfriendlyArmNode(Node):
    """Topics, time and faults around one arm."""

    def __init__(self) -> None:
        super().__init__('unfriendly_arm')
        name = declare(self, 'contract', 'unfriendly_arm', 'Robot contract: a name or a path')
        start = self.declare_parameter(
            'start',
            [math.nan],
            ParameterDescriptor(
                description='Positions at the start (rad); nan: inside of the box', read_only=True
            ),
        ).value
        self.contract = contract = load_contract(find_robot(name))
        if len(contract.groups) != 1:
            raise ValueError(
                f'robot {contract.name!r} has {len(contract.groups)} command groups: this arm '
                'is the driver of one'
            )
        self.group = contract.groups[0]
        self.names = self.group.names
        self.settings = _unfriendly_faults.declare_all(self, self.names)
        self._lock = threading.RLock()
        self._arm = self._make_arm(start)
        self._time = RobotTime(self.settings['clock'])
        self._other: OtherController | None = None
        self._others_command = command_of(self.group)
        self._commands = self._faults = 0
        self._fault_time = 0.0  # when the newest one was, seconds of the wall clock
        self._stopping = threading.Event()
        self._ids = count()
        self._due: list[tuple[float, int, Callable[[], float], Callable[[], None]]] = []
        self._create_topics()
        self._apply(self.settings)
        self.add_on_set_parameters_callback(self._on_parameters)
        self._thread = threading.Thread(target=self._run, name='driver', daemon=True)
        self._thread.start()

    def _make_arm(self, start: list[float]) -> UnfriendlyArm:
        action = self.group
        low, high = np.array(action.low), np.array(action.high)
        limits = DriverLimits(
            low,
            high,
            np.maximum(action.rate_limit, action.stop_rate_limit or action.rate_limit),
            np.array(action.acceleration_limit) if action.acceleration_limit else None,
            1.0 / self.contract.command_rate_hz,
            self.contract.command_timeout_s,
            START_TOLERANCE if action.kind == 'position' else math.inf,
        )
        if len(start) == 1 and math.isnan(start[0]):
            inside = 0.5 * (low + high) + START_SHARE * 0.5 * (high - low)
            start = list(inside if action.kind == 'position' else np.zeros(len(low)))
        if len(start) != len(self.names):
            raise ValueError(
                f'parameter start has {len(start)} positions, expected one for each of '
                f'{", ".join(self.names)}'
            )
        return UnfriendlyArm(action.names, action.kind, limits, np.array(start))

    def _create_topics(self) -> None:
        contract = self.contract
        topic = contract.joint_streams[0].topic
        self._joint_publishers = [
            self.create_publisher(JointState, topic, _common.RELIABLE_QOS) for _ in range(2)
        ]
        self._cameras = [
            (
                stream.name,
                self.create_publisher(Image, stream.topic, _common.SENSOR_QOS),
                StickPicture(wrist=i > 0),
            )
            for i, stream in enumerate(contract.image_streams)
        ]
        self._clock_publisher = self.create_publisher(ClockMessage, '/clock', 10)
        self._status = self.create_publisher(String, '~/status', _common.LATCHED_QOS)
        self._fault = self.create_publisher(Bool, '~/fault', _common.RELIABLE_QOS)
        self.create_subscription(
            message_class(self.group.type),
            self.group.topic,
            Boundary(self).wrap(self.group.topic, self._on_command),
            _common.RELIABLE_QOS,
        )
        self.create_service(Trigger, 'hardware_stop', self._on_hardware_stop)
        self.create_service(Trigger, 'hardware_release', self._on_hardware_release)
        self.create_service(Trigger, 'clear_fault', self._on_clear_fault)
        joint_s = lambda: 1.0 / self.settings['joint_rate']  # noqa: E731
        camera_s = lambda: 1.0 / self.settings['camera_rate']  # noqa: E731
        for part in range(2):
            self._every(joint_s, partial(self._publish_joints, part))
        for i in range(len(self._cameras)):
            self._every(camera_s, partial(self._publish_picture, i))
        self._every(lambda: 1.0 / CLOCK_HZ, self._publish_clock)
        self._every(lambda: 1.0 / STATUS_HZ, self._publish_status)
        self._every(lambda: 1.0 / FAULT_HZ, self._publish_fault)
        self._every(lambda: 1.0 / self.settings['foreign_rate'], self._foreign_turn)

    def _every(self, period_s: Callable[[], float], action: Callable[[], None]) -> None:
        """Call `action` at a steady rate, at a phase of its own."""
        number = next(self._ids)
        begin_s = time.monotonic() + 0.37 * number * period_s()
        heapq.heappush(self._due, (begin_s, number, period_s, action))

    # Executor thread

    def _on_command(self, message: JointState | Float64MultiArray) -> None:
        with self._lock:
            self._commands += 1
            now_s = self._time.elapsed_s()
            values = self._values(message)
            if values is None:
                self._arm.refuse(f'command without a number for each of {list(self.names)}')
            else:
                self._arm.command(values, now_s)
            if self._arm.fault_count != self._faults:
                self._faults, self._fault_time = self._arm.fault_count, time.time()

    def _values(self, message: JointState | Float64MultiArray) -> np.ndarray | None:
        """What a command says, by name; NaN passes: the driver faults on it."""
        if isinstance(message, Float64MultiArray):
            return np.asarray(message.data, np.float64)
        field = {'position': message.position, 'velocity': message.velocity}
        numbers = field.get(self._arm.kind, message.effort)
        given = dict(zip(message.name, numbers, strict=False))
        if set(given) != set(self.names):
            return None
        return np.array([given[name] for name in self.names], np.float64)

    def _on_hardware_stop(
        self, _request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        with self._lock:
            self._arm.advance(self._time.elapsed_s())
            self._arm.hardware_stop()
        return _answer(response, 'brakes on; commands are ignored until hardware_release')

    def _on_hardware_release(
        self, _request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        with self._lock:
            self._arm.advance(self._time.elapsed_s())
            self._arm.hardware_release()
        return _answer(response, 'brakes off')

    def _on_clear_fault(
        self, _request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        with self._lock:
            self._arm.advance(self._time.elapsed_s())
            fault = self._arm.fault
            self._arm.clear_fault()
        return _answer(response, f'cleared: {fault}' if fault else 'there was no fault')

    def _on_parameters(self, parameters: Sequence[Parameter]) -> SetParametersResult:
        wanted = {parameter.name: parameter.value for parameter in parameters}
        for name, value in wanted.items():
            problem = _unfriendly_faults.problem(name, value, self.names)
            if problem:
                return SetParametersResult(successful=False, reason=problem)
        with self._lock:
            self.settings.update(wanted)
            self._apply(wanted)
        return SetParametersResult(successful=True)

    def _apply(self, changed: dict[str, Any]) -> None:
        """Put changed faults into force; the others are read where they act."""
        settings, arm = self.settings, self._arm
        arm.advance(self._time.elapsed_s())
        arm.sag, arm.lag_s = settings['sag'], settings['lag']
        if 'clock' in changed:
            self._time.set(settings['clock'])
        if changed.get('clock_step'):
            self._time.step(changed['clock_step'])
        if changed.keys() & {'out_of_box', 'stuck'}:
            self._take_by_hand()
        if 'foreign' in changed:
            self._set_foreign(settings['foreign'])

    def _take_by_hand(self) -> None:
        """What holds joints instead of the motors."""
        arm, outside, stuck = self._arm, self.settings['out_of_box'], self.settings['stuck']
        arm.release_hand()
        if outside:
            joint = self.names.index(outside)
            high = self.group.high[joint] if arm.kind == 'position' else 1.0
            arm.by_hand[joint] = high + OUTSIDE_RAD
        if stuck:
            joint = self.names.index(stuck)
            arm.by_hand[joint] = float(arm.position[joint])

    def _set_foreign(self, foreign: str) -> None:
        if foreign == 'none':
            if self._other is not None:
                self._other.destroy_node()
            self._other = None
            return
        if self._other is None:
            self._other = OtherController(self, self.group.topic, self._others_command)
        self._other.begin(self._arm.target if foreign == 'sends' else None)

    def close(self) -> None:
        """End the driver's thread."""
        self._stopping.set()
        self._thread.join(timeout=2.0)
        if self._other is not None:
            self._other.destroy_node()

    # Driver's thread

    def _run(self) -> None:
        while not self._stopping.is_set():
            due_s, number, period_s, action = self._due[0]
            left_s = due_s - time.monotonic()
            if left_s > 0.0:
                self._stopping.wait(left_s)
                continue
            action()
            # A late turn is made up for, as by a driver's own clock, but not a long pause.
            next_s = max(due_s + period_s(), time.monotonic() - 0.1)
            heapq.heapreplace(self._due, (next_s, number, period_s, action))

    def _stamp(self, stamps: str) -> Time:
        now_ns = self._time.now_ns()
        return _common.to_time(
            {
                'good': now_ns,
                'zero': 0,
                'uptime': time.monotonic_ns(),
                'late_hours': max(0, now_ns - 3 * 3600 * NANOSECONDS),
            }[stamps]
        )

    def _publish_joints(self, part: int) -> None:
        drop = self.settings['drop_joints']
        parts = self.settings['joint_parts']
        if drop == 'all' or drop == ('first', 'second')[part] or self._time.paused:
            return
        if part and not parts:
            return
        chosen = slice(None)
        if parts:
            chosen = slice(FIRST_PART, None) if part else slice(0, FIRST_PART)
        with self._lock:
            arm = self._arm
            arm.advance(self._time.elapsed_s())
            position, velocity, effort = arm.position.copy(), arm.velocity.copy(), arm.effort
        if self.settings['nan_joint']:
            position[self.names.index(self.settings['nan_joint'])] = math.nan
        message = JointState(name=list(self.names[chosen]))
        message.header.stamp = self._stamp(self.settings['joint_stamp'])
        message.position = array.array('d', position[chosen])
        message.velocity = array.array('d', velocity[chosen])
        message.effort = array.array('d', effort[chosen])
        self._joint_publishers[part].publish(message)

    def _publish_picture(self, i: int) -> None:
        stream, publisher, picture = self._cameras[i]
        dropped = self.settings['drop_wrist_camera' if i else 'drop_camera']
        if dropped or self._time.paused or not publisher.get_subscription_count():
            return
        with self._lock:
            self._arm.advance(self._time.elapsed_s())
            position = self._arm.position.copy()
        image = Image(height=HEIGHT, width=WIDTH, encoding='bgr8', step=3 * WIDTH)
        image.header.stamp = self._stamp(self.settings['stamp'])
        image.header.frame_id = f'{stream}_optical'
        image.data = array.array('B', picture.draw(position).tobytes())
        publisher.publish(image)

    def _publish_clock(self) -> None:
        if self.settings['clock'] in ('runs', 'paused'):
            self._clock_publisher.publish(ClockMessage(clock=_common.to_time(self._time.now_ns())))

    def _foreign_turn(self) -> None:
        with self._lock:  # it may be taken away by a parameter
            if self._other is not None:
                self._other.turn(self._time.now_ns())

    def _publish_fault(self) -> None:
        self._fault.publish(Bool(data=self._arm.braked))

    def _publish_status(self) -> None:
        with self._lock:
            arm, other = self._arm, self._other
            arm.advance(self._time.elapsed_s())
            state = {
                'fault': arm.fault,
                'fault_count': arm.fault_count,
                'fault_time': self._fault_time,
                'hardware_stopped': arm.hardware_stopped,
                'timed_out': arm.timed_out,
                'commands': self._commands,
                'taken': arm.taken,
                'ignored': arm.ignored,
                'position': [round(float(x), 6) for x in arm.position],
                'target': [round(float(x), 6) for x in arm.target],
                'foreign_sent': other.sent if other else 0,
            }
        self._status.publish(String(data=json.dumps(state)))


def _answer(response: Trigger.Response, message: str) -> Trigger.Response:
    response.success, response.message = True, message
    return response


def main(args: list[str] | None = None) -> None:
    """Run the node."""
    sys.exit(_common.run_node(UnfriendlyArmNode, args))


if __name__ == '__main__':
    main()
