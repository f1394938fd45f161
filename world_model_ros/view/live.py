# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A running robot as updates for the page: the thread between the node's ears and the board.

The node's thread only stores; this one follows the belief, draws, and posts the newest update. It
works only while somebody looks. Whatever comes faster than it can draw is followed, not drawn.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from world_model_ros.contract import Contract
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.onboard.tick.tick_record import TickRecord
from world_model_ros.view.ahead import PLANNED, Ahead, CommandsAhead, imagine_ahead
from world_model_ros.view.alarms import Alarms
from world_model_ros.view.belief_follower import Follower, Load, Messages, Rebuilder
from world_model_ros.view.board import Board
from world_model_ros.view.scene import Followed, figures_of, followed, numbers_of, pictures_of
from world_model_ros.view.update import KEPT_SAMPLES, Update, sample
from world_model_ros.view.view_picture import Picture, picture_of
from world_model_ros.wire.decode import StreamError, decode_stream

IDLE_SEC = 0.4  # between updates where no tick comes: a dead robot must be seen to be dead
AHEAD_PERIOD_SEC = 0.25  # between looks into the next second: dozens of graph calls each
REJECTED_PERIOD_SEC = 1.0  # between looks at what was rejected: as many again
OLD_SEC = 0.5  # a tick older than this shows nothing of now: the camera's own newest is shown
# While a model loads, or the machine has too much to do: of older ones the messages are gone.
WAITING_TICKS = 32
DRAWN_TICKS = 6  # of those that wait: the belief of older ones is made, and not looked at
log = logging.getLogger(__name__)


