# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`chaos faults`: one fault while the robot acts, on real nodes in wall time.

A fault comes at a random moment of acting. The safe action begins in time, or the robot goes on
where the fault is none of its own; afterwards it acts again without a restart of anything that did
not end. fault_kinds.py has the faults and what each is held to, faulty_robot.py makes them.
"""

from __future__ import annotations

import atexit
import time
from collections import Counter
from pathlib import Path

import numpy as np

from world_model_ros.bench.chaos.fault_kinds import (
    GOES_ON_SEC,
    HEARD_SEC,
    KINDS,
    NEEDS_MODEL,
    STOPS_SOMETIME,
    broke_off,
)
from world_model_ros.bench.chaos.faulty_robot import ARM, POLL_S, STUCK, FaultyRobot
from world_model_ros.bench.chaos.runs import Violation
from world_model_ros.bench.reaction_figures import CHUNKS, Reaction, acting, reaction

ACTS_WITHIN_S = 90.0  # five processes that start on a busy machine
RECOVERS_WITHIN_S = 30.0
REACTS_WITHIN_S = 20.0  # a joint may rest for a while before it sticks
MOMENT_S = (0.0, 0.3)  # of a fault: any phase of ticks, pictures and heartbeats
DRIVER_SILENT = 'fault is silent'  # of the guard's stop
# A machine that is too busy takes the safe action without a fault: then it is tried again.
TRIES = 5


def one_run(
    index: int, rng: np.random.Generator, folder: Path, checked: Counter[str]
) -> list[Violation]:
    """One fault: which rules did not hold."""
    name = list(KINDS)[index % len(KINDS)]
    trial = _trial()
    checked[f'fault {name}'] += 1
    try:
        return trial.play(name, rng, checked)
    except Exception:  # whatever it was, the next run begins with new processes; raised again
        _close()
        raise


_now: list[Trial] = []  # the robot that is up, at most one


def _trial() -> Trial:
    if not _now:
        _now.append(Trial())
    return _now[0]


def _close() -> None:
    while _now:
        _now.pop().close()


atexit.register(_close)


class Trial:
    """Makes faults, one after the other, and judges what followed; the robot stays up between."""

    def __init__(self) -> None:
        self._robot = FaultyRobot()
        self._was_silent = False  # the driver, during this recovery

    def close(self) -> None:
        """End everything."""
        self._robot.close()

    def play(self, name: str, rng: np.random.Generator, checked: Counter[str]) -> list[Violation]:
        """Make one fault and end it; what did not hold."""
        for _ in range(TRIES):
            if name == NEEDS_MODEL:  # its export keeps every core busy: the robot is stopped
                self._robot.think()
                self._robot.until(self._acts_again, 'the robot does not act', ACTS_WITHIN_S)
            self._robot.until(self._acts, 'the robot does not act', ACTS_WITHIN_S)
            time.sleep(float(rng.uniform(*MOMENT_S)))
            if not self._acts():
                continue
            faults, begin_s = self._robot.arm_faults(), time.monotonic()
            make, undo = self._robot.actions(name)
            make()
            made_s = time.monotonic()  # between the two it has come into force
            found: list[Violation] | None
            try:
                if name == STOPS_SOMETIME:
                    found = self._is_stopped(name)
                elif KINDS[name].goal_s is None:
                    found = self._goes_on(name, begin_s)
                else:
                    found = self._is_safe(name, begin_s, made_s, checked)
            finally:
                undo()
            recovered = self._recovery(name, faults, checked)
            if found is not None:
                return found + recovered
        checked['not measured: the robot did not act by itself'] += 1
        return []

    def _is_safe(
        self, name: str, begin_s: float, made_s: float, checked: Counter[str]
    ) -> list[Violation] | None:
        """The safe action begins in time; None where the robot had just not acted by itself."""
        found = self._robot.until(
            lambda: reaction(self._robot.commands(), begin_s) or self._left(begin_s),
            f'{name}: no safe action',
            REACTS_WITHIN_S,
        )
        if found.after_fault_s <= 0.0:
            return None
        goal_s = KINDS[name].goal_s
        assert goal_s is not None  # by the caller
        took_s, longest_s = begin_s + found.after_fault_s - made_s, goal_s(self._robot.contract)
        key = f'slowest ms {name}'
        checked[key] = max(checked[key], round(1e3 * took_s))
        if took_s <= longest_s + HEARD_SEC:
            return []
        text = f'{name}: after {1e3 * took_s:.0f} ms, at most {1e3 * longest_s:.0f} ms'
        return [Violation('the safe action was late', text)]

    def _left(self, begin_s: float) -> Reaction | None:
        """The guard came to rest and left the topic, as an agent asks that ends in order."""
        if self._robot.ears.states['guard'].get('state') != 'inactive':
            return None
        last = max(c.at_s for c in self._robot.commands() if c.source in CHUNKS)
        return Reaction(last - begin_s, 0.0)

    def _is_stopped(self, name: str) -> list[Violation]:
        """The stop is latched for the joint that is behind."""
        reason = self._robot.until(self._stop_reason, f'{name}: no stop', REACTS_WITHIN_S)
        if reason.startswith(f'{STUCK} is at'):
            return []
        return [Violation('stopped for another reason', f'{name}: {reason}')]

    def _stop_reason(self) -> str:
        return str(self._robot.ears.states['guard'].get('stop_reason', ''))

    def _goes_on(self, name: str, begin_s: float) -> list[Violation]:
        """What the robot must not notice."""
        while time.monotonic() - begin_s < GOES_ON_SEC:
            time.sleep(POLL_S)
        longest_s = self._robot.contract.command_timeout_s
        text = broke_off(self._robot.commands(), begin_s, time.monotonic(), longest_s)
        return [Violation('the robot did not go on', f'{name}: {text}')] if text else []

    def _recovery(self, name: str, faults: int, checked: Counter[str]) -> list[Violation]:
        """It acts again, and the driver saw no command that it must refuse.

        One that was silent may: until the guard knows, the arm is to move by more than a driver
        allows, and what was sent meanwhile arrives at once. A person clears that fault.
        """
        self._was_silent = False
        try:
            self._robot.until(
                self._acts_again, f'{name}: the robot does not act', RECOVERS_WITHIN_S
            )
        except TimeoutError as error:
            _close()  # the next run begins with new processes
            return [Violation('it did not recover', str(error))]
        if name == 'driver killed' or self._robot.arm_faults() == faults:
            return []
        if self._was_silent:
            checked[f'{name}: the driver was silent, a person cleared its fault'] += 1
            return []
        text = f'{name}: {self._robot.ears.states[ARM].get("last_fault", "see its log")}'
        return [Violation('the driver faulted', text)]

    def _acts_again(self) -> bool:
        """Released by a person where it is stopped."""
        reason = self._stop_reason()
        self._was_silent |= DRIVER_SILENT in reason
        if reason:
            try:
                if self._was_silent and self._robot.ears.states[ARM].get('fault'):
                    self._robot.ears.trigger('clear_fault')
                self._robot.ears.trigger('guard/release_stop')
            except (ValueError, TimeoutError):  # not yet: the fault is still being reported
                return False
        return self._acts()

    def _acts(self) -> bool:
        return acting(self._robot.commands())
