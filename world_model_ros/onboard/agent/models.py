# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From a bundle's directory to a model that is ready to act; without a bundle, to exploration.

Loading warms the model up and takes seconds: never in the tick's thread. Holds no ROS entity.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass

from world_model_ros.bundle import find_bundle, load_bundle
from world_model_ros.bundle.providers import ProviderSettings
from world_model_ros.bundle.runtime import has_runtime
from world_model_ros.contract import Contract
from world_model_ros.onboard.policy.brain import Brain
from world_model_ros.onboard.policy.collector import Collector
from world_model_ros.onboard.policy.model import Model


@dataclass(frozen=True)
class ModelSettings:
    """What the node's parameters say about models; the fields have their names."""

    threads: int
    provider: str
    device_id: int
    allow_cpu_fallback: bool
    plan: bool
    iteration_count: int  # < 0: as the bundle says
    budget: float  # s; 0: as the brain's default
    explore: bool  # also without a bundle
    explore_amplitude: float
    explore_correlation: float
    explore_reach: float
    explore_speed: float


class Models:
    """Makes the models of one robot."""

    def __init__(
        self,
        contract: Contract,
        settings: ModelSettings,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Take the settings; `say` receives what runs where, and of what takes long."""
        self._contract, self._settings, self._say = contract, settings, say

    def first(self, path: str, release: int) -> Model:
        """The model to begin with: this bundle, or noise where `path` is '' and that is allowed.

        Raises:
            ValueError: there is no bundle, and exploring without one was not asked for.
            BundleError, OSError, ImportError: the bundle cannot be loaded.
        """
        if path:
            return self.load(path, release)
        settings = self._settings
        if not settings.explore:
            raise ValueError(
                'parameter bundle is empty: give the directory of an exported model, or set '
                'explore to true to collect experience without one'
            )
        # The first bundle comes while the robot moves: the large imports now, not then.
        if has_runtime():
            importlib.import_module('onnxruntime')
        return Model(
            Collector(
                self._contract,
                settings.explore_amplitude,
                settings.explore_correlation,
                settings.explore_reach,
                settings.explore_speed,
            )
        )

    def load(self, path: str, release: int) -> Model:
        """Load a bundle and warm it up; in the executor's thread only before the first tick."""
        settings = self._settings
        path = str(find_bundle(path))
        asked = ProviderSettings(
            settings.provider, settings.device_id, settings.allow_cpu_fallback
        )
        bundle = load_bundle(path, self._contract, settings.threads, asked, progress=self._say)
        self._say(f'bundle {bundle.name} runs on {bundle.provider.text}')
        brain = Brain(
            self._contract,
            bundle,
            plan=settings.plan,
            iteration_count=None if settings.iteration_count < 0 else settings.iteration_count,
            budget_s=settings.budget or None,
        )
        return Model(brain, bundle.digest, release, path, bundle)
