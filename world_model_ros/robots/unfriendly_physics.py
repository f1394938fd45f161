# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An arm that forgives nothing: gravity, lag, brakes, and a driver that faults on a step.

For tests and fault injection; no robot of a user. Seven joints that sag below their commanded
positions and follow them late. The same class takes velocities or efforts instead (joints that
lie flat, without sag). Time comes from the caller in seconds and is integrated exactly between
events, so that a test needs no real time. Must not import onboard, nodes, torch or rclpy.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from world_model_ros.robots.unfriendly_driver import CommandJudge, DriverLimits

SAG_RAD = 0.010
LAG_S = 0.050
DEAD_SHARE = 0.4  # of the lag is dead time; the rest is a first-order delay
MARGIN = 1.25  # the driver's limits over those of the contract
OVERTRAVEL_RAD = 0.3  # mechanical range beyond the box on either side
FREE_RANGE_RAD = 3.0  # mechanical range where the box is not one of positions
JOINT_SPEED_RAD_S = 3.0  # what the motors can do
HAND_SPEED_RAD_S = 0.5
STIFFNESS = 100.0  # N·m per rad between target and joint, for the effort that is reported
INERTIA_S = 0.2  # effort: time constant to the final speed
SPEED_PER_EFFORT = 1.0  # effort: final speed in rad/s per N·m


