# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One sample of the guard: what to send, where it came from, and what was done to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from world_model_ros.onboard.guard.reasons import Reason


@dataclass(frozen=True, slots=True)
class GuardCommand:
    """What goes out at one sample."""

    values: np.ndarray  # float64 [A], what is in force, in the order of contract.action.names
    source: (
        str  # chunk | chunk_rest | safe | disabled | stopped | teleop | outside | home | inactive
    )
    reasons: tuple[Reason, ...]
    chunk_ns: int  # start of the chunk in force, 0 when there is none
    due: tuple[bool, ...] = ()  # which groups are sent now; the others keep what is in force
    send: bool = True  # False: inactive, publish nothing

    @property
    def words(self) -> str:
        """The reasons, for people."""
        return '; '.join(dict.fromkeys(reason.text for reason in self.reasons))
