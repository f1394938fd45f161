# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench delay`: what a slow driver costs a bundle, and what imagining over the delay regains.

Three variants run the same episodes in lockstep: the nominal robot, the robot whose driver lets
every command wait, and that robot with the delay taken into account. The delay is the one that the
agent's own meter finds on recorded ticks of the slow robot, unless one is given.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from world_model_ros.contract import Contract, parse_contract
from world_model_ros.evaluation.actors import Actor
from world_model_ros.evaluation.adaptation import arm_figures, regained, shift_loss
from world_model_ros.evaluation.run_episodes import Job, make_actor, run_arms, run_episode
from world_model_ros.evaluation.seeds import TRAINING
from world_model_ros.onboard.agent.delay_meter import DelayMeter
from world_model_ros.robots import Reality, Step, make_env

LEAST_LOSS = 0.3  # of the nominal return; a delay that costs less carries no claim
GOAL = 0.8  # of the loss, regained
WHERE_MEASURED = TRAINING[:3]  # seeds of the episodes in which the meter listens


def slow_driver(contract: Contract, delay_s: float) -> Reality:
    """The robot whose driver lets every command wait.

    Raises:
        ValueError: the delay is not a whole number of the simulator's frames.
    """
    frame_s = contract.period_s / contract.frames_per_tick
    frames = round(delay_s / frame_s)
    if frames < 1 or abs(frames * frame_s - delay_s) > 1e-9:
        raise ValueError(
            f'a delay of {delay_s:g} s: expected a whole number (1 or more) of frames of '
            f'{frame_s:g} s of the simulated {contract.name}'
        )
    return Reality(action_delay_frames=frames, name=f'slow_driver_{1e3 * delay_s:g}_ms')


def measure(
    contract: Contract,
    bundle: Path,
    delay_s: float,
    extra_delay_s: float | None,
    seeds: Sequence[int],
    jobs: int,
    figures: dict[str, Any],
    say: Callable[[str], object],
) -> None:
    """Run the variants and add the figures; `extra_delay_s` None is what the meter finds."""
    slow = Job(contract.text, bundle, slow_driver(contract, delay_s))
    found = measured_s(slow)
    figures['measured_delay_ms'] = None if found is None else round(1e3 * found, 1)
    extra_s = found if extra_delay_s is None else extra_delay_s
    if extra_s is None:
        raise ValueError('the delay could not be measured on this robot: give --extra-delay')
    figures['compensated_delay_ms'] = round(1e3 * extra_s, 1)
    returns: dict[str, list[float]] = {}
    for name, job in (
        ('nominal', Job(contract.text, bundle)),
        ('delayed', slow),
        ('compensated', replace(slow, extra_delay_s=extra_s)),
    ):
        rows = run_arms(job, ['plan'], seeds, jobs)['plan']
        returns[name] = [row.episode_return for row in rows]
        figures |= arm_figures({name: returns[name]})
        say(f'{name}: {np.mean(returns[name]):.1f}')
    figures['returns'] = returns
    loss = shift_loss(returns['nominal'], returns['delayed'])
    figures['loss'] = round(loss, 4)
    figures['carries_a_claim'] = loss >= LEAST_LOSS
    if loss > 0.0:
        share = regained(returns['compensated'], returns['delayed'], returns['nominal'])
        figures |= share.entry('regained')
        figures['goal'] = {'regained': GOAL, 'reached': share.mean >= GOAL}


def measured_s(job: Job) -> float | None:
    """The delay that the agent's meter finds while the bundle acts, s; None: it cannot tell."""
    contract = parse_contract(job.contract_text)
    env = make_env(contract, 0, job.reality)
    try:
        actor = _Metered(make_actor(job, contract, 'plan'), contract)
        for seed in WHERE_MEASURED:
            run_episode(env, actor, seed)
    finally:
        env.close()
    return statistics.median(actor.found_s) if actor.found_s else None


class _Metered:
    """Lets an actor act, and a meter see what it sees."""

    def __init__(self, actor: Actor, contract: Contract) -> None:
        self._actor, self._contract = actor, contract
        self._meter = DelayMeter(contract)
        self.found_s: list[float] = []

    def reset(self, seed: int) -> None:
        self._actor.reset(seed)
        self._meter.clear()

    def __call__(self, step: Step) -> np.ndarray:
        self._meter.put_sent(step.t_ns - self._contract.period_ns, step.action_sent)
        self._meter.see(step.observation, step.is_first)
        return self._actor(step)

    def figures(self) -> dict[str, float]:
        if (found := self._meter.find()) is not None:
            self.found_s.append(found.delay_s)
        return self._actor.figures()
