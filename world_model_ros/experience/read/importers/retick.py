# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Runs the agent's ticks over recorded messages, without a model: the code that runs live.

Owns time while a recording is read: a message is there from its arrival on, and ticks fall due in
between as they would have on the robot. Inputs, schedule and assembly are the agent's. Must not
import ROS or torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from world_model_ros.contract import Contract
from world_model_ros.experience.bag import command_role
from world_model_ros.experience.read.importers.arrived import (
    REWARD,
    STREAM,
    Actions,
    Arrived,
)
from world_model_ros.experience.read.importers.measured_action import MeasuredAction
from world_model_ros.onboard.agent.foreign_commands import ForeignCommands
from world_model_ros.onboard.agent.inputs import Inputs
from world_model_ros.onboard.agent.schedule import GRACE_PERIODS, Schedule
from world_model_ros.onboard.tick.observation import Observation
from world_model_ros.onboard.tick.tick_record import TickRecord, tick_schema
from world_model_ros.onboard.tick.ticker import Jump, Tick, Ticker
from world_model_ros.wire.cdr import JOINT_STATE, MessageError, decode_padded, header_stamp_ns


@dataclass
class RecordedClock:
    """The robot's time while a recording is read."""

    ns: int = 0
    speed: float = 1.0
    silent_s: float = 0.0

    def now_ns(self) -> int:
        """Nanoseconds."""
        return self.ns


@dataclass(frozen=True)
class Ticked:
    """A tick as its record, still without episode and end, and what was observed."""

    record: TickRecord
    observation: Observation