class LiveRobot:
    """Stores what is heard of a robot, and posts what is to be seen of it."""

    def __init__(
        self,
        contract: Contract,
        board: Board,
        load: Load,
        state: Callable[[], Mapping[str, Any]],
        rate_hz: float = 15.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`state` says what the page's words are made of; it is called in this thread."""
        self.alarms = Alarms(contract, clock)
        self._contract, self._board, self._state, self._clock = contract, board, state, clock
        self._least_s = 1.0 / rate_hz
        self._messages = Messages(contract)
        self._commands = CommandsAhead(contract.period_ns)
        self._rebuilder = Rebuilder(contract, self._messages.find)
        self.follower = Follower(load, contract.period_ns)
        self._acting: Mapping[str, Any] | None = None
        self._delay_ns = 0
        self._ticks: deque[TickRecord] = deque(maxlen=WAITING_TICKS)
        self._samples: deque[tuple[int, Mapping[str, Any]]] = deque(maxlen=KEPT_SAMPLES)
        self._pictures: tuple[Picture, ...] = ()
        self._ahead: Ahead | None = None
        self._numbers = {'update': 0, 'sample': 0, 'pictures': 0, 'ahead': 0}
        self._tick_s = self._ahead_s = self._rejected_s = -np.inf
        self.tick_ms = float('nan')  # p99 as the agent says it
        self._news = threading.Event()
        self._ended = threading.Event()
        self._watched = threading.Event()
        self._thread: threading.Thread | None = None

    # The node's thread

    def start(self) -> None:
        """Begin to work; nothing is done until `watch`."""
        self._thread = threading.Thread(target=self._run, name='view', daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._ended.set()
        self._watched.set()
        self._news.set()
        if self._thread is not None:
            self._thread.join(timeout=5.0)

    def watch(self, on: bool) -> None:
        """Somebody looks, or nobody any more."""
        if on:
            self.alarms.begin()
            self._watched.set()
        else:
            self._watched.clear()
            self._messages.clear()
            self._ticks.clear()

    def put_message(self, stream: str, cdr: bytes) -> None:
        """A serialised message of a stream."""
        self._messages.put(stream, cdr)
        self.alarms.heard(stream)

    def put_chunk(self, start_ns: int, values: np.ndarray) -> None:
        """A chunk [H, A] of the agent; without rows it gives the last one up."""
        self._commands.put(start_ns, values)

    def put_tick(self, record: TickRecord) -> None:
        """A tick's record."""
        self._ticks.append(record)
        self._news.set()

    def put_release(self, acting: Mapping[str, Any] | None) -> None:
        """Which bundle acts, as the agent's ~/release says."""
        self._acting = acting

    def put_delay(self, extra_s: float) -> None:
        """What the agent says of the delay between command and effect."""
        self._delay_ns = round(1e9 * extra_s)

    def joints(self) -> dict[str, float]:
        """Where joints are now, by name, as far as a newest message says."""
        at: dict[str, float] = {}
        for stream in self._contract.joint_streams:
            cdr = self._messages.newest(stream.name)
            if cdr is not None:
                try:
                    at |= stream_kind(stream.kind).positions(stream, decode_stream(stream, cdr))
                except ValueError:
                    continue
        return at

    # This thread

    def _run(self) -> None:
        while not self._ended.is_set():
            if not self._watched.wait(IDLE_SEC):
                continue
            begun_s = self._clock()
            self._news.wait(IDLE_SEC)
            self._news.clear()
            if self._ended.is_set():
                return
            try:
                self.turn()
            except Exception:  # the page must outlive what it draws
                log.exception('the view could not be drawn')
            self._ended.wait(max(0.0, self._least_s - (self._clock() - begun_s)))

    def turn(self) -> None:
        """Follow all ticks that came, draw the newest, post an update."""
        self.follower.use(self._acting)
        newest: Followed | None = None
        # Those that come meanwhile wait: a machine with too much to do would never show anything.
        for left in range(len(self._ticks), 0, -1):
            newest = self._follow(self._ticks.popleft(), draws=left <= DRAWN_TICKS)
        now_s = self._clock()
        if newest is not None:
            self._tick_s = now_s
            self._draw(newest)
        elif now_s - self._tick_s > OLD_SEC:
            self._draw_cameras()
        self._numbers['update'] += 1
        numbers = self._numbers
        state = {
            **self._state(),
            'alarms': self.alarms.words(),
            'no_belief': self.follower.problem,
            'unrebuilt': self.follower.unrebuilt,
            'horizon': self.follower.horizon,
        }
        self._board.post(
            Update(
                numbers['update'],
                state,
                tuple(self._samples),
                self._pictures,
                numbers['pictures'],
                self._ahead,
                numbers['ahead'],
            )
        )

    def _follow(self, record: TickRecord, *, draws: bool) -> Followed:
        """Go on to a tick, and keep its figures for the curves."""
        observation = self._rebuilder.observation(record)
        believed = self.follower.take(record, observation)
        given = self._contract, self.follower, record, observation, believed
        found = followed(*given, draws=draws)
        self._numbers['sample'] += 1
        figures = {**figures_of(self._contract, found), 'tick_ms': self.tick_ms}
        self._samples.append((self._numbers['sample'], sample(figures)))
        return found

    def _draw(self, tick: Followed) -> None:
        self._pictures = pictures_of(self._contract, tick)
        self._numbers['pictures'] += 1
        graphs = self.follower.graphs
        if graphs is None or tick.believed is None or not self.follower.draws:
            self._drop_ahead()
        elif self._clock() - self._ahead_s > AHEAD_PERIOD_SEC:
            now_s = self._ahead_s = self._clock()
            source, kept = tick.record.source, self._ahead
            if kept is None or now_s - self._rejected_s > REJECTED_PERIOD_SEC:
                self._rejected_s, kept = now_s, None
            ahead = imagine_ahead(
                graphs,
                tick.believed.belief,
                tick.record.t_ns,
                self._contract,
                self._commands,
                self._delay_ns,
                numbers_of(self._contract, tick),
                source='' if kept else source,
            )
            if kept and source == PLANNED:
                ahead = replace(ahead, rejected=kept.rejected)
            self._ahead = ahead
            self._numbers['ahead'] += 1

    def _draw_cameras(self) -> None:
        """No tick comes: what the cameras see now."""
        pictures = []
        for stream in self._contract.image_streams:
            cdr = self._messages.newest(stream.name)
            if cdr is not None:
                try:
                    pictures.append(picture_of(stream.name, 'seen', decode_stream(stream, cdr)))
                except StreamError:
                    continue
        self._pictures = tuple(pictures)
        self._numbers['pictures'] += 1
        self._drop_ahead()

    def _drop_ahead(self) -> None:
        if self._ahead is not None:
            self._ahead = None
            self._numbers['ahead'] += 1
