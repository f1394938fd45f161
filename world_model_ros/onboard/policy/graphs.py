# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The graphs of a bundle as typed calls: the only place onboard that knows their tensor names.

Input and output: numpy float32 in SI units, shapes as in docs/reference/bundle.md. The feed
dictionaries are built once and refilled. Must not import ROS or torch; sessions come in with the
bundle.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np


class Session(Protocol):
    """What is needed of onnxruntime.InferenceSession."""

    def run(self, output_names: Any, input_feed: Any) -> Any:
        """Compute the named outputs."""


class GraphBundle(Protocol):
    """What is needed of a loaded bundle."""

    @property
    def manifest(self) -> Mapping[str, Any]:
        """The contents of manifest.json."""

    @property
    def sessions(self) -> Mapping[str, Session]:
        """One session per graph, by the graph's name."""

    @property
    def initial_belief(self) -> np.ndarray:
        """float32 [1, B]."""


class Observed(NamedTuple):
    """Outputs of `observe`."""

    belief: np.ndarray  # [1, B]
    surprise: float
    reward: float
    value: float
    continuation: float


class Iteration(NamedTuple):
    """Outputs of one planner iteration."""

    mean: np.ndarray  # [H, A]
    std: np.ndarray  # [H, A]
    best: np.ndarray  # [H, A]
    best_value: float
    best_index: int
    policy_value: float


class Graphs:
    """Calls into the sessions of one bundle."""

    def __init__(self, bundle: GraphBundle) -> None:
        self._observe = bundle.sessions['observe']
        self._imagine = bundle.sessions['imagine']
        self._policy = bundle.sessions['policy']
        self._plan = bundle.sessions.get('plan')
        self._is_first: np.ndarray = np.zeros((1, 1), np.float32)
        self._observe_feed: dict[str, np.ndarray] = {}
        self._imagine_feed: dict[str, np.ndarray] = {}
        self._policy_feed: dict[str, np.ndarray] = {}
        self._plan_feed: dict[str, np.ndarray] = {}

    @property
    def plans(self) -> bool:
        """Whether the bundle has a planner graph."""
        return self._plan is not None

    def observe(
        self,
        belief: np.ndarray,
        action_sent: np.ndarray,
        is_first: bool,
        arrays: Mapping[str, np.ndarray],
        ages: np.ndarray,
    ) -> Observed:
        """Correct the belief by what was seen after `action_sent` was executed."""
        self._is_first[0, 0] = float(is_first)
        feed = self._observe_feed
        feed['belief'] = belief
        feed['action_sent'] = action_sent.reshape(1, -1)
        feed['is_first'] = self._is_first
        feed['ages'] = ages.reshape(1, -1)
        for name, array in arrays.items():
            feed[f'obs_{name}'] = array[np.newaxis]
        out, surprise, reward, value, continuation = self._observe.run(
            ('belief_out', 'surprise', 'reward', 'value', 'continuation'), feed
        )
        return Observed(
            out, float(surprise[0]), float(reward[0]), float(value[0]), float(continuation[0])
        )

    def imagine(self, belief: np.ndarray, action: np.ndarray) -> np.ndarray:
        """The belief [1, B] one tick later under an action [A]."""
        self._imagine_feed['belief'] = belief
        self._imagine_feed['action'] = action.reshape(1, -1)
        out: np.ndarray = self._imagine.run(('belief_out',), self._imagine_feed)[0]
        return out

    def policy(self, belief: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation [A] of the policy's action."""
        self._policy_feed['belief'] = belief
        mean, std = self._policy.run(('action_mean', 'action_std'), self._policy_feed)
        return mean[0], std[0]

    def plan_iteration(self, **feed: np.ndarray) -> Iteration:
        """One planner iteration; the names of the arguments are the graph's inputs."""
        assert self._plan is not None
        self._plan_feed.update(feed)
        mean, std, best, value, index, policy_value = self._plan.run(
            ('mean_out', 'std_out', 'best', 'best_value', 'best_index', 'policy_value'),
            self._plan_feed,
        )
        return Iteration(mean, std, best, float(value[0]), int(index[0]), float(policy_value[0]))
