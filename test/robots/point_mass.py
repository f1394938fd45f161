# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A Gymnasium environment for tests: a mass on a line, a picture of it, and two ends."""

from __future__ import annotations

import gymnasium
import numpy as np

ID = 'point_mass:PointMass-v0'
DT_SEC = 0.05
CONTRACT = """
format: 1
name: mass_on_a_line
body: gymnasium:point_mass:PointMass-v0
control:
  period: 0.1
  tick: {source: stream, stream: camera}
  command_rate: 10.0
  command_timeout: 0.3
  frames_per_tick: 2
streams:
  camera: {kind: image, topic: camera/image_raw, rate: 10.0, max_age: 0.3, shape: [32, 32, 3],
           fit: crop}
  joints: {kind: joints, topic: joint_states, rate: 10.0, max_age: 0.3,
           names: [place, speed, last_action], fields: [position]}
action:
  topic: command
  kind: effort
  names: [push]
  low: [-20.0]
  high: [20.0]
  rate_limit: [100000.0]
  safe: zero
  gravity_safe: true
reward: {topic: reward}
episode: {reset: service, max_ticks: 100}
"""


class PointMass(gymnasium.Env):
    """Action 0 to 1 (0.5 is rest); ends beyond 1 m, is cut off after `most` steps."""

    metadata = {'render_modes': ['rgb_array'], 'render_fps': 20}  # noqa: RUF012 - gymnasium's own form
    dt = DT_SEC
    observation_space = gymnasium.spaces.Dict(
        # flattened in the order of the names, which gymnasium sorts
        {
            'a': gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float64),
            'b': gymnasium.spaces.Box(0.0, 1.0, (1, 1), np.float32),
        }
    )
    action_space = gymnasium.spaces.Box(0.0, 1.0, (1, 1), np.float32)

    def __init__(self, render_mode=None, most=1000, bonus=0.0, picture=None):
        self.render_mode = render_mode
        self.most, self.bonus, self.picture = most, bonus, picture
        self.actions = []

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.state = np.array([self.np_random.uniform(-0.2, 0.2), 0.0])
        self.actions, self.last = [], np.full((1, 1), 0.5, np.float32)
        return self._observation(), {}

    def step(self, action):
        assert action.shape == (1, 1) and action.dtype == np.float32
        assert self.action_space.contains(action)
        self.actions.append(float(action[0, 0]))
        self.last = action
        self.state[1] += 2.0 * (float(action[0, 0]) - 0.5) * self.dt
        self.state[0] += self.state[1] * self.dt
        over = bool(abs(self.state[0]) > 1.0)
        reward = 1.0 - abs(self.state[0]) + self.bonus
        return self._observation(), reward, over, len(self.actions) >= self.most, {}

    def render(self):
        if self.picture is not None:
            return self.picture
        picture = np.zeros((40, 60, 3), np.uint8)
        column = int(np.clip(30 + 20 * self.state[0], 0, 59))
        picture[10:30, column] = (255, 0, 0)
        return picture

    def _observation(self):
        return {'a': self.state.copy(), 'b': self.last}


gymnasium.register('PointMass-v0', entry_point='point_mass:PointMass')
