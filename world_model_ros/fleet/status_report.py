# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The report of one robot's updater in the store: what acts, what waits and what was refused.

Must not import ROS or torch.
"""

from __future__ import annotations

from typing import Any

from world_model_ros.fleet.updater_state import State
from world_model_ros.fleet.updater_status import Status, UpdaterState
from world_model_ros.store import Store, StoreError
from world_model_ros.store.keys import RECORD_FORMAT, to_json

REPORTED_BAD = 20  # entries of the bad list that go to the store, the newest
_KEYS = ('acting', 'previous', 'candidate', 'pinned', 'bad', 'history')


class StatusReport:
    """Writes the report of one robot; none for a robot without a name."""

    def __init__(self, store: Store, robot_id: str) -> None:
        self._store, self._robot_id = store, robot_id
        self._newest = b''  # what the store has

    def send(self, state: State, status: Status) -> None:
        """Write the report, once for every change; what fails is written with the next poll."""
        if not self._robot_id:
            return
        shown = state.to_json()
        shown['bad'] = dict(list(state.bad.items())[-REPORTED_BAD:])
        record: dict[str, Any] = {
            **{key: shown[key] for key in _KEYS},
            'format': RECORD_FORMAT,
            'newest_bad': next(reversed(state.bad), ''),
            'bad_count': len(state.bad),
            'robot_id': self._robot_id,
            'state': status.state.value,
            'reason': status.reason,
        }
        content = to_json(record)
        if content == self._newest or status.state is UpdaterState.UNREACHABLE:
            return
        try:
            self._store.put(self._store.layout.status_key(self._robot_id, 'updater'), content)
        except StoreError:
            return
        self._newest = content
