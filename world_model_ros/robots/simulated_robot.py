# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The robot behind the driver: a body, its shifted reality, and time in command periods.

Commands in, joints, pictures and rewards out; no guard and no ticks. `Env` puts the guard in
front of it in one process, the `sim_robot` node puts topics in front of it. Must not import
nodes, torch or rclpy.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from world_model_ros.contract import Contract, Stream
from world_model_ros.contract.task_section import task_option
from world_model_ros.robots.bodies import (
    Body,
    BodyError,
    Demonstrates,
    DrawsTask,
    JointState,
    Judges,
    Senses,
    TakesKinds,
    TakesTask,
    Truncates,
    make_body,
)
from world_model_ros.robots.picture_shift import colour_matrix, develop, soil
from world_model_ros.robots.reality import NOMINAL, Reality


class SimRobot:
    """One simulated robot that obeys commands at the contract's command rate."""

    def __init__(
        self,
        contract: Contract,
        seed: int,
        reality: Reality | None = None,
        body: Body | None = None,
    ) -> None:
        """Build the body named by the contract, unless one is given, and reset it."""
        self.contract = contract
        self.body = body or make_body(contract)
        frames, rest = divmod(contract.frames_per_tick, contract.commands_per_tick)
        frame_s = contract.period_s / contract.frames_per_tick
        if rest or frames < 1:
            raise BodyError(
                f'control.frames_per_tick {contract.frames_per_tick} must be a multiple of the '
                f'{contract.commands_per_tick} commands per tick'
            )
        if abs(frame_s - self.body.frame_s) > 1e-9:
            raise BodyError(
                f'control.period / frames_per_tick is {frame_s:.6g} s, but the simulated '
                f'{contract.name} runs in frames of {self.body.frame_s:.6g} s'
            )
        if sorted(contract.action.names) != sorted(self.body.actuators):
            raise BodyError(
                f'action names {list(contract.action.names)} are not the actuators '
                f'{list(self.body.actuators)} of the simulated {contract.name}'
            )
        kinds = self.body.command_kinds if isinstance(self.body, TakesKinds) else ('effort',)
        others = [kind for kind in dict.fromkeys(contract.action.kinds) if kind not in kinds]
        if others:
            raise BodyError(
                f'the simulated {contract.name} takes {" or ".join(kinds)}, not '
                f'{" and ".join(others)}'
            )
        self.frames_per_command = frames
        self._order = [contract.action.names.index(n) for n in self.body.actuators]
        # What the driver does without a command: nothing, or hold what it held.
        self._holds = np.asarray(contract.action.holds)  # [A], in the order of the contract
        self._rest = np.zeros(len(self._order))  # in the order of the body
        self.rest = np.zeros(len(self._order))  # in the order of the contract
        self.task: np.ndarray = np.zeros(0, np.float32)  # of this episode
        self._delayed: deque[np.ndarray] = deque()
        self.reality = NOMINAL
        self.set_reality(reality or NOMINAL)
        self.reset(seed)
        heard = [name for stream in contract.joint_streams for name in stream.names]
        there = self.body.joints()
        names = contract.action.names
        moved = {name for name, held in zip(names, self._holds, strict=True) if held}
        if silent := sorted({*heard, *moved} - set(there)):
            raise BodyError(
                f'contract {contract.name!r} names the joints {", ".join(silent)}; its simulated '
                f'body has {", ".join(there)}'
            )

    def set_reality(self, reality: Reality) -> None:
        """Change the robot while it runs; a command already on its way stays on its way."""
        self.body.set_reality(reality)
        self.reality = reality
        self._matrix = colour_matrix(reality)

    def reset(self, seed: int | None = None, task: np.ndarray | None = None) -> None:
        """Draw a new start: from this seed, or the next one of the running generator.

        Without a task [n] one is drawn, by the body itself or within its ranges, or, where the
        body knows of none, the default is taken.
        """
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        self._delayed.clear()
        self.body.reset(self._rng)
        self._begin_task(task)
        if self._holds.any():
            joints = self.body.joints()
            here = np.array([joints.get(name, (0.0,))[0] for name in self.contract.action.names])
            self.rest = np.where(self._holds, here, 0.0)
            self._rest = self.rest[self._order]
        self.body.apply(self._rest)

    @property
    def draws_task(self) -> bool:
        """Whether a reset draws a task; otherwise it is the default, or what is set."""
        return self.contract.task is not None and isinstance(self.body, TakesTask)

    def _begin_task(self, given: np.ndarray | None) -> None:
        stream = self.contract.task
        if stream is None:
            return
        if given is None and isinstance(self.body, DrawsTask):
            given = self.body.draw_task(self._rng)
        elif given is None and isinstance(self.body, TakesTask):
            low, high = task_option(stream, 'low'), task_option(stream, 'high')
            given = low + (high - low) * self._rng.random(len(low))
        self.set_task(task_option(stream, 'default') if given is None else given)

    def set_task(self, values: np.ndarray) -> None:
        """Change the task [n] while the robot runs."""
        self.task = np.array(values, np.float32)
        if isinstance(self.body, TakesTask):
            self.body.set_task(self.task.copy())

    def advance(self, command: np.ndarray) -> float:
        """Hold the command for one command period; return the sum of the frames' rewards."""
        given = np.asarray(command, np.float64)
        command = given[self._order]
        reward = 0.0
        for _ in range(self.frames_per_command):
            self._delayed.append(command)
            due = self._rest
            while len(self._delayed) > self.reality.action_delay_frames:
                due = self._delayed.popleft()
            self.body.apply(due)
            self.body.advance()
            reward += self.body.reward()
            if self._holds.any():
                self._rest = np.where(self._holds[self._order], due, 0.0)
                self.rest = np.where(self._holds, given, 0.0)
        return reward

    def joints(self) -> dict[str, JointState]:
        """Every joint of the body: position, velocity, effort."""
        return self.body.joints()

    def image(self, stream: Stream) -> np.ndarray:
        """Return the stream's picture, uint8 [h, w, 3]; a body may give another size."""
        height, width, _ = stream.shape
        picture = self.body.render(stream.name, height, width)
        return develop(soil(picture, self.reality.lens_dirt), self._matrix)

    def read(self, stream: Stream) -> np.ndarray:
        """Any stream that is neither a picture nor joints, as its array."""
        if not isinstance(self.body, Senses):
            raise BodyError(
                f'streams.{stream.name}: the simulated {self.contract.name} has only cameras and '
                'joints; a body with other sensors has a method sense(stream)'
            )
        return self.body.sense(stream)

    def terminal(self) -> bool:
        """Whether the task ended for good."""
        return self.body.terminal()

    def truncated(self) -> bool:
        """Whether the body cut its episode off; it stands still until its reset."""
        return isinstance(self.body, Truncates) and self.body.truncated()

    def outcome(self) -> str | None:
        """How the episode went so far, see `Judges`; None: the body does not judge."""
        return self.body.outcome() if isinstance(self.body, Judges) else None

    def demonstrate(self) -> np.ndarray:
        """What a scripted controller commands now, [A] in the order of the contract.

        Raises:
            BodyError: the body has none.
        """
        if not isinstance(self.body, Demonstrates):
            raise BodyError(
                f'the simulated {self.contract.name} has no scripted controller; a body with one '
                'has a method demonstrate()'
            )
        command: np.ndarray = np.zeros(len(self._order))
        command[self._order] = self.body.demonstrate()
        return command

    def close(self) -> None:
        """Free the renderers."""
        self.body.close()
