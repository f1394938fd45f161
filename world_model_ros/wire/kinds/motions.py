# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The kinds `imu`, `odometry`, `twist`, `pose` and `wrench`: chosen vectors of one message.

Each says where its message has which vector; what is chosen and how it is read is the business of
chosen_fields.py. Must not import ROS, torch or the bundle.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from world_model_ros.contract.problems import Problems, Section
from world_model_ros.contract.stream_kind import Draft
from world_model_ros.wire.kinds.chosen_fields import QUATERNION, VECTOR, ChosenFieldsKind, Group
from world_model_ros.wire.kinds.stamped import read_unstamped

if TYPE_CHECKING:
    from world_model_ros.contract import Stream

TWIST, TWIST_STAMPED = 'geometry_msgs/msg/Twist', 'geometry_msgs/msg/TwistStamped'


class ImuKind(ChosenFieldsKind):
    """Turning rate in rad/s and acceleration in m/s² with gravity; orientation where measured."""

    name = 'imu'
    message_type = 'sensor_msgs/msg/Imu'
    groups: Mapping[str, Group] = {
        'orientation': Group('orientation', QUATERNION, 'orientation_covariance'),
        'angular_velocity': Group('angular_velocity', VECTOR, 'angular_velocity_covariance'),
        'linear_acceleration': Group(
            'linear_acceleration', VECTOR, 'linear_acceleration_covariance'
        ),
    }
    chosen = ('angular_velocity', 'linear_acceleration')


class OdometryKind(ChosenFieldsKind):
    """Pose in the frame of odometry and velocity in that of the body."""

    name = 'odometry'
    message_type = 'nav_msgs/msg/Odometry'
    groups: Mapping[str, Group] = {
        'position': Group('pose.pose.position', VECTOR),
        'orientation': Group('pose.pose.orientation', QUATERNION),
        'linear': Group('twist.twist.linear', VECTOR),
        'angular': Group('twist.twist.angular', VECTOR),
    }
    chosen = ('position.x', 'position.y', 'yaw', 'linear.x', 'angular.z')


class PoseKind(ChosenFieldsKind):
    """Position in m and orientation."""

    name = 'pose'
    message_type = 'geometry_msgs/msg/PoseStamped'
    groups: Mapping[str, Group] = {
        'position': Group('pose.position', VECTOR),
        'orientation': Group('pose.orientation', QUATERNION),
    }
    chosen = ('position', 'orientation')


class WrenchKind(ChosenFieldsKind):
    """Force in N and torque in N·m."""

    name = 'wrench'
    message_type = 'geometry_msgs/msg/WrenchStamped'
    groups: Mapping[str, Group] = {
        'force': Group('wrench.force', VECTOR),
        'torque': Group('wrench.torque', VECTOR),
    }
    chosen = ('force', 'torque')


class TwistKind(ChosenFieldsKind):
    """Velocity in m/s and rad/s, of a TwistStamped or of a Twist, which has no time."""

    name = 'twist'
    message_type = TWIST_STAMPED
    groups: Mapping[str, Group] = {
        'linear': Group('linear', VECTOR),
        'angular': Group('angular', VECTOR),
    }
    chosen = ('linear', 'angular')
    keys = ('fields', 'type')

    def read(self, section: Section, problems: Problems) -> dict[str, Any]:
        """Read `fields` and `type`."""
        found = super().read(section, problems)
        if section.choice('type', (TWIST_STAMPED, TWIST), TWIST_STAMPED) == TWIST_STAMPED:
            return found
        read_unstamped(section, TWIST)
        return {**found, 'options': (('type', TWIST),)}

    def takes(self, type_name: str) -> bool:
        """Both types."""
        return type_name in (TWIST_STAMPED, TWIST)

    def draft(self, type_name: str, messages: Sequence[bytes]) -> tuple[Draft, ...]:
        """The type, where it is not the default."""
        plain = {'type': TWIST, 'stamp': 'receive'}
        return (Draft(plain if type_name == TWIST else {}),)

    def type_of(self, stream: Stream) -> str:
        """As its key says."""
        chosen: str = dict(stream.options).get('type', TWIST_STAMPED)
        return chosen

    def body(self, message: Any) -> Any:
        """The Twist inside of either."""
        return getattr(message, 'twist', message)
