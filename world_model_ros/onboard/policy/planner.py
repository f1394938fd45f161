# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Planner iterations while the time lasts, warm-started by the plan of the tick before.

Owns the anytime loop, the shift of the warm start and the choice of what is executed; the
mathematics of an iteration is in the bundle's plan graph. Input: a belief and the actions already
committed. Output: a chunk [H, A] that starts one command offset later. Must not import ROS or
torch.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from world_model_ros.bundle.format_names import REJECTED_VALUE
from world_model_ros.onboard.policy.capabilities import GraphBundle, Graphs
from world_model_ros.onboard.policy.noise import Noise
from world_model_ros.onboard.tick.latency import Latency

if TYPE_CHECKING:
    from world_model_ros.contract import Contract

# Iterations run before the first tick, so that the first budget decision knows a duration.
WARM_UP_ITERATIONS = 4
# Rows of a policy chunk that are rolled out; the rest hold the last one. They are only sent when
# the agent is late, and the guard's command timeout ends that after a few ticks.
POLICY_ROWS = 3
# A refused iteration enters the rolling window as this share of the median: one slow spell of
# the machine must not switch planning off for ever.
REFUSED_SHARE = 0.5
_POLICY_CANDIDATE = 0  # row of the policy's own rollout in the plan graph


@dataclass(frozen=True, slots=True)
class PlanResult:
    """The chunk to execute and how it came about. Values are over the return scale."""

    chunk: np.ndarray  # float32 [H, A], SI units
    source: str  # plan | policy | safe
    iterations: int
    value: float  # of the chunk, NaN when no iteration ran
    policy_value: float
    finite: bool = True  # False: an iteration gave NaN or infinity and was thrown away
    rejected: bool = False  # the predicted joints of every candidate leave the limits


def shift_plan(plan: np.ndarray, shift: int, out: np.ndarray, mask: np.ndarray) -> None:
    """Move a plan [H, A] on by the ticks that passed: [1, 2, 3, 4, 5] by 1 is [2, 3, 4, 5, x].

    x repeats the last action and has mask 0; the rest has mask 1.
    """
    keep = max(0, len(plan) - shift)
    out[:keep] = plan[len(plan) - keep :]
    out[keep:] = plan[-1]
    mask[:keep] = 1.0
    mask[keep:] = 0.0


