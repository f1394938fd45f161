# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tries a bundle on this machine, in a process of its own, before the agent sees it.

`python -m world_model_ros.fleet.preflight BUNDLE CONTRACT` checks the files, the interface and the
golden vectors, runs recurrent ticks and times them, prints one JSON object and exits with 0 or 1.
`run_preflight` calls it: whatever a bundle does to that process, hanging and crashing included, is
a refusal with a reason; it is final unless a busy machine does the same to a good bundle. The
process has limits on memory, processor time and output, and is the first that the system ends when
memory runs out. Must not import ROS or torch.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from world_model_ros.bundle import Bundle, BundleError, load_bundle
from world_model_ros.bundle.golden_check import golden_problems
from world_model_ros.bundle.providers import (
    CPU_ONLY,
    PROVIDERS,
    ProviderError,
    ProviderSettings,
)
from world_model_ros.contract import Contract, ContractError, find_robot, load_contract
from world_model_ros.onboard.policy.capabilities import Graphs, Iteration
from world_model_ros.onboard.policy.noise import Noise
from world_model_ros.onboard.tick.latency import Latency
from world_model_ros.parent import PARENT_ENV, follow_parent
from world_model_ros.strict_json import strict_json

PREFLIGHT_FORMAT = 1
RUNS = 100  # ticks; enough for a 99th percentile
WARM_UP_RUNS = 5  # ONNX Runtime allocates in its first runs
TIMEOUT_SEC = 120.0  # of the whole process; about two seconds are usual
ENGINES_SEC = 1800.0  # TensorRT builds engines for minutes, and preflight runs at low priority
BOX_SHARE = 1e-4  # float32 rounding at the edge of the box, of its width
KEY = 0x5EED
# On top of what the libraries hold: the shipped bundles need 30 MB. The agent holds two models.
MEMORY_BYTES = 1 << 30
CPU_SEC = 90  # about two seconds are usual; no busy machine makes that forty times as much
OUTPUT_BYTES = 1 << 20  # of what it prints
# CUDA alone maps gigabytes; engines are written to disk. No more than that is known of GPUs here.
DEVICE_MEMORY_BYTES = 16 << 30
DEVICE_FILE_BYTES = 1 << 30
LAST_WORDS_BYTES = 16 * 1024
# A tick that takes so many periods shows in one what a hundred would.
FAR_OVER = 20
# What the machine, its kernel out of memory, a time limit or Ctrl-C ends a process with.
ENDED_BY_OTHERS = {
    signal.SIGALRM,
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGKILL,
    signal.SIGTERM,
}
# What a process says last that a half-made update, a full disk or another's memory has ended.
ENDED_BY_MACHINE = ('ImportError:', 'ModuleNotFoundError:', 'MemoryError', 'OSError:')
# The robot acts meanwhile, from the first import on.
COMMAND = ('nice', '-n', '19', sys.executable, '-m', 'world_model_ros.fleet.preflight')


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


def run_preflight(
    bundle: Path | str,
    contract: Path | str,
    *,
    threads: int = 1,
    provider: ProviderSettings = CPU_ONLY,
    timeout_s: float | None = None,
    command: Sequence[str] = COMMAND,
) -> Verdict:
    """Try a bundle in a process of its own, at low priority.

    Args:
        bundle: its directory.
        contract: the robot's, a name or a path.
        threads: of ONNX Runtime, as the agent will have.
        provider: what the graphs run on, as the agent will have.
        timeout_s: after which the process is ended and nothing is decided; the default is longer
            where TensorRT builds engines.
        command: what is run with these arguments.
    """
    if timeout_s is None:
        timeout_s = ENGINES_SEC if provider.provider == 'tensorrt' else TIMEOUT_SEC
    line = [*command, str(bundle), str(contract), '--threads', str(threads)]
    line += ['--provider', provider.provider, '--device-id', str(provider.device_id)]
    line += ['--allow-cpu-fallback'] * provider.allow_cpu_fallback
    line += ['--limit', str(math.ceil(timeout_s) + 1)]
    try:
        done = _run(line, timeout_s)
    except subprocess.TimeoutExpired:
        return Verdict([f'preflight: not done within {timeout_s:g} s; it was ended'], final=False)
    except OSError as error:
        return Verdict([f'preflight: cannot be started: {error}'], final=False)
    try:
        report = strict_json(done.stdout, OUTPUT_BYTES)
        problems, ok = [str(problem) for problem in report['problems']], report['ok']
    except (ValueError, KeyError, TypeError):
        final = -done.returncode not in ENDED_BY_OTHERS
        final = final and not _last_words(done).startswith(ENDED_BY_MACHINE)
        return Verdict([f'preflight: {_how_it_ended(done)}'], final=final)
    if ok is not (done.returncode == 0) or ok is bool(problems):
        return Verdict([f'preflight: contradicts itself, {_how_it_ended(done)}'])
    return Verdict(problems, report.get('figures', {}), report.get('final') is not False)


