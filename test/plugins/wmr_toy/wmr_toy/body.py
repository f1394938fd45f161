# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A mass on a line with friction: a linear system behind the protocol of a body.

Joint `mass`: m and m/s; the command is a force in N. Its motor warms up with the force.
"""

import numpy as np

DT_SEC = 0.02
FRICTION = 0.5  # 1/s
AMBIENT_DEGC = 20.0


class ToyMass:
    """State [position, velocity, temperature]; the next one is linear in state and force."""

    frame_s = DT_SEC
    actuators = ('mass',)
    command_kinds = ('effort', 'velocity_array')  # its driver pushes 1 N for each m/s asked for

    def __init__(self, contract):
        self.state = np.zeros(3)
        self.force = 0.0
        self.strength = 1.0

    def reset(self, rng):
        self.state = np.array([rng.uniform(-0.5, 0.5), rng.uniform(-0.5, 0.5), AMBIENT_DEGC])

    def set_reality(self, reality):
        self.strength = reality.motor_strength

    def apply(self, command):
        self.force = self.strength * float(command[0])

    def advance(self):
        place, speed, warm = self.state
        self.state = np.array(
            [
                place + DT_SEC * speed,
                speed + DT_SEC * (self.force - FRICTION * speed),
                warm + DT_SEC * (AMBIENT_DEGC + 5.0 * self.force - warm),
            ]
        )

    def joints(self):
        return {'mass': (float(self.state[0]), float(self.state[1]), self.force)}

    def sense(self, stream):
        return np.array([self.state[2]], np.float32)

    def render(self, camera, height, width):
        picture = np.zeros((height, width, 3), np.uint8)
        column = int(np.clip((self.state[0] + 1.0) / 2.0 * width, 0, width - 1))
        picture[:, column] = 255
        return picture

    def reward(self):
        return float(np.exp(-abs(self.state[0])))

    def terminal(self):
        return False

    def close(self):
        pass
