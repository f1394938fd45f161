# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the agent has received: raw observations, rewards, and what the guard sent.

The executor's thread puts in, the agent's worker takes out. Owns the rule that after a reset only
messages stamped after its confirmation count, also those that overtook the confirmation. Decodes
nothing large and holds no ROS entity.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Mapping

import numpy as np

from world_model_ros.contract import Contract
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.contract.task_section import task_values
from world_model_ros.onboard.agent.delay_meter import DelayMeter
from world_model_ros.onboard.tick.assembly import Assembler
from world_model_ros.onboard.tick.observation import Observation
from world_model_ros.onboard.tick.sent import SentHistory

# Sources of commands that are not the agent; the last is another node's, seen in shadow.
INTERVENTIONS = ('stopped', 'disabled', 'teleop', 'outside', 'foreign', 'home')
_BACKLOG = 64  # messages that can arrive while a reset is on its way
_REWARDS = 512
_SENT_MARGIN_NS = 10_000_000_000  # nothing older is ever asked for


class Inputs:
    """Thread-safe store of one robot's messages."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.assembler = Assembler(contract)
        safe = contract.safe_action
        self._safe = np.zeros(contract.action_dim, np.float32) if safe is None else safe
        self.sent = SentHistory(self._safe)
        self.delay_meter = DelayMeter(contract)
        self.changed = threading.Condition()
        self.version = 0  # counts changes, so that none is slept through
        self._rewards: deque[tuple[int, float, bool]] = deque(maxlen=_REWARDS)
        self._backlog: deque[tuple[str, bytes, int]] | None = None
        self._interventions: deque[tuple[int, str]] = deque(maxlen=_REWARDS)
        self.guard_source = ''
        self._commanded = False
        self._first_sent_ns: int | None = None  # since the guard is active
        self.received = dict.fromkeys((stream.name for stream in contract.sensed), 0)
        self._task = self.assembler.task  # of the next episode
        self._task_is_a_persons = False

    # Executor thread

    def put_stream(self, name: str, cdr: bytes, receive_ns: int) -> None:
        """Keep a serialised message of a stream."""
        with self.changed:
            self.received[name] += 1
            if self._backlog is not None:
                self._backlog.append((name, cdr, receive_ns))
            self.assembler.store(name, cdr, receive_ns)
            self._notify()

    def put_reward(self, stamp_ns: int, reward: float, terminal: bool) -> None:
        """Keep a reward sample."""
        with self.changed:
            self._rewards.append((stamp_ns, reward, terminal))
            self._notify()

    def put_sent(self, stamp_ns: int, values: np.ndarray, source: str) -> None:
        """Keep what the guard says it sent."""
        with self.changed:
            if not self.sent.count(stamp_ns, stamp_ns + 1):  # a guard in lockstep may say it again
                self.sent.add(stamp_ns, values)
                self.delay_meter.put_sent(stamp_ns, values)
            self.guard_source = source
            if self._first_sent_ns is None:
                self._first_sent_ns = stamp_ns
            if source in INTERVENTIONS:
                self._interventions.append((stamp_ns, source))
            self._notify()

    def expect_commands(self, on: bool) -> None:
        """The guard is active from now on, or no longer; lockstep waits for its reports."""
        with self.changed:
            self._commanded, self._first_sent_ns = on, None
            self._notify()

    def put_task(self, given: Mapping[str, float]) -> None:
        """Keep a person's task for the next episodes; without a name the robot's count again.

        Raises:
            ValueError: it is no task of this robot.
        """
        if self.contract.task is None:
            raise ValueError(f'robot {self.contract.name!r} has no task: its contract has none')
        values = task_values(self.contract.task, given) if given else self._task
        with self.changed:
            self._task, self._task_is_a_persons = values, bool(given)

    def wake(self) -> None:
        """Make the worker look at the time and at its requests."""
        with self.changed:
            self._notify()

    def _notify(self) -> None:
        self.version += 1
        self.changed.notify_all()

    # Worker thread

    def put_robots_task(self, given: Mapping[str, float]) -> None:
        """Keep the task that the robot drew at its reset, unless a person has set one.

        Without a task in the contract there is nothing to keep.

        Raises:
            ValueError: it is no task of this robot.
        """
        if self.contract.task is None:
            return
        values = task_values(self.contract.task, given)
        with self.changed:
            if not self._task_is_a_persons:
                self._task = values

    def begin_task(self) -> dict[str, float]:
        """The task of the episode that begins now, by name."""
        if self.contract.task is None:
            return {}
        self.assembler.set_task(self._task)
        return dict(zip(self.contract.task.names, self._task.tolist(), strict=True))

    def expect_reset(self) -> None:
        """From now on keep what arrives, until it is known what counts."""
        with self.changed:
            self._backlog = deque(maxlen=_BACKLOG)

    def start_after(self, after_ns: int) -> None:
        """Forget all observations up to this time, keep those that came in since."""
        with self.changed:
            self.assembler.clear(after_ns)
            for name, cdr, receive_ns in self._backlog or ():
                self.assembler.store(name, cdr, receive_ns)
            self._backlog = None

    def forget(self) -> None:
        """Forget everything: time itself has jumped."""
        with self.changed:
            self.assembler.clear()
            self.sent.clear()
            self.delay_meter.clear()
            self._rewards.clear()
            self._interventions.clear()

    def complete(self) -> bool:
        """Whether every stream has a message."""
        return all(
            self.assembler.newest_stamp_ns(stream.name) is not None
            for stream in self.contract.sensed
        )

    def complete_at(self, t0_ns: int, t1_ns: int, first: bool) -> bool:
        """Lockstep: whether all that belongs to (t0, t1] is here."""
        if not all(self.assembler.has_stamp(s.name, t1_ns) for s in self.contract.sensed):
            return False
        if first:
            return True
        with self.changed:
            rewarded = not self.contract.reward.topic or any(
                stamp_ns >= t1_ns for stamp_ns, _, _ in self._rewards
            )
            if not self._commanded:
                return rewarded
            if self._first_sent_ns is None:
                return False
            # The guard may have begun in the middle of the interval.
            begun_ns = max(t0_ns, self._first_sent_ns)
            wanted = round((t1_ns - begun_ns) * 1e-9 * self.contract.command_rate_hz)
            return rewarded and self.sent.count(begun_ns, t1_ns) >= wanted

    def reward(self, t0_ns: int, t1_ns: int) -> tuple[float, bool]:
        """Reward and terminal over (t0, t1]; NaN without a sample: missing is not zero."""
        with self.changed:
            inside = [
                (reward, terminal)
                for stamp_ns, reward, terminal in self._rewards
                if t0_ns < stamp_ns <= t1_ns
            ]
        if not inside:
            return math.nan, False
        rewards = [reward for reward, _ in inside]
        total = sum(rewards) if self.contract.reward.sampling == 'sum' else rewards[-1]
        return total, any(terminal for _, terminal in inside)

    def intervened(self, t0_ns: int, t1_ns: int) -> str:
        """Who else than the agent decided what was sent in [t0, t1), last; '' for nobody."""
        with self.changed:
            inside = [who for stamp_ns, who in self._interventions if t0_ns <= stamp_ns < t1_ns]
        return inside[-1] if inside else ''

    def resting_action(self, t_ns: int) -> np.ndarray:
        """What is executed at the start: the safe action, or the position that is held."""
        if self.contract.safe_action is not None:
            return self._safe.copy()
        return self.sent.mean(t_ns - _SENT_MARGIN_NS, t_ns)

    def rest_where_measured(self, observation: Observation) -> None:
        """Until somebody has commanded, a robot that takes positions rests where it is."""
        if self.contract.safe_action is not None:
            return
        at: dict[str, float] = {}
        for stream in self.contract.sensed:
            array = observation.arrays.get(stream.name)
            if array is not None:
                at.update(stream_kind(stream.kind).positions(stream, array))
        action = self.contract.action
        held = [n for n, holds in zip(action.names, action.holds, strict=True) if holds]
        if all(name in at for name in held):
            rest = [at[name] if name in held else 0.0 for name in action.names]
            self.sent.rest_at(np.array(rest))

    def wait(self, version: int, until_s: float) -> None:
        """Sleep while nothing changes from `version`, but not past this time (steady clock)."""
        with self.changed:
            if self.version == version:
                self.changed.wait(max(0.0, until_s - time.monotonic()))
