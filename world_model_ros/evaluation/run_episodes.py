# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Running episodes: one, or many arms over the same seeds in parallel processes.

An arm is a recipe for an actor that a worker process can follow, so nothing but small data goes
between processes. Results do not depend on the number of workers. Must not import torch or rclpy.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from world_model_ros.bundle import Bundle, load_bundle
from world_model_ros.bundle.providers import CPU_ONLY, ProviderSettings
from world_model_ros.contract import Contract, parse_contract
from world_model_ros.evaluation.actors import Actor, BlankedCamera, RandomActor, ScriptedActor
from world_model_ros.robots import NOMINAL, Env, Reality, make_env

# plan: the planner as shipped; policy: no planner; blanked: the planner, camera black; scrambled:
# the planner with shuffled dynamics; random: uniform actions; scripted: the body's own controller
ARMS = ('plan', 'policy', 'blanked', 'scrambled', 'random', 'scripted')
NO_MODEL = ('random', 'scripted')  # arms that need no bundle
TIMEOUT = 'timeout'  # the outcome of an episode that its body did not judge in time
# The capability that an arm tries out.
NEEDED = {'plan': 'plan', 'blanked': 'plan', 'scrambled': 'plan', 'policy': 'policy'}
NOT_FOR_ACTING = ('decode', 'value', 'outcomes', 'goal', 'query', 'disagree')


@dataclass(frozen=True)
class EpisodeResult:
    """One evaluation episode."""

    arm: str
    seed: int
    episode_return: float  # sum of rewards over all frames
    length: int  # decisions
    wall_s: float
    figures: dict[str, float]
    outcome: str = ''  # of a body that judges: success, a failure, or timeout


@dataclass(frozen=True)
class Job:
    """What every worker needs to build any arm."""

    contract_text: str
    bundle: Path | None  # None: only arms without a model
    reality: Reality = NOMINAL
    iteration_count: int | None = None  # planner iterations per tick; None: the bundle's own
    provider: ProviderSettings = CPU_ONLY
    extra_delay_s: float = 0.0  # that the actors take into account (onboard/tick/command_delay.py)


def run_episode(env: Env, actor: Actor, seed: int, arm: str = '') -> EpisodeResult:
    """Run one episode to its end; the seed decides start, noise and everything random."""
    began = time.perf_counter()
    step = env.reset(seed)
    actor.reset(seed)
    total = 0.0
    while not (step.terminal or step.truncated):
        step = env.step(actor(step))
        total += step.reward
    outcome = env.robot.outcome()
    return EpisodeResult(
        arm,
        seed,
        total,
        step.tick,
        time.perf_counter() - began,
        actor.figures(),
        '' if outcome is None else outcome or TIMEOUT,
    )


def run_arms(
    job: Job,
    arms: Sequence[str],
    seeds: Sequence[int],
    jobs: int = 1,
    progress: Callable[[EpisodeResult], None] = lambda result: None,
) -> dict[str, list[EpisodeResult]]:
    """Run every arm on every seed; per arm, results are in the order of the seeds."""
    unknown = [arm for arm in arms if arm not in ARMS]
    if unknown:
        raise ValueError(f'unknown arm {", ".join(unknown)}; there are: {", ".join(ARMS)}')
    tasks = [(arm, seed) for seed in seeds for arm in arms]
    results: dict[str, list[EpisodeResult]] = {arm: [] for arm in arms}

    def collect(result: EpisodeResult) -> None:
        results[result.arm].append(result)
        progress(result)

    if jobs <= 1:
        worker = _Worker(job)
        try:
            for arm, seed in tasks:
                collect(worker.run(arm, seed))
        finally:
            worker.close()
        return results
    # spawn: neither OpenGL contexts nor inference threads survive a fork
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(jobs, context, _start_worker, (job,)) as pool:
        for result in pool.map(_run_in_worker, *zip(*tasks, strict=True)):
            collect(result)
    return results


class _Worker:
    """One environment, and actors made when first needed."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._contract = parse_contract(job.contract_text)
        self._env = make_env(self._contract, 0, job.reality, extra_delay_s=job.extra_delay_s)
        self._actors: dict[str, Actor] = {}
        self._bundle: Bundle | None = None

    def run(self, arm: str, seed: int) -> EpisodeResult:
        if arm not in self._actors:
            self._actors[arm] = (
                ScriptedActor(self._env)
                if arm == 'scripted'
                else make_actor(self._job, self._contract, arm, self._load)
            )
        return run_episode(self._env, self._actors[arm], seed, arm)

    def close(self) -> None:
        self._env.close()

    def _load(self) -> Bundle:
        if self._bundle is None:
            self._bundle = load_for_acting(self._job, self._contract)
        return self._bundle


def make_actor(
    job: Job, contract: Contract, arm: str, load: Callable[[], Bundle] | None = None
) -> Actor:
    """Make the actor of an arm; `load` gives the bundle where it is loaded already.

    Not of `scripted`, which needs its environment.

    Raises:
        ValueError: the job has no bundle, or not one that this arm needs.
        BundleError: the bundle cannot be used.
    """
    if arm == 'random':
        return RandomActor(contract)
    from world_model_ros.evaluation.bundle_actor import BundleActor, scrambled

    bundle = load() if load is not None else load_for_acting(job, contract)
    if NEEDED[arm] not in bundle.capabilities:
        raise ValueError(
            f'arm {arm} needs a bundle with {NEEDED[arm]}; {bundle.path} has '
            f'{", ".join(bundle.capabilities)}; choose others with --arms'
        )
    if arm == 'scrambled':
        bundle = scrambled(bundle)
    actor = BundleActor(
        contract, bundle, plan=arm != 'policy', iteration_count=job.iteration_count
    )
    return BlankedCamera(actor, contract) if arm == 'blanked' else actor


def load_for_acting(job: Job, contract: Contract) -> Bundle:
    """Load the bundle of a job without what only draws or judges."""
    if job.bundle is None:
        raise ValueError('this arm needs a bundle')
    return load_bundle(job.bundle, contract, provider=job.provider, without=NOT_FOR_ACTING)


_WORKER: list[_Worker] = []


def _start_worker(job: Job) -> None:
    _WORKER.append(_Worker(job))


def _run_in_worker(arm: str, seed: int) -> EpisodeResult:
    return _WORKER[0].run(arm, seed)
