# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From what may be asked for to one command: a step towards it, or of the safe action.

Owns the motion so far, the box as it is measured, and what keeps the links of an arm out of harm.
Who may ask is decided in arbiter.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from world_model_ros.contract.kinds import command_kind
from world_model_ros.onboard.guard.box import Box
from world_model_ros.onboard.guard.chunks import Chunk
from world_model_ros.onboard.guard.group_rates import GroupRates
from world_model_ros.onboard.guard.motion import Limits, Motion, State
from world_model_ros.onboard.guard.reasons import Reason, ReasonKind
from world_model_ros.onboard.guard.safe_action import SafeAction

if TYPE_CHECKING:
    from world_model_ros.contract import Contract
    from world_model_ros.onboard.guard.keep_out.keep_out import KeepOut


class Stepping:
    """The motion of one robot, one sample at a time."""

    def __init__(self, contract: Contract, keep_out: KeepOut | None) -> None:
        action = contract.action
        self.limits = Limits.of(contract)
        self.safe = SafeAction(contract, self.limits)
        self.motion = Motion(self.limits)
        self.rates = GroupRates(contract)
        tolerance = self.safe.of_held(action.box_tolerance)
        self.box = Box(action.names, self.limits, tolerance, np.asarray(action.limit_margin))
        self._interpolate: np.ndarray = np.asarray(action.positions)  # bool [A]
        # Of these commands zones take a share: a speed is what changes by an acceleration.
        kinds = [command_kind(kind) for kind in action.kinds]
        self._slowed = np.array([kind.derivatives[0] == 'acceleration' for kind in kinds])
        self._keep_out = keep_out
        self._halt: Reason | None = None  # why it comes to rest before it goes on
        self._before = self.motion.value  # what the newest sample stepped from

    def begin(self, here: np.ndarray | None) -> None:
        """Start at rest: at measured positions [A], or at zero."""
        if here is None:
            self.motion.start(np.zeros(len(self.limits.low)))
        else:
            self.motion.start(here)
            self.safe.hold.at(here)
            self.box.judge(here)
        self.rates.begin(self.motion.value)
        self._halt = None

    def hold_at(self, here: np.ndarray) -> np.ndarray:
        """Hold at measured positions [A] from now on, inside of the box if the command is."""
        low = np.minimum(self.limits.low, self.motion.value)
        high = np.maximum(self.limits.high, self.motion.value)
        self.safe.hold.at(np.clip(here, low, high))
        return here

    def measured(self, here: np.ndarray, faults: bool) -> None:
        """Take note of positions [A]; with a fault of the driver the hold follows them."""
        inside = not self.box.text
        self.box.judge(here)
        if inside and self.box.text:  # pushed out while held: hold there, not far away
            self.safe.hold.judge_again()
        if faults:
            self.safe.hold.judge_always()

    @property
    def at_rest(self) -> bool:
        """Whether the command has come to rest: held, or zero."""
        return self.safe.at_rest(self.motion, self.rates.sent)

    def not_sent(self) -> None:
        """The newest command did not go out: the next one steps from the one before, at rest."""
        self.motion.start(self._before)
        self.rates.not_sent()

    def step(
        self,
        chunk: Chunk | None,
        t_ns: int,
        dt_s: float,
        steady_s: float,
        here: np.ndarray | None,
        share: float,
        reasons: list[Reason],
    ) -> bool:
        """One sample towards a chunk, or of the safe action where it is None.

        Args:
            chunk: what is asked for.
            t_ns: the robot's time.
            dt_s: length of the step.
            steady_s: the clock that times out.
            here: measured positions [A], None where they are unknown.
            share: of a speed that may be commanded.
            reasons: what was done to it is added.

        Returns:
            Whether the chunk is followed.
        """
        if chunk is not None and self._halt is not None:
            reasons.append(self._halt)
            chunk = None
        before, known = self.motion.state, len(reasons)
        if chunk is None:
            self.safe.step(self.motion, dt_s, steady_s, here, reasons)
        else:
            self._towards(chunk, t_ns, dt_s, share, reasons)
        if refused := self._refused(before, dt_s, braking=chunk is None):
            self.motion.state = before
            self.safe.hold.leave()
            del reasons[known:]  # of the step that is not made
            self.safe.step(self.motion, dt_s, steady_s, here, reasons)
            reasons.append(refused)
            self._halt, chunk = refused, None
        if self._halt is not None and not np.any(self.motion.speed):
            self._halt = None
        self._before = before[0]
        return chunk is not None

    def _towards(
        self, chunk: Chunk, t_ns: int, dt_s: float, share: float, reasons: list[Reason]
    ) -> None:
        self.safe.hold.leave()
        target, speed = chunk.at(t_ns, self._interpolate)
        if share < 1.0:
            target = np.where(self._slowed, share * target, target)
        if not self.box.text:
            self.motion.to(target, speed, dt_s, reasons)
            return
        # By hand: the joints that are outside move, inwards.
        still = np.where(self.safe.held, self.motion.value, 0.0)
        target = np.where(self.box.outside, target, still)
        speed = np.where(self.box.outside, speed, 0.0)
        self.motion.to(target, speed, dt_s, reasons)
        words = f'{self.box.text}; only inwards, by hand'
        reasons.append(Reason(ReasonKind.OUTSIDE, words))

    def _refused(self, before: State, dt_s: float, braking: bool) -> Reason | None:
        """Why the newest step may not be made: where the links would be, None for one that may.

        Braking follows the way that was judged with the command before.
        """
        if self._keep_out is None or (braking and self.safe.hold.target is None):
            return None
        return self._keep_out.refuses(before, self.motion.state, dt_s)
