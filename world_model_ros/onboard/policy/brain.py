# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One tick of thinking: belief in, observation in, decision out.

Owns the belief between ticks and what happens to it when an observation is missing or a tick was
skipped. The agent node, lockstep evaluation and replay of records all think through this class.
Everything in it belongs to one bundle: a swap (swap.py) replaces the whole object. Must not
import ROS, torch, or anything that touches a disk or blocks.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from world_model_ros.contract.kinds import stream_kind
from world_model_ros.onboard.policy.capabilities import GraphBundle, GraphError, Observed
from world_model_ros.onboard.policy.planner import Planner, PlanResult
from world_model_ros.onboard.tick.observation import Observation

if TYPE_CHECKING:
    from world_model_ros.contract import Contract

# Share of the period for thinking; the rest is for arrival, sending and the machine's other work.
BUDGET_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Decision:
    """What a tick decided. Predictions are NaN when nothing was observed."""

    chunk: np.ndarray  # float32 [H, A]; row 0 starts at t_k + command offset
    source: str  # plan | policy | explore | safe
    iterations: int
    surprise: float
    reward: float  # predicted for this tick; NaN where the bundle predicts none
    value: float  # of the belief, as the critic sees it; NaN where there is none
    belief: np.ndarray  # float32 [1, B]
    observed: bool  # False: the observation was invalid and the belief was imagined
    plan_value: float = math.nan  # of the chunk, over the return scale
    policy_value: float = math.nan  # of the policy's rollout, over the return scale
    failure: str = ''  # what is wrong with the model, in words: it must not act on
    broke: bool = False  # of a failure: a graph did not compute at all
    rejected: bool = False  # every plan would take joints out of their limits: `chunk` is safe
    graph_s: float = 0.0  # of the time that it took, inside of graphs


