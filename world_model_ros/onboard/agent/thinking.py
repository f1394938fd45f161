# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What decides at a tick: the acting model, noise on top of it, and the way back from it.

Between the worker, which knows when, and onboard.swap, which knows which. Runs in the tick's
thread. Holds no ROS entity.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from world_model_ros.contract import Contract
from world_model_ros.onboard.agent.episode import Episode, Options, Port
from world_model_ros.onboard.policy.brain import Decision
from world_model_ros.onboard.policy.capabilities import GraphError
from world_model_ros.onboard.policy.model import Model
from world_model_ros.onboard.policy.noise import ColouredNoise, episode_level
from world_model_ros.onboard.policy.swap import Swap
from world_model_ros.onboard.policy.wander import Wander
from world_model_ros.onboard.tick.observation import Observation

LEAST_LEVEL = 0.1  # of explore_std, in the calmest episode
# Of a period, kept free for the way out: a busy machine may take the processor away meanwhile.
SEND_SHARE = 0.15


Box = tuple[np.ndarray, np.ndarray]


class Thinking:
    """Decides, tick by tick, with whichever model acts."""

    def __init__(
        self, contract: Contract, swap: Swap, port: Port, options: Options, lockstep: bool
    ) -> None:
        self._swap, self._port, self._lockstep = swap, port, lockstep
        self._contract = contract.limit_low, contract.limit_high  # [A] each
        self._low, self._high = self._box = self._contract
        self._known: tuple[Model, Box] | None = None  # whose mind keeps to which box
        self._send_s = SEND_SHARE * contract.period_s
        self._widest = options.explore_std * (self._high - self._low) / 2.0
        self._spread = self._widest
        self._noise = ColouredNoise(
            contract.action_dim, options.explore_correlation, contract.period_s
        )
        self._wanders = np.asarray(contract.action.positions)  # [A]
        self._wander = (
            Wander(contract, options.explore_reach, options.explore_speed)
            if self._wanders.any()
            else None
        )
        self.swaps = self.rollbacks = 0

    def keep_within(self, low: Sequence[float], high: Sequence[float]) -> None:
        """What the guard keeps to today [A], inside the contract's limits; (): those themselves.

        From the next tick on, also for a model that takes over. Called by the executor's thread.
        """
        if len(low) not in (0, len(self._contract[0])):
            return  # a guard of another robot; it is refused elsewhere
        box = self._contract
        if low:
            box = np.asarray(low, np.float32), np.asarray(high, np.float32)
        if not all(np.array_equal(now, new) for now, new in zip(self._box, box, strict=True)):
            self._box = box

    @property
    def model(self) -> Model:
        """What acts."""
        return self._swap.acting

    @property
    def has_model(self) -> bool:
        """Whether a model acts; without one the collector does."""
        return self._swap.acting.digest != ''

    @property
    def swap_waits(self) -> bool:
        """Whether a candidate would act from the next safe point on."""
        return self._swap.ready(patient=self._lockstep)

    def begin(self, episode: Episode) -> None:
        """Begin an episode with the initial belief."""
        self._swap.acting.mind.reset(episode.noise_key)
        self._restart_exploring(episode)

    def go_on(self, episode: Episode) -> None:
        """Begin a segment: other numbers, the same belief."""
        self._swap.acting.mind.rekey(episode.noise_key)
        self._restart_exploring(episode)

    def _restart_exploring(self, episode: Episode) -> None:
        self._noise.reset(episode.noise_key)
        if self._wander is not None:
            self._wander.rekey(episode.noise_key)
        self._spread = episode_level(episode.noise_key, LEAST_LEVEL) * self._widest

    def drop_plan(self) -> None:
        """Forget the warm start."""
        if self._wander is not None:
            self._wander.restart()
        self._swap.acting.mind.drop_plan()

    def skip(self, action: np.ndarray) -> None:
        """Pass over a tick under this action."""
        self._swap.acting.mind.skip(action)
        self._swap.note_skipped(action)

    def step(
        self,
        observation: Observation,
        sent: np.ndarray,
        pending: np.ndarray,
        first: bool,
        tick: int,
        episode: Episode,
        left_s: float,
    ) -> Decision:
        """Decide within the budget, and before the command must leave, in ``left_s``.

        A tick that begins late thinks less. A model that gives what is not finite, or does not
        compute, is left at once for the one before it.

        Raises:
            GraphError: a graph did not compute, and there is no model to go back to. The process
                must end: a new one may find another device.
        """
        self._narrow()
        mind = self._swap.acting.mind
        budget_s = math.inf if self._lockstep else mind.budget_s
        deadline_s = time.monotonic() + min(budget_s, left_s - self._send_s)
        decision = mind.step(observation, sent, pending, first, tick, deadline_s)
        while decision.failure and self._roll_back(decision.failure, episode):
            self._narrow()
            mind = self._swap.acting.mind
            decision = mind.step(observation, sent, pending, first, tick, deadline_s)
        if decision.broke:
            raise GraphError(decision.failure)
        self._swap.note(observation, sent, first)
        moves = decision.source not in ('explore', 'safe') and not decision.failure
        if episode.explore and moves:
            noise = self._displacement(tick, len(decision.chunk), first)
            chunk = np.clip(decision.chunk + noise, self._low, self._high)
            decision = replace(decision, chunk=chunk.astype(np.float32))
        return decision

    def _narrow(self) -> None:
        """Let the acting model know the limits, if it does not."""
        model, box = self._swap.acting, self._box
        if self._known is None or self._known[0] is not model or self._known[1] is not box:
            self._low, self._high = box
            model.mind.keep_within(*box)
            self._known = model, box

    def _displacement(self, tick: int, count: int, first: bool) -> np.ndarray:
        """What exploring adds to the plan [H, A]; smooth for a robot that takes positions."""
        if self._wander is None:
            return self._spread * self._noise.rows(tick, count)
        if first or not self._wander.begun:
            self._wander.begin(tick)
        rows = self._wander.rows(tick, count)
        if self._wanders.all():
            return rows
        return np.where(self._wanders, rows, self._spread * self._noise.rows(tick, count))

    def swap(self, safe: bool, between: bool = False) -> bool:
        """Let a candidate act from now on, if one is ready and this is the moment for it.

        Args:
            safe: a safe point; otherwise only the operator's word counts.
            between: no episode runs: there is time.
        """
        if not self._swap.commit(safe, patient=between or self._lockstep):
            return False
        self.swaps += 1
        return True

    def _roll_back(self, reason: str, episode: Episode) -> bool:
        bad = self._swap.acting
        back = self._swap.roll_back(reason)
        self._port.warn(
            f'release {bad.release} ({bad.digest[:12]}): {reason}; '
            + ('back to the model before it' if back else 'no model to go back to: safe action')
        )
        if back:
            self.rollbacks += 1
            self._swap.acting.mind.rekey(episode.noise_key)
        return back
