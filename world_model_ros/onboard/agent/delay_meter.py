# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How long a command takes to move the robot, from what was sent and what the joints did.

For each delay tried, a joint's next position is fitted by least squares to its last two positions
and to what was commanded that much earlier: over one tick an effort, a velocity and the target of
a servo all look like this. The delay that leaves the smallest error is it, if the
command explains anything at all and no distant delay explains it as well. The tick's thread only
stores numbers into a ring; fitting is for another thread, once in seconds.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from world_model_ros.contract import Contract
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.onboard.tick.observation import Observation

WINDOW_TICKS = 400  # 16 s at 25 Hz
LEAST_TICKS = 60  # fitted before anything is said
LONGEST_SEC = 0.4  # longest delay that is looked for
STEPS_PER_PERIOD = 4  # delays tried, at most
MARGIN_SEC = 1.0  # commands are kept so much longer than ticks
EVEN = 0.2  # two steps of a fit may differ in length by this share
# In units of the log likelihood ratio. Below the first the command explains nothing: the robot
# rested, or something else moves it. All delays within the second of the best are possible.
LEAST_GAIN = 10.0
POSSIBLE_WITHIN = 4.0


class Found(NamedTuple):
    """A delay, and between which delays it lies for sure, s."""

    delay_s: float
    low_s: float
    high_s: float


class DelayMeter:
    """Rings of what was sent and what was measured; `find` may run in any thread."""

    def __init__(self, contract: Contract) -> None:
        self._names = tuple(contract.action.names)
        self._streams = tuple((s, stream_kind(s.kind)) for s in contract.streams)
        self._step_s = max(1.0 / contract.command_rate_hz, contract.period_s / STEPS_PER_PERIOD)
        self._period_s = contract.period_s
        seconds = WINDOW_TICKS * contract.period_s + LONGEST_SEC + MARGIN_SEC
        self._sent = _Ring(round(seconds * contract.command_rate_hz), len(self._names))
        self._seen = _Ring(WINDOW_TICKS, len(self._names) + 1)  # and the number of the run
        self._run = 0
        self.found: Found | None = None  # by the newest find() that could tell

    def put_sent(self, stamp_ns: int, values: np.ndarray) -> None:
        """Keep a command [A] that the guard sent."""
        self._sent.add(stamp_ns, values)

    def see(self, observation: Observation, first: bool) -> None:
        """Keep the measured positions of the joints that are commanded, of one tick.

        `first`: an episode begins, and what was before has no part in where they are.
        """
        self._run += first
        at: dict[str, float] = {}
        stamp_ns = 0
        for stream, kind in self._streams:
            array = observation.arrays.get(stream.name)
            if array is None:
                continue
            positions = kind.positions(stream, array)
            if positions:
                at.update(positions)
                stamp_ns = max(stamp_ns, observation.samples[stream.name].stamp_ns)
        if all(name in at for name in self._names):
            self._seen.add(stamp_ns, [*(at[name] for name in self._names), self._run])

    def clear(self) -> None:
        """Time itself has jumped."""
        self._sent.clear()
        self._seen.clear()

    def find(self) -> Found | None:
        """The delay, kept in `found`; None where it cannot be found from what was seen lately."""
        stamps, seen = self._seen.ordered()
        sent_stamps, sent = self._sent.ordered()
        joints, runs = seen[:, :-1], seen[:, -1]
        found = find_delay(stamps, joints, runs, sent_stamps, sent, self._step_s, self._period_s)
        self.found = found or self.found
        return found


