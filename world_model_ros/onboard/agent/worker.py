# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The agent's one worker thread: one tick after the other, in one episode after the other.

A tick: assemble, observe, plan, chunk out, record out. Episodes begin and end in
episode_phase.py; publishes through a port, so that it holds no ROS entity. Nothing else may run in
this thread: no disk, no loading, no decoding of imagined pictures, no allocation that grows.
"""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import numpy as np

from world_model_ros.contract import Contract
from world_model_ros.onboard.agent.chunks_sent import Commands
from world_model_ros.onboard.agent.episode import Options, Port, Snapshot
from world_model_ros.onboard.agent.episode_phase import End, EpisodePhase
from world_model_ros.onboard.agent.inputs import Inputs
from world_model_ros.onboard.agent.records import make_record
from world_model_ros.onboard.agent.schedule import Schedule
from world_model_ros.onboard.agent.stats import Stats
from world_model_ros.onboard.agent.thinking import Thinking
from world_model_ros.onboard.agent.worker_state import Phase, State
from world_model_ros.onboard.policy.brain import Decision
from world_model_ros.onboard.policy.capabilities import GraphError
from world_model_ros.onboard.policy.surprise import SurpriseWatch, slowed
from world_model_ros.onboard.policy.swap import Swap
from world_model_ros.onboard.tick.tick_record import tick_schema
from world_model_ros.onboard.tick.ticker import Tick

BY_OTHERS = ('teleop', 'foreign', 'home')  # somebody else decided, and it was executed
MAX_SKIPPED_STEPS = 64  # imagined after a long gap; beyond that the belief holds no news anyway
_RUNNING = State(Phase.RUNNING)


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
        stream = contract.tick_stream or contract.streams[0].name
        self.stats = Stats(contract.command_offset_s, stream)
        self.snapshot: Snapshot | None = None
        self.state = State(Phase.STARTING)
        self._inputs, self._schedule, self._port = inputs, schedule, port
        self._commands = Commands(contract, port, inputs.assembler.newest_stamp_ns)
        self.given_up = self._commands.given_up
        self.delay_meter = inputs.delay_meter
        self.thinking = Thinking(contract, swap, port, options, schedule.lockstep)
        self.episodes = EpisodePhase(
            contract,
            inputs,
            schedule,
            port,
            options,
            self._commands,
            self.thinking,
            self._show,
        )
        self.surprise = SurpriseWatch()
        self._positions = np.asarray(contract.action.positions)  # [A]
        # Too much surprise, and the contract says hand_over: nothing is sent until a person has
        # activated the agent again.
        self.handed_over = False
        self.stopping = False
        self._schema = tick_schema(contract)
        self._thread = threading.Thread(target=self._run, name='ticks', daemon=True)
        self.failed = False

    # Any thread

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

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
        try:
            self._live()
        except GraphError as error:  # no model is left that computes
            self._commands.give_up()
            self.state = State(Phase.NO_MODEL, str(error))
            self._port.warn(
                f'{error}; there is no model to go back to. The guard takes the safe action, and '
                'this node ends: a new one looks for a device that works (parameter provider)'
            )
            return
        except BaseException:  # whatever it is: the chunk in force is nobody's any more
            self._commands.give_up()
            raise
        self.failed = False

    def _live(self) -> None:
        episodes = self.episodes
        while not (self.stopping and (episodes.episode is None or not episodes.end_asked)):
            version = self._inputs.version
            until_s = self.look()
            if until_s is not None:
                self._inputs.wait(version, until_s)

    def look(self) -> float | None:
        """Do the next thing that is due; if there was none, until when to sleep."""
        episodes = self.episodes
        if episodes.episode is None:
            return episodes.begin_if_due()
        if self._schedule.jumped():
            episodes.jumped()
            return None
        episodes.end_where_acting_changed()
        tick = self._schedule.due()
        if tick is None:
            self._check_ages()
            if not episodes.clock_stands:
                return self._schedule.wake_s()
            tick = episodes.last_tick()
        if tick is not None:
            self._tick(tick)
        return None

    def _show(self, state: State) -> None:
        self.state = state

    def _check_ages(self) -> None:
        """Give up the chunk as soon as an input is too old, without waiting for a tick."""
        now_ns = self._port.now_ns()
        overdue = '' if self._schedule.lockstep else self._commands.overdue(now_ns)
        if overdue and self._commands.give_up():
            self._commands.miss(overdue, now_ns)
            self.thinking.drop_plan()

    def _tick(self, tick: Tick) -> None:
        begun_s = time.monotonic()
        episodes = self.episodes
        episode, previous = episodes.episode, episodes.previous
        assert episode is not None
        first = previous is None
        before_ns = tick.t_ns if previous is None else previous.t_ns
        observation = self._inputs.assembler.assemble(tick.t_ns)
        self._inputs.rest_where_measured(observation)
        sent = self._advance_to(tick, before_ns, first)
        self._commands.see(observation)
        self._inputs.delay_meter.see(observation, first)
        reward, terminal = (0.0, False) if first else self._inputs.reward(before_ns, tick.t_ns)
        intervention = '' if first else self._inputs.intervened(before_ns, tick.t_ns)
        if intervention:
            self.thinking.drop_plan()
        by_hand = intervention in BY_OTHERS
        pending = self._commands.pending(tick, sent, self._inputs.sent, by_hand=by_hand)
        left_s = self._schedule.left_s(tick)
        decision = self.thinking.step(
            observation, sent, pending, first, tick.index, episode, left_s
        )
        surprised = self.surprise.see(first, self.thinking.model.surprise, decision.surprise)
        decision, untrusted = self._react(surprised, decision, pending)
        end = episodes.ends(tick.index)
        missing = '' if self._schedule.lockstep else self._commands.too_old(tick.t_ns)
        goes_on = end is None or (end is End.SEGMENT and not self.thinking.swap_waits)
        trouble = self._port.guard_problem() if episode.acting else ''
        broken = missing or trouble or decision.failure or untrusted
        usable = goes_on and not (terminal or broken)
        if usable and episode.acting and episodes.acting:
            self._commands.send(tick, decision.chunk)
        elif self._commands.give_up():
            self.thinking.drop_plan()
        lateness_s = self._schedule.lateness_s(tick)
        record = make_record(tick, episode, observation, decision, sent)
        record.first, record.joints = first, self.contract.action.names
        record.schema = self._schema
        record.release = self.thinking.model.release
        record.terminal = terminal
        record.truncated = end is not None and not terminal
        record.last = terminal or end is not None
        record.intervention = bool(intervention)
        record.reward, record.lateness = reward, lateness_s
        if decision.failure or trouble or ((missing or untrusted) and episode.acting):
            record.source = 'safe'
            record.asked = self._inputs.resting_action(tick.t_ns).astype(np.float64)
        elif intervention in BY_OTHERS:
            record.source, record.asked = intervention, record.sent
        self._port.publish_tick(record)
        state = State(Phase.SURPRISED, self._how_surprised()) if untrusted else _RUNNING
        if decision.failure:
            state = State(Phase.NO_MODEL, decision.failure)
        else:
            model = self.thinking.model
            self.snapshot = Snapshot(tick.t_ns, decision.belief, decision.chunk, model.bundle)
        if trouble:
            state = State(Phase.NO_GUARD, trouble)
        elif missing:
            state = State(Phase.NO_INPUT, missing)
            self._commands.miss(missing, tick.t_ns, observation.samples[missing])
        self.state = state
        self.stats.add(tick, time.monotonic() - begun_s, lateness_s, decision, observation)
        episodes.previous = tick
        if record.last:
            episodes.close(end, terminal, tick)
            return
        # What is not sent moves nothing: in shadow, and while nothing usable comes out.
        if self.thinking.swap(safe=bool(decision.failure) or not episode.acting):
            self.thinking.go_on(episode)
        if self.thinking.model.digest != episode.digest:  # swapped just now, or rolled back
            episodes.announce(episode)

    def _react(
        self, surprised: bool, decision: Decision, pending: np.ndarray
    ) -> tuple[Decision, bool]:
        """What the contract says of too much surprise: the decision, and whether none is sent."""
        reaction = self.contract.on_surprise
        if surprised and reaction == 'slow':
            chunk = slowed(decision.chunk, pending[-1], self._positions)
            return replace(decision, chunk=chunk), False
        if surprised and reaction == 'hand_over' and self.episodes.acting:
            self.handed_over = True
        return decision, self.handed_over or (surprised and reaction in ('hold', 'hand_over'))

    def _how_surprised(self) -> str:
        return f'{self.surprise.mean:.3g} nats a tick, and {self.surprise.limit:.3g} are ordinary'

    def _advance_to(self, tick: Tick, before_ns: int, first: bool) -> np.ndarray:
        """Imagine the ticks that were passed over; return what was executed over the last one."""
        if first:
            return self._inputs.resting_action(tick.t_ns)
        sent, delay = self._inputs.sent, self._commands.delay
        if not tick.skipped:
            return delay.executed(sent, before_ns, tick.t_ns)
        period_ns = self.contract.period_ns
        for ago in range(min(tick.skipped, MAX_SKIPPED_STEPS), 0, -1):
            end_ns = tick.t_ns - ago * period_ns
            self.thinking.skip(delay.executed(sent, end_ns - period_ns, end_ns))
        return delay.executed(sent, tick.t_ns - period_ns, tick.t_ns)
