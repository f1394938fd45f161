# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The kind `task`: a vector that is set for an episode, float32 [names]. It has no messages.

Its keys are read in contract/task_section.py. Must not import ROS, torch or the bundle.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from world_model_ros.contract.stream_kind import StreamKind

if TYPE_CHECKING:
    from world_model_ros.contract import Stream
    from world_model_ros.contract.problems import Problems, Section


class TaskKind(StreamKind):
    """What the robot shall do, as numbers."""

    constant = True

    def read(self, section: Section, problems: Problems) -> dict[str, Any]:
        """It is no kind of `streams`."""
        raise NotImplementedError('a task is read from its own section')

    def interface(self, stream: Stream) -> dict[str, Any]:
        """Names and ranges; which task is the default is no part of it."""
        options = dict(stream.options)
        ends = {key: [float(value) for value in options[key]] for key in ('low', 'high')}
        return {'names': list(stream.names), **ends, 'units': self.units}

    def words(self, stream: Stream) -> str:
        """Names and ranges."""
        options = dict(stream.options)
        columns = zip(stream.names, options['low'], options['high'], strict=True)
        return ', '.join(f'{name} ({low:g} to {high:g})' for name, low, high in columns)

    def labels(self, stream: Stream) -> list[str]:
        """The names."""
        return list(stream.names)

    def stamp_ns(self, cdr: bytes) -> int:
        """Refuse: it has no messages."""
        self._refuse()

    def decode(self, stream: Stream, cdr: bytes) -> np.ndarray:
        """Refuse: it has no messages."""
        self._refuse()

    def encode(self, stream: Stream, array: np.ndarray, t_ns: int) -> bytes:
        """Refuse: it has no messages."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise ValueError('a task has no messages: it is set for an episode')
