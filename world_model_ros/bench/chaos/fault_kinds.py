# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The faults of `chaos faults`, and what each is held to. Pure.

Either the safe action begins within a time that follows from the contract, or the robot goes on
acting: what only records or updates must not be noticed by who moves it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from world_model_ros.bench.reaction_figures import CHUNKS, Command
from world_model_ros.contract import Contract

# What the listener's own process and the middleware add to a time that it measures.
HEARD_SEC = 0.02
GOES_ON_SEC = 1.5  # so long a fault that must not be noticed is watched


@dataclass(frozen=True)
class FaultKind:
    """One fault, and the longest time to the safe action; None: the robot goes on acting."""

    meaning: str
    goal_s: Callable[[Contract], float] | None = None


def _input_lost(kind: str) -> Callable[[Contract], float]:
    def goal_s(contract: Contract) -> float:
        ages = [stream.max_age_s for stream in contract.sensed if stream.kind == kind]
        return max(ages) + contract.period_s

    return goal_s


def _agent_gone(contract: Contract) -> float:
    return contract.command_timeout_s + 1.0 / contract.command_rate_hz


def _reported(contract: Contract) -> float:
    return contract.driver.fault_max_age_s + contract.period_s


KINDS = {
    'camera lost': FaultKind('the first camera publishes nothing', _input_lost('image')),
    'wrist camera lost': FaultKind('the second camera publishes nothing', _input_lost('image')),
    'joints lost': FaultKind('no joint state is published', _input_lost('joints')),
    'some joints lost': FaultKind('one of two publishers of joints stops', _input_lost('joints')),
    'joint is NaN': FaultKind('one joint is published as NaN', _input_lost('joints')),
    'agent killed': FaultKind('SIGKILL to the agent', _agent_gone),
    'provider gone': FaultKind('no graph computes any more', _agent_gone),
    'agent hung': FaultKind('SIGSTOP to the agent', _agent_gone),
    'driver killed': FaultKind('SIGKILL to the driver', _input_lost('joints')),
    'driver hung': FaultKind('SIGSTOP to the driver', _input_lost('joints')),
    'driver fault': FaultKind('brakes on: the driver reports it', _reported),
    'joint sticks': FaultKind('a joint stays where it is, and falls behind its command'),
    'clock forward': FaultKind('stamps of all sensors jump 5 s forward', _input_lost('image')),
    'clock back': FaultKind('stamps of all sensors jump 5 s back', _input_lost('image')),
    'recorder killed': FaultKind('SIGKILL to the recorder'),
    'recorder hung': FaultKind('SIGSTOP to the recorder'),
    'updater killed': FaultKind('SIGKILL to the updater'),
    'updater hung': FaultKind('SIGSTOP to the updater'),
}
# How soon a joint falls behind depends on its motion: only that it is stopped is asked.
STOPS_SOMETIME = 'joint sticks'
NEEDS_MODEL = 'provider gone'  # the other faults come while the agent explores without one


def broke_off(commands: Sequence[Command], begin_s: float, end_s: float, longest_s: float) -> str:
    """Whether acting broke off for longer than `longest_s` in this time; in words, or ''."""
    times = [c.at_s for c in commands if c.source in CHUNKS and begin_s < c.at_s < end_s]
    gap_s = max(after - before for before, after in pairwise([begin_s, *times, end_s]))
    return f'no command of the agent for {gap_s:.3f} s' if gap_s > longest_s else ''
