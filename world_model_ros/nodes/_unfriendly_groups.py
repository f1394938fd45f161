# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The command groups of the unfriendly arm: a driver each, and the joints behind it.

Owns what a command message says and which joints are whose. The physics is robots.UnfriendlyArm's;
time comes from the caller. All joints are in the order of the contract's action. For tests only.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from world_model_ros.contract import Action, Contract
from world_model_ros.robots.unfriendly_driver import DriverLimits
from world_model_ros.robots.unfriendly_physics import UnfriendlyArm

START_TOLERANCE = 0.05  # rad that a first command may be from where the arm is
START_SHARE = 0.2  # where in the box it starts, from its middle (0) to its end (1)
OUTSIDE_RAD = 0.1  # how far beyond its box a person moves a joint


class DrivenGroup:
    """One group: its driver and its joints."""

    def __init__(self, group: Action, contract: Contract, start: np.ndarray | None) -> None:
        low, high = np.array(group.low), np.array(group.high)
        position = group.kind == 'position'
        limits = DriverLimits(
            low,
            high,
            np.maximum(group.rate_limit, group.stop_rate_limit or group.rate_limit),
            np.array(group.acceleration_limit) if group.acceleration_limit else None,
            1.0 / (group.rate_hz or contract.command_rate_hz),
            contract.command_timeout_s,
            START_TOLERANCE if position else math.inf,
        )
        if start is None:
            inside = 0.5 * (low + high) + START_SHARE * 0.5 * (high - low)
            start = inside if position else np.zeros(len(low))
        self.group = group
        self.arm = UnfriendlyArm(group.names, group.kind, limits, start)
        self.commands = 0
        self.fault_time = 0.0  # when the newest one was, seconds of the wall clock

    def take(self, message: JointState | Float64MultiArray, now_s: float) -> None:
        """A command that arrived."""
        self.commands += 1
        faults = self.arm.fault_count
        values = self._values(message)
        if values is None:
            self.arm.refuse(f'command without a number for each of {list(self.group.names)}')
        else:
            self.arm.command(values, now_s)
        if self.arm.fault_count != faults:
            self.fault_time = time.time()

    def _values(self, message: JointState | Float64MultiArray) -> np.ndarray | None:
        """What a command says, by name; NaN passes: the driver faults on it."""
        if isinstance(message, Float64MultiArray):
            return np.asarray(message.data, np.float64)
        field = {'position': message.position, 'velocity': message.velocity}
        numbers = field.get(self.arm.kind, message.effort)
        given = dict(zip(message.name, numbers, strict=False))
        if set(given) != set(self.group.names):
            return None
        return np.array([given[name] for name in self.group.names], np.float64)

    def take_by_hand(self, outside: str, stuck: str) -> None:
        """What holds joints instead of the motors; names of other groups' joints are none."""
        names, arm = self.group.names, self.arm
        arm.release_hand()
        if outside in names:
            joint = names.index(outside)
            high = self.group.high[joint] if arm.kind == 'position' else 1.0
            arm.by_hand[joint] = high + OUTSIDE_RAD
        if stuck in names:
            joint = names.index(stuck)
            arm.by_hand[joint] = float(arm.position[joint])


class DrivenGroups:
    """All groups of a robot.

    Args:
        contract: the robot's.
        start: positions of all joints, rad; one NaN: inside of the box.

    Raises:
        ValueError: `start` has another number of positions.
    """

    def __init__(self, contract: Contract, start: Sequence[float]) -> None:
        names = contract.action.names
        given = not (len(start) == 1 and math.isnan(start[0]))
        if given and len(start) != len(names):
            raise ValueError(
                f'parameter start has {len(start)} positions, expected one for each of '
                f'{", ".join(names)}'
            )
        self.names = names
        self.groups = [
            DrivenGroup(group, contract, np.array(start[part]) if given else None)
            for group, part in zip(contract.groups, contract.action.parts, strict=True)
        ]
        self.first = self.groups[0]

    @property
    def braked(self) -> bool:
        """Whether a group does not move, whatever is commanded."""
        return any(each.arm.braked for each in self.groups)

    @property
    def fault(self) -> str:
        """What the drivers say, or ''; with the group where there are several."""
        said = [(each.group.name, each.arm.fault) for each in self.groups if each.arm.fault]
        return '; '.join(
            f'{name}: {fault}' if len(self.groups) > 1 else fault for name, fault in said
        )

    def advance(self, now_s: float) -> None:
        """Run all joints to this time."""
        for each in self.groups:
            each.arm.advance(now_s)

    def joints(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Position, velocity and effort of all joints."""
        arms = [each.arm for each in self.groups]
        return (
            np.concatenate([arm.position for arm in arms]),
            np.concatenate([arm.velocity for arm in arms]),
            np.concatenate([arm.effort for arm in arms]),
        )

    def hardware_stop(self) -> None:
        """Brakes on, everywhere."""
        for each in self.groups:
            each.arm.hardware_stop()

    def hardware_release(self) -> None:
        """Brakes off."""
        for each in self.groups:
            each.arm.hardware_release()

    def clear_fault(self) -> str:
        """Switch all motors on again; what the fault was."""
        fault = self.fault
        for each in self.groups:
            each.arm.clear_fault()
        return fault

    def apply(self, settings: dict[str, Any], by_hand: bool) -> None:
        """Put faults into force; `by_hand`: also those that hold joints."""
        for each in self.groups:
            each.arm.sag, each.arm.lag_s = settings['sag'], settings['lag']
            if by_hand:
                each.take_by_hand(settings['out_of_box'], settings['stuck'])

    def status(self) -> dict[str, Any]:
        """For `~/status`; counts are of all groups together."""
        groups, arms = self.groups, [each.arm for each in self.groups]
        return {
            'fault': self.fault,
            'fault_count': sum(arm.fault_count for arm in arms),
            'fault_time': max(each.fault_time for each in groups),
            'hardware_stopped': arms[0].hardware_stopped,
            'timed_out': any(arm.timed_out for arm in arms),
            'commands': sum(each.commands for each in groups),
            'taken': sum(arm.taken for arm in arms),
            'ignored': sum(arm.ignored for arm in arms),
            'position': [round(float(x), 6) for arm in arms for x in arm.position],
            'target': [round(float(x), 6) for arm in arms for x in arm.target],
        }
