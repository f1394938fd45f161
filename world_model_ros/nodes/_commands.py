# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the agent has told the guard: chunks that are under way, and inputs fresh enough to send.

Owns when a chunk may go out and when it is given up. Runs in the tick's thread. Holds no ROS
entity.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from world_model_ros.contract import Contract
from world_model_ros.nodes._episodes import Port
from world_model_ros.onboard.assembly import Observation
from world_model_ros.onboard.ticker import Tick


class Commands:
    """Chunks out, and what of them is still in force."""

    def __init__(self, contract: Contract, port: Port) -> None:
        self._contract, self._port = contract, port
        self._sending = False
        # First tick of effect and chunk, as many as can still reach into the future.
        self._committed: deque[tuple[int, np.ndarray]] = deque(maxlen=contract.offset_ticks + 1)
        self._seen_ns: dict[str, int] = {}  # stream -> stamp of its last usable message

    def rest(self) -> None:
        """Make the guard give up what it has, whatever that is."""
        self._port.drop_chunk()
        self._sending = False

    def begin(self) -> None:
        """An episode begins: nothing is under way, nothing was seen."""
        self._committed.clear()
        self._seen_ns.clear()

    def see(self, observation: Observation) -> None:
        """Take note of the streams that were usable."""
        for name, sample in observation.samples.items():
            if sample.valid:
                self._seen_ns[name] = sample.stamp_ns

    def too_old(self, now_ns: int) -> str:
        """The stream without a usable message within its max_age, '' for none."""
        for stream in self._contract.streams:
            seen_ns = self._seen_ns.get(stream.name)
            if seen_ns is None or now_ns - seen_ns > round(stream.max_age_s * 1e9):
                return stream.name
        return ''

    def send(self, tick: Tick, chunk: np.ndarray) -> None:
        """Send the chunk [H, A] decided at a tick."""
        start_ns = tick.t_ns + self._contract.command_offset_ns
        self._sending = self._port.send_chunk(start_ns, chunk)
        self._committed.append((tick.index + self._contract.offset_ticks, chunk))

    def give_up(self) -> bool:
        """Make the guard give up the last chunk, if there was one; whether there was."""
        if not self._sending:
            return False
        self.rest()
        return True

    def pending(self, index: int, sent: np.ndarray, by_hand: bool = False) -> np.ndarray:
        """What will be executed until a chunk of this tick takes effect: [offset_ticks, A].

        While a person drives (`by_hand`) nobody knows: what was sent is taken to go on.
        """
        rows = []
        for step in range(index, index + self._contract.offset_ticks):
            row = self._contract.safe_action if self._sending or index == 0 else None
            for start, chunk in self._committed:
                if self._sending and start <= step < start + len(chunk):
                    row = chunk[step - start]
            rows.append(sent if row is None or by_hand else row)
        return np.asarray(rows, np.float32)