class Brain:
    """Belief, policy and planner of one bundle on one robot."""

    def __init__(
        self,
        contract: Contract,
        bundle: GraphBundle,
        plan: bool = True,
        iteration_count: int | None = None,
        budget_s: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.planner = Planner(bundle, contract, iteration_count if plan else 0, clock)
        self.budget_s = BUDGET_SHARE * contract.period_s if budget_s is None else budget_s
        self._graphs = self.planner.graphs
        self._clock = clock
        self._initial = np.asarray(bundle.initial_belief, np.float32)
        self.invalid = 0  # observations that could not be used since the last reset
        self.failure, self._broke = '', False
        self._warm_up(contract)
        self.reset(0)

    @property
    def belief(self) -> np.ndarray:
        """The belief [1, B] after the last tick; never written to in place."""
        return self._belief

    def reset(self, key: int) -> None:
        """Begin an episode with the initial belief and no plan; `key` is its noise key."""
        self._belief = self._initial
        self._key = key
        self._skipped = 0
        self._reward = self._value = math.nan
        self.invalid = 0
        self.failure, self._broke = '', False  # since the last decision, in words
        self.planner.reset()

    def rekey(self, key: int) -> None:
        """Draw another episode's numbers and keep the belief: a segment begins, or this acts."""
        self._key = key

    def drop_plan(self) -> None:
        """Forget the warm start, keep the belief: after an intervention or a stop."""
        self.planner.reset()

    def keep_within(self, low: np.ndarray, high: np.ndarray) -> None:
        """Search, and fall back, inside these limits [A] from the next tick on."""
        self.planner.keep_within(low, high)

    def skip(self, action: np.ndarray) -> None:
        """Pass over a tick that had no time: the belief moves on under the action in force."""
        self._imagine(np.asarray(action, np.float32))
        self._skipped += 1

    def step(
        self,
        observation: Observation,
        action_sent: np.ndarray,
        pending: np.ndarray,
        is_first: bool,
        tick: int,
        deadline_s: float | None = None,
    ) -> Decision:
        """Observe and decide.

        Args:
            observation: of this tick; when invalid, one step is imagined instead.
            action_sent: [A], what the guard sent over the past interval.
            pending: [n, A], actions committed until the new chunk starts.
            is_first: the episode begins here; belief and plan start again.
            tick: index of the tick, for the random numbers.
            deadline_s: on the clock; None is now + budget, infinity runs all iterations.
        """
        spent_s = self._graphs.spent_s
        if deadline_s is None:
            deadline_s = self._clock() + self.budget_s
        if is_first:
            self._belief = self._initial
            self._skipped = 0
            self.planner.reset()
        surprise = math.nan
        sent = np.asarray(action_sent, np.float32)
        seen = self._observe(observation, sent, is_first)
        if seen is not None:
            surprise = seen.surprise
        reward, value = (self._reward, self._value) if seen is not None else (math.nan, math.nan)
        plan = self._plan(np.asarray(pending, np.float32), deadline_s, tick)
        if self._broke:
            pass  # said already
        elif not np.all(np.isfinite(plan.chunk)):
            self._not_finite('policy')
        elif not plan.finite:
            self._not_finite('plan')
        failure, broke = self.failure, self._broke
        self._skipped, self.failure, self._broke = 0, '', False
        return Decision(
            plan.chunk,
            plan.source,
            plan.iterations,
            surprise,
            reward,
            value,
            self._belief,
            seen is not None,
            plan.value,
            plan.policy_value,
            failure,
            broke,
            plan.rejected,
            self._graphs.spent_s - spent_s,
        )

    def burn_in(self, history: Iterable[tuple[Observation, np.ndarray, bool]]) -> None:
        """Form the belief from the last ticks (observation, action sent, is_first), unplanned.

        `failure` says afterwards whether the model can be used.
        """
        for observation, action_sent, is_first in history:
            if is_first:
                self._belief = self._initial
            self._observe(observation, np.asarray(action_sent, np.float32), is_first)
        self.planner.reset()

    def go_on_from(self, belief: np.ndarray) -> None:
        """Take the belief [1, B] of a brain that filters exactly as this one does."""
        self._belief = belief

    def _observe(
        self, observation: Observation, sent: np.ndarray, is_first: bool
    ) -> Observed | None:
        """Move the belief to this tick; None when it had to be imagined."""
        if observation.valid:
            try:
                seen = self._graphs.observe(
                    self._belief, sent, is_first, observation.arrays, observation.ages
                )
                # One belief that is not finite would poison all that follow it. What went in is
                # finite, the assembler sees to that: the fault is the model's.
                if np.all(np.isfinite(seen.belief)):
                    if not math.isfinite(seen.surprise):
                        self._not_finite('observe')
                    self._judge(self._belief, sent, seen.belief)
                    self._belief = seen.belief
                    return seen
                self._not_finite('observe')
            except GraphError as error:
                self._break(error)
        self.invalid += 1
        if not is_first:
            self._imagine(sent)
        return None

    def _judge(self, belief: np.ndarray, sent: np.ndarray, seen: np.ndarray) -> None:
        """Reward and value of the belief `seen` [1, B], as far as the bundle gives them."""
        graphs = self._graphs
        self._reward = graphs.outcomes(belief, sent, seen).reward
        self._value = graphs.value(seen)
        if graphs.has_outcomes and not math.isfinite(self._reward):
            self._not_finite('outcomes')
        if graphs.has_value and not math.isfinite(self._value):
            self._not_finite('value')

    def _imagine(self, action: np.ndarray) -> None:
        """Move the belief on under an action."""
        try:
            belief = self._graphs.imagine(self._belief, action)
        except GraphError as error:
            self._break(error)
            return
        if np.all(np.isfinite(belief)):
            self._belief = belief
        else:
            self._not_finite('imagine')

    def _plan(self, pending: np.ndarray, deadline_s: float, tick: int) -> PlanResult:
        """Search; a plan of NaN where a graph did not compute."""
        shift = 1 + self._skipped
        try:
            return self.planner.plan(self._belief, pending, deadline_s, tick, self._key, shift)
        except GraphError as error:
            self._break(error)
            self.planner.reset()
            return self.planner.no_plan()

    def _not_finite(self, graph: str) -> None:
        self.failure = self.failure or f'{graph} gave numbers that are not finite'

    def _break(self, error: GraphError) -> None:
        if not self._broke:  # the first says most
            self.failure, self._broke = str(error), True

    def _warm_up(self, contract: Contract) -> None:
        """Let these graphs allocate before the first tick; the planner does so for the rest."""
        arrays: dict[str, np.ndarray] = {
            stream.name: np.zeros(stream.shape, stream_kind(stream.kind).dtype)
            for stream in contract.streams
        }
        rest: np.ndarray = np.zeros(contract.action_dim, np.float32)
        ages: np.ndarray = np.zeros(len(contract.streams), np.float32)
        seen = self._graphs.observe(self._initial, rest, True, arrays, ages)
        self._judge(self._initial, rest, seen.belief)
