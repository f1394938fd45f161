# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An exported bundle as an actor: the agent's own `Brain`, without nodes and without a clock.

In lockstep the planner runs all its iterations at every tick, so results do not depend on the
machine's speed. Must not import torch, nodes or rclpy.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from world_model_ros.bundle import Bundle
from world_model_ros.bundle.format_names import WEIGHTS
from world_model_ros.bundle.runtime import make_session
from world_model_ros.contract import Contract
from world_model_ros.onboard.policy.brain import Brain
from world_model_ros.onboard.policy.capabilities import GraphError
from world_model_ros.robots import Step


class BundleActor:
    """Acts as the robot would with this bundle."""

    def __init__(
        self,
        contract: Contract,
        bundle: Bundle,
        *,
        plan: bool = True,
        iteration_count: int | None = None,
        noise_key: Callable[[int], int] = int,
    ) -> None:
        """Make the brain; `plan=False` leaves the policy alone.

        `noise_key` turns an episode's seed into the key of its planner noise.
        """
        self._noise_key = noise_key
        self._brain = Brain(contract, bundle, plan=plan, iteration_count=iteration_count)
        self._ticks = self._planned = 0
        self._iterations = 0

    def reset(self, seed: int) -> None:
        """Begin an episode; its planner noise follows from the seed."""
        self._brain.reset(self._noise_key(seed))
        self._ticks = self._planned = self._iterations = 0

    def __call__(self, step: Step) -> np.ndarray:
        """Observe and decide; return the whole chunk, as the node sends it.

        Raises:
            GraphError: a graph did not compute.
        """
        decision = self._brain.step(
            step.observation,
            step.action_sent,
            step.pending,
            step.is_first,
            step.tick,
            deadline_s=math.inf,
        )
        if decision.broke:
            raise GraphError(decision.failure)
        self._ticks += 1
        self._planned += decision.source == 'plan'
        self._iterations += decision.iterations
        return decision.chunk

    def figures(self) -> dict[str, float]:
        """Share of ticks at which something else than the policy's rollout was executed."""
        ticks = max(1, self._ticks)
        return {'plan_differs': self._planned / ticks, 'iterations': self._iterations / ticks}


def scrambled(bundle: Bundle) -> Bundle:
    """Return the bundle with shuffled dynamics weights in its planner, and only there.

    A planner that does no worse with it was never planning.
    """
    return _with_weights(bundle, 'plan', scrambled_weights(bundle.path))


def scrambled_weights(folder: Path) -> bytes:
    """Return weights.bin with every tensor that `imagine` uses shuffled within itself."""
    return changed_weights(folder, 'imagine', np.random.default_rng(0).shuffle)


def shaken(bundle: Bundle, size: float) -> Bundle:
    """Return the bundle with noise on the weights of its policy, and only there.

    The same noise for the same bundle and size; `size` is in standard deviations of each tensor.
    """
    rng = np.random.default_rng(0)

    def shake(values: np.ndarray) -> None:
        values += size * values.std() * rng.standard_normal(len(values)).astype(values.dtype)

    return _with_weights(bundle, 'policy', changed_weights(bundle.path, 'policy', shake))


def changed_weights(folder: Path, graph: str, change: Callable[[np.ndarray], None]) -> bytes:
    """Return weights.bin with every tensor [N] that a graph uses changed in place."""
    import onnx  # part of the train extra; nothing that acts on a robot needs it

    weights = bytearray((folder / WEIGHTS).read_bytes())
    for tensor in onnx.load(folder / f'{graph}.onnx', load_external_data=False).graph.initializer:
        place = {entry.key: entry.value for entry in tensor.external_data}
        if place and tensor.data_type == onnx.TensorProto.FLOAT:
            values = np.frombuffer(
                weights, np.float32, int(place['length']) // 4, int(place.get('offset', 0))
            )
            change(values)  # a view on the weights
    return bytes(weights)


def _with_weights(bundle: Bundle, graph: str, weights: bytes) -> Bundle:
    model = (bundle.path / f'{graph}.onnx').read_bytes()
    session = make_session(graph, model, weights, threads=1)
    return replace(bundle, sessions={**bundle.sessions, graph: session})
