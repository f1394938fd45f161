# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A bundle's capabilities as typed calls: the only place onboard that knows tensor names.

Input and output: numpy float32 in SI units, shapes as in docs/reference/bundle.md. The feed
dictionaries are built once and refilled. Must not import ROS or torch; sessions come in with the
bundle.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from world_model_ros.bundle import BundleError


class GraphError(RuntimeError):
    """A graph raised instead of computing: its device is gone, or it cannot take this input."""


class Session(Protocol):
    """What is needed of a capability; an onnxruntime.InferenceSession has it."""

    def run(self, output_names: Any, input_feed: Any) -> Any:
        """Compute the named outputs."""


class GraphBundle(Protocol):
    """What is needed of a loaded bundle."""

    @property
    def manifest(self) -> Mapping[str, Any]:
        """The contents of manifest.json."""

    @property
    def capabilities(self) -> Mapping[str, Session]:
        """What the model can do, by name; `observe` and `imagine` are always there."""

    @property
    def initial_belief(self) -> np.ndarray:
        """float32 [1, B]."""


class Observed(NamedTuple):
    """Outputs of `observe`."""

    belief: np.ndarray  # [1, B]
    surprise: float


class Outcomes(NamedTuple):
    """Outputs of `outcomes`; NaN where the bundle has no such capability."""

    reward: float
    continuation: float


class Iteration(NamedTuple):
    """Outputs of one planner iteration."""

    mean: np.ndarray  # [H, A]
    std: np.ndarray  # [H, A]
    best: np.ndarray  # [H, A]
    best_value: float
    best_index: int
    policy_value: float


_UNKNOWN = Outcomes(math.nan, math.nan)


