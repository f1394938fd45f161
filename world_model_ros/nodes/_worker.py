# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The agent's one worker thread: episodes, and in them one tick after the other.

A tick: assemble, observe, plan, chunk out, record out. Owns episode boundaries and what may be
sent when; publishes through a port, so that it holds no ROS entity. Nothing else may run in this
thread: no disk, no decoding of imagined pictures, no allocation that grows.
"""

from __future__ import annotations

import math
import threading
import time
import uuid
from collections import deque

import numpy as np

from world_model_ros.contract import Contract
from world_model_ros.nodes._episodes import Episode, Options, Port, Snapshot
from world_model_ros.nodes._inputs import Inputs
from world_model_ros.nodes._schedule import IDLE_WAIT_SEC, Schedule
from world_model_ros.nodes._stats import Stats
from world_model_ros.onboard.assembly import Observation
from world_model_ros.onboard.brain import Brain, Decision
from world_model_ros.onboard.noise import noise_key
from world_model_ros.onboard.tick_record import TickRecord
from world_model_ros.onboard.ticker import Tick

RESET_RETRY_SEC = 1.0
# An episode that is asked to end takes the next tick as its last; without one it ends anyway.
LAST_TICK_WAIT_SEC = 0.5
MAX_SKIPPED_STEPS = 64  # imagined after a long gap; beyond that the belief holds no news anyway


class Worker:
    """Runs ticks in a thread of its own."""

    def __init__(
        self,
        contract: Contract,
        inputs: Inputs,
        schedule: Schedule,
        brain: Brain,
        port: Port,
        options: Options,
    ) -> None:
        self.contract = contract
        self.stats = Stats()
        self.episode: Episode | None = None
        self.snapshot: Snapshot | None = None
        self.acting = False  # set by the node: active, not shadow
        self.state = 'starting'
        self._inputs, self._schedule, self._brain = inputs, schedule, brain
        self._port, self._options = port, options
        self._deadline_s = math.inf if schedule.lockstep else None
        self._held = contract.episode.reset == 'manual'
        self._end_asked: tuple[str, float] | None = None  # reason, time of the steady clock
        self._retry_s = 0.0
        self._episodes = 0
        self._acted = 0  # episodes that were not shadow
        self.stopping = False
        self._sending = False
        self._previous: Tick | None = None
        # First tick of effect and chunk, as many as can still reach into the future.
        self._committed: deque[tuple[int, np.ndarray]] = deque(maxlen=contract.offset_ticks + 1)
        self._seen_ns: dict[str, int] = {}  # stream -> stamp of its last usable message
        self._thread = threading.Thread(target=self._run, name='ticks', daemon=True)
        self.failed = False

    # Any thread

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def ask_start(self) -> None:
        """Begin an episode now; one that runs is ended first."""
        self._held = False
        self.ask_end('another episode was started')

    def ask_end(self, reason: str, hold: bool = False) -> None:
        """End the episode with the next tick; `hold`: wait for ask_start() before another one."""
        self._held = hold or self._held
        if self.episode is not None:
            self._end_asked = (reason, time.monotonic())
        self._inputs.wake()

    def ask_stop(self) -> None:
        """End the thread, after the last tick of an episode that was asked to end."""
        self.stopping = True
        self._inputs.wake()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def join(self, timeout_s: float) -> bool:
        """Whether the thread has ended."""
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    # Worker thread

    def _run(self) -> None:
        self.failed = True
        while not (self.stopping and (self.episode is None or self._end_asked is None)):
            version = self._inputs.version
            until_s = self.look()
            if until_s is not None:
                self._inputs.wait(version, until_s)
        self.failed = False

    def look(self) -> float | None:
        """Do the next thing that is due; if there was none, until when to sleep."""
        idle_s = time.monotonic() + IDLE_WAIT_SEC
        if self.episode is None:
            if not self._port.now_ns():
                self.state = 'waiting for /clock'
                return idle_s
            if self._held or time.monotonic() < self._retry_s:
                self.state = 'held: call start_episode' if self._held else 'waiting for reset'
                return idle_s
            self._begin()
            return None
        if self._schedule.jumped():
            self._jumped()
            return None
        if self.episode.acting != self.acting and self._end_asked is None:
            self._end_asked = ('the agent was (de)activated', time.monotonic())
        tick = self._schedule.due()
        if tick is not None:
            self._tick(tick)
            return None
        self._check_ages()
        if self._end_asked and time.monotonic() - self._end_asked[1] > LAST_TICK_WAIT_SEC:
            self._finish()
            return None
        return self._schedule.wake_s()

    def _begin(self) -> None:
        acting = self.acting
        self._port.drop_chunk()
        self._sending = False
        self._inputs.expect_reset()
        after_ns: int | None = self._port.now_ns()
        if acting and self.contract.episode.reset == 'service':
            self.state = 'waiting for reset'
            after_ns = self._port.reset_robot()
            if after_ns is None:
                self._retry_s = time.monotonic() + RESET_RETRY_SEC
                return
        self._inputs.start_after(after_ns)
        self._end_asked = None
        self._previous = None
        self._committed.clear()
        self._seen_ns.clear()
        self._new_episode(acting)
        self._brain.reset(self.episode.noise_key)
        self._schedule.restart()
        self.state = 'waiting for inputs'

    def _new_episode(self, acting: bool, first_tick: int = 0) -> None:
        name = str(uuid.uuid4())
        seed = self._options.noise_seed
        seeded = acting and seed >= 0
        key = noise_key(str(seed + self._acted) if seeded else name)
        self.episode = Episode(name, key, self._episodes, acting, first_tick)
        self._episodes += 1
        self._acted += acting
        self._port.announce(self.episode)

    def _jumped(self) -> None:
        self._port.warn('the clock jumped: the episode ends as truncated')
        self._port.drop_chunk()
        self._inputs.forget()
        self._brain.drop_plan()
        self._finish()

    def _finish(self) -> None:
        self.episode = None
        self._end_asked = None
        self.stats.episodes += 1
        if self.contract.episode.reset == 'manual':
            self._held = True

    def _check_ages(self) -> None:
        """Give up the chunk as soon as an input is too old, without waiting for a tick."""
        if self._sending and not self._schedule.lockstep and self._too_old(self._port.now_ns()):
            self._port.drop_chunk()
            self._sending = False
            self._brain.drop_plan()

    def _too_old(self, now_ns: int) -> str:
        for stream in self.contract.streams:
            seen_ns = self._seen_ns.get(stream.name)
            if seen_ns is None or now_ns - seen_ns > round(stream.max_age_s * 1e9):
                return stream.name
        return ''

    def _tick(self, tick: Tick) -> None:
        begun_s = time.monotonic()
        episode, first = self.episode, self._previous is None
        assert episode is not None
        before_ns = tick.t_ns if first else self._previous.t_ns
        sent = self._advance_to(tick, before_ns, first)
        observation = self._inputs.assembler.assemble(tick.t_ns)
        for name, sample in observation.samples.items():
            if sample.valid:
                self._seen_ns[name] = sample.stamp_ns
        reward, terminal = (0.0, False) if first else self._inputs.reward(before_ns, tick.t_ns)
        intervention = not first and self._inputs.intervened(before_ns, tick.t_ns)
        if intervention:
            self._brain.drop_plan()
        decision = self._brain.step(
            observation, sent, self._pending(tick.index, sent), first, tick.index, self._deadline_s
        )
        self.snapshot = Snapshot(tick.t_ns, decision.belief, decision.chunk)
        ends = self._ends(tick.index)
        missing = '' if self._schedule.lockstep else self._too_old(tick.t_ns)
        acting = episode.acting and self.acting and not (terminal or ends or missing)
        if acting:
            acting = self._port.send_chunk(
                tick.t_ns + self.contract.command_offset_ns, decision.chunk
            )
            self._committed.append((tick.index + self.contract.offset_ticks, decision.chunk))
        elif self._sending:
            self._port.drop_chunk()
            self._brain.drop_plan()
        self._sending = acting
        lateness_s = (
            0.0
            if self._schedule.lockstep
            else self._schedule.ticker.lateness_s(tick, self._port.now_ns())
        )
        record = self._record(tick, observation, decision, sent)
        record.first = tick.index == episode.first_tick
        record.terminal = terminal
        record.truncated = bool(ends) and not terminal
        record.last = terminal or bool(ends)
        record.intervention = intervention
        record.reward, record.lateness = reward, lateness_s
        if missing and episode.acting:
            record.source = 'safe'
            record.asked = self._inputs.resting_action(tick.t_ns).astype(np.float64)
        self._port.publish_tick(record)
        self.state = f'no usable {missing}' if missing else 'running'
        self.stats.add(tick, time.monotonic() - begun_s, lateness_s, decision, observation)
        self._previous = tick
        if record.last:
            self._close(ends, terminal, tick)

    def _advance_to(self, tick: Tick, before_ns: int, first: bool) -> np.ndarray:
        """Imagine the ticks that were passed over; return what was executed over the last one."""
        if first:
            return self._inputs.resting_action(tick.t_ns)
        if not tick.skipped:
            return self._inputs.sent.mean(before_ns, tick.t_ns)
        period_ns = self.contract.period_ns
        for ago in range(min(tick.skipped, MAX_SKIPPED_STEPS), 0, -1):
            end_ns = tick.t_ns - ago * period_ns
            self._brain.skip(self._inputs.sent.mean(end_ns - period_ns, end_ns))
        return self._inputs.sent.mean(tick.t_ns - period_ns, tick.t_ns)

    def _pending(self, index: int, sent: np.ndarray) -> np.ndarray:
        """What will be executed until this tick's chunk takes effect: [offset_ticks, A]."""
        rows = []
        for step in range(index, index + self.contract.offset_ticks):
            row = self.contract.safe_action if self._sending or index == 0 else None
            for start, chunk in self._committed:
                if self._sending and start <= step < start + len(chunk):
                    row = chunk[step - start]
            rows.append(sent if row is None else row)
        return np.asarray(rows, np.float32)

    def _ends(self, index: int) -> str:
        """Why this is the last tick, '' if it is not."""
        rules, episode = self.contract.episode, self.episode
        if self._end_asked is not None:
            return self._end_asked[0]
        if rules.max_ticks and index >= rules.max_ticks:
            return 'max_ticks'
        segment = rules.reset == 'none' and rules.segment_ticks
        if segment and index + 1 - episode.first_tick >= rules.segment_ticks:
            return 'segment'
        return ''

    def _close(self, ends: str, terminal: bool, tick: Tick) -> None:
        if ends == 'segment' and not terminal:  # the belief goes on, and so do the ticks
            acting = self.acting
            self.stats.episodes += 1
            self._new_episode(acting, tick.index + 1)
            return
        self._finish()

    def _record(
        self, tick: Tick, observation: Observation, decision: Decision, sent: np.ndarray
    ) -> TickRecord:
        episode = self.episode
        return TickRecord(
            episode=episode.uuid,
            t_ns=tick.t_ns,
            tick=tick.index,
            valid=observation.valid,
            explore=self._options.explore,
            eval=self._options.eval,
            source=decision.source,
            iterations=decision.iterations,
            noise_key=episode.noise_key,
            surprise=decision.surprise,
            value=decision.value,
            skipped=tick.skipped,
            obs_crc=observation.crc if decision.observed else -1,
            joints=self.contract.action.names,
            asked=decision.chunk[0].astype(np.float64),
            sent=sent.astype(np.float64),
            streams=observation.samples,
        )
