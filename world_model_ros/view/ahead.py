# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The next second in imagination: first the commands that were sent, then those of the policy.

Where a plan is executed, beside it the policy's own rollout: a candidate of every search, which
this search rejected. Input: a belief, chunks as the guard gets them. Output: beliefs on the way,
drawn here and there.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from world_model_ros.contract import Contract
from world_model_ros.onboard.policy.capabilities import GraphError, Graphs
from world_model_ros.view.turns import near
from world_model_ros.view.view_picture import Picture, picture_of

AHEAD_SEC = 1.0
SHOWN = 5  # pictures of it
KEPT_CHUNKS = 8
EXECUTED, OF_POLICY, HELD = 'the plan in execution', 'its policy', 'the last command, held'
PLANNED = 'plan'  # a tick's source, where a plan won


class CommandsAhead:
    """Which commands are on their way, from the chunks that were sent."""

    def __init__(self, period_ns: int) -> None:
        self._period_ns = period_ns
        self._chunks: deque[tuple[int, np.ndarray]] = deque(maxlen=KEPT_CHUNKS)

    def put(self, start_ns: int, values: np.ndarray) -> None:
        """Keep a chunk [H, A]; without rows it gives up those before."""
        if not len(values):
            self._chunks.clear()
            return
        self._chunks.append((start_ns, np.asarray(values, np.float32)))

    def at(self, t_ns: int) -> np.ndarray | None:
        """The command [A] at a time, of the newest chunk that covers it; None where none does."""
        for start_ns, values in tuple(self._chunks)[::-1]:
            row = (t_ns - start_ns) // self._period_ns
            if 0 <= row < len(values):
                found: np.ndarray = values[row]
                return found
        return None


@dataclass(frozen=True)
class Ahead:
    """What is imagined from a tick on."""

    t_ns: int  # of the tick
    under: str  # which actions, in words
    in_s: tuple[float, ...]  # times from the tick on at which numbers and pictures are
    numbers: dict[str, list[list[float]]]  # stream -> one row per time
    pictures: tuple[Picture, ...]
    reward: float = math.nan  # predicted for this second; NaN where the bundle predicts none
    rejected: Ahead | None = None  # what the search did not choose


def imagine_ahead(
    graphs: Graphs,
    belief: np.ndarray,
    t_ns: int,
    contract: Contract,
    commands: CommandsAhead,
    delay_ns: int = 0,
    begin: Mapping[str, np.ndarray] = MappingProxyType({}),
    *,
    source: str = '',
) -> Ahead:
    """Roll a belief [1, B] forward for AHEAD_SEC and draw it SHOWN times.

    `delay_ns` passes between command and effect beside the command offset. `begin` is what the
    belief says of each vector: angles that wrap go on from there. `source` says how the tick was
    decided: where a plan won, what it won against is imagined too.
    """
    given = graphs, belief, t_ns, contract, commands, delay_ns, begin
    ahead = _rolled(*given)
    if source != PLANNED or not graphs.has_policy or ahead.under == OF_POLICY:
        return ahead
    # What had been sent before could not be taken back.
    other = _rolled(*given, until_ns=t_ns + contract.command_offset_ns)
    drawn = tuple(replace(picture, what='rejected') for picture in other.pictures)
    return replace(ahead, rejected=replace(other, under=OF_POLICY, pictures=drawn))


def _rolled(
    graphs: Graphs,
    belief: np.ndarray,
    t_ns: int,
    contract: Contract,
    commands: CommandsAhead,
    delay_ns: int,
    begin: Mapping[str, np.ndarray],
    until_ns: int | None = None,
) -> Ahead:
    """The next second under what was sent, as far as `until_ns`, then under the policy."""
    period_ns = contract.period_ns
    steps = max(1, round(AHEAD_SEC / contract.period_s))
    shown = sorted({max(1, round((i + 1) * steps / SHOWN)) for i in range(SHOWN)})
    pictures, vectors = contract.image_streams, contract.vector_streams
    names = [stream.name for stream in (*pictures, *vectors)]
    action: np.ndarray = np.zeros(contract.action_dim, np.float32)
    executed, invented, reward = False, '', 0.0
    drawn: list[Picture] = []
    turned = dict(begin)
    numbers: dict[str, list[list[float]]] = {stream.name: [] for stream in vectors}
    for step in range(1, steps + 1):
        at_ns = t_ns + (step - 1) * period_ns - delay_ns
        known = None if until_ns is not None and at_ns >= until_ns else commands.at(at_ns)
        if known is not None and not invented:
            action, executed = known, True
        elif graphs.has_policy:
            action, invented = graphs.policy(belief)[0], OF_POLICY
        else:
            invented = HELD
        before, taken = belief, np.clip(action, contract.limit_low, contract.limit_high)
        belief = graphs.imagine(before, taken)
        if math.isfinite(reward):
            reward += _predicted(graphs, before, taken, belief)
        if step not in shown:
            continue
        arrays = graphs.decode(belief, names)
        in_s = step * contract.period_s
        for stream, array in zip((*pictures, *vectors), arrays, strict=True):
            if stream.name in numbers:
                last = turned.get(stream.name)
                row = np.ravel(array) if last is None else near(stream, np.ravel(array), last)
                turned[stream.name] = row
                numbers[stream.name].append([float(value) for value in row])
            else:
                drawn.append(picture_of(stream.name, 'imagined', array, in_s))
    under = ', then '.join(filter(None, (EXECUTED if executed else '', invented)))
    times = tuple(step * contract.period_s for step in shown)
    return Ahead(t_ns, under, times, numbers, tuple(drawn), reward)


def _predicted(graphs: Graphs, before: np.ndarray, taken: np.ndarray, after: np.ndarray) -> float:
    """The reward of an imagined tick; NaN of a bundle that judges only what it observed."""
    try:
        return graphs.outcomes(before, taken, after).reward
    except GraphError:  # format 1
        return math.nan
