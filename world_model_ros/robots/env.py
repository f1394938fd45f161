# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One environment: simulated robot + contract + guard + command offset, as the nodes run it.

An action decided at tick k goes to the guard as a chunk that starts at t_k + command_offset and
moves the body from then on; what the guard sent over a period comes back as `action_sent`.
Training, evaluation and tests use this class. Must not import nodes, torch or rclpy.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from world_model_ros.contract import Contract
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.onboard.guard import Guard
from world_model_ros.onboard.tick.assembly import Assembler
from world_model_ros.onboard.tick.command_delay import Delay
from world_model_ros.onboard.tick.observation import Observation
from world_model_ros.onboard.tick.sent import SentHistory
from world_model_ros.reward_function import rewards
from world_model_ros.robots.bodies import Body
from world_model_ros.robots.reality import Reality
from world_model_ros.robots.simulated_robot import SimRobot


@dataclass(frozen=True)
class Step:
    """What is known at one tick."""

    observation: Observation  # as the agent's Assembler makes it
    reward: float  # sum over the frames of (t_{k-1}, t_k]
    terminal: bool
    truncated: bool
    action_sent: np.ndarray  # [A] float32 SI, mean of the guard's samples in [t_{k-1}, t_k)
    # or, with an extra delay, in the interval that is earlier by it
    is_first: bool
    tick: int
    t_ns: int
    pending: np.ndarray  # [offset_ticks + extra, A] float32, decided but not yet in effect

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """Stream name -> uint8 [h, w, 3] or float32 [n]."""
        return self.observation.arrays

    @property
    def ages(self) -> np.ndarray:
        """Age of each stream's message, [S] s; 0 in lockstep."""
        return self.observation.ages


class EnvError(RuntimeError):
    """A step that cannot be taken."""