def _run(line: Sequence[str], timeout_s: float) -> subprocess.CompletedProcess[bytes]:
    """Run a command; what it prints goes through files, so that no flood of it is held here."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as error:
        done = subprocess.run(
            line,
            stdout=out,
            stderr=error,
            timeout=timeout_s,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, PARENT_ENV: str(os.getpid())},
        )
        out.seek(0)
        error.seek(max(0, error.seek(0, os.SEEK_END) - LAST_WORDS_BYTES))
        return subprocess.CompletedProcess(
            line, done.returncode, out.read(OUTPUT_BYTES + 1), error.read(LAST_WORDS_BYTES)
        )


def _limit_self(provider: str) -> None:
    """What a bundle may take of this machine; kept by the kernel, whatever a bundle does."""
    on_cpu = provider == 'cpu'
    memory = MEMORY_BYTES if on_cpu else DEVICE_MEMORY_BYTES
    cpu_s = CPU_SEC if provider != 'tensorrt' else round(ENGINES_SEC)
    for what, most in (
        # What is written to, by whatever means; address space that is only set aside is free.
        (resource.RLIMIT_DATA, _data_bytes() + memory),
        (resource.RLIMIT_FSIZE, DEVICE_FILE_BYTES if provider == 'tensorrt' else OUTPUT_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (soft, soft))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 5))  # first by SIGXCPU: it is named
    with contextlib.suppress(OSError):  # no /proc: then without
        Path('/proc/self/oom_score_adj').write_text('1000')


def _may_be(provider: str) -> str:
    """The provider whose limits hold: `auto` is the CPU where nothing of a GPU is there."""
    return 'cpu' if provider == 'auto' and not Path('/dev/nvidiactl').exists() else provider


def _data_bytes() -> int:
    """What the libraries hold already; 1 GiB where the system does not say."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path('/proc/self/status').read_text().splitlines():
            if line.startswith('VmData:'):
                return 1024 * int(line.split()[1])
    return 1 << 30


def _how_it_ended(done: subprocess.CompletedProcess[bytes]) -> str:
    if done.returncode < 0:
        how = f'crashed ({signal.Signals(-done.returncode).name})'
    else:
        how = f'ended with status {done.returncode}'
    return f'{how} and said: {_last_words(done)[:300] or "nothing"}'


def _last_words(done: subprocess.CompletedProcess[bytes]) -> str:
    return ''.join(done.stderr.decode(errors='replace').strip().splitlines()[-1:])


def examine(
    bundle_dir: Path,
    contract: Contract,
    threads: int,
    provider: ProviderSettings = CPU_ONLY,
    runs: int = RUNS,
) -> Verdict:
    """Everything this process can find out about a bundle."""
    try:
        bundle = load_bundle(bundle_dir, contract, threads, provider)
    except ProviderError as error:  # the machine lacks something: no bundle is bad for that
        return Verdict([str(problem) for problem in error.problems], final=False)
    except BundleError as error:
        return Verdict([str(problem) for problem in error.problems])
    problems = golden_problems(bundle)
    if problems:
        return Verdict(problems)
    return _drive(bundle, contract, runs)


