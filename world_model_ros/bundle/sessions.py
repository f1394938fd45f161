# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""The sessions of one bundle: plain ones on the CPU, bound ones on a device.

Owns what the graphs of a bundle share on a device: the choice, its beliefs, its engine folder.
"""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from world_model_ros.bundle.bound import Beliefs, BoundSession
from world_model_ros.bundle.format_names import BundleError, GraphSignature
from world_model_ros.bundle.providers import (
    ProviderSettings,
    Taken,
    choose,
    engine_folder,
    execution_providers,
)
from world_model_ros.bundle.runtime import import_runtime, make_session


class Sessions:
    """Makes the sessions of one bundle."""

    def __init__(
        self,
        settings: ProviderSettings,
        threads: int,
        digest: str,
        progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Take what a person asked for; ONNX Runtime is imported when a session is made."""
        self._settings, self._digest = settings, digest
        self._threads, self._progress = threads, progress
        self._beliefs = Beliefs()

    @functools.cached_property
    def taken(self) -> Taken:
        """What the sessions run on.

        Raises:
            ProviderError: it cannot be used on this machine.
            BundleError: no ONNX Runtime.
        """
        return choose(self._settings, import_runtime())

    @functools.cached_property
    def _engines(self) -> Path | None:
        return engine_folder(self._digest) if self.taken.provider == 'tensorrt' else None

    def plain(self, graph: str, model: bytes, weights: bytes) -> Any:
        """Return a session on the CPU."""
        return make_session(graph, model, weights, threads=self._threads)

    def session(self, graph: str, model: bytes, weights: bytes, signature: GraphSignature) -> Any:
        """Return a session on what was taken.

        Raises:
            BundleError: the graph cannot be used.
            ProviderError: the provider left it to another one.
        """
        if self.taken.provider == 'cpu':
            return self.plain(graph, model, weights)
        if self._engines is not None:
            self._progress(
                f'TensorRT: the engine of {graph}; minutes if it is new, kept in {self._engines}'
            )
        captured = True
        try:
            session = self._on_device(graph, model, weights, captured)
        except BundleError as error:
            captured = False
            session = self._on_device(graph, model, weights, captured)
            self._progress(f'{graph} runs without CUDA graphs: {error.problems[0]}')
        return BoundSession(
            session,
            import_runtime(),
            signature,
            self._beliefs,
            'cuda',
            self.taken.device_id,
            captured,
        )

    def _on_device(self, graph: str, model: bytes, weights: bytes, captured: bool) -> Any:
        providers = execution_providers(self.taken, cuda_graph=captured, engines=self._engines)
        return make_session(graph, model, weights, threads=self._threads, providers=providers)
