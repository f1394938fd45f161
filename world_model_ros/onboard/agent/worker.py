# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The agent's one worker thread: episodes, and in them one tick after the other.

A tick: assemble, observe, plan, chunk out, record out. Owns episode boundaries, and with them the
points where another model may take over; publishes through a port, so that it holds no ROS
entity. Nothing else may run in this thread: no disk, no loading, no decoding of imagined
pictures, no allocation that grows.
"""

from __future__ import annotations

import threading
import time
import uuid

import numpy as np

from world_model_ros.contract import Contract
from world_model_ros.onboard.agent.commands import Commands
from world_model_ros.onboard.agent.episode import Episode, Options, Port, Snapshot
from world_model_ros.onboard.agent.inputs import WAITING, Inputs
from world_model_ros.onboard.agent.records import make_record
from world_model_ros.onboard.agent.schedule import IDLE_WAIT_SEC, Schedule
from world_model_ros.onboard.agent.stats import Stats
from world_model_ros.onboard.agent.thinking import Thinking
from world_model_ros.onboard.policy.noise import noise_key
from world_model_ros.onboard.policy.swap import Swap
from world_model_ros.onboard.tick.ticker import Tick

RESET_RETRY_SEC = 1.0
# An episode that is asked to end takes the next tick as its last. A clock that stands (a simulator
# that ends too, an executor that waits for us) brings none: then it is taken without the clock.
LAST_TICK_WAIT_SEC = 0.5
BY_OTHERS = ('teleop', 'foreign')  # somebody else decided, and it was executed
NO_GUARD = 'no guard'  # state of the worker while the guard cannot be relied on
HELD = (
    'held: nothing moves until an episode is started: '
    'ros2 service call agent/start_episode std_srvs/srv/Trigger (in the namespace of the agent)'
)
MAX_SKIPPED_STEPS = 64  # imagined after a long gap; beyond that the belief holds no news anyway


class Worker:
    """Runs ticks in a thread of its own."""

    def __init__(
        self,
        contract: Contract,
        inputs: Inputs,
        schedule: Schedule,
        swap: Swap,
        port: Port,
        options: Options,
    ) -> None:
        self.contract = contract
        self.stats = Stats()
        self.episode: Episode | None = None
        self.snapshot: Snapshot | None = None
        self.acting = False  # set by the node: active, not shadow
        self.state = 'starting'
        self._inputs, self._schedule = inputs, schedule
        self._port, self._options = port, options
        self._commands = Commands(contract, port, inputs.assembler.newest_stamp_ns)
        self.given_up = self._commands.given_up
        self.thinking = Thinking(contract, swap, port, options, schedule.lockstep)
        self._by_hand = contract.episode.reset == 'manual'
        self._needs_start = self._by_hand  # where a person resets: acting waits for start
        self._ended_by_hand = False  # end_episode was called, and start_episode not yet
        self._start_asked = False
        self._end_asked: tuple[str, float] | None = None  # reason, time of the steady clock
        self._retry_s = 0.0
        self._not_before_s = 0.0
        self._episodes = 0
        self._acted = 0  # episodes that were not shadow
        self.stopping = False
        self._previous: Tick | None = None
        self._thread = threading.Thread(target=self._run, name='ticks', daemon=True)
        self.failed = False

    # Any thread

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def ask_start(self) -> None:
        """Begin an episode now; one that runs is ended first."""
        self._needs_start = self._ended_by_hand = False
        self._start_asked = True
        self.ask_end('another episode was started')

    def ask_end(self, reason: str, hold: bool = False) -> None:
        """End the episode with the next tick; `hold`: wait for ask_start() before another one."""
        self._ended_by_hand = hold or self._ended_by_hand
        if self.episode is not None:
            self._end_asked = (reason, time.monotonic())
        self._inputs.wake()

    def ask_stop(self) -> None:
        """End the thread, after the last tick of an episode that was asked to end."""
        self.stopping = True
        self._inputs.wake()

    def begin_not_before(self, steady_s: float) -> None:
        """Begin no episode before this time of the steady clock."""
        self._not_before_s = steady_s

    @property
    def held(self) -> bool:
        """Whether a person must start the next episode; thinking in shadow moves nothing."""
        return self._ended_by_hand or (self._needs_start and self.acting)

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
            if self.held:
                self._say_held()
                return idle_s
            if time.monotonic() < self._not_before_s:
                return self._not_before_s
            if time.monotonic() < self._retry_s:
                self.state = 'waiting for reset'
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
            self._end_without_clock()
            return None
        return self._schedule.wake_s()

    def _say_held(self) -> None:
        if not self.state.startswith(HELD):
            self._port.warn(HELD)
        self.state = HELD

    def _begin(self) -> None:
        acting = self.acting
        self._commands.rest()
        self._inputs.expect_reset()
        after_ns: int | None = self._port.now_ns()
        if acting and self.contract.episode.reset == 'service':
            self.state = 'waiting for reset'
            after_ns = self._port.reset_robot()
            if after_ns is None:
                self._retry_s = time.monotonic() + RESET_RETRY_SEC
                return
        assert after_ns is not None  # for the type checker: the retry returned above
        self._inputs.start_after(after_ns)
        self._end_asked, self._start_asked = None, False
        self._previous = None
        self._commands.begin()
        self.thinking.swap(safe=True, between=True)
        self.thinking.begin(self._new_episode(acting))
        self._schedule.restart()
        self.state = WAITING

    def _new_episode(self, acting: bool, first_tick: int = 0) -> Episode:
        name = str(uuid.uuid4())
        seed = self._options.noise_seed
        seeded = acting and seed >= 0
        key = noise_key(str(seed + self._acted) if seeded else name)
        self._episodes += 1
        self._acted += acting
        evaluates = acting and self._options.evaluates(self._acted) and self.thinking.has_model
        episode = Episode(name, key, self._episodes - 1, acting, first_tick)
        episode.eval = self._options.eval or evaluates
        episode.explore = self._options.explore and not episode.eval
        self.episode = episode
        self._announce(episode)
        return episode

    def _announce(self, episode: Episode) -> None:
        """Publish that the episode begins, or that another model acts in it from now on."""
        model = self.thinking.model
        episode.release, episode.digest = model.release, model.digest
        episode.bundle_name = model.name
        self._port.announce(episode)

    def _jumped(self) -> None:
        self._port.warn('the clock jumped: the episode ends as truncated')
        self._commands.rest()
        self._inputs.forget()
        self.thinking.drop_plan()
        self._finish()

    def _end_without_clock(self) -> None:
        """The last tick of an episode that was asked to end: without it no recording is whole."""
        before = self._previous
        if before is None:
            self._finish()  # announced, and never begun
            return
        self._tick(Tick(before.index + 1, before.t_ns + self.contract.period_ns, 0))

    def _finish(self) -> None:
        self.episode = None
        self._end_asked = None
        self.stats.episodes += 1
        if self._by_hand and not self._start_asked:
            self._needs_start = True

    def _check_ages(self) -> None:
        """Give up the chunk as soon as an input is too old, without waiting for a tick."""
        now_ns = self._port.now_ns()
        overdue = '' if self._schedule.lockstep else self._commands.overdue(now_ns)
        if overdue and self._commands.give_up():
            self._commands.miss(overdue, now_ns)
            self.thinking.drop_plan()

    def _tick(self, tick: Tick) -> None:
        begun_s = time.monotonic()
        episode, previous = self.episode, self._previous
        assert episode is not None
        first = previous is None
        before_ns = tick.t_ns if previous is None else previous.t_ns
        observation = self._inputs.assembler.assemble(tick.t_ns)
        self._inputs.rest_where_measured(observation)
        sent = self._advance_to(tick, before_ns, first)
        self._commands.see(observation)
        reward, terminal = (0.0, False) if first else self._inputs.reward(before_ns, tick.t_ns)
        intervention = '' if first else self._inputs.intervened(before_ns, tick.t_ns)
        if intervention:
            self.thinking.drop_plan()
        pending = self._commands.pending(tick.index, sent, by_hand=intervention in BY_OTHERS)
        left_s = self._schedule.left_s(tick)
        decision = self.thinking.step(
            observation, sent, pending, first, tick.index, episode, left_s
        )
        ends = self._ends(tick.index)
        missing = '' if self._schedule.lockstep else self._commands.too_old(tick.t_ns)
        goes_on = not ends or (ends == 'segment' and not self.thinking.swap_waits)
        trouble = self._port.guard_problem() if episode.acting else ''
        usable = goes_on and not (terminal or missing or trouble or decision.failure)
        if usable and episode.acting and self.acting:
            self._commands.send(tick, decision.chunk)
        elif self._commands.give_up():
            self.thinking.drop_plan()
        lateness_s = self._schedule.lateness_s(tick)
        record = make_record(tick, episode, observation, decision, sent)
        record.first, record.joints = first, self.contract.action.names
        record.release = self.thinking.model.release
        record.terminal = terminal
        record.truncated = bool(ends) and not terminal
        record.last = terminal or bool(ends)
        record.intervention = bool(intervention)
        record.reward, record.lateness = reward, lateness_s
        if decision.failure or trouble or (missing and episode.acting):
            record.source = 'safe'
            record.asked = self._inputs.resting_action(tick.t_ns).astype(np.float64)
        elif intervention in BY_OTHERS:
            record.source, record.asked = intervention, record.sent
        self._port.publish_tick(record)
        self.state = 'running'
        if decision.failure:
            self.state = f'no usable model: {decision.failure} is not finite'
        else:
            model = self.thinking.model
            self.snapshot = Snapshot(tick.t_ns, decision.belief, decision.chunk, model.bundle)
        if trouble:
            self.state = f'{NO_GUARD}: {trouble}'
        elif missing:
            self.state = f'no usable {missing}'
            self._commands.miss(missing, tick.t_ns, observation.samples[missing])
        self.stats.add(tick, time.monotonic() - begun_s, lateness_s, decision, observation)
        self._previous = tick
        if record.last:
            self._close(ends, terminal, tick)
            return
        # What is not sent moves nothing: in shadow, and while nothing usable comes out.
        if self.thinking.swap(safe=bool(decision.failure) or not episode.acting):
            self.thinking.go_on(episode)
        if self.thinking.model.digest != episode.digest:  # swapped just now, or rolled back
            self._announce(episode)

    def _advance_to(self, tick: Tick, before_ns: int, first: bool) -> np.ndarray:
        """Imagine the ticks that were passed over; return what was executed over the last one."""
        if first:
            return self._inputs.resting_action(tick.t_ns)
        if not tick.skipped:
            return self._inputs.sent.mean(before_ns, tick.t_ns)
        period_ns = self.contract.period_ns
        for ago in range(min(tick.skipped, MAX_SKIPPED_STEPS), 0, -1):
            end_ns = tick.t_ns - ago * period_ns
            self.thinking.skip(self._inputs.sent.mean(end_ns - period_ns, end_ns))
        return self._inputs.sent.mean(tick.t_ns - period_ns, tick.t_ns)

    def _ends(self, index: int) -> str:
        """Why this is the last tick, '' if it is not."""
        rules, episode = self.contract.episode, self.episode
        assert episode is not None
        if self._end_asked is not None:
            return self._end_asked[0]
        if rules.max_ticks and index >= rules.max_ticks:
            return 'max_ticks'
        brief = self._options.explore_ticks if episode.explore and episode.acting else 0
        if brief and rules.reset == 'service' and index >= brief:
            return 'explore_ticks'
        segment = rules.reset == 'none' and rules.segment_ticks
        if segment and index + 1 - episode.first_tick >= rules.segment_ticks:
            return 'segment'
        return ''

    def _close(self, ends: str, terminal: bool, tick: Tick) -> None:
        if ends == 'segment' and not terminal:  # the belief goes on, and so do the ticks
            acting = self.acting
            self.stats.episodes += 1
            self.thinking.swap(safe=True)
            self.thinking.go_on(self._new_episode(acting, tick.index + 1))
            return
        self._finish()
