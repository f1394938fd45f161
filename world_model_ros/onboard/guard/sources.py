# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the agent and a person ask for, and which of them may speak.

As in twist_mux: of the sources that are alive, the one of the highest priority speaks, unless a
lock of a higher priority shuts it out. Knows no limits and nothing of the robot.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from world_model_ros.contract.guard_settings import AGENT_PRIORITY, TELEOP_PRIORITY
from world_model_ros.onboard.guard.chunks import Chunk, ChunkQueue, read_chunk
from world_model_ros.onboard.guard.reasons import Reason, ReasonKind

if TYPE_CHECKING:
    from world_model_ros.contract import Contract

_NO_HEARTBEAT = Reason(ReasonKind.NO_HEARTBEAT, 'no heartbeat within command_timeout')
_NO_CHUNK = Reason(ReasonKind.NO_CHUNK, 'no chunk in force')
MAX_REASON = 500  # characters of a refusal: a sender may write anything


class Sources:
    """The newest chunks of both senders, and when each was heard."""

    def __init__(self, contract: Contract) -> None:
        self._names = tuple(contract.action.names)
        self._period_ns = contract.period_ns
        self._timeout_s = contract.command_timeout_s
        self._agent = ChunkQueue(contract.offset_ticks + 3)
        self._teleop = ChunkQueue(contract.offset_ticks + 3)
        self.refused = 0
        self.begin()

    def begin(self) -> None:
        """The guard becomes active: nobody has been heard."""
        self.clear()
        self._heartbeat_s = self._teleop_s = -math.inf
        self._refusal = ''

    def clear(self) -> None:
        """Forget what was asked for."""
        self._agent.clear()
        self._teleop.clear()

    def drop(self, teleop: bool) -> None:
        """Forget what one of them asked for."""
        (self._teleop if teleop else self._agent).clear()

    def shut_out(self, priority: int) -> None:
        """Forget what the sources below a priority asked for."""
        for queue, own in ((self._agent, AGENT_PRIORITY), (self._teleop, TELEOP_PRIORITY)):
            if own < priority:
                queue.clear()

    def heartbeat(self, steady_s: float) -> None:
        """The agent lives at this time of the clock that times out."""
        self._heartbeat_s = steady_s

    def take(
        self,
        names: Sequence[str],
        times_ns: Sequence[int],
        values: np.ndarray,
        steady_s: float,
        teleop: bool,
    ) -> str:
        """Take a chunk [H, A] whole, or not at all; why it was refused, or ''."""
        chunk, problem = read_chunk(self._names, self._period_ns, names, times_ns, values)
        if chunk is None:
            return self.refuse(problem, teleop)
        if teleop:
            self._teleop.put(chunk)
            self._teleop_s = steady_s
        else:
            self._agent.put(chunk)
            self._heartbeat_s = steady_s
        return ''

    def refuse(self, problem: str, teleop: bool) -> str:
        """Count a chunk that is not taken; the text that names its sender."""
        sender = "teleoperation's" if teleop else "the agent's"
        self.refused += 1
        self._refusal = f'{sender} chunk refused: {problem}'[:MAX_REASON]
        return self._refusal

    def note_refusal(self, reasons: list[Reason]) -> None:
        """Add the refusal since the sample before, if there was one."""
        if self._refusal:
            reasons.append(Reason(ReasonKind.REFUSED, self._refusal))
            self._refusal = ''

    def teleop(self, t_ns: int, steady_s: float) -> Chunk | None:
        """The newest chunk of a person that has started, while that person is there."""
        if not abs(steady_s - self._teleop_s) <= self._timeout_s:
            self._teleop.clear()
        return self._teleop.started(t_ns)

    def agent(self, t_ns: int, steady_s: float, reasons: list[Reason]) -> tuple[str, Chunk | None]:
        """The agent's chunk that is in force, and which part of it; else why there is none."""
        if not abs(steady_s - self._heartbeat_s) <= self._timeout_s:  # NaN is a timeout too
            reasons.append(_NO_HEARTBEAT)
            return 'safe', None
        chunk = self._agent.started(t_ns)
        if chunk is None or t_ns >= chunk.end_ns:
            reasons.append(_NO_CHUNK)
            return 'safe', None
        return ('chunk' if t_ns < chunk.start_ns + self._period_ns else 'chunk_rest'), chunk
