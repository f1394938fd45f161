# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What came of trying a bundle. Must not import ROS or torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Verdict:
    """What came of a preflight; `problems` is empty when the bundle may act."""

    problems: Sequence[str]
    figures: dict[str, Any] = field(default_factory=dict)
    final: bool = True  # False: perhaps the machine's doing, worth another try

    @property
    def ok(self) -> bool:
        """Whether the bundle may act."""
        return not self.problems

    @property
    def reason(self) -> str:
        """The problems in one line."""
        return '; '.join(self.problems)