class UnfriendlyArm:
    """Joints behind a driver. Faults are attributes that may change at any time.

    Args:
        names: joints, in the order of a command.
        kind: `position`, `velocity` or `effort`.
        limits: what a command may be, in its own units, as the contract has it; the driver's
            limits are MARGIN times as wide (positions: OVERTRAVEL_RAD beyond the box).
        start: positions at the beginning, rad [A].
    """

    def __init__(
        self,
        names: tuple[str, ...],
        kind: str,
        limits: DriverLimits,
        start: np.ndarray | None = None,
    ) -> None:
        if kind not in ('position', 'velocity', 'effort'):
            raise ValueError(f'the arm takes position, velocity or effort, not {kind!r}')
        self.names, self.kind = names, kind
        position = kind == 'position'
        self.low = limits.low - OVERTRAVEL_RAD if position else np.full(len(names), -1.0)
        self.high = limits.high + OVERTRAVEL_RAD if position else np.full(len(names), 1.0)
        if not position:
            self.low, self.high = FREE_RANGE_RAD * self.low, FREE_RANGE_RAD * self.high
        self.driver = DriverLimits(
            self.low if position else MARGIN * limits.low,
            self.high if position else MARGIN * limits.high,
            MARGIN * limits.rate,
            None if limits.acceleration is None else MARGIN * limits.acceleration,
            limits.period_s,
            limits.timeout_s,
            limits.start_tolerance,
        )
        self.sag = SAG_RAD  # rad below the target; positions only
        self.lag_s = LAG_S
        self.by_hand: dict[int, float] = {}  # joint -> where a person takes it, rad
        self.position = np.zeros(len(names)) if start is None else np.array(start, np.float64)
        self.velocity = np.zeros(len(names))
        self.fault = ''
        self.fault_count = 0
        self.taken = self.ignored = 0  # commands
        self.hardware_stopped = False
        self._judge = CommandJudge(names, self.driver)
        self._target = self._rest()
        self._queue: deque[tuple[float, np.ndarray]] = deque()  # when it reaches the motors
        self._now_s: float | None = None
        self._command_s: float | None = None

    @property
    def target(self) -> np.ndarray:
        """The command taken last, [A]; at the start where the joints are, or zero."""
        return (self._queue[-1][1] if self._queue else self._target).copy()

    @property
    def effort(self) -> np.ndarray:
        """N·m that the motors give, [A]."""
        if self.kind == 'effort':
            return self._target.copy()
        return (
            STIFFNESS * (self._target - self.position)
            if self.kind == 'position'
            else 0.0 * (self._target)
        )

    @property
    def braked(self) -> bool:
        """Whether nothing moves whatever is commanded."""
        return self.hardware_stopped or bool(self.fault)

    @property
    def timed_out(self) -> bool:
        """Whether the driver has had no command for longer than its timeout: it holds."""
        if self._command_s is None or self._now_s is None:
            return True
        return self._now_s - self._command_s > self.driver.timeout_s

    def command(self, values: np.ndarray, now_s: float) -> None:
        """Take, or refuse by a fault, the command [A] that arrived at `now_s`."""
        self.advance(now_s)
        if self.braked:
            self.ignored += 1
            return
        starts = (self.target, self.position) if self.kind == 'position' else ()
        fault = self._judge.judge(values, now_s, *starts)
        if fault:
            self.fault = fault
            self.fault_count += 1
            self._brake()
            return
        self.taken += 1
        self._command_s = now_s
        self._queue.append((now_s + DEAD_SHARE * self.lag_s, values.copy()))

    def refuse(self, fault: str) -> None:
        """Fault for a reason outside of this class, such as a message without its joints."""
        if not self.braked:
            self.fault = fault
            self.fault_count += 1
            self._brake()

    def clear_fault(self) -> None:
        """Switch the motors on again, where the joints are."""
        self.fault = ''

    def hardware_stop(self) -> None:
        """Brakes on; commands are ignored until the release."""
        self.hardware_stopped = True
        self._brake()

    def hardware_release(self) -> None:
        """Brakes off; the driver holds where the joints are, and they sag."""
        self.hardware_stopped = False

    def release_hand(self) -> None:
        """The person lets go; the driver holds those joints where they are."""
        for joint in self.by_hand:
            self._target[joint] = self._rest()[joint]
        self.by_hand = {}

    def advance(self, now_s: float) -> None:
        """Run to this time; an earlier one than the last changes nothing."""
        if self._now_s is None:
            self._now_s = now_s
        while self._queue and self._queue[0][0] <= now_s:
            due_s, target = self._queue.popleft()
            self._run_to(due_s)
            self._target = target
        if self._command_s is not None and self.kind != 'position':
            end_s = self._command_s + self.driver.timeout_s
            if end_s <= now_s and not self._queue:
                self._run_to(end_s)
                self._target = self._rest()
        self._run_to(now_s)

    def _rest(self) -> np.ndarray:
        """What the driver sets by itself: hold here, or nothing."""
        return self.position.copy() if self.kind == 'position' else np.zeros(len(self.names))

    def _brake(self) -> None:
        self._queue.clear()
        self._judge.forget()
        self.velocity = np.zeros(len(self.names))
        self._target = self._rest()
        self._command_s = None

    def _run_to(self, now_s: float) -> None:
        dt_s = now_s - (self._now_s or 0.0)
        if dt_s <= 0.0:
            return
        self._now_s = now_s
        before = self.position.copy()
        if not self.braked:
            tau_s = max((1.0 - DEAD_SHARE) * self.lag_s, 1e-6)
            if self.kind == 'position':
                aim = self._target - self.sag
                wanted = aim + (before - aim) * np.exp(-dt_s / tau_s)
                most = JOINT_SPEED_RAD_S * dt_s
                self.position = before + np.clip(wanted - before, -most, most)
            else:
                gain = SPEED_PER_EFFORT if self.kind == 'effort' else 1.0
                tau_s += INERTIA_S if self.kind == 'effort' else 0.0
                aim, decay = gain * self._target, np.exp(-dt_s / tau_s)
                self.position = before + aim * dt_s + (self.velocity - aim) * tau_s * (1 - decay)
                self.velocity = aim + (self.velocity - aim) * decay
        for joint, goal in self.by_hand.items():
            most = HAND_SPEED_RAD_S * dt_s
            self.position[joint] = before[joint] + np.clip(goal - before[joint], -most, most)
        self.position = np.clip(self.position, self.low, self.high)
        if self.kind == 'position':
            self.velocity = (self.position - before) / dt_s
        else:
            self.velocity[(self.position <= self.low) | (self.position >= self.high)] = 0.0
