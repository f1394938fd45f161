# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""TensorBoard beside a trainer: drawn while the disk takes it, left out while it does not.

Owns the writer. Its thread keeps the first OSError and raises it at every later call, so a writer
that failed is dropped and a new one opened. Must not import ROS or a simulator.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter


class Board:
    """Curves in a folder. ``say`` hears once when they stop; ``reopen`` goes on with them."""

    def __init__(self, folder: Path, say: Callable[..., None]) -> None:
        self.folder, self.say = folder, say
        self._writer: SummaryWriter | None = None
        self.reopen()

    def reopen(self) -> None:
        """Open a new writer where the one before failed."""
        if self._writer is None:
            try:
                self._writer = SummaryWriter(str(self.folder))
            except OSError as error:
                self._tell(error)

    def add(self, figures: Mapping[str, float | None], prefix: str, updates: int) -> None:
        """Add a point to each curve."""
        if self._writer is None:
            return
        try:
            for key, value in figures.items():
                if value is not None:
                    self._writer.add_scalar(prefix + key, value, updates)
        except OSError as error:
            self.close()
            self._tell(error)

    def close(self) -> None:
        """Write what waits; what does not fit is lost."""
        if self._writer is not None:
            with contextlib.suppress(OSError):
                self._writer.close()
            self._writer = None

    def _tell(self, error: OSError) -> None:
        self.say('not_charted', reason=f'{self.folder}: {error}')
