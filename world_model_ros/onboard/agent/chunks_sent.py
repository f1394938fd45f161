# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the agent has sent to the guard: chunks under way, and inputs fresh enough to send.

Owns when a chunk may go out and when it is given up. At a tick an input counts as the tick used
it; between ticks, by what has arrived since. Runs in the tick's thread. Holds no ROS entity.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np

from world_model_ros.contract import Contract, Stream
from world_model_ros.onboard.agent.episode import Port
from world_model_ros.onboard.agent.given_up import GivenUp
from world_model_ros.onboard.tick.command_delay import Delay
from world_model_ros.onboard.tick.observation import NO_CHECKSUM, Observation, StreamSample
from world_model_ros.onboard.tick.sent import SentHistory
from world_model_ros.onboard.tick.ticker import Tick

# Stamp of a stream's newest message that is not later than a time, None where there is none.
Arrived = Callable[[str, int], 'int | None']


class Commands:
    """Chunks out, and what of them is still in force."""

    def __init__(self, contract: Contract, port: Port, arrived: Arrived) -> None:
        self._contract, self._port, self._arrived = contract, port, arrived
        self.given_up = GivenUp(port.warn)
        self._sending = False
        self.delay = Delay(contract.period_ns)  # between command and effect, of this episode
        self._committed: deque[tuple[int, np.ndarray]] = self._none_committed()
        self._seen_ns: dict[str, int] = {}  # stream -> stamp of its last usable message
        # Streams whose newest message could not be used at the last tick (NaN, damaged): what
        # arrives on them counts only when a tick has used it.
        self._broken: dict[str, str] = {}  # stream -> why

    def rest(self) -> None:
        """Make the guard give up what it has, whatever that is."""
        self._port.drop_chunk()
        self._sending = False

    def _none_committed(self) -> deque[tuple[int, np.ndarray]]:
        """First tick in which it is sent and chunk, as many as can still reach into the future."""
        return deque(maxlen=self._contract.offset_ticks + 1)

    def begin(self, extra_delay_s: float = 0.0) -> None:
        """An episode begins: nothing is under way, nothing was seen.

        `extra_delay_s` passes between command and effect beside `command_offset`.
        """
        self.delay = Delay(self._contract.period_ns, extra_delay_s)
        self._committed = self._none_committed()
        self._seen_ns.clear()
        self._broken.clear()

    def see(self, observation: Observation) -> None:
        """Take note of the streams that were usable."""
        for name, sample in observation.samples.items():
            if sample.valid:
                self._seen_ns[name] = sample.stamp_ns
            if name in observation.arrays:
                self._broken.pop(name, None)
            elif sample.checksum != NO_CHECKSUM:
                self._broken[name] = sample.error

    def too_old(self, t_ns: int) -> str:
        """The stream that gave nothing usable to the tick at t_ns within its max_age, or ''."""
        for stream in self._contract.sensed:
            if self._is_old(stream, self._seen_ns.get(stream.name), t_ns):
                return stream.name
        return ''

    def overdue(self, now_ns: int) -> str:
        """The stream that has gone silent for longer than its max_age, or ''.

        The last tick may have used a message that is old by now: with fast streams and slow ticks
        that is the rule. So what has arrived since counts, too.
        """
        for stream in self._contract.sensed:
            newest_ns = self._seen_ns.get(stream.name)
            if newest_ns is not None and stream.name not in self._broken:
                arrived_ns = self._arrived(stream.name, now_ns)
                newest_ns = max(newest_ns, newest_ns if arrived_ns is None else arrived_ns)
            if self._is_old(stream, newest_ns, now_ns):
                return stream.name
        return ''

    @staticmethod
    def _is_old(stream: Stream, stamp_ns: int | None, now_ns: int) -> bool:
        return stamp_ns is None or now_ns - stamp_ns > round(stream.max_age_s * 1e9)

    def miss(self, name: str, now_ns: int, sample: StreamSample | None = None) -> None:
        """Count a chunk that was given up, or not sent, because of what this stream gave."""
        error = (sample.error if sample else '') or self._broken.get(name, '')
        if not error:
            arrived_ns = self._arrived(name, now_ns)
            max_age_s = self._contract.stream(name).max_age_s
            error = 'no message has arrived'
            if arrived_ns is not None:
                age_s = (now_ns - arrived_ns) * 1e-9
                error = f'its newest message is {age_s:.3f} s old, max_age is {max_age_s:g} s'
        self.given_up.note((sample.blamed if sample else '') or name, error)

    def send(self, tick: Tick, chunk: np.ndarray) -> None:
        """Send the chunk [H, A] decided at a tick."""
        start_ns = tick.t_ns + self._contract.command_offset_ns
        self._sending = self._port.send_chunk(start_ns, chunk)
        first = tick.index + self._contract.offset_ticks
        self._committed.append((first, chunk))
        self.given_up.sent()

    def give_up(self) -> bool:
        """Make the guard give up the last chunk, if there was one; whether there was."""
        if not self._sending:
            return False
        self.rest()
        return True

    def pending(
        self, tick: Tick, sent: np.ndarray, history: SentHistory, by_hand: bool = False
    ) -> np.ndarray:
        """What will be executed until a chunk of this tick counts: [offset_ticks + delay, A].

        What was sent already (`history`) and has not moved anything yet is known. While a person
        drives (`by_hand`) nobody knows the rest: what was sent last is taken to go on, without a
        delay what moved the robot last (`sent`).
        """
        index, planned = tick.index, []
        if self.delay.extra_ns:
            sent = history.mean(tick.t_ns - self._contract.period_ns, tick.t_ns)
        for step in range(index, index + self._contract.offset_ticks):
            row = self._contract.safe_action if self._sending or index == 0 else None
            for start, chunk in self._committed:
                if self._sending and start <= step < start + len(chunk):
                    row = chunk[step - start]
            planned.append(sent if row is None or by_hand else row)
        rows = self.delay.effects(history, tick.t_ns, planned)
        return np.asarray(rows, np.float32)
