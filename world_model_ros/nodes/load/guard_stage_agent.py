# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The agent and the person of `chaos guard`: chunks at every tick, good ones and odd ones.

A thread that publishes what the real agent's process would, or what it never should. It ends
without a word when its sequence says that the agent is gone. For fault injection only.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

import numpy as np
from rclpy.node import Node
from std_msgs.msg import Header
from trajectory_msgs.msg import JointTrajectory

from world_model_ros.contract import Contract
from world_model_ros.nodes import _common, _wire
from world_model_ros.nodes._common import NANOSECONDS

ROWS = 5  # of a chunk
SHARE = 0.6  # of the box and of the rate limit, of a smooth motion
FOREIGN_STAMP_S = 10.0  # how far away the stamps of `past` and `future` are
HAND_REACH = 0.15  # rad (or other units) that a person moves per chunk


class StageAgent:
    """Publishes chunks by `plan`, and a person's by `hand`, at the contract's tick."""

    def __init__(
        self,
        node: Node,
        contract: Contract,
        now_ns: Callable[[], int],
        position: Callable[[], np.ndarray | None],
        note: Callable[[str], None],
        seed: int = 0,
    ) -> None:
        self._contract, self._now_ns, self._position, self._note = contract, now_ns, position, note
        self._rng = np.random.default_rng(seed)
        self._low: np.ndarray = contract.low.astype(float)  # [A]
        self._high: np.ndarray = contract.high.astype(float)
        qos = _common.RELIABLE_QOS
        self._chunk = node.create_publisher(JointTrajectory, 'agent/chunk', qos)
        self._teleop = node.create_publisher(JointTrajectory, 'guard/teleop', qos)
        self._alive = node.create_publisher(Header, 'agent/alive', qos)
        self.plan = ''  # '': the agent is gone
        self.hand = ''  # '': nobody drives

        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name='stage agent', daemon=True)
        self._thread.start()

    def begin(self, seed: int) -> None:
        """A new run: other numbers."""
        self._rng = np.random.default_rng(seed)

    def let_go(self) -> None:
        """The person lets go."""
        self.hand = ''
        self._teleop.publish(JointTrajectory())
        self._note('let go')

    def close(self) -> None:
        """End the thread."""
        self._ended.set()
        self._thread.join(timeout=2.0)

    def _run(self) -> None:
        due_s = time.monotonic()
        while not self._ended.wait(max(0.0, due_s - time.monotonic())):
            due_s = max(due_s + self._contract.period_s, time.monotonic() - 0.05)
            if self.plan:
                self._alive.publish(Header(frame_id='active'))
                self._tick(self.plan)
            if self.hand:
                self._drive(self.hand)

    def _tick(self, plan: str) -> None:
        start_ns = self._now_ns() + self._contract.command_offset_ns
        if plan == 'past':
            start_ns -= round(FOREIGN_STAMP_S * NANOSECONDS)
        elif plan == 'future':
            start_ns += round(FOREIGN_STAMP_S * NANOSECONDS)
        message = _wire.chunk_message(self._contract, max(start_ns, 0), self._rows(plan))
        odd = plan in ('nan', 'huge', 'names', 'backwards', 'ragged', 'empty')
        if plan == 'names':
            message.joint_names = [*message.joint_names[:-1], 'finger']
        elif plan == 'backwards':
            message.points = message.points[::-1]
        elif plan == 'ragged':
            for field in ('positions', 'velocities', 'effort'):
                setattr(message.points[1], field, [0.0])
        self._chunk.publish(message)
        if not odd or plan == 'huge':  # a huge number is a number
            self._note('chunk')

    def _rows(self, plan: str) -> np.ndarray:
        """Values [H, A] of a chunk."""
        middle, half = 0.5 * (self._low + self._high), 0.5 * (self._high - self._low)
        shape = (ROWS, len(half))
        if plan == 'empty':
            return np.zeros((0, len(half)))
        if plan in ('jump', 'far'):
            reach = 3.0 if plan == 'far' else 1.0
            return np.tile(middle + reach * half * self._rng.uniform(-1, 1, len(half)), (ROWS, 1))
        if plan == 'zigzag':
            return middle + half * np.where(np.arange(ROWS)[:, None] % 2, 1.0, -1.0)
        if plan == 'nan':
            broken = np.zeros(shape)
            broken[self._rng.integers(ROWS), self._rng.integers(len(half))] = math.nan
            return broken
        if plan == 'huge':
            return self._rng.choice([-1e300, 1e300], shape)
        rows = 128 if plan == 'long' else ROWS
        rate = np.asarray(self._contract.action.rate_limit, np.float64)
        turn = SHARE * rate / np.maximum(half, 1e-9)  # rad/s of its phase
        t = time.monotonic() + self._contract.period_s * np.arange(1, rows + 1)[:, None]
        return middle + SHARE * half * np.sin(turn * t + np.arange(len(half)))

    def _drive(self, hand: str) -> None:
        here = self._position()
        middle = 0.5 * (self._low + self._high)
        if here is None or not all(self._contract.action.positions):
            here = middle
        away = np.sign(here - middle) + (here == middle)
        rows = here + HAND_REACH * (away if hand == 'outwards' else -away)
        message = _wire.chunk_message(self._contract, 0, np.tile(rows, (2, 1)))
        if hand == 'without positions':
            for point in message.points:
                point.positions, point.velocities, point.effort = [], [], []
        self._teleop.publish(message)
        self._note('teleop')