class Graphs:
    """Calls into the capabilities of one bundle."""

    def __init__(
        self, bundle: GraphBundle, capabilities: Mapping[str, Session] | None = None
    ) -> None:
        """Take the bundle's capabilities, or others that stand for them."""
        able = bundle.capabilities if capabilities is None else capabilities
        self.spent_s = 0.0  # inside of graphs, of the steady clock; only ever grows
        self._observe = able.get('observe')
        self._decode = able.get('decode')
        self._imagine = able['imagine']
        self._policy = able.get('policy')
        self._value = able.get('value')
        self._outcomes = able.get('outcomes')
        self._plan = able.get('plan')
        self._wants_goal = 'goal' in bundle.manifest.get('sizes', {})
        self._is_first: np.ndarray = np.zeros((1, 1), np.float32)
        self._observe_feed: dict[str, np.ndarray] = {}
        self._imagine_feed: dict[str, np.ndarray] = {}
        self._policy_feed: dict[str, np.ndarray] = {}
        self._value_feed: dict[str, np.ndarray] = {}
        self._outcomes_feed: dict[str, np.ndarray] = {}
        self._plan_feed: dict[str, np.ndarray] = {}

    @property
    def plans(self) -> bool:
        """Whether the bundle can plan."""
        return self._plan is not None

    @property
    def has_policy(self) -> bool:
        """Whether the bundle has a policy."""
        return self._policy is not None

    @property
    def has_value(self) -> bool:
        """Whether the bundle judges beliefs."""
        return self._value is not None

    @property
    def has_outcomes(self) -> bool:
        """Whether the bundle predicts reward and continuation."""
        return self._outcomes is not None

    def check_acts(self, planning: bool = True) -> None:
        """Refuse a bundle that cannot act.

        Args:
            planning: whether the planner may be used.

        Raises:
            BundleError: with the capability that it lacks.
        """
        if planning and self._plan is not None:
            if self._wants_goal:
                raise BundleError(
                    '',
                    ['its plan needs a goal, and this robot has none to give; set plan to false'],
                )
            return
        if self._policy is None:
            lacks = 'no policy, and planning is off' if self._plan else 'neither policy nor plan'
            raise BundleError(
                '',
                [f'it has {lacks}: it can observe but not act; export it with a policy or a plan'],
            )

    def _run(
        self,
        name: str,
        session: Session,
        outputs: Sequence[str],
        feed: Mapping[str, np.ndarray],
    ) -> Any:
        begun_s = time.monotonic()
        try:
            found = session.run(outputs, feed)
        except Exception as error:  # ONNX Runtime has a type of its own for every status
            first_line = (str(error).splitlines() or [type(error).__name__])[0]
            raise GraphError(f'{name} cannot compute: {first_line}') from error
        self.spent_s += time.monotonic() - begun_s
        return found

    def observe(
        self,
        belief: np.ndarray,
        action_sent: np.ndarray,
        is_first: bool,
        arrays: Mapping[str, np.ndarray],
        ages: np.ndarray,
    ) -> Observed:
        """Correct the belief by what was seen after `action_sent` was executed."""
        assert self._observe is not None
        self._is_first[0, 0] = float(is_first)
        feed = self._observe_feed
        feed['belief'] = belief
        feed['action_sent'] = action_sent.reshape(1, -1)
        feed['is_first'] = self._is_first
        feed['ages'] = ages.reshape(1, -1)
        for name, array in arrays.items():
            feed[f'obs_{name}'] = array[np.newaxis]
        out, surprise = self._run('observe', self._observe, ('belief_out', 'surprise'), feed)
        return Observed(out, float(surprise[0]))

    def outcomes(
        self, belief: np.ndarray, action: np.ndarray, next_belief: np.ndarray
    ) -> Outcomes:
        """Reward of the tick from `belief` to `next_belief` [1, B], and whether it goes on."""
        if self._outcomes is None:
            return _UNKNOWN
        feed = self._outcomes_feed
        feed['belief'] = belief
        feed['action'] = action.reshape(1, -1)
        feed['next_belief'] = next_belief
        reward, continuation = self._run(
            'outcomes', self._outcomes, ('reward', 'continuation'), feed
        )
        return Outcomes(float(reward[0]), float(continuation[0]))

    def value(self, belief: np.ndarray) -> float:
        """Expected return from a belief [1, B] on; NaN where the bundle does not say."""
        if self._value is None:
            return math.nan
        self._value_feed['belief'] = belief
        return float(self._run('value', self._value, ('value',), self._value_feed)[0][0])

    def imagine(self, belief: np.ndarray, action: np.ndarray) -> np.ndarray:
        """The belief [1, B] one tick later under an action [A]."""
        self._imagine_feed['belief'] = belief
        self._imagine_feed['action'] = action.reshape(1, -1)
        out: np.ndarray = self._run('imagine', self._imagine, ('belief_out',), self._imagine_feed)[
            0
        ]
        return out

    def policy(self, belief: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation [A] of the policy's action."""
        assert self._policy is not None
        self._policy_feed['belief'] = belief
        mean, std = self._run(
            'policy', self._policy, ('action_mean', 'action_std'), self._policy_feed
        )
        return mean[0], std[0]

    def decode(self, belief: np.ndarray, streams: Sequence[str]) -> list[np.ndarray]:
        """What a belief [1, B] looks like: one picture or joint vector per named stream."""
        assert self._decode is not None
        found = self._decode.run([f'obs_{name}' for name in streams], {'belief': belief})
        return [array[0] for array in found]

    def plan_iteration(self, **feed: np.ndarray) -> Iteration:
        """One planner iteration; the names of the arguments are the graph's inputs."""
        assert self._plan is not None
        self._plan_feed.update(feed)
        mean, std, best, value, index, policy_value = self._run(
            'plan',
            self._plan,
            ('mean_out', 'std_out', 'best', 'best_value', 'best_index', 'policy_value'),
            self._plan_feed,
        )
        return Iteration(mean, std, best, float(value[0]), int(index[0]), float(policy_value[0]))
