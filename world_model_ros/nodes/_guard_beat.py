# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""When the guard samples: by a real robot's steady clock, by /clock, or in lockstep.

Owns the guard's clocks. A beat calls `send(t_ns, timeout_s, rest)` for each command that is due:
the robot's time, the clock that times out, and why the safe action must be taken, '' otherwise.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

from rclpy.node import Node
from rosgraph_msgs.msg import Clock as ClockMessage

from world_model_ros.nodes import _common
from world_model_ros.nodes._boundary import Boundary, ends_nothing
from world_model_ros.nodes._common import NANOSECONDS
from world_model_ros.nodes._metronome import Metronome

Send = Callable[[int, float, str], None]
REST_SEC = 3.0  # coming to rest may take so long before a deactivation; longer for slow robots
REST_SHARE = 1.5  # of the time that the limits allow a stop to take
# Samples that fail one after the other before the metronome is given up: a driver that hears
# nothing for so long has its own timeout.
FAILED_SAMPLES = 5
AT_ONCE_SEC, READ_AGAIN = 0.001, 5
# /clock is silent: the simulator is paused, or gone. Never shorter, since simulators stutter.
CLOCK_SILENT_SEC = 0.2


class WallBeat:
    """A real robot: a metronome on the steady clock; everything times out by that clock."""

    simulated = False
    settles = True

    def __init__(self, node: Node, period_ns: int, send: Send) -> None:
        self._clock, self._period_ns, self._send = node.get_clock(), period_ns, send
        self._metronome: Metronome | None = None
        self._failed_samples = 0
        self.late_s = 0.0
        self._before = (0, 0.0)  # the sample before, on both clocks
        self.problem = ''

    def robot_s(self) -> float:
        """The clock that measurements age by."""
        return time.monotonic()

    def timeout_s(self, start_ns: int) -> float:
        """The clock that times out, when a chunk comes."""
        return time.monotonic()

    def now_ns(self) -> int:
        """The robot's time."""
        return self._clock.now().nanoseconds

    def begin(self) -> None:
        """Sample from now on."""
        self._failed_samples, self.problem = 0, ''
        self._metronome = Metronome(self._period_ns / NANOSECONDS, self._beat)

    def end(self) -> None:
        """Sample no more."""
        if self._metronome is not None:
            self._metronome.close()
        self._metronome = None

    def failed(self) -> str:
        """What ended the sampling, ''."""
        metronome = self._metronome
        return '' if metronome is None or metronome.alive else repr(metronome.error)

    def rest(self, at_rest: Callable[[], bool], seconds: float) -> None:
        """Wait until the robot is at rest, which the limits allow to take `seconds`.

        The metronome goes on meanwhile; if it broke, this thread takes its place.
        """
        give_up_s = time.monotonic() + max(REST_SEC, REST_SHARE * seconds)
        while not at_rest() and time.monotonic() < give_up_s:
            time.sleep(self._period_ns / NANOSECONDS)
            if self.failed():
                with contextlib.suppress(Exception):
                    self._sample(time.monotonic())

    def chunk_came(self) -> None:
        """A chunk was taken; it is looked at when the next sample is due."""

    def _beat(self, due_s: float) -> None:
        try:
            self._sample(due_s)
            self._failed_samples = 0
        except Exception as error:
            self._failed_samples += 1
            self.problem = f'a sample failed: {error!r}'
            if self._failed_samples >= FAILED_SAMPLES:
                raise

    def _sample(self, due_s: float) -> None:
        # The time of the grid, not of the moment: commands are spaced evenly. Both clocks are read
        # at one moment; a thread that lost the processor between them reads again.
        for _ in range(READ_AGAIN):
            before_s = time.monotonic()
            now_ns = self._clock.now().nanoseconds
            now_s = time.monotonic()
            if now_s - before_s < AT_ONCE_SEC:
                break
        self.late_s = now_s - due_s
        due_ns = self._on_grid(now_ns - round(self.late_s * NANOSECONDS), due_s)
        self._send(due_ns, now_s, '')

    def _on_grid(self, due_ns: int, due_s: float) -> int:
        """The due time without the jitter of reading clocks, which would be a step of speed.

        It follows a clock that is slewed by a hundredth of a period at a time, and one that was
        set at once.
        """
        before_ns, before_s = self._before
        passed_ns = round((due_s - before_s) * NANOSECONDS)
        off_ns = due_ns - before_ns - passed_ns
        if before_ns and abs(off_ns) < self._period_ns:
            most_ns = self._period_ns // 100
            due_ns = before_ns + passed_ns + min(max(off_ns, -most_ns), most_ns)
        self._before = (due_ns, due_s)
        return due_ns


