# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Examines a bundle in this process: its files, golden vectors, recurrent ticks and their time.

A bundle passes when its outputs are finite, its actions inside the contract's box and its ticks
within the period. Whatever else a bundle may do to a process is for preflight.py, which has this
done in one of its own. Must not import ROS or torch.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from world_model_ros.bundle import Bundle, BundleError, load_bundle
from world_model_ros.bundle.golden_check import golden_problems
from world_model_ros.bundle.providers import CPU_ONLY, ProviderError, ProviderSettings
from world_model_ros.contract import Contract
from world_model_ros.fleet.verdict import Verdict
from world_model_ros.onboard.policy.capabilities import Graphs, Iteration
from world_model_ros.onboard.policy.noise import Noise
from world_model_ros.onboard.tick.latency import Latency

RUNS = 100  # ticks; enough for a 99th percentile
WARM_UP_RUNS = 5  # ONNX Runtime allocates in its first runs
BOX_SHARE = 1e-4  # float32 rounding at the edge of the box, of its width
KEY = 0x5EED
# A tick that takes so many periods shows in one what a hundred would.
FAR_OVER = 20


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
