# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Counts what went wrong in this run of the trainer, and keeps the newest reason of each kind.

Must not import ROS, torch or a simulator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from world_model_ros.fault_table import TRAINER

FAULTS = {kind.name for kind in TRAINER}


class Faults:
    """Stands before ``say``: receives every event, passes all on and counts the faults."""

    def __init__(self, say: Callable[..., None]) -> None:
        self._say = say
        self._rows: dict[str, dict[str, Any]] = {}

    def __call__(self, event: str, **fields: Any) -> None:
        """Count an event if it is a fault, and pass it on."""
        if event in FAULTS:
            count = self._rows.get(event, {'count': 0})['count'] + 1
            about = f'{fields["uuid"]}: ' if 'uuid' in fields else ''
            self._rows[event] = {'count': count, 'reason': f'{about}{fields.get("reason", "")}'}
        self._say(event, **fields)

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """Return count and newest reason by kind; kinds that never came are not there."""
        return {name: dict(row) for name, row in self._rows.items()}