class Drive:
    """Recurrent ticks of one bundle, on its golden observations."""

    def __init__(self, bundle: Bundle, contract: Contract) -> None:
        self.low = np.asarray(contract.action.low, np.float32)
        self.high = np.asarray(contract.action.high, np.float32)
        self.cpu_s = self.wall_s = 0.0  # of the last tick
        self._graphs = Graphs(bundle)
        self._graphs.check_acts()
        settings = bundle.planner
        horizon, size = int(settings['horizon']), self.low.size
        spread, samples = float(settings.get('max_std', 0)), int(settings.get('batch_size', 0))
        half = spread * (self.high - self.low) / 2
        self._std: np.ndarray = np.tile(half, (horizon, 1)).astype(np.float32)
        self._drawn = np.zeros((samples, horizon, size), np.float32)
        self._mask: np.ndarray = np.zeros(horizon, np.float32)
        self._safe: np.ndarray = np.zeros(size, np.float32)
        self._noise = Noise()
        self._noise.rekey(KEY)
        self._inputs = {
            name.split('/', 2)[2]: array
            for name, array in bundle.golden.items()
            if name.startswith('observe/in/')
        }
        self._belief = np.asarray(bundle.initial_belief, np.float32)
        self._sent: np.ndarray = np.zeros(size, np.float32)
        self._rest = np.clip(self._sent, self.low, self.high)

    def tick(self, number: int) -> list[str]:
        """One tick; what is wrong with its outputs."""
        case = number % len(self._inputs['ages'])
        arrays = {
            name[len('obs_') :]: array[case][0]
            for name, array in self._inputs.items()
            if name.startswith('obs_')
        }
        graphs = self._graphs
        noise = self._noise.normal(number, 0, self._drawn)
        wall_s, cpu_s = time.perf_counter(), time.thread_time()
        seen = graphs.observe(
            self._belief, self._sent, number == 0, arrays, self._inputs['ages'][case][0]
        )
        outcomes = graphs.outcomes(self._belief, self._sent, seen.belief)
        value = graphs.value(seen.belief)
        mean, std = graphs.policy(seen.belief) if graphs.has_policy else (self._rest, self._rest)
        plan = self._plan(seen.belief, mean, noise) if graphs.plans else None
        self.cpu_s, self.wall_s = time.thread_time() - cpu_s, time.perf_counter() - wall_s
        self._belief, self._sent = seen.belief, np.clip(mean, self.low, self.high)
        outputs = {
            'observe: belief_out': seen.belief,
            'observe: surprise': seen.surprise,
            'imagine: belief_out': graphs.imagine(seen.belief, mean),
            'policy: action_mean': mean,
            'policy: action_std': std,
        }
        if graphs.has_outcomes:
            outputs['outcomes: reward, continuation'] = outcomes
        if graphs.has_value:
            outputs['value: value'] = value
        actions = {'policy: action_mean': mean}
        if plan is not None:
            outputs |= {
                'plan: mean_out': plan.mean,
                'plan: std_out': plan.std,
                'plan: best': plan.best,
                'plan: best_value, policy_value': (plan.best_value, plan.policy_value),
            }
            actions['plan: best'] = plan.best
        return _not_finite(outputs) or _outside(actions, self.low, self.high)

    def _plan(self, belief: np.ndarray, mean: np.ndarray, noise: np.ndarray) -> Iteration:
        """One planner iteration from a policy's action that is held."""
        held = np.tile(mean, (len(self._mask), 1))
        return self._graphs.plan_iteration(
            belief=belief,
            mean=held,
            std=self._std,
            noise=noise,
            previous=held,
            previous_mask=self._mask,
            low=self.low,
            high=self.high,
            safe=self._safe,
        )