class Retick:
    """The ticks of one recording."""

    def __init__(self, contract: Contract, actions: Actions, rewarded: bool = True) -> None:
        # A simulator that waited for its agent is not there: its time goes on as any other.
        source = 'stream' if contract.tick_source == 'stream' else 'timer'
        self._contract = contract
        self._clock = RecordedClock()
        self._inputs = Inputs(contract)
        self._schedule = Schedule(contract, source, self._inputs, self._clock)
        self._jumps = Ticker(contract.period_ns, contract.command_offset_ns)
        self._by_stream = source == 'stream'
        self._grace_ns = round(GRACE_PERIODS * contract.period_ns) if self._by_stream else 0
        self._groups = {command_role(group): i for i, group in enumerate(contract.groups)}
        self._foreign = ForeignCommands(contract)
        # Commands of one moment are one action: arrival, stamp and vector of the newest.
        self._command: tuple[int, int, np.ndarray] | None = None
        self._task = self._inputs.begin_task()
        self._schema = tick_schema(contract)
        self._measured = (
            MeasuredAction(contract, 'no command is recorded') if actions == 'measured' else None
        )
        self._first_reward = 0.0 if rewarded else np.nan
        self._commanded = False
        self._previous: Tick | None = None
        self.unusable: dict[str, int] = {}  # role -> messages that could not be used
        self.problem = ''  # the first of these

    @property
    def running(self) -> bool:
        """Whether an episode has begun."""
        return self._previous is not None

    def broken(self, receive_ns: int) -> bool:
        """Whether time jumps at this arrival: what came before and after are two episodes."""
        return self._jumps.jump(receive_ns) is not Jump.NONE

    def restart(self, forget: bool, after_ns: int = 0) -> None:
        """The next tick is the first of an episode.

        Args:
            forget: time itself has jumped, nothing that was received counts any more.
            after_ns: else only observations stamped later count.
        """
        if forget:
            self._inputs.forget()
        else:
            self._inputs.start_after(after_ns)
        self._schedule.restart()
        self._previous, self._commanded, self._command = None, False, None
        if self._measured is not None:
            self._measured.clear()

    def before(self, receive_ns: int) -> Iterator[Ticked]:
        """The ticks that fall due before something arrives at this time."""
        if self._command is not None and self._command[0] != receive_ns:
            self._put_command()
        return self._due(receive_ns)

    def take(self, message: Arrived) -> Iterator[Ticked]:
        """Keep a message, and give the tick that its arrival makes due, if any."""
        self._clock.ns = message.receive_ns
        for role in message.roles:
            try:
                self._keep(role, message)
            except ValueError as error:  # MessageError among them
                self.unusable[role] = self.unusable.get(role, 0) + 1
                self.problem = self.problem or f'{message.topic.name}: {error}'
        waits = not self.running and self._inputs.complete()
        if waits or (self.running and self._by_stream):
            tick = self._schedule.due()
            if tick is not None:
                yield self._tick(tick)

    def finish(self, end_ns: int) -> Iterator[Ticked]:
        """The ticks up to the end of the recording."""
        self._put_command()
        yield from self._due(end_ns + self._grace_ns + 1)

    def _keep(self, role: str, message: Arrived) -> None:
        if role.startswith(STREAM):
            name = role.removeprefix(STREAM)
            self._inputs.put_stream(name, message.used, message.receive_ns)
        elif role in self._groups:
            group, now_ns = self._groups[role], message.receive_ns
            rest = self._inputs.resting_action(now_ns)
            command = self._foreign.take(group, message.used, now_ns, rest)
            if command is None:
                names = ', '.join(self._contract.groups[group].names)
                raise MessageError(f'expected a finite command of {names}, got one without')
            stamp_ns, values = command
            if self._command is not None and self._command[0] == now_ns:
                stamp_ns = min(stamp_ns, self._command[1])
            self._command = (now_ns, stamp_ns, values)
        elif role == REWARD:
            self._inputs.put_reward(*reward_sample(message.used))

    def _put_command(self) -> None:
        if self._command is not None:
            self._inputs.put_sent(*self._command[1:], 'foreign')
            self._command, self._commanded = None, True

    def _due(self, until_ns: int) -> Iterator[Ticked]:
        """Ticks that are due before a time, one after the other."""
        while self._previous is not None:
            wake_ns = self._previous.t_ns + self._contract.period_ns + self._grace_ns
            if wake_ns >= until_ns:
                return
            self._clock.ns = max(wake_ns, self._clock.ns)
            tick = self._schedule.due()
            if tick is None:
                return
            yield self._tick(tick)

    def _tick(self, tick: Tick) -> Ticked:
        """As the agent's worker does in shadow."""
        first = self._previous is None
        before_ns = tick.t_ns if self._previous is None else self._previous.t_ns
        if tick.skipped:
            before_ns = tick.t_ns - self._contract.period_ns
        observation = self._inputs.assembler.assemble(tick.t_ns)
        self._inputs.rest_where_measured(observation)
        reward, terminal = self._first_reward, False
        if not first:
            reward, terminal = self._inputs.reward(before_ns, tick.t_ns)
        if self._measured is not None:
            sent, source = self._measured.over(observation), 'measured'
        elif first:
            sent, source = self._inputs.resting_action(tick.t_ns), 'none'
        else:
            sent = self._inputs.sent.mean(before_ns, tick.t_ns)
            source = 'foreign' if self._commanded else 'none'
        self._previous = tick
        return Ticked(
            TickRecord(
                '',
                tick.t_ns,
                tick.index,
                first=first,
                terminal=terminal,
                intervention=source != 'none',
                valid=observation.valid,
                source=source,
                reward=reward,
                skipped=tick.skipped,
                obs_crc=observation.crc if observation.valid else -1,
                joints=self._contract.action.names,
                asked=sent.astype(np.float64),
                sent=sent.astype(np.float64),
                streams=observation.samples,
                task=self._task,
                schema=self._schema,
            ),
            observation,
        )


def reward_sample(cdr: bytes) -> tuple[int, float, bool]:
    """Stamp, reward and terminal of a recorded reward; a missing reward is NaN.

    Raises:
        MessageError: it is none.
    """
    message = decode_padded(JOINT_STATE, cdr)
    given = dict(zip(message.name, message.position.tolist(), strict=False))
    reward, terminal = given.get('reward', np.nan), given.get('terminal', 0.0)
    if np.isinf(reward) or not np.isfinite(terminal):
        raise MessageError(f'reward {reward}, terminal {terminal}: expected finite numbers')
    return header_stamp_ns(cdr), float(reward), bool(terminal)
