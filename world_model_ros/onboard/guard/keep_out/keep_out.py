# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether the next command may go out, judged by where braking from it would end.

A command passes if it, and every pose on the way to rest from it, keeps all margins. So there is
always a way to stop: the one that was judged with the command before. Where the robot stands too
near already, a command passes if no margin on its way becomes worse: it may escape.

Between two poses a margin changes by at most ``reach @ |dq|``. So the margins of a few poses clear
the way between them, and those of one pose often clear many commands.
"""

from __future__ import annotations

import numpy as np

from world_model_ros.onboard.guard.keep_out.margins import Margins
from world_model_ros.onboard.guard.motion import Limits, Motion, State
from world_model_ros.onboard.guard.reasons import Reason

SAME_M = 1e-5  # what MuJoCo's distance of two bodies may vary by
# A stop that takes more samples than this begins at no speed that a robot has.
MAX_BRAKE_SAMPLES = 2_000


class KeepOut:
    """Judges each step of one motion."""

    def __init__(self, margins: Margins, limits: Limits) -> None:
        self._margins = margins
        self._reach = margins.reach  # [P, A]
        self._joints = margins.joints
        self._acceleration = limits.acceleration
        self._smooth: np.ndarray = np.isfinite(limits.jerk) & np.isfinite(limits.acceleration)
        self._jerk = np.where(self._smooth, limits.jerk, 1.0)
        self._any_smooth = bool(np.any(self._smooth & self._joints))
        self._brake = Motion(limits)  # tries how the robot would come to rest
        self._unused: list[Reason] = []
        self._at: np.ndarray | None = None  # the newest pose that was looked at
        self._left = np.zeros(len(self._reach))  # its margins [P]

    def refuses(self, before: State, after: State, dt_s: float) -> Reason | None:
        """Why a step between two states may not be made, None for one that may."""
        if self._at is not None:
            moved = np.abs(after[0] - self._at) + self.stop_bound(after, dt_s)
            if np.all(self._reach @ moved < self._left):
                return None
        if self._at is None or not np.array_equal(before[0], self._at):
            self._at, self._left = before[0].copy(), self._margins(before[0])
        floor = np.minimum(self._left, 0.0)
        escapes = bool(np.any(floor))
        return self._first_bad(after, dt_s, floor - SAME_M if escapes else floor)

    def stop_bound(self, state: State, dt_s: float) -> np.ndarray:
        """How far each joint goes at most until it is at rest [A]."""
        _, speed, acceleration = state
        fast = np.abs(speed)
        stop = fast**2 / (2.0 * self._acceleration)
        if self._any_smooth:
            a, j = np.abs(acceleration), self._jerk
            peak = fast + a * a / (2.0 * j) + a * dt_s
            limit = np.where(self._smooth, self._acceleration, 1.0)
            seconds = a / j + peak / limit + 2.0 * limit / j + 4.0 * dt_s
            stop = np.where(self._smooth, peak * seconds, stop)
        return np.where(self._joints, stop, 0.0)

    def _first_bad(self, after: State, dt_s: float, floor: np.ndarray) -> Reason | None:
        """Look at the way to rest from a state; its margins must stay above a floor [P]."""
        poses = self._way_to_rest(after, dt_s)  # [K, A]
        steps = np.abs(np.diff(poses, axis=0, prepend=poses[:1]))
        moved = self._reach @ np.cumsum(steps, axis=0).T  # [P, K]
        spare: dict[int, np.ndarray] = {}
        last = len(poses) - 1
        here = self._left
        for i in (last, 0):  # the end is most often the worst
            here = self._margins(poses[i])
            spare[i] = here - floor
            if np.min(spare[i]) < 0.0:
                return self._margins.why(np.where(spare[i] < 0.0, here, np.inf))
        open_ways = [(0, last)]
        while open_ways:
            first, second = open_ways.pop()
            ways = moved[:, second] - moved[:, first]
            if second - first < 2 or np.all(spare[first] + spare[second] >= ways):
                continue
            middle = (first + second) // 2
            margins = self._margins(poses[middle])
            spare[middle] = margins - floor
            if np.min(spare[middle]) < 0.0:
                return self._margins.why(np.where(spare[middle] < 0.0, margins, np.inf))
            open_ways += [(first, middle), (middle, second)]
        self._at, self._left = poses[0].copy(), here  # the next command steps from here
        return None

    def _way_to_rest(self, state: State, dt_s: float) -> np.ndarray:
        """A state's pose and those of braking from it [K, A]."""
        value, speed, _ = state
        if self._any_smooth:
            return self._way_of_motion(state, dt_s)
        change = self._acceleration * dt_s
        samples = np.where(self._joints, np.abs(speed) / change, 0.0)
        count = min(int(np.ceil(np.max(samples))), MAX_BRAKE_SAMPLES)
        k = np.arange(count + 1)[:, None]
        with np.errstate(invalid='ignore'):
            lost = np.where(k > 0, k * change, 0.0)
        speeds = np.sign(speed) * np.maximum(np.abs(speed) - lost, 0.0) * (k > 0)
        poses: np.ndarray = value + np.cumsum(speeds, axis=0) * dt_s
        return poses

    def _way_of_motion(self, state: State, dt_s: float) -> np.ndarray:
        """The same with jerk limits, which only the motion itself knows."""
        brake, poses = self._brake, [state[0]]
        brake.state = state
        while np.any(brake.speed[self._joints]) and len(poses) < MAX_BRAKE_SAMPLES:
            self._unused.clear()
            brake.brake(dt_s, self._unused)
            poses.append(brake.value)
        return np.array(poses)
