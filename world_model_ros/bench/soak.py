# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench soak`: very many ticks of the agent's runtime without ROS, with random faults.

The real inputs, worker, brain, guard and tick records on made-up messages; time is made up too, so
that a day passes in an hour. What is measured is the memory of this process. Which faults happen
at which tick follows from the seed alone.
"""

from __future__ import annotations

import random
import statistics
import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from world_model_ros.bench.tick import Messages
from world_model_ros.bundle import load_bundle
from world_model_ros.contract import Contract
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.onboard.agent.episode import Episode, Options
from world_model_ros.onboard.agent.inputs import Inputs
from world_model_ros.onboard.agent.schedule import Schedule
from world_model_ros.onboard.agent.worker import Worker
from world_model_ros.onboard.guard import Guard
from world_model_ros.onboard.policy.brain import Brain
from world_model_ros.onboard.policy.model import Model
from world_model_ros.onboard.policy.swap import Swap
from world_model_ros.onboard.tick.tick_record import TickRecord

# Chance of each fault at a tick. One in some thousand ticks loads a whole model again.
FAULTS = {
    'frame_lost': 0.02,
    'joints_lost': 0.02,
    'not_a_number': 0.005,
    'damaged': 0.005,
    'duplicate': 0.01,
    'stamp_of_the_past': 0.005,
    'stamp_of_the_future': 0.002,
    'guard_silent': 0.005,
    'stopped': 0.002,
    'driven_by_hand': 0.005,
    'terminal': 0.002,
    'asked_to_end': 0.001,
    'clock_back': 0.0005,
    'clock_forward': 0.0005,
    'shadow': 0.001,
    'swap': 0.0002,
}
START_NS = 1_000_000_000_000_000
SAMPLES = 100  # of the memory
TENTH = SAMPLES // 10
GOAL_MB = 5.0  # growth over the last nine tenths
LOOKS = 6  # of the worker, at most, after the messages of one tick


class SoakPort:
    """What the worker publishes through: a guard in this process, and nothing else."""

    speed = 1.0
    silent_s = 0.0

    def __init__(self, contract: Contract) -> None:
        self.t_ns, self.steady_s = START_NS, 0.0
        self.trouble = ''
        self.chunks = self.records = self.episodes = self.warnings = self.refused = 0
        self.guard = Guard(contract)
        self._names = list(contract.action.names)
        self._period_ns = contract.period_ns

    def now_ns(self) -> int:
        """The made-up time."""
        return self.t_ns

    def announce(self, episode: Episode) -> None:
        """Count."""
        self.episodes += 1

    def reset_robot(self) -> int | None:
        """The robot is reset at once."""
        return self.t_ns

    def send_chunk(self, start_ns: int, chunk: np.ndarray) -> bool:
        """Give it to the guard."""
        times = [start_ns + i * self._period_ns for i in range(len(chunk))]
        refusal = self.guard.on_chunk(self._names, times, chunk, self.steady_s)
        self.refused += bool(refusal)
        self.chunks += 1
        return True

    def drop_chunk(self) -> None:
        """Make the guard give it up."""
        self.guard.drop_chunks()

    def publish_tick(self, record: TickRecord) -> None:
        """Turn it into bytes and back, as the recorder and the reader do."""
        doubles = record.to_doubles()
        content = struct.pack(f'<{len(doubles)}d', *doubles)
        again = struct.unpack(f'<{len(doubles)}d', content)
        back = TickRecord.from_doubles(record.names(), again, record.t_ns, record.frame_id)
        if back.tick != record.tick:
            raise RuntimeError(f'tick {record.tick} was read back as {back.tick}')
        self.records += 1

    def guard_problem(self) -> str:
        """Why the guard cannot be relied on."""
        return self.trouble

    def warn(self, text: str) -> None:
        """Count."""
        self.warnings += 1


class Soak:
    """One runtime, stepped tick by tick."""

    def __init__(self, contract: Contract, bundle: Path, iterations: int, seed: int) -> None:
        self._contract, self._bundle, self._iterations = contract, bundle, iterations
        self._rng = random.Random(seed)
        self._messages = Messages(contract)
        self._kinds = {s.name: (s, stream_kind(s.kind)) for s in contract.streams}
        self.port = SoakPort(contract)
        self.inputs = Inputs(contract)
        self.swap = Swap(self._model('first'))
        schedule = Schedule(contract, 'stream', self.inputs, self.port)
        options = Options(explore=True, evaluate_every=3, extra_delay=-1.0)
        self.worker = Worker(contract, self.inputs, schedule, self.swap, self.port, options)
        self.worker.episodes.acting = True
        self.faults: Counter[str] = Counter()
        self._rest = np.zeros(contract.action_dim)
        if problem := self.port.guard.activate(self._rest):
            raise RuntimeError(f'the guard refuses: {problem}')

    def run(self, ticks: int, sampled: Callable[[int], object]) -> None:
        """Run until so many ticks were recorded; `sampled` hears of every hundredth part."""
        part = max(1, ticks // SAMPLES)
        due = 0
        while self.worker.stats.ticks < ticks:
            self.step()
            if self.worker.stats.ticks >= due:
                self.inputs.delay_meter.find()
                sampled(self.worker.stats.ticks)
                due += part

    def step(self) -> None:
        """One period: faults, messages, commands, and what the worker makes of them."""
        chance = self._rng.random
        now = {name for name, share in FAULTS.items() if chance() < share}
        self.faults.update(now)
        port = self.port
        port.t_ns += self._contract.period_ns
        port.steady_s += self._contract.period_s
        if 'clock_back' in now:
            port.t_ns -= 5_000_000_000
        if 'clock_forward' in now:
            port.t_ns += 3_000_000_000
        port.trouble = 'the guard is silent' if 'guard_silent' in now else ''
        if 'shadow' in now:
            self.worker.episodes.acting = not self.worker.episodes.acting
        if 'asked_to_end' in now:
            self.worker.episodes.ask_end()
        if 'swap' in now:
            number = self.faults['swap']
            self.swap.offer(f'again {number}', number, '', lambda: self._model(f'again {number}'))
            self.swap.load()
        self.swap.follow()
        self._commands(now)
        self._arrive(now)
        for _ in range(LOOKS):
            if self.worker.look() is not None:
                break

    def _model(self, digest: str) -> Model:
        bundle = load_bundle(self._bundle, self._contract)
        brain = Brain(self._contract, bundle, iteration_count=self._iterations)
        return Model(brain, digest, 1, str(self._bundle), bundle)

    def _commands(self, now: set[str]) -> None:
        """What the guard sent over the past period."""
        port, guard = self.port, self.port.guard
        if guard.stopped:
            guard.release_stop(self._rest)
        if 'stopped' in now:
            guard.stop('soak')
        source = 'teleop' if 'driven_by_hand' in now else 'chunk'
        count = self._contract.commands_per_tick
        for i in range(count):
            t_ns = port.t_ns - self._contract.period_ns * (count - i) // count
            command = guard.sample(t_ns, port.steady_s, self._rest)
            self.inputs.put_sent(t_ns, command.values, 'stopped' if guard.stopped else source)

    def _arrive(self, now: set[str]) -> None:
        """The messages of this period."""
        port, rng = self.port, self._rng
        lost = {'frame_lost': 'image', 'joints_lost': 'joints'}
        gone = {form for name, form in lost.items() if name in now}
        for name, cdr in self._messages.at(port.t_ns):
            stream, kind = self._kinds[name]
            if stream.kind in gone:
                continue
            if 'not_a_number' in now and stream.dtype == np.float32:
                cdr = kind.encode(stream, np.full(stream.shape, np.nan, np.float32), port.t_ns)
            if 'damaged' in now:
                cdr = cdr[: rng.randrange(len(cdr))]
            for fault, shift_ns in (
                ('stamp_of_the_past', -2_000_000_000),
                ('stamp_of_the_future', 1_000_000_000),
            ):
                if fault in now and len(cdr) > 12:
                    stamp = divmod(port.t_ns + shift_ns, 1_000_000_000)
                    cdr = cdr[:4] + struct.pack('<iI', *stamp) + cdr[12:]
            for _ in range(2 if 'duplicate' in now else 1):
                self.inputs.put_stream(name, cdr, port.t_ns)
        self.inputs.put_reward(port.t_ns, rng.random(), 'terminal' in now)


def measure(
    contract: Contract,
    bundle: Path,
    ticks: int,
    iterations: int,
    seed: int,
    figures: dict[str, Any],
    say: Callable[[str], object],
) -> None:
    """Run the ticks; add the figures, also of those that ran until Ctrl-C."""
    soak = Soak(contract, bundle, iterations, seed)
    process = psutil.Process()
    memory: list[tuple[int, float]] = []

    def sampled(tick: int) -> None:
        memory.append((tick, process.memory_info().rss / 1e6))
        if len(memory) % TENTH == 1:
            say(f'{tick} ticks: {memory[-1][1]:.1f} MB')

    try:
        soak.run(ticks, sampled)
    finally:
        stats, port = soak.worker.stats, soak.port
        figures |= {
            'ticks_run': stats.ticks,
            'episodes_run': port.episodes,
            'records': port.records,
            'chunks': port.chunks,
            'invalid_ticks': stats.invalid,
            'skipped_ticks': stats.skipped,
            'swaps': soak.worker.thinking.swaps,
            'faults': dict(soak.faults),
        }
        figures |= growth(memory)


def growth(memory: list[tuple[int, float]]) -> dict[str, Any]:
    """Growth over the last nine tenths, of medians: one sample may meet a passing peak."""
    if len(memory) < SAMPLES // 2:
        return {'memory_mb': memory}
    tenth = len(memory) // 10
    begin = statistics.median(mb for _, mb in memory[tenth : 2 * tenth])
    end = statistics.median(mb for _, mb in memory[-tenth:])
    return {
        'memory_mb': [[tick, round(mb, 2)] for tick, mb in memory],
        'growth_mb': round(end - begin, 2),
        'goal': {'growth_mb': GOAL_MB, 'reached': end - begin < GOAL_MB},
    }
