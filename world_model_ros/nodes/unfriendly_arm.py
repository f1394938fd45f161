# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A robot for tests that forgives nothing, in real time behind real topics.

For tests, fault injection and trying things out by hand; no driver of a user's robot. Joints,
gravity, lag and the driver's limits are robots.UnfriendlyArm's, one for each command group; here
are topics, time and the faults of a driver. Every fault is a parameter that can change while the
node runs: docs/reference/unfriendly_arm.md. There is no `reset` service, as on most real robots.

Messages come from one thread of its own, at their own steady rates; the executor's thread takes
commands, services and parameters. Must not import the agent, the guard or onboard.
"""

from __future__ import annotations

import array
import json
import math
import sys
import threading
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

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
from world_model_ros.nodes._unfriendly_groups import DrivenGroup, DrivenGroups
from world_model_ros.nodes._unfriendly_time import RobotTime
from world_model_ros.nodes._unfriendly_turns import Turns
from world_model_ros.robots.unfriendly_picture import HEIGHT, WIDTH, StickPicture

FIRST_PART = 4  # joints that the first of the two publishers has
CLOCK_HZ = 100.0
STATUS_HZ = 10.0
FAULT_HZ = 50.0  # whether it is in a fault, for a guard to hear


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
        self.names = contract.action.names
        self.settings = _unfriendly_faults.declare_all(self, self.names)
        self._lock = threading.RLock()
        self._arm = DrivenGroups(contract, start)
        self._time = RobotTime(self.settings['clock'])
        self._other: OtherController | None = None
        self._others_command = command_of(self._arm.first.group)
        self._turns = Turns('driver')
        self._create_topics()
        self._apply(self.settings)
        self.add_on_set_parameters_callback(self._on_parameters)
        self._turns.start()

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
        for driven in self._arm.groups:
            topic = driven.group.topic
            self.create_subscription(
                message_class(driven.group.type),
                topic,
                Boundary(self).wrap(topic, partial(self._on_command, driven)),
                _common.RELIABLE_QOS,
            )
        self.create_service(Trigger, 'hardware_stop', self._on_hardware_stop)
        self.create_service(Trigger, 'hardware_release', self._on_hardware_release)
        self.create_service(Trigger, 'clear_fault', self._on_clear_fault)
        joint_s = lambda: 1.0 / self.settings['joint_rate']  # noqa: E731
        camera_s = lambda: 1.0 / self.settings['camera_rate']  # noqa: E731
        for part in range(2):
            self._turns.every(joint_s, partial(self._publish_joints, part))
        for i in range(len(self._cameras)):
            self._turns.every(camera_s, partial(self._publish_picture, i))
        self._turns.every(lambda: 1.0 / CLOCK_HZ, self._publish_clock)
        self._turns.every(lambda: 1.0 / STATUS_HZ, self._publish_status)
        self._turns.every(lambda: 1.0 / FAULT_HZ, self._publish_fault)
        self._turns.every(lambda: 1.0 / self.settings['foreign_rate'], self._foreign_turn)

    # Executor thread

    def _on_command(self, driven: DrivenGroup, message: JointState | Float64MultiArray) -> None:
        with self._lock:
            driven.take(message, self._time.elapsed_s())

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
            fault = self._arm.clear_fault()
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
        settings = self.settings
        self._arm.advance(self._time.elapsed_s())
        self._arm.apply(settings, bool(changed.keys() & {'out_of_box', 'stuck'}))
        if 'clock' in changed:
            self._time.set(settings['clock'])
        if changed.get('clock_step'):
            self._time.step(changed['clock_step'])
        if 'foreign' in changed:
            self._set_foreign(settings['foreign'])

    def _set_foreign(self, foreign: str) -> None:
        if foreign == 'none':
            if self._other is not None:
                self._other.destroy_node()
            self._other = None
            return
        if self._other is None:
            self._other = OtherController(self, self._arm.first.group.topic, self._others_command)
        self._other.begin(self._arm.first.arm.target if foreign == 'sends' else None)

    def close(self) -> None:
        """End the driver's thread."""
        self._turns.close()
        if self._other is not None:
            self._other.destroy_node()

    # Driver's thread

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
            self._arm.advance(self._time.elapsed_s())
            position, velocity, effort = self._arm.joints()
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
            position = self._arm.first.arm.position.copy()
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
            self._arm.advance(self._time.elapsed_s())
            other = self._other
            state = {**self._arm.status(), 'foreign_sent': other.sent if other else 0}
        self._status.publish(String(data=json.dumps(state)))


def _answer(response: Trigger.Response, message: str) -> Trigger.Response:
    response.success, response.message = True, message
    return response


def main(args: list[str] | None = None) -> None:
    """Run the node."""
    sys.exit(_common.run_node(UnfriendlyArmNode, args))


if __name__ == '__main__':
    main()
