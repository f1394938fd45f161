# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench tick`: the whole tick of a bundle, from serialised messages to the chunk.

The same planner in eager torch and a bare sleep are measured in between, tick by tick, so that
whatever else the machine does falls on all of them alike.
"""

from __future__ import annotations

import math
import struct
import time
from pathlib import Path
from typing import Any

import numpy as np

from world_model_ros.bench.measure import milliseconds
from world_model_ros.contract import Contract
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.onboard.policy.brain import Brain
from world_model_ros.onboard.policy.planner import Planner
from world_model_ros.onboard.tick.assembly import Assembler

RING = 32  # different messages per stream, so that no cache sees the same picture twice in a row
WARM_UP_TICKS = 50
PAIR_EVERY = 10  # ticks between two comparisons with eager torch and the sleeping control
SLEEP_S = 0.002
KEY = 20_000


def measure(
    loaded: Any, contract: Contract, ticks: int, rival: Any, figures: dict[str, Any]
) -> None:
    """Run ticks on made-up messages; add the figures, also of those that ran until Ctrl-C."""
    brain = Brain(contract, loaded)
    brain.reset(KEY)
    planner = Planner(loaded, contract)
    planner.reset()
    assembler = Assembler(contract)
    messages = Messages(contract)
    period_ns = round(contract.period_s * 1e9)
    rest: np.ndarray = np.zeros(contract.action_dim, np.float32)
    pending: np.ndarray = np.zeros((contract.offset_ticks, contract.action_dim), np.float32)
    watches = {name: Stopwatch() for name in ('tick', 'planner', 'eager', 'sleep')}
    iterations: list[int] = []

    try:
        for tick in range(-WARM_UP_TICKS, ticks):
            t_ns = (tick + WARM_UP_TICKS + 1) * period_ns
            for name, cdr in messages.at(t_ns):
                assembler.store(name, cdr, t_ns)
            first = tick == -WARM_UP_TICKS
            with watches['tick']:
                observation = assembler.assemble(t_ns)
                decision = brain.step(
                    observation, rest, pending, first, tick + WARM_UP_TICKS, math.inf
                )
            if not observation.valid:
                raise RuntimeError(
                    f'the benchmark made a message that does not decode: {observation}'
                )
            pending[:-1] = pending[1:]
            pending[-1] = decision.chunk[0]
            if tick < 0:
                watches['tick'].clear()
                continue
            iterations.append(decision.iterations)
            if tick % PAIR_EVERY:
                continue
            with watches['planner']:
                planner.plan(decision.belief, pending, math.inf, tick, KEY, 1)
            if rival:
                with watches['eager']:
                    rival(decision.belief, pending)
            with watches['sleep']:
                time.sleep(SLEEP_S)
    finally:
        figures |= _figures(watches, iterations, contract)


def _figures(
    watches: dict[str, Stopwatch], iterations: list[int], contract: Contract
) -> dict[str, Any]:
    if not iterations or not watches['planner'].wall_s:
        return {}
    figures: dict[str, Any] = {
        'bench': 'tick',
        'ticks': len(iterations),
        'iterations': float(np.mean(iterations)),
        'tick_ms': milliseconds(watches['tick'].wall_s),
        'tick_cpu_ms': milliseconds(watches['tick'].cpu_s),
        'planner_ms': milliseconds(watches['planner'].wall_s),
        'control_sleep_late_ms': milliseconds(np.asarray(watches['sleep'].wall_s) - SLEEP_S),
        'period_ms': contract.period_s * 1e3,
    }
    if watches['eager'].wall_s:
        figures['eager_ms'] = milliseconds(watches['eager'].wall_s)
        planned, eager = watches['planner'], watches['eager']
        figures['eager_ratio'] = _ratio(eager.wall_s, planned.wall_s)
        # Of the processor time of this thread, which other load on the machine does not stretch.
        figures['eager_ratio_cpu'] = _ratio(eager.cpu_s, planned.cpu_s)
    return figures


class Stopwatch:
    """Collects wall and processor time of the blocks it is wrapped around."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget what was measured."""
        self.wall_s: list[float] = []
        self.cpu_s: list[float] = []

    def __enter__(self) -> None:
        self._begun = time.perf_counter(), time.thread_time()

    def __exit__(self, *_error: object) -> None:
        self.wall_s.append(time.perf_counter() - self._begun[0])
        self.cpu_s.append(time.thread_time() - self._begun[1])


class Messages:
    """Serialised messages of a contract's streams, restamped for each tick."""

    def __init__(self, contract: Contract) -> None:
        rng = np.random.default_rng(0)
        self._ring = {
            stream.name: [bytearray(_message(stream, rng)) for _ in range(RING)]
            for stream in contract.sensed
        }
        self._next = 0

    def at(self, t_ns: int) -> list[tuple[str, bytes]]:
        """Return (stream, CDR) stamped t_ns."""
        self._next = (self._next + 1) % RING
        rows = []
        for name, ring in self._ring.items():
            struct.pack_into('<iI', ring[self._next], 4, *divmod(t_ns, 1_000_000_000))
            rows.append((name, bytes(ring[self._next])))
        return rows


def _message(stream: Any, rng: np.random.Generator) -> bytes:
    kind = stream_kind(stream.kind)
    if kind.form == 'picture':
        array = rng.integers(0, 256, stream.shape, dtype=np.uint8)
    else:
        array = rng.uniform(-1.0, 1.0, stream.shape).astype(np.float32)
    return kind.encode(stream, array, 0)


def _ratio(one: list[float], other: list[float]) -> float:
    return round(float(np.median(one) / np.median(other)), 2)


def eager_planner(folder: Path, threads: int) -> Any:
    """The same planner in eager torch: (belief, pending) -> plan. Needs the extra `train`."""
    from world_model_ros.training.bench_eager import make_eager

    return make_eager(folder, threads)