def _drive(bundle: Bundle, contract: Contract, runs: int) -> Verdict:
    """Finite, inside the box, in time."""
    try:
        drive = Drive(bundle, contract)
    except BundleError as error:
        return Verdict([str(problem) for problem in error.problems])
    cpu, wall = Latency(runs), Latency(runs)
    on_cpu = bundle.provider.provider == 'cpu'  # a GPU's work is not this thread's
    for number in range(WARM_UP_RUNS + runs):
        problems = drive.tick(number)
        if problems:
            return Verdict([f'{problem}, at tick {number}' for problem in problems])
        took_s = drive.cpu_s if on_cpu else drive.wall_s
        if number and took_s > FAR_OVER * contract.period_s:
            far = f'{1e3 * took_s:.0f} ms at tick {number}'
            return Verdict([_too_slow(far, contract)], {'runs': number}, final=False)
        if number >= WARM_UP_RUNS:
            # Of this thread's processor time: what else the machine does is not the bundle's
            # fault, and ONNX Runtime's calling thread takes its part in every operator.
            cpu.add(drive.cpu_s)
            wall.add(drive.wall_s)
    figures = {
        'runs': runs,
        'provider': str(bundle.provider),
        'cpu_ms.p50': 1e3 * cpu.p50,
        'cpu_ms.p99': 1e3 * cpu.p99,
        'wall_ms.p50': 1e3 * wall.p50,
        'wall_ms.p99': 1e3 * wall.p99,
        'period_ms': 1e3 * contract.period_s,
    }
    p99 = cpu.p99 if on_cpu else wall.p99
    if p99 <= contract.period_s:
        return Verdict([], figures)
    # Its own processor time, but a hot or crowded processor takes longer for the same work.
    too_slow = _too_slow(f'{1e3 * p99:.1f} ms (p99)', contract)
    return Verdict([too_slow], figures, final=False)


def _too_slow(how_long: str, contract: Contract) -> str:
    return (
        'too slow for this machine: observe, policy and one planner iteration take '
        f'{how_long}, the period is {1e3 * contract.period_s:.1f} ms; export a smaller planner '
        '(batch_size, horizon)'
    )


def _not_finite(outputs: dict[str, Any]) -> list[str]:
    return [
        f'{name} is not finite' for name, value in outputs.items() if not np.isfinite(value).all()
    ]


def _outside(actions: dict[str, np.ndarray], low: np.ndarray, high: np.ndarray) -> list[str]:
    slack = BOX_SHARE * (high - low)
    return [
        f"{name} {value.min():.4g} to {value.max():.4g} is outside the contract's box "
        f'{low.tolist()} to {high.tolist()}'
        for name, value in actions.items()
        if (value < low - slack).any() or (value > high + slack).any()
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; prints one JSON object."""
    parser = argparse.ArgumentParser(prog='preflight', description=main.__doc__)
    parser.add_argument('bundle', type=Path)
    parser.add_argument('contract')
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--limit', type=int, default=0, help='seconds until this process ends')
    parser.add_argument('--provider', choices=PROVIDERS, default='cpu')
    parser.add_argument('--device-id', type=int, default=0)
    parser.add_argument('--allow-cpu-fallback', action='store_true')
    given = parser.parse_args(arguments)
    asked = ProviderSettings(given.provider, given.device_id, given.allow_cpu_fallback)
    follow_parent()
    _limit_self(_may_be(given.provider))
    signal.alarm(given.limit)  # ends also what nobody waits for any more
    try:
        contract = load_contract(find_robot(given.contract))
        verdict = examine(given.bundle, contract, given.threads, asked)
    except ContractError as error:
        # The updater has read it: somebody edits it right now. No bundle is bad for that.
        verdict = Verdict([str(error)], final=False)
    report = {
        'format': PREFLIGHT_FORMAT,
        'ok': verdict.ok,
        'problems': list(verdict.problems),
        'figures': verdict.figures,
        'final': verdict.final,
    }
    print(json.dumps(report))
    return 0 if verdict.ok else 1


if __name__ == '__main__':
    sys.exit(main())
