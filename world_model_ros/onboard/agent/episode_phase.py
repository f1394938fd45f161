# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which episode runs: begin, announce, segments, end, and a clock that jumps.

Owns episode boundaries, and with them the points where another model may take over. The worker
owns the ticks in between. Runs in the worker's thread but for the methods marked as requests.
Holds no ROS entity.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from enum import Enum

from world_model_ros.contract import Contract
from world_model_ros.onboard.agent.chunks_sent import Commands
from world_model_ros.onboard.agent.episode import Episode, Options, Port
from world_model_ros.onboard.agent.inputs import Inputs
from world_model_ros.onboard.agent.schedule import IDLE_WAIT_SEC, Schedule
from world_model_ros.onboard.agent.start_gate import StartGate
from world_model_ros.onboard.agent.thinking import Thinking
from world_model_ros.onboard.agent.worker_state import Phase, State
from world_model_ros.onboard.policy.noise import noise_key
from world_model_ros.onboard.tick.ticker import Tick

RESET_RETRY_SEC = 1.0
# An episode that is asked to end takes the next tick as its last. A clock that stands (a simulator
# that ends too, an executor that waits for us) brings none: then it is taken without the clock.
LAST_TICK_WAIT_SEC = 0.5


class End(Enum):
    """Why a tick is the last of its episode."""

    ASKED = 'asked'  # by a service, by (de)activation, or because the node ends
    MAX_TICKS = 'max_ticks'
    EXPLORE_TICKS = 'explore_ticks'
    SEGMENT = 'segment'  # of a robot that cannot be reset: the belief goes on