class SimBeat:
    """A simulator's /clock: one sample per command period of it.

    Timeouts run on /clock, which may be slow. When /clock itself is silent, a steady watchdog
    sends the safe action; nothing is latched, and time goes on from there.
    """

    simulated = True
    settles = True

    def __init__(self, node: Node, period_ns: int, silent_s: float, send: Send) -> None:
        self._period_ns, self._send = period_ns, send
        self._silent_s = max(silent_s, CLOCK_SILENT_SEC)
        self._active = False
        self._clock_ns = 0
        self._sent_ns: int | None = None
        self._heard_s = time.monotonic()
        self.late_s = 0.0
        self.problem = ''
        on_clock = Boundary(node).wrap('/clock', self._on_clock)
        node.create_subscription(ClockMessage, '/clock', on_clock, 10)
        watch = ends_nothing(node, self._on_watchdog)
        node.create_timer(period_ns / NANOSECONDS, watch, clock=_common.STEADY_CLOCK)

    def robot_s(self) -> float:
        """The clock that measurements age by."""
        return self._clock_ns / NANOSECONDS

    def timeout_s(self, start_ns: int) -> float:
        """The clock that times out, when a chunk comes."""
        return self._clock_ns / NANOSECONDS

    def now_ns(self) -> int:
        """The robot's time."""
        return self._clock_ns

    def begin(self) -> None:
        """Sample from the next step of the clock on."""
        self._active = True
        self._sent_ns = None

    def end(self) -> None:
        """Sample no more."""
        self._active = False

    def failed(self) -> str:
        """What ended the sampling, ''."""
        return ''

    def rest(self, at_rest: Callable[[], bool], seconds: float) -> None:
        """Sample until the robot is at rest, without the clock: it cannot come in meanwhile."""
        period_s = self._period_ns / NANOSECONDS
        give_up_s = time.monotonic() + max(REST_SEC, REST_SHARE * seconds)
        t_ns = self._clock_ns
        while not at_rest() and time.monotonic() < give_up_s:
            t_ns += self._period_ns
            self._send(t_ns, t_ns / NANOSECONDS, 'coming to rest')
            time.sleep(period_s)

    def chunk_came(self) -> None:
        """A chunk was taken; it is looked at when the next sample is due."""

    def _on_clock(self, message: ClockMessage) -> None:
        t_ns = _common.to_ns(message.clock)
        if t_ns != self._clock_ns:  # a paused simulator says the same time again and again
            self._heard_s, self.problem = time.monotonic(), ''
        same_slot = self._sent_ns is not None and (
            t_ns // self._period_ns == self._sent_ns // self._period_ns
        )
        self._clock_ns = t_ns
        if self._active and not same_slot:
            self._sent_ns = t_ns
            self._send(t_ns, t_ns / NANOSECONDS, '')

    def _on_watchdog(self) -> None:
        silent_s = time.monotonic() - self._heard_s
        if silent_s <= self._silent_s:
            return
        self.problem = f'/clock stands still for {silent_s:.1f} s: paused, or its publisher ended'
        if self._active:
            # As if nothing had moved in time: the safe action goes on at its rate.
            self._send(self._clock_ns, self._clock_ns / NANOSECONDS, '/clock stands still')


class LockstepBeat:
    """A simulator that waits for each command: sampled once its chunk is there, with patience.

    The simulator's clock is the only one: it orders and times out.
    """

    simulated = True
    settles = False  # its commands are those of the simulator environment, number for number

    def __init__(
        self,
        node: Node,
        tick_ns: int,
        patience_s: float,
        newest: Callable[[], int | None],
        send: Send,
        again: Callable[[int], None],
    ) -> None:
        """Wait for chunks by `newest`, the start of the newest one; `again` repeats a command."""
        self._node, self._tick_ns, self._patience_s = node, tick_ns, patience_s
        self._newest, self._send, self._again = newest, send, again
        self._active = False
        self._clock_ns = 0
        self._sent_ns: int | None = None
        self._pending_ns: int | None = None  # the sample that waits for its chunk
        self._pending_since_s = 0.0
        self.late_s = 0.0
        self.problem = ''
        on_clock = Boundary(node).wrap('/clock', self._on_clock)
        node.create_subscription(ClockMessage, '/clock', on_clock, 10)
        look = ends_nothing(node, self._on_patience)
        node.create_timer(0.05, look, clock=_common.STEADY_CLOCK)

    def robot_s(self) -> float:
        """The clock that measurements age by."""
        return self._clock_ns / NANOSECONDS

    def timeout_s(self, start_ns: int) -> float:
        """The clock that times out; a chunk may overtake the /clock that it was decided at."""
        return max(self._clock_ns, start_ns) / NANOSECONDS

    def now_ns(self) -> int:
        """The robot's time."""
        return self._clock_ns

    def begin(self) -> None:
        """Answer the simulator from now on."""
        self._sent_ns = self._pending_ns = None
        self._active = True

    def end(self) -> None:
        """Answer no more: without a publisher the simulator goes on with the safe action."""
        self._active = False
        self._pending_ns = None

    def failed(self) -> str:
        """What ended the sampling, ''."""
        return ''

    def rest(self, at_rest: Callable[[], bool], seconds: float) -> None:
        """Nothing: the simulator takes the safe action itself."""

    def chunk_came(self) -> None:
        """Send once the chunk that covers the pending time, or a later one, is here."""
        newest_ns = self._newest()
        if self._pending_ns is None or newest_ns is None:
            return
        if newest_ns > self._pending_ns - self._tick_ns:
            self._answer()

    def _on_clock(self, message: ClockMessage) -> None:
        t_ns = _common.to_ns(message.clock)
        self._clock_ns = t_ns
        if not self._active:
            return
        if t_ns == self._sent_ns:
            self._again(t_ns)  # the simulator asks again: it may have missed it
        elif t_ns != self._pending_ns:
            self._pending_ns, self._pending_since_s = t_ns, time.monotonic()
            self.chunk_came()

    def _on_patience(self) -> None:
        if self._pending_ns is None:
            return
        if time.monotonic() - self._pending_since_s > self._patience_s:
            self._node.get_logger().warning(
                'lockstep: no chunk from the agent, moving on with what there is',
                throttle_duration_sec=5.0,
            )
            self._answer()

    def _answer(self) -> None:
        t_ns, self._pending_ns = self._pending_ns, None
        self._sent_ns = t_ns
        self._send(t_ns, self._clock_ns / NANOSECONDS, '')


Beat = WallBeat | SimBeat | LockstepBeat
