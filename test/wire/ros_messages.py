# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the drivers of kind_robot's robot publish: messages of rclpy, and what is to be seen."""

from __future__ import annotations

import math

import cv2
import numpy as np
from geometry_msgs.msg import PoseStamped, Twist, TwistStamped, WrenchStamped
from nav_msgs.msg import Odometry
from sensor_msgs.msg import CompressedImage, Image, Imu, JointState, LaserScan, Range
from std_msgs.msg import Float64MultiArray

GREY = np.full((32, 32), 60, np.uint8)


def stamped(message, t_ns):
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(t_ns, 10**9)
    message.header.frame_id = 'some_frame'
    return message


def messages(t_ns, k=0):
    """What a robot's drivers publish at a time: by stream, and what is to be seen of it."""
    x = 0.25 * k
    camera = Image(height=32, width=32, encoding='mono8', step=32, data=(GREY + k).tobytes())
    png = cv2.imencode('.png', np.dstack([GREY + k] * 3))[1].tobytes()
    packed = CompressedImage(format='rgb8; png compressed bgr8', data=png)
    depth = Image(height=32, width=32, encoding='16UC1', step=64)
    depth.data = np.full((32, 32), 2125, '<u2').tobytes()
    far = cv2.imencode('.png', np.full((32, 32), 4000, np.uint16))[1].tobytes()
    packed_depth = CompressedImage(format='16UC1; compressedDepth png', data=bytes(12) + far)
    joints = JointState(name=['other', 'right', 'left'], position=[9.0, 2.0, 1.0 + x])
    joints.velocity = [9.0, 0.5, 0.25]
    imu = Imu()
    imu.orientation.w, imu.angular_velocity.y, imu.linear_acceleration.z = 1.0, x, 9.75
    odometry = Odometry(child_frame_id='base_link')
    odometry.pose.pose.position.x = x
    odometry.pose.pose.orientation.z, odometry.pose.pose.orientation.w = 1.0, 0.0
    odometry.twist.twist.linear.x = 0.5
    speed = TwistStamped()
    speed.twist.linear.x, speed.twist.angular.z = 0.5, x
    wish = Twist()
    wish.linear.x, wish.angular.z = 0.75, x
    pose = PoseStamped()
    pose.pose.position.y, pose.pose.orientation.w = x, 1.0
    wrench = WrenchStamped()
    wrench.wrench.force.z, wrench.wrench.torque.x = -9.5, x
    scan = LaserScan(angle_min=-math.pi, angle_max=math.pi, range_min=0.05, range_max=30.0)
    scan.angle_increment, scan.ranges = math.pi / 180, [math.inf] * 180 + [1.5] + [3.0] * 180
    sonar = Range(min_range=0.05, max_range=4.0, range=1.25)
    floats = Float64MultiArray(data=[1000.0, x])
    found = {
        'camera': (camera, np.full((32, 32, 3), 60 + k)),
        'packed': (packed, np.full((32, 32, 3), 60 + k)),
        'depth': (depth, np.full((32, 32, 3), 128)),
        'packed_depth': (packed_depth, np.full((32, 32, 3), 255)),
        'joints': (joints, [1.0 + x, 2.0, 0.25, 0.5]),
        'imu': (imu, [0, 0, 0, 1, 0, x, 0, 9.75]),
        'odometry': (odometry, [x, 0, math.pi, 0.5, 0]),
        'speed': (speed, [0.5, 0, 0, 0, 0, x]),
        'wish': (wish, [0.75, x]),
        'pose': (pose, [0, x, 0, 0]),
        'wrench': (wrench, [0, 0, -9.5, x, 0, 0]),
        'scan': (scan, [5.0, 5.0, 5.0, 5.0, 1.5, 3.0, 3.0, 3.0]),
        'sonar': (sonar, [1.25]),
        'floats': (floats, [1000.0, x]),
    }
    for message, _ in found.values():
        if hasattr(message, 'header'):
            stamped(message, t_ns)
    return found
