# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How often an episode has failed, on disk: what fails for good is refused, not tried for ever.

Three kinds: `ended`, reading it ended the process that reads it; `killed`, the trainer was killed
meanwhile; `damaged`, the store does not hold what its record says. Must not import torch, ROS or a
simulator.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Literal

from world_model_ros.durable import DurableState, read_regular

Kind = Literal['ended', 'killed', 'damaged']
# A parser may be ended by the system for another's hunger once, and once more. A trainer is killed
# for many reasons. Damage may be an upload that somebody puts right: 8 tries are 8 minutes.
MOST: dict[Kind, int] = {'ended': 3, 'killed': 6, 'damaged': 8}
# Failing at one time; beyond, the oldest are forgotten and begin again.
MOST_KEYS = 1_000
MARK = 'reading'
MARK_BYTES = 1_000


class Attempts:
    """Counts by key of an episode and kind, in two checksummed copies in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._state = DurableState(folder, 'attempts')
        self._mark = folder / MARK
        value, self.damaged = self._state.load()
        self.counts: dict[str, dict[str, int]] = {}
        if isinstance(value, dict):
            self.counts = {
                key: {kind: n for kind, n in counts.items() if kind in MOST and _is_count(n)}
                for key, counts in value.items()
                if isinstance(counts, dict)
            }
        with contextlib.suppress(OSError, UnicodeDecodeError):
            key = read_regular(self._mark, MARK_BYTES).decode()
            self.failed(key, 'killed')
            self._mark.unlink(missing_ok=True)

    def failed(self, key: str, kind: Kind) -> bool:
        """Count a failure; tell whether it was one too many.

        Raises:
            OSError: it cannot be written down.
        """
        counts = self.counts.pop(key, {})
        counts[kind] = counts.get(kind, 0) + 1
        self.counts[key] = counts
        while len(self.counts) > MOST_KEYS:
            self.counts.pop(next(iter(self.counts)))
        self._state.save(self.counts)
        return counts[kind] >= MOST[kind]

    def spent(self, key: str) -> Kind | None:
        """Tell which kind was counted too often."""
        counts = self.counts.get(key, {})
        return next((kind for kind, most in MOST.items() if counts.get(kind, 0) >= most), None)

    def forget(self, key: str) -> None:
        """Drop an episode that is settled or gone; a full disk keeps it a little longer."""
        if self.counts.pop(key, None) is not None:
            with contextlib.suppress(OSError):
                self._state.save(self.counts)

    def begin(self, key: str) -> None:
        """Note that an episode is about to be read, should this process not survive it."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        with os.fdopen(os.open(self._mark, flags, 0o600), 'wb') as file:
            file.write(key.encode())

    def end(self) -> None:
        """Note that it was survived."""
        self._mark.unlink(missing_ok=True)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 31