class Planner:
    """Anytime planning over one bundle; `iteration_count` 0 leaves the policy alone."""

    def __init__(
        self,
        bundle: GraphBundle,
        contract: Contract,
        iteration_count: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        settings = bundle.manifest['planner']
        self.graphs = Graphs(bundle)
        self.horizon = int(settings['horizon'])
        if iteration_count is None:
            iteration_count = int(settings.get('iteration_count', 0))
        self.iteration_count = iteration_count if self.graphs.plans else 0
        self.graphs.check_acts(self.iteration_count > 0)
        self.latency = Latency()
        self._clock = clock
        self._low: np.ndarray = contract.limit_low
        self._high: np.ndarray = contract.limit_high
        self._holds = np.asarray(contract.action.holds)  # [A]
        self._safe = np.zeros_like(self._low)
        shape: tuple[int, int] = (self.horizon, contract.action_dim)
        half = (self._high - self._low) / 2.0
        spread, samples = 0.0, 0  # without a planner the bundle has no such settings
        if self.iteration_count:
            spread, samples = float(settings['max_std']), int(settings['batch_size'])
        self._wide = np.tile((spread * half).astype(np.float32), (self.horizon, 1))
        self._noise: np.ndarray = np.zeros((samples, *shape), np.float32)
        self._random = Noise()
        self._mean: np.ndarray = np.zeros(shape, np.float32)  # of the last iteration
        self._sent: np.ndarray = np.zeros(shape, np.float32)  # the chunk of the last plan
        self._start_mean: np.ndarray = np.zeros(shape, np.float32)
        self._previous: np.ndarray = np.zeros(shape, np.float32)
        self._previous_mask: np.ndarray = np.zeros(self.horizon, np.float32)
        self._limits_joints = bool(settings.get('limits_joints', False))
        self._warm = False
        self._finite = True
        self._warm_up(bundle.initial_belief)

    def reset(self) -> None:
        """Drop the warm start: at a reset, an intervention, a stop or a swap."""
        self._warm = False

    def keep_within(self, low: np.ndarray, high: np.ndarray) -> None:
        """Let no candidate leave these limits, float32 [A], from the next plan on."""
        self._low, self._high = low, high

    def plan(
        self,
        belief: np.ndarray,
        pending: np.ndarray,
        deadline_s: float,
        tick: int,
        key: int,
        shift: int = 1,
    ) -> PlanResult:
        """A chunk for the belief at this tick, not later than `deadline_s` of the clock.

        Args:
            belief: [1, B], after observing this tick.
            pending: [n, A], actions already committed until the chunk starts.
            deadline_s: when to be done; infinity runs all iterations.
            tick: with `key` the address of the random numbers.
            key: of the episode.
            shift: ticks since the last call, 1 unless some were skipped.
        """
        if key != self._random.key:
            self._random.rekey(key)
        for action in pending:
            belief = self.graphs.imagine(belief, action)
        self._finite = True
        result = self._search(belief, pending, deadline_s, tick, shift)
        if result is None:
            result = self._unplanned(belief, deadline_s, shift)
            np.copyto(self._mean, result.chunk)
        np.copyto(self._sent, result.chunk)
        self._warm = True
        return result

    def no_plan(self) -> PlanResult:
        """What stands for a plan where a graph did not compute: NaN, never to be sent."""
        shape = (self.horizon, len(self._low))
        chunk: np.ndarray = np.full(shape, np.nan, np.float32)
        return PlanResult(chunk, 'safe', 0, math.nan, math.nan, False)

    def _search(
        self, belief: np.ndarray, pending: np.ndarray, deadline_s: float, tick: int, shift: int
    ) -> PlanResult | None:
        """The best plan of all iterations that had time; None when there was none."""
        if not self.iteration_count:
            return None
        if not self._fits(deadline_s):
            self.latency.add(REFUSED_SHARE * self.latency.p50)
            return None
        mean, std = self._start(belief, shift), self._wide
        if len(pending):
            held = np.where(self._holds, pending[-1], 0.0)
            self._safe = np.clip(held, self._low, self._high).astype(np.float32)
        best, best_value, source, policy_value = None, -math.inf, 'plan', math.nan
        done = 0
        while done < self.iteration_count and (done == 0 or self._fits(deadline_s)):
            begun_s = self._clock()
            out = self.graphs.plan_iteration(
                belief=belief,
                mean=mean,
                std=std,
                noise=self._random.normal(tick, done, self._noise),
                previous=self._previous,
                previous_mask=self._previous_mask,
                low=self._low,
                high=self._high,
                safe=self._safe,
            )
            self.latency.add(self._clock() - begun_s)
            if not (math.isfinite(out.best_value) and np.all(np.isfinite(out.mean))):
                self._finite = False
                break  # a broken model must not steer; the policy is asked instead
            done += 1
            mean, std, policy_value = out.mean, out.std, out.policy_value
            # Latent noise is common to all iterations of a tick, so their values compare.
            if out.best_value > best_value:
                best, best_value = out.best, out.best_value
                source = 'policy' if out.best_index == _POLICY_CANDIDATE else 'plan'
        if best is None:
            return None
        if self._limits_joints and best_value < REJECTED_VALUE / 2.0:
            best, source = np.tile(self._safe, (self.horizon, 1)), 'safe'
            np.copyto(self._mean, best)
            return PlanResult(best, source, done, math.nan, math.nan, self._finite, True)
        np.copyto(self._mean, mean)
        return PlanResult(best, source, done, best_value, policy_value, self._finite)

    def _start(self, belief: np.ndarray, shift: int) -> np.ndarray:
        """Where the search begins: the shifted mean, or, cold, the policy's action held."""
        if self._warm and 0 < shift < self.horizon:
            shift_plan(self._mean, shift, self._start_mean, self._previous_mask)
            shift_plan(self._sent, shift, self._previous, self._previous_mask)
        else:
            self._start_mean[:] = self._first_action(belief)
            self._previous.fill(0.0)
            self._previous_mask.fill(0.0)
        return self._start_mean

    def _first_action(self, belief: np.ndarray) -> np.ndarray:
        """What the search begins from [A]: the policy's action, else the safe one."""
        if self.graphs.has_policy:
            return self.graphs.policy(belief)[0]
        return np.clip(self._safe, self._low, self._high)

    def _unplanned(self, belief: np.ndarray, deadline_s: float, shift: int) -> PlanResult:
        """What is executed where no iteration had time or gave numbers."""
        if self.graphs.has_policy:
            chunk, source = self._policy_chunk(belief, deadline_s), 'policy'
        else:  # what is left of the plan before, then its last action held; else the safe action
            self._start(belief, shift)
            warm = self._warm and 0 < shift < self.horizon
            chunk = (self._previous if warm else self._start_mean).copy()
            source = 'plan'  # of 0 iterations
        return PlanResult(chunk, source, 0, math.nan, math.nan, self._finite)

    def _fits(self, deadline_s: float) -> bool:
        """Whether an iteration that takes its 99th percentile is done in time."""
        return self._clock() + self.latency.p99 <= deadline_s

    def _policy_chunk(self, belief: np.ndarray, deadline_s: float) -> np.ndarray:
        """The policy's rollout as far as there is time, then its last action held."""
        chunk: np.ndarray = np.empty(self._mean.shape, np.float32)
        for row in range(min(self.horizon, POLICY_ROWS)):
            if row and self._clock() >= deadline_s:
                break
            if row:
                belief = self.graphs.imagine(belief, chunk[row - 1])
            chunk[row:] = np.clip(self.graphs.policy(belief)[0], self._low, self._high)
        return chunk

    def _warm_up(self, belief: np.ndarray) -> None:
        """Let the graphs allocate and the clock learn; the very first run does not count."""
        action = self._first_action(belief)
        self.graphs.imagine(belief, action)
        if self.iteration_count:
            for _ in range(WARM_UP_ITERATIONS):
                self._search(belief, action[np.newaxis], math.inf, 0, 0)
                if self.latency.count <= self.iteration_count:
                    self.latency = Latency()
        self._warm = False
