# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The joint limits of a robot's URDF, kept beside those of the contract: the narrower ones count.

Input: the text of `robot_description`. A joint that the text does not limit is named, because a
limit that is missing is no wide one. Must not import ROS.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from world_model_ros.contract.kinds import command_kind

if TYPE_CHECKING:
    from world_model_ros.contract import Contract
    from world_model_ros.onboard.guard.motion import Limits

MAX_BYTES = 8 * 1024 * 1024
LIMITED = ('revolute', 'prismatic')  # have a range
MOVING = (*LIMITED, 'continuous')


@dataclass(frozen=True)
class JointLimit:
    """The tag <limit> of one joint, SI units; infinite where the type has none."""

    lower: float
    upper: float
    velocity: float
    effort: float


def joint_limits(text: str) -> dict[str, JointLimit]:
    """The joints that move, by name.

    Raises:
        ValueError: it is no URDF; in one line.
    """
    # Without a document type there are no entities, and nothing to expand.
    if len(text) > MAX_BYTES or '<!DOCTYPE' in text or '<!ENTITY' in text:
        raise ValueError(f'expected a URDF of at most {MAX_BYTES} bytes and without a DOCTYPE')
    try:
        robot = ET.fromstring(text)
    except (ET.ParseError, ValueError) as error:
        raise ValueError(f'no URDF: {str(error)[:200]}') from error
    found: dict[str, JointLimit] = {}
    for joint in robot.findall('joint'):
        name, kind, tag = joint.get('name', ''), joint.get('type', ''), joint.find('limit')
        if kind not in MOVING or tag is None:
            continue
        numbers = [_number(name, tag, key) for key in ('velocity', 'effort')]
        ends = [_number(name, tag, key, 0.0) for key in ('lower', 'upper')]
        if kind not in LIMITED:
            ends = [-math.inf, math.inf]
        found[name] = JointLimit(ends[0], ends[1], abs(numbers[0]), abs(numbers[1]))
    return found


def _number(joint: str, tag: ET.Element, key: str, default: float = math.nan) -> float:
    text = tag.get(key)
    try:
        number = default if text is None else float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ValueError(f'joint {joint!r}: limit {key} is {text!r}, expected a number')
    return number


class DescribedLimits:
    """Narrows the limits of one guard; they are those of the contract to begin with."""

    def __init__(self, contract: Contract, limits: Limits) -> None:
        """`limits` are shared with whatever steps the robot, and changed in place."""
        action = contract.action
        self._names, self._limits, self._margin = action.names, limits, action.limit_margin
        kinds = [command_kind(kind) for kind in action.kinds]
        self._positions = [kind.positions for kind in kinds]
        # What changes by an acceleration is a speed.
        self._speeds = [kind.derivatives[:1] == ('acceleration',) for kind in kinds]
        self._efforts = [kind.name == 'effort' for kind in kinds]
        self._contract = limits.low.copy(), limits.high.copy(), limits.rate.copy()

    def narrow(self, text: str) -> str:
        """Keep to this URDF, too; which joints it does not limit, or why it is of no use, ''."""
        try:
            given = joint_limits(text)
        except ValueError as error:
            return str(error)
        missing = [name for name in self._names if name not in given]
        if missing:
            return f'it limits no joint {", ".join(missing)}; it has {", ".join(given) or "none"}'
        low, high, rate = (values.copy() for values in self._contract)
        for i, name in enumerate(self._names):
            limit = given[name]
            if self._positions[i]:
                margin = self._margin[i]
                low[i] = max(low[i], limit.lower + margin)
                high[i] = min(high[i], limit.upper - margin)
                rate[i] = min(rate[i], limit.velocity)
            elif self._speeds[i] or self._efforts[i]:
                most = limit.velocity if self._speeds[i] else limit.effort
                low[i], high[i] = max(low[i], -most), min(high[i], most)
            if not low[i] < high[i] or not rate[i] > 0.0:
                return (
                    f'joint {name}: the URDF allows {limit.lower:g} to {limit.upper:g} at '
                    f'{limit.velocity:g} a second, {limit.effort:g} of effort, the contract '
                    f'{self._contract[0][i]:g} to {self._contract[1][i]:g}: they have nothing '
                    'in common'
                )
        self._limits.low[:], self._limits.high[:], self._limits.rate[:] = low, high, rate
        return ''

    @property
    def box(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """Low and high [A] where they are narrower than the contract's, else twice ()."""
        low, high, _ = self._contract
        now = self._limits
        if np.array_equal(now.low, low) and np.array_equal(now.high, high):
            return (), ()
        return tuple(map(float, now.low)), tuple(map(float, now.high))

    @property
    def narrowed(self) -> str:
        """Which joints have less room than the contract allows, for the log."""
        low, high, rate = self._contract
        now = self._limits
        narrower = (now.low > low) | (now.high < high) | (now.rate < rate)
        return ', '.join(
            f'{name} {now.low[i]:g} to {now.high[i]:g} at {now.rate[i]:g}'
            for i, name in enumerate(self._names)
            if narrower[i]
        )
