# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is dead: heartbeats and topics that have gone silent, in words for the page's banner."""

from __future__ import annotations

import time
from collections.abc import Callable

from world_model_ros.contract import Contract

# Heartbeats come four times a second; with two looks a second at this, a dead node is on the page
# within two seconds, and one missed heartbeat of a busy machine is not.
SILENT_SEC = 1.2
NEVER_SEC = 3.0  # discovery takes so long


class Alarms:
    """When each part was heard last."""

    def __init__(self, contract: Contract, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._limits_s = {'agent': SILENT_SEC, 'guard': SILENT_SEC}
        for stream in contract.sensed:
            self._limits_s[stream.name] = max(SILENT_SEC, 2.0 * stream.max_age_s)
        self._heard_s: dict[str, float] = {}
        self._since_s = clock()

    def begin(self) -> None:
        """Listening begins now: nothing was heard before."""
        self._heard_s.clear()
        self._since_s = self._clock()

    def heard(self, part: str) -> None:
        """A node's heartbeat, or a message of a stream."""
        self._heard_s[part] = self._clock()

    def silent_s(self, part: str) -> float:
        """How long a part has been silent; since listening began where it was never heard."""
        return self._clock() - self._heard_s.get(part, self._since_s)

    def words(self) -> list[str]:
        """What is silent now, the nodes first."""
        found = []
        for part, limit_s in self._limits_s.items():
            what = part if part in ('agent', 'guard') else f'stream {part}'
            silent_s = self.silent_s(part)
            if part not in self._heard_s:
                if silent_s > NEVER_SEC:
                    found.append(f'{what}: not heard yet, for {silent_s:.0f} s')
            elif silent_s > limit_s:
                found.append(f'{what}: silent for {silent_s:.1f} s')
        return found