class EpisodePhase:
    """The episode of one worker, None between two."""

    def __init__(
        self,
        contract: Contract,
        inputs: Inputs,
        schedule: Schedule,
        port: Port,
        options: Options,
        commands: Commands,
        thinking: Thinking,
        show: Callable[[State], None],
    ) -> None:
        """Tell `show` what is waited for."""
        self.contract = contract
        self.episode: Episode | None = None
        self.acting = False  # set by the node: active, not shadow
        self.previous: Tick | None = None  # newest tick of this episode, set by the worker
        self.ended = 0  # episodes and segments
        self._inputs, self._schedule, self._port = inputs, schedule, port
        self._options, self._commands, self._thinking = options, commands, thinking
        self._show = show
        self._gate = StartGate(contract.episode.reset == 'manual')
        self._end_asked_s: float | None = None  # of the steady clock
        self._retry_s = 0.0
        self._not_before_s = 0.0
        self._begun = 0
        self._acted = 0  # episodes that were not shadow
        self._waits_for: Phase | None = None

    # Requests, from any thread

    def ask_start(self) -> None:
        """Begin an episode now; one that runs is ended first."""
        self._gate.ask()
        self.ask_end()

    def ask_end(self, *, hold: bool = False) -> None:
        """End the episode with the next tick; `hold`: wait for ask_start() before another one."""
        if hold:
            self._gate.close()
        if self.episode is not None:
            self._end_asked_s = time.monotonic()
        self._inputs.wake()

    def begin_not_before(self, steady_s: float) -> None:
        """Begin no episode before this time of the steady clock."""
        self._not_before_s = steady_s

    @property
    def held(self) -> bool:
        """Whether a person must start the next episode; thinking in shadow moves nothing."""
        return self._gate.holds(self.acting)

    @property
    def end_asked(self) -> bool:
        """Whether the next tick is the last one because somebody asked for it."""
        return self._end_asked_s is not None

    # Between episodes

    def begin_if_due(self) -> float | None:
        """Begin an episode; if none is due, until when to sleep."""
        idle_s = time.monotonic() + IDLE_WAIT_SEC
        if not self._port.now_ns():
            self._wait_for(Phase.WAITING_FOR_CLOCK)
            return idle_s
        if self.held:
            self._wait_for(Phase.HELD)
            return idle_s
        if time.monotonic() < self._not_before_s:
            return self._not_before_s
        if time.monotonic() < self._retry_s:
            self._wait_for(Phase.WAITING_FOR_RESET)
            return idle_s
        self._begin()
        return None

    def _wait_for(self, phase: Phase) -> None:
        state = State(phase)
        if phase is Phase.HELD and self._waits_for is not phase:
            self._port.warn(state.text)
        self._waits_for = phase
        self._show(state)

    def _begin(self) -> None:
        acting = self.acting
        self._commands.rest()
        self._inputs.expect_reset()
        after_ns: int | None = self._port.now_ns()
        if acting and self.contract.episode.reset == 'service':
            self._wait_for(Phase.WAITING_FOR_RESET)
            after_ns = self._port.reset_robot()
            if after_ns is None:
                self._retry_s = time.monotonic() + RESET_RETRY_SEC
                return
        assert after_ns is not None  # for the type checker: the retry returned above
        self._inputs.start_after(after_ns)
        self._end_asked_s = None
        self._gate.begun()
        self.previous = None
        self._commands.begin(self._extra_delay_s())
        self._thinking.swap(safe=True, between=True)
        self._thinking.begin(self._new_episode(acting))
        self._schedule.restart()
        self._wait_for(Phase.WAITING_FOR_INPUTS)

    def _extra_delay_s(self) -> float:
        """As the parameter says, or as measured; until it can be measured, as before."""
        if self._options.extra_delay >= 0.0:
            return self._options.extra_delay
        found = self._inputs.delay_meter.found
        return self._commands.delay.extra_ns * 1e-9 if found is None else found.delay_s

    def _new_episode(self, acting: bool, first_tick: int = 0) -> Episode:
        name = str(uuid.uuid4())
        seed = self._options.noise_seed
        seeded = acting and seed >= 0
        key = noise_key(str(seed + self._acted) if seeded else name)
        self._begun += 1
        self._acted += acting
        evaluates = acting and self._options.evaluates(self._acted) and self._thinking.has_model
        episode = Episode(name, key, self._begun - 1, acting, first_tick)
        episode.eval = self._options.eval or evaluates
        episode.explore = self._options.explore and not episode.eval
        episode.extra_delay_s = self._commands.delay.extra_ns * 1e-9
        episode.task = self._inputs.begin_task()
        self.episode = episode
        self.announce(episode)
        return episode

    def announce(self, episode: Episode) -> None:
        """Publish that the episode begins, or that another model acts in it from now on."""
        model = self._thinking.model
        episode.release, episode.digest = model.release, model.digest
        episode.bundle_name = model.name
        self._port.announce(episode)

    # While an episode runs

    def end_where_acting_changed(self) -> None:
        """An episode is acting or in shadow as a whole."""
        assert self.episode is not None
        if self.episode.acting != self.acting and self._end_asked_s is None:
            self._end_asked_s = time.monotonic()

    def jumped(self) -> None:
        """The clock jumped: nothing that was planned or received fits the new time."""
        self._port.warn('the clock jumped: the episode ends as truncated')
        self._commands.rest()
        self._inputs.forget()
        self._thinking.drop_plan()
        self._finish()

    @property
    def clock_stands(self) -> bool:
        """Whether an episode that was asked to end has waited for its last tick long enough."""
        asked_s = self._end_asked_s
        return asked_s is not None and time.monotonic() - asked_s > LAST_TICK_WAIT_SEC

    def last_tick(self) -> Tick | None:
        """The last tick, without a clock: without it no recording is whole.

        None, and the episode has ended, where it was announced and never began.
        """
        before = self.previous
        if before is None:
            self._finish()
            return None
        return Tick(before.index + 1, before.t_ns + self.contract.period_ns, 0)

    def ends(self, index: int) -> End | None:
        """Why this is the last tick, None if it is not."""
        rules, episode = self.contract.episode, self.episode
        assert episode is not None
        if self._end_asked_s is not None:
            return End.ASKED
        if rules.max_ticks and index >= rules.max_ticks:
            return End.MAX_TICKS
        brief = self._options.explore_ticks if episode.explore and episode.acting else 0
        if brief and rules.reset == 'service' and index >= brief:
            return End.EXPLORE_TICKS
        segment = rules.reset == 'none' and rules.segment_ticks
        if segment and index + 1 - episode.first_tick >= rules.segment_ticks:
            return End.SEGMENT
        return None

    def close(self, end: End | None, terminal: bool, tick: Tick) -> None:
        """The last tick is out; a segment is followed by the next one at once."""
        if end is End.SEGMENT and not terminal:  # the belief goes on, and so do the ticks
            acting = self.acting
            self.ended += 1
            self._thinking.swap(safe=True)
            self._thinking.go_on(self._new_episode(acting, tick.index + 1))
            return
        self._finish()

    def _finish(self) -> None:
        self.episode = None
        self._end_asked_s = None
        self.ended += 1
        self._gate.ended()