class Env:
    """A simulated robot stepped by decisions."""

    def __init__(
        self,
        contract: Contract,
        seed: int,
        reality: Reality | None = None,
        body: Body | None = None,
        extra_delay_s: float = 0.0,
    ) -> None:
        """Build the robot and its guard; call `reset` before the first step.

        `extra_delay_s` is what is taken to pass between command and effect, beside the offset
        (onboard/tick/command_delay.py); what really passes is the reality's.
        """
        self.contract = contract
        self.robot = SimRobot(contract, seed, reality, body)
        self._seed: int | None = seed
        self._period_ns = contract.period_ns
        self._command_ns = round(1e9 / contract.command_rate_hz)
        self._offset_ns = contract.command_offset_ns
        self._names = list(contract.action.names)
        self._delay = Delay(contract.period_ns, extra_delay_s)
        self._assembler = Assembler(contract)
        self._streams = [(stream, stream_kind(stream.kind)) for stream in contract.sensed]
        self._before: dict[str, np.ndarray] | None = None  # the tick that was rated last
        self._over = True

    def set_reality(self, reality: Reality | None) -> None:
        """Change the robot while it runs (None: the nominal one)."""
        self.robot.set_reality(reality or Reality())

    @property
    def reality(self) -> Reality:
        """The reality in force."""
        return self.robot.reality

    def reset(self, seed: int | None = None, task: np.ndarray | None = None) -> Step:
        """Start an episode; the same seed gives the same one, none the next of this env.

        `task` [n] is what the robot shall do in it, for a contract with a task; see SimRobot.
        """
        seed = self._seed if seed is None else seed
        self._seed = None
        self.robot.reset(seed, task)
        if self.contract.task is not None:
            self._assembler.set_task(self.robot.task)
        self._guard = Guard(self.contract)
        if refusal := self._guard.activate(self._measured()):
            raise EnvError(f'the guard refuses this start: {refusal}')
        self._tick = 0
        self._over = False
        held = np.asarray(self.contract.action.holds)
        rest: np.ndarray = np.where(held, self._measured(), 0.0).astype(np.float32)
        self._sent = SentHistory(rest)
        # Decided and not sent yet, up to the tick from which a chunk of this tick is sent.
        ahead = self.contract.offset_ticks
        self._pending = deque([rest] * ahead, maxlen=ahead)
        self._assembler.clear()
        self._before = None
        return self._step(0.0, is_first=True)

    def step(self, action: np.ndarray) -> Step:
        """Decide an action [A] or chunk [H, A] (SI units) at this tick; live one period."""
        if self._over:
            raise EnvError('the episode is over: call reset() before step()')
        chunk = np.atleast_2d(np.asarray(action, np.float64))  # [H, A]
        now_ns = self._tick * self._period_ns
        start_ns = now_ns + self._offset_ns
        times_ns = [start_ns + i * self._period_ns for i in range(len(chunk))]
        refusal = self._guard.on_chunk(self._names, times_ns, chunk, now_ns * 1e-9)
        if refusal:
            raise EnvError(refusal)
        self._pending.append(chunk[0].astype(np.float32))
        reward = 0.0
        for j in range(self.contract.commands_per_tick):
            t_ns = now_ns + j * self._command_ns
            command = self._guard.sample(t_ns, t_ns * 1e-9, self._measured())
            self._sent.add(t_ns, command.values)
            reward += self.robot.advance(command.values)
        self._tick += 1
        return self._step(reward, is_first=False)

    def close(self) -> None:
        """Free the renderers."""
        self.robot.close()

    def _step(self, reward: float, *, is_first: bool) -> Step:
        t_ns = self._tick * self._period_ns
        terminal = self.robot.terminal() and not is_first
        ended = self.robot.truncated() or self._tick >= self.contract.episode.max_ticks > 0
        truncated = ended and not terminal and not is_first
        self._over = terminal or truncated
        observation = self._observe(t_ns)
        action_sent = self._delay.executed(self._sent, t_ns - self._period_ns, t_ns)
        if self.contract.reward.function:
            reward = self._rated(observation, action_sent, is_first=is_first)
        return Step(
            observation=observation,
            reward=float(reward),
            terminal=terminal,
            truncated=truncated,
            action_sent=action_sent,
            is_first=is_first,
            tick=self._tick,
            t_ns=t_ns,
            pending=np.stack(self._delay.effects(self._sent, t_ns, list(self._pending))),
        )

    def _rated(
        self, observation: Observation, action_sent: np.ndarray, *, is_first: bool
    ) -> float:
        """The reward of this tick by the contract's function, from it and the one before."""
        row = {f'obs_{name}': array for name, array in observation.arrays.items()}
        row |= {'ages': observation.ages, 'action_sent': action_sent}
        row['is_first'] = np.array(is_first)
        before, self._before = self._before, row
        if before is None:
            return 0.0
        arrays = {name: np.stack([before[name], row[name]]) for name in row}
        return float(rewards(self.contract.reward.function, arrays)[-1])

    def _observe(self, t_ns: int) -> Observation:
        for stream, kind in self._streams:
            cdr = kind.simulated(stream, self.robot, t_ns)
            self._assembler.store(stream.name, cdr, t_ns)
        observation = self._assembler.assemble(t_ns)
        if not observation.valid:
            errors = [s.error for s in observation.samples.values() if s.error]
            raise EnvError(f'the simulated robot does not fit the contract: {"; ".join(errors)}')
        return observation

    def _measured(self) -> np.ndarray:
        """Positions [A]; 0 for what has none, as the velocity of a base."""
        joints = self.robot.joints()
        return np.array([joints.get(name, (0.0,))[0] for name in self._names])


def make_env(
    contract: Contract,
    seed: int,
    reality: Reality | None = None,
    body: Body | None = None,
    extra_delay_s: float = 0.0,
) -> Env:
    """Build the simulated robot a contract describes (or one around a given body)."""
    return Env(contract, seed, reality, body, extra_delay_s)
