# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Who acts: the protocol that episodes are run with, and the actors that need no model.

Must not import torch, nodes or rclpy; `BundleActor` (bundle_actor.py) brings ONNX Runtime in.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np

from world_model_ros.contract import Contract
from world_model_ros.robots import Env, Step


class Actor(Protocol):
    """Decides at every tick."""

    def reset(self, seed: int) -> None:
        """Begin the episode of this seed; all randomness must come from it."""

    def __call__(self, step: Step) -> np.ndarray:
        """Return the action [A] or chunk [H, A] decided at this tick, SI units."""

    def figures(self) -> dict[str, float]:
        """Say what else is worth knowing about the episode so far."""


class RandomActor:
    """Uniform in the action box: the floor of every table."""

    def __init__(self, contract: Contract) -> None:
        """Take the box from the contract."""
        self._low, self._high = contract.low, contract.high

    def reset(self, seed: int) -> None:
        """Seed the generator; not with the body's own stream."""
        self._rng = np.random.default_rng([seed, 1])

    def __call__(self, step: Step) -> np.ndarray:
        """Draw an action."""
        return np.asarray(self._rng.uniform(self._low, self._high))

    def figures(self) -> dict[str, float]:
        """Nothing to add."""
        return {}


class ScriptedActor:
    """The body's own scripted controller, which knows what no sensor does: the ceiling."""

    def __init__(self, env: Env) -> None:
        """Act in this environment."""
        self._env = env

    def reset(self, seed: int) -> None:
        """Nothing: it has no memory and no noise of its own."""

    def __call__(self, step: Step) -> np.ndarray:
        """Ask the body.

        Raises:
            BodyError: it has no such controller.
        """
        return self._env.robot.demonstrate()

    def figures(self) -> dict[str, float]:
        """Nothing to add."""
        return {}


class BlankedCamera:
    """Shows an actor black pictures: whoever needs the camera must lose by it."""

    def __init__(self, actor: Actor, contract: Contract) -> None:
        """Wrap an actor."""
        self._actor = actor
        self._images = [stream.name for stream in contract.image_streams]

    def reset(self, seed: int) -> None:
        """Begin the actor's episode."""
        self._actor.reset(seed)

    def __call__(self, step: Step) -> np.ndarray:
        """Let the actor decide without its eyes."""
        arrays = dict(step.arrays)
        for name in self._images:
            arrays[name] = np.zeros_like(arrays[name])
        return self._actor(replace(step, observation=replace(step.observation, arrays=arrays)))

    def figures(self) -> dict[str, float]:
        """What the actor says."""
        return self._actor.figures()