def find_delay(
    stamps_ns: np.ndarray,
    joints: np.ndarray,
    runs: np.ndarray,
    sent_ns: np.ndarray,
    sent: np.ndarray,
    step_s: float,
    period_s: float,
) -> Found | None:
    """The delay between commands and what they move.

    Args:
        stamps_ns: [T], increasing.
        joints: [T, A], measured positions at these times, SI units; turns are unwound.
        runs: [T], a number for each uninterrupted motion.
        sent_ns: [M], increasing.
        sent: [M, A], commands, each in force until the next.
        step_s: between two delays that are tried.
        period_s: of ticks; a delay that is less certain than this is not given.
    """
    if len(stamps_ns) < LEAST_TICKS + 2 or len(sent_ns) < 2:
        return None
    origin_ns = sent_ns[0]
    times = (stamps_ns - origin_ns) * 1e-9
    length = np.diff(times)
    even = np.abs(length[1:] - length[:-1]) <= EVEN * length[:-1]
    even &= runs[2:] == runs[:-2]
    covered = times[1:-1] - LONGEST_SEC >= 0.0  # every delay is judged on the same ticks
    chosen: np.ndarray = np.flatnonzero(even & covered & (length[1:] < 2.0 * period_s)) + 2
    if len(chosen) < LEAST_TICKS:
        return None
    joints = np.unwrap(joints, axis=0)
    sums = _Integrals((sent_ns - origin_ns) * 1e-9, sent)
    delays = np.arange(0.0, LONGEST_SEC + 0.5 * step_s, step_s)
    gains = np.zeros((2, len(delays)))  # of the two shapes
    for joint in range(joints.shape[1]):
        position = joints[:, joint]
        known = np.stack([position[chosen - 1], position[chosen - 2], np.ones(len(chosen))], 1)
        base = np.linalg.qr(known)[0]
        free = _unexplained(base, position[chosen])  # what the past alone does not explain
        if free @ free > 1e-18 * len(chosen):  # else it does not move, or as it did before
            for shape, commands in enumerate(sums.commands(times, chosen, delays, joint)):
                gains[shape] += _gain(free, _unexplained(base, commands))
    gain = gains[int(gains.max(1).argmax())]
    best = int(gain.argmax())
    possible = delays[gain >= gain[best] - POSSIBLE_WITHIN]
    if gain[best] < LEAST_GAIN or possible[-1] - possible[0] > period_s + 1e-9:
        return None
    return Found(float(delays[best]), float(possible[0]), float(possible[-1]))


def _gain(free: np.ndarray, commands: np.ndarray) -> np.ndarray:
    """Log likelihood ratio [D] by which each column of `commands` [N, D] explains `free` [N]."""
    power = np.einsum('nd,nd->d', commands, commands)
    alone = float(free @ free)
    explained = (free @ commands) ** 2 / np.where(power > 1e-18 * len(free), power, np.inf)
    left = np.maximum(alone - explained, 1e-6 * alone)
    gain: np.ndarray = 0.5 * len(free) * np.log(alone / left)
    return gain


def _unexplained(base: np.ndarray, target: np.ndarray) -> np.ndarray:
    """What is left of `target` [N, ...] beside the orthonormal columns of `base` [N, K]."""
    return target - base @ (base.T @ target)


class _Integrals:
    """Once and twice integrated, what was sent; each command is in force until the next."""

    def __init__(self, times: np.ndarray, values: np.ndarray) -> None:
        self._times, self._values = times, values
        steps = np.diff(times)[:, None]
        zero = np.zeros((1, values.shape[1]))
        self._once = np.concatenate([zero, np.cumsum(steps * values[:-1], 0)])
        twice = steps * self._once[:-1] + 0.5 * steps**2 * values[:-1]
        self._twice = np.concatenate([zero, np.cumsum(twice, 0)])

    def commands(
        self, times: np.ndarray, chosen: np.ndarray, delays: np.ndarray, joint: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """What each delay says was in force before the chosen times, [N, D] in two shapes.

        A velocity or a servo's target counts over the last tick. A force changes the speed, and so
        counts over two: what the second difference of a position is.
        """
        ends, begins, befores = ((times[chosen - i])[:, None] - delays for i in range(3))
        mean = self._at(ends, joint, 1) - self._at(begins, joint, 1)
        twice = [self._at(at, joint, 2) for at in (ends, begins, befores)]
        return mean, twice[0] - 2.0 * twice[1] + twice[2]

    def _at(self, times: np.ndarray, joint: int, order: int) -> np.ndarray:
        """The integral of this order at any times."""
        i = np.clip(np.searchsorted(self._times, times, 'right') - 1, 0, None)
        after = times - self._times[i]
        once = self._once[i, joint] + after * self._values[i, joint]
        if order == 1:
            return once
        twice: np.ndarray = self._twice[i, joint] + after * (
            self._once[i, joint] + 0.5 * after * self._values[i, joint]
        )
        return twice


class _Ring:
    """The newest rows by stamp. One thread adds; a reader leaves out the row being written."""

    def __init__(self, size: int, width: int) -> None:
        self._stamps: np.ndarray = np.zeros(size, np.int64)
        self._rows = np.zeros((size, width))
        self._next = 0

    def add(self, stamp_ns: int, row: object) -> None:
        i = self._next
        self._stamps[i] = 0
        self._rows[i] = row
        self._stamps[i] = stamp_ns
        self._next = (i + 1) % len(self._stamps)

    def clear(self) -> None:
        self._stamps.fill(0)

    def ordered(self) -> tuple[np.ndarray, np.ndarray]:
        """Copies [T] and [T, A], by stamp, each stamp once."""
        stamps, rows = self._stamps.copy(), self._rows.copy()
        stamps[stamps != self._stamps] = 0
        found, places = np.unique(stamps, return_index=True)
        keep = found > 0
        return found[keep], rows[places[keep]]
