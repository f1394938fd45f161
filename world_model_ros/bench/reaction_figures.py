# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How soon the safe action began, from the commands that were heard, and what it is held to.

Pure: times of arrival and sources in, durations out. Processes and topics are bench_reaction's
and nodes/load/reaction_ears.py's.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from world_model_ros.contract import Contract

CHUNKS = frozenset({'chunk', 'chunk_rest'})  # sources of the agent; all others here are safe
SETTLED = 30  # commands of one kind in a row, half a second at 60 Hz: no accident of a moment


class Command(NamedTuple):
    """One command, as another process heard it."""

    at_s: float  # arrival, time.monotonic()
    source: str  # by `guard/sent`


class Reaction(NamedTuple):
    """How soon the safe action began, s."""

    after_fault_s: float
    after_chunk_s: float  # after the last command of a chunk


def acting(commands: Sequence[Command]) -> bool:
    """Whether the newest commands are all of chunks."""
    newest = commands[-SETTLED:]
    return len(newest) == SETTLED and all(one.source in CHUNKS for one in newest)


def reaction(commands: Sequence[Command], fault_s: float) -> Reaction | None:
    """The first safe command after a fault that no command of a chunk follows.

    A safe command that a chunk follows is not counted as the reaction: a busy machine has them
    without a fault.

    Returns:
        None until SETTLED safe commands in a row have come. If the first of them came before the
        fault, `after_fault_s` is not positive: the robot did not act, and nothing was measured.
    """
    last = next((i for i in reversed(range(len(commands))) if commands[i].source in CHUNKS), None)
    if last is None:
        return None
    safe = commands[last + 1 :]
    if len(safe) < SETTLED:
        return None
    return Reaction(safe[0].at_s - fault_s, safe[0].at_s - commands[last].at_s)


@dataclass(frozen=True)
class Fault:
    """One kind of fault and what its reaction is compared with."""

    meaning: str
    goal_s: Callable[[Contract], float] | None = None  # the longest reaction that is allowed
    # Median of the same kind of arm before the guard was rewritten, ms; None: not measured.
    earlier_ms: float | None = None


def _input_lost(kind: str) -> Callable[[Contract], float]:
    def goal_s(contract: Contract) -> float:
        streams = [stream for stream in contract.sensed if stream.kind == kind]
        return max(stream.max_age_s for stream in streams) + contract.period_s

    return goal_s


def _agent_gone(contract: Contract) -> float:
    return contract.command_timeout_s + 1.0 / contract.command_rate_hz


FAULTS = {
    'stop': Fault('guard/stop is called, by a client that is there already', None, 10.0),
    'camera_lost': Fault('the first camera publishes nothing', _input_lost('image'), 94.0),
    'joints_lost': Fault('no joint state is published', _input_lost('joints'), 109.0),
    'agent_killed': Fault('SIGKILL to the agent', _agent_gone, 205.0),
    'agent_hung': Fault('SIGSTOP to the agent', _agent_gone, 197.0),
    'disabled': Fault('guard/enable false', None, 12.0),
}


def row(fault: Fault, contract: Contract, outcomes: Sequence[Reaction]) -> dict[str, Any]:
    """Figures of one fault, in milliseconds, and how many of its runs measured nothing."""
    reactions = [one for one in outcomes if one.after_fault_s > 0.0]
    figures: dict[str, Any] = {
        'after_fault_ms': _summary([one.after_fault_s for one in reactions]),
        'after_last_chunk_ms': _summary([one.after_chunk_s for one in reactions]),
        'discarded': len(outcomes) - len(reactions),
        'earlier_median_ms': fault.earlier_ms,
    }
    if fault.goal_s is not None:
        figures['goal_ms'] = round(1e3 * fault.goal_s(contract), 1)
        if reactions:
            figures['reached'] = figures['after_fault_ms']['max'] <= figures['goal_ms']
    return figures


def _summary(seconds: Sequence[float]) -> dict[str, Any]:
    """Median, largest and count; no percentiles of a few runs."""
    if not seconds:
        return {'n': 0}
    median, most = statistics.median(seconds), max(seconds)
    return {'median': round(1e3 * median, 1), 'max': round(1e3 * most, 1), 'n': len(seconds)}
