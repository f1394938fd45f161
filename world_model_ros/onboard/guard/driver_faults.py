# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is wrong with the driver now, by source: its own report, and its controllers.

A fault that begins while the guard commands latches the protective stop; the arbiter does that.
Here is what is still present: it forbids to release the stop and to activate.
"""

from __future__ import annotations

from world_model_ros.onboard.guard.reasons import ReasonKind


class Faults:
    """The present faults, at most one of each kind."""

    def __init__(self) -> None:
        self._present: dict[ReasonKind, str] = {}

    def set(self, kind: ReasonKind, text: str) -> bool:
        """A fault is present, or with '' no longer; whether it has begun just now."""
        begins = bool(text) and kind not in self._present
        if text:
            self._present[kind] = text
        else:
            self._present.pop(kind, None)
        return begins

    @property
    def text(self) -> str:
        """All of them, '' for none."""
        return '; '.join(self._present.values())

    def __bool__(self) -> bool:
        """Whether there is one."""
        return bool(self._present)
