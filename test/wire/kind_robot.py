# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A base with every kind of stream, for the tests of wire/kinds and of what they pass through."""

from __future__ import annotations

from world_model_ros.contract import parse_contract

STREAMS = """
  camera: {kind: image, topic: camera/image_raw, rate: 20.0, max_age: 0.15,
           shape: [32, 32, 3], fit: crop}
  packed: {kind: image, topic: front/image_raw/compressed, rate: 20.0, max_age: 0.15,
           shape: [32, 32, 3]}
  depth: {kind: depth, topic: depth/image_raw, rate: 20.0, max_age: 0.15, shape: [32, 32, 3],
          range: [0.25, 4.0]}
  packed_depth: {kind: depth, topic: depth/image_raw/compressedDepth, rate: 20.0, max_age: 0.15,
                 shape: [32, 32, 3], range: [0.25, 4.0]}
  joints: {kind: joints, topic: joint_states, rate: 20.0, max_age: 0.15, names: [left, right],
           fields: [position, velocity]}
  imu: {kind: imu, topic: imu/data, rate: 20.0, max_age: 0.15,
        fields: [orientation, angular_velocity, linear_acceleration.z]}
  odometry: {kind: odometry, topic: odom, rate: 20.0, max_age: 0.15}
  speed: {kind: twist, topic: speed, rate: 20.0, max_age: 0.15}
  wish: {kind: twist, topic: wish, rate: 20.0, max_age: 0.15, type: geometry_msgs/msg/Twist,
         stamp: receive, fields: [linear.x, angular.z]}
  pose: {kind: pose, topic: pose, rate: 20.0, max_age: 0.15, fields: [position, yaw]}
  wrench: {kind: wrench, topic: wrench, rate: 20.0, max_age: 0.15}
  scan: {kind: laser_scan, topic: scan, rate: 20.0, max_age: 0.15, beams: 8, range: [0.1, 5.0],
         angles: [-1.6, 1.6]}
  sonar: {kind: range, topic: sonar, rate: 20.0, max_age: 0.15, range: [0.1, 3.0]}
  floats: {kind: floats, topic: floats, rate: 20.0, max_age: 0.15, stamp: receive,
           names: [pressure, heading], wrap: [heading]}
"""
ACTION = """
  topic: cmd_vel
  type: geometry_msgs/msg/TwistStamped
  kind: velocity
  names: [linear.x, angular.z]
  low: [-0.5, -1.0]
  high: [0.5, 1.0]
  rate_limit: [1.0, 2.0]
  safe: zero
"""
TEXT = f"""
format: 1
name: kinds
control: {{period: 0.1, tick: {{source: timer}}, command_rate: 20.0, command_timeout: 0.3}}
streams:{STREAMS}action:{ACTION}episode: {{reset: none, segment_ticks: 100}}
"""


def robot(*changes: tuple[str, str]):
    """The contract, with texts replaced."""
    text = TEXT
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return parse_contract(text)


def with_action(**keys):
    """The contract with these keys of its action changed; None takes one away."""
    text = ACTION
    for key, value in keys.items():
        lines = [line for line in text.splitlines() if not line.startswith(f'  {key}:')]
        text = '\n'.join([*lines, *([] if value is None else [f'  {key}: {value}']), ''])
    return parse_contract(TEXT.replace(ACTION, text))


ROBOT = robot()
