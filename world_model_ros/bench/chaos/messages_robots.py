# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The robots of `chaos messages`: every kind of stream, and every message of a command."""

from __future__ import annotations

import functools

from world_model_ros.contract import Contract, parse_contract

_STREAMS = """
  camera: {kind: image, topic: camera, rate: 20.0, max_age: 0.15, shape: [32, 32, 3], fit: crop}
  packed: {kind: image, topic: front/compressed, rate: 20.0, max_age: 0.15, shape: [32, 32, 3],
           fit: pad}
  depth: {kind: depth, topic: depth, rate: 20.0, max_age: 0.15, shape: [32, 32, 3], fit: pad,
          range: [0.25, 4.0]}
  packed_depth: {kind: depth, topic: depth/compressedDepth, rate: 20.0, max_age: 0.15, fit: crop,
                 shape: [32, 32, 3], range: [0.25, 4.0]}
  joints: {kind: joints, topic: joint_states, rate: 20.0, max_age: 0.15, names: [left, right],
           fields: [position, velocity], wrap: [left]}
  imu: {kind: imu, topic: imu, rate: 20.0, max_age: 0.15, fields: [yaw, linear_acceleration]}
  odometry: {kind: odometry, topic: odom, rate: 20.0, max_age: 0.15, sampling: asof,
             tolerance: 0.1}
  speed: {kind: twist, topic: speed, rate: 20.0, max_age: 0.15, sampling: drop}
  wish: {kind: twist, topic: wish, rate: 20.0, max_age: 0.15, type: geometry_msgs/msg/Twist,
         stamp: receive}
  pose: {kind: pose, topic: pose, rate: 20.0, max_age: 0.15}
  wrench: {kind: wrench, topic: wrench, rate: 20.0, max_age: 0.15}
  scan: {kind: laser_scan, topic: scan, rate: 20.0, max_age: 0.15, beams: 8, range: [0.1, 5.0],
         angles: [-1.6, 1.6]}
  whole_scan: {kind: laser_scan, topic: scan, rate: 20.0, max_age: 0.15, beams: 5,
               range: [0.1, 5.0]}
  sonar: {kind: range, topic: sonar, rate: 20.0, max_age: 0.15, range: [0.1, 3.0]}
  floats: {kind: floats, topic: floats, rate: 20.0, max_age: 0.15, stamp: receive,
           names: [pressure, heading], wrap: [heading]}
"""
_BASE = 'kind: velocity, names: [linear.x, angular.z], safe: zero, stop_rate_limit: [3.0, 3.0]'
_ARM = (
    'kind: position, names: [left, right], safe: hold, acceleration_limit: [8.0, 8.0], '
    'hold_tolerance: 0.1'
)
# What is commanded, by a name for the counts.
_ACTIONS = {
    'base twist': f'{_BASE}, type: geometry_msgs/msg/Twist',
    'base twist stamped': f'{_BASE}, type: geometry_msgs/msg/TwistStamped',
    'arm trajectory': f'{_ARM}, type: trajectory_msgs/msg/JointTrajectory',
    'arm joint state': f'{_ARM}, type: sensor_msgs/msg/JointState',
    'wheels floats': 'kind: velocity, names: [left, right], safe: zero, '
    'type: std_msgs/msg/Float64MultiArray',
    'motors joint state': 'kind: effort, names: [left, right], safe: zero, gravity_safe: true',
}
# Of format 2: three groups, joints in parts.
_HANDS = 'hands'
_GROUPS = """
  arm: {topic: arm, type: trajectory_msgs/msg/JointTrajectory, kind: position, safe: hold,
        names: [left, right], low: [-0.6, -1.2], high: [0.6, 1.2],
        limits: {low: [-0.5, -1.0], high: [0.5, 1.0], velocity: [1.0, 2.0],
                 acceleration: [8.0, 8.0], jerk: [200.0, 200.0]}}
  gripper: {topic: gripper, type: control_msgs/msg/GripperCommand, kind: position, safe: hold,
            names: [finger], low: [-1.0], high: [1.0], limits: {velocity: [1.0]}, rate: 10.0,
            max_effort: 20.0}
  base: {topic: cmd_vel, type: geometry_msgs/msg/TwistStamped, kind: velocity, safe: zero,
         names: [linear.x, angular.z], low: [-0.5, -1.0], high: [0.5, 1.0],
         limits: {acceleration: [1.0, 2.0], jerk: [50.0, 50.0], stop_acceleration: [3.0, 3.0]}}
"""
NAMES = (*_ACTIONS, _HANDS)


@functools.cache
def robot(name: str) -> Contract:
    """The contract of one of NAMES."""
    streams, version = _STREAMS, 1
    if name == _HANDS:
        streams = streams.replace('names: [left, right]', 'names: [left, right, finger]')
        version, commands = 2, f'actions:{_GROUPS}'
    else:
        box = 'low: [-0.5, -1.0], high: [0.5, 1.0], rate_limit: [1.0, 2.0]'
        commands = f'action: {{topic: command, {box}, {_ACTIONS[name]}}}'
    return parse_contract(
        f"""
format: {version}
name: messages
control: {{period: 0.1, tick: {{source: timer}}, command_rate: 20.0, command_timeout: 0.3}}
streams:{streams}{commands}
episode: {{reset: none, segment_ticks: 100}}
""",
        f'chaos messages, {name}',
    )
