# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Decides which messages go into which episode: begins, routes, ends, and keeps the first ones.

Owns the recorder's logic without ROS. Input: raw messages with the role they play, and a steady
clock. The agent owns episode boundaries: an announcement begins one, a tick record flagged `last`
ends it. Messages reach the recorder in no promised order, so the newest of every topic are kept
for the file that is about to begin, and a finished file stays open for a moment. Must not import
ROS or torch.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from world_model_ros.experience.bag import IMAGINED_ROLE, EpisodeError, EpisodeInfo, Topic
from world_model_ros.experience.record.agent_messages import (
    Announced,
    TickHead,
    announced_episode,
    imagined_mark,
    tick_head,
)
from world_model_ros.experience.record.open_episode import Open, Totals
from world_model_ros.experience.record.writer import EpisodeWriter
from world_model_ros.wire.cdr import MessageError

log = logging.getLogger(__name__)

# After the last tick: long enough for what is still under way between processes on one robot.
GRACE_SEC = 0.5
# The same where the recorder was asked to stop: what belongs to the last tick came before it.
SETTLE_SEC = 0.1
# A recorder that is asked to stop has the episode as it was until then, unless its agent had been
# silent for longer than this: then it had broken off before.
SILENT_AT_STOP_SEC = 2.0
# Kept per topic for the next file: more than any assembly looks back, at 16 MB of VGA pictures.
PREROLL_MESSAGES = 16
# An episode is given up after so many seconds with messages and without a tick: its agent is gone
# or gets no input, and cameras alone would fill the disk. Longer than a guard in lockstep waits.
SILENCE_SEC = 10.0
# A gap between two messages counts as this much: a paused simulator sends nothing, and goes on.
GAP_SEC = 1.0
STREAMS = 'stream.'  # roles of what the robot measures
# Slow topics would drag the beginning of the bag back by seconds: of these, the last one.
SLOW = ('diagnostics', 'info.', 'episode', 'clock', IMAGINED_ROLE)
# Each is a thread and a file for GRACE_SEC; announcements beyond are refused, nothing is ended.
MAX_OPEN = 8


class Kept(NamedTuple):
    """A message that may yet belong to the next episode."""

    data: bytes
    log_ns: int
    publish_ns: int


@dataclass
class RecordingSession:
    """All episodes of one recorder. One thread calls it."""

    root: Path
    topics: Mapping[str, Topic]  # role -> topic; roles are those of EpisodeInfo.topics
    open_writer: Callable[[EpisodeInfo], EpisodeWriter]
    robot_id: str = ''
    contract_text: str = ''
    # role -> how its messages are stored, where not as received; see pictures.py
    convert: Mapping[str, Callable[[bytes], bytes]] = field(default_factory=dict)
    totals: Totals = field(default_factory=Totals)
    current: Open | None = None
    ending: list[Open] = field(default_factory=list)
    _kept: dict[str, deque[Kept]] = field(default_factory=dict)
    silent_s: float = 0.0  # of the current episode: since its newest tick, while messages came
    _heard_s: float = 0.0
    _announced: Announced | None = None
    _given_up: bool = False  # what was announced; it goes on with its next tick
    # As in EpisodeInfo. Once heard, it marks all that follows: a real robot that comes up later
    # under the same names loses its recordings, which is better than the reverse.
    imagined: str = ''

    def set_topic(self, role: str, topic: Topic) -> None:
        """The topic as it was found on the graph, with its QoS."""
        self.topics = {**self.topics, role: topic}

    def on_message(
        self, role: str, data: bytes, log_ns: int, publish_ns: int, steady_s: float
    ) -> None:
        """Take one raw message of any role; what cannot be used is counted and ends nothing."""
        try:
            self._take(role, data, log_ns, publish_ns, steady_s)
        except MessageError as error:
            self._refuse(role, str(error), steady_s)
        except Exception as error:  # whatever it is, the next message is recorded
            log.exception('a message of %s', self.topics[role].name)
            self._refuse(role, repr(error), steady_s)

    def _refuse(self, role: str, reason: str, steady_s: float) -> None:
        totals = self.totals
        totals.refused[role] += 1
        totals.unreadable_ticks += role == 'tick'
        totals.refusal = f'{self.topics[role].name}: a message was refused: {reason}'
        totals.refused_s = steady_s

    def _take(self, role: str, data: bytes, log_ns: int, publish_ns: int, steady_s: float) -> None:
        if role == IMAGINED_ROLE:
            self.imagined = imagined_mark(data)
        if role in self.convert:
            data = self.convert[role](data)
        if role not in self._kept:
            self._kept[role] = deque(maxlen=1 if role.startswith(SLOW) else PREROLL_MESSAGES)
        self._kept[role].append(Kept(data, log_ns, publish_ns))
        if role == 'tick':
            self._on_tick(data, log_ns, publish_ns, steady_s)
            return
        if role == 'episode':
            self._on_announcement(data, log_ns, steady_s)
            return
        topic = self.topics[role]
        if self.current is not None:
            self.current.writer.write(topic, data, log_ns, publish_ns)
            if role.startswith(STREAMS):
                self.silent_s += min(max(steady_s - self._heard_s, 0.0), GAP_SEC)
                self._heard_s = steady_s
        for episode in self.ending:
            if episode.open:
                episode.writer.write(topic, data, log_ns, publish_ns)

    def poll(self, steady_s: float) -> None:
        """Close what has waited long enough; collect what is sealed."""
        if self.current is not None and self.silent_s > SILENCE_SEC:
            self._give_up(self.current, steady_s)
        for episode in list(self.ending):
            if episode.close_at_s is not None and steady_s >= episode.close_at_s:
                episode.finish(unreadable_ticks=self.totals.unreadable_ticks)
            if episode.writer.closed:
                self.ending.remove(episode)
                self._collect(episode)
        if self.current is not None and self.current.writer.error:
            self.totals.error = self.current.writer.error

    def settled(self, steady_s: float) -> bool:
        """Whether nothing more is on its way to what is open: asked before close()."""
        times = [episode.close_at_s for episode in self.ending]
        early_s = GRACE_SEC - SETTLE_SEC
        return self.current is None and all(
            t is not None and steady_s >= t - early_s for t in times
        )

    @property
    def waits_for_ticks(self) -> bool:
        """Whether an episode was given up because no tick came any more."""
        return self._given_up

    def note_lost(self, role: str, count: int) -> None:
        """The middleware says that messages of a topic never arrived."""
        if self.current is not None:
            lost = self.current.writer.lost
            name = self.topics[role].name
            lost[name] = lost.get(name, 0) + count

    def close(self, timeout_s: float) -> None:
        """Seal everything, in order: what runs on is whole as far as this recorder was to go."""
        current, self.current = self.current, None
        if current is not None:
            current.reason = f'no tick for {self.silent_s:.1f} s before the recorder was stopped'
            self.ending.append(current)
        for episode in self.ending:
            stopped = episode is current and self.silent_s <= SILENT_AT_STOP_SEC
            episode.finish(unreadable_ticks=self.totals.unreadable_ticks, stopped=stopped)
        for episode in self.ending:
            if episode.writer.join(timeout_s):
                self._collect(episode)
        self.ending.clear()

    def _on_tick(
        self, data: bytes, log_ns: int, publish_ns: int, steady_s: float, only: str = ''
    ) -> None:
        head = tick_head(data)
        if only and head.uuid != only:
            return
        if self._given_up and self._announced and head.uuid == self._announced.uuid:
            self._begin(self._announced, log_ns, steady_s)  # as another part, with this tick
            return
        for episode in (self.current, *self.ending):
            if episode is not None and episode.open and episode.writer.info.uuid == head.uuid:
                self._write_tick(episode, head, Kept(data, log_ns, publish_ns), steady_s)

    def _write_tick(self, episode: Open, head: TickHead, kept: Kept, steady_s: float) -> None:
        episode.writer.write(self.topics['tick'], *kept)
        episode.ticks += 1
        if episode is self.current:
            self.silent_s, self._heard_s = 0.0, steady_s
        if head.reward == head.reward:  # missing rewards are NaN
            episode.total_reward += head.reward
        if head.last:
            episode.ended = True
            episode.close_at_s = steady_s + GRACE_SEC
            if episode is self.current:
                self.ending.append(episode)
                self.current = None

    def _on_announcement(self, data: bytes, log_ns: int, steady_s: float) -> None:
        episode = announced_episode(data)
        if len(self.ending) >= MAX_OPEN:
            raise MessageError(
                f'episode {episode.uuid} is not recorded: {len(self.ending)} are being sealed'
            )
        before, self._announced = self._announced, episode
        if before is not None and before.uuid == episode.uuid:  # with what was marked since
            if self.current is not None:
                self.current.writer.write(self.topics['episode'], data, log_ns, log_ns)
            return
        if self.current is not None:
            # Its last tick may still be under way; without it the episode is incomplete.
            self._abandon(self.current, steady_s)
        self._begin(episode, log_ns, steady_s)

    def _give_up(self, episode: Open, steady_s: float) -> None:
        """Nobody ticks any more; if somebody does later, that is another part."""
        episode.reason = f'no tick for {SILENCE_SEC:.0f} s, while other messages came'
        self._given_up = True
        self._kept.pop('tick', None)  # they are in the part that ends here
        self._abandon(episode, steady_s - GRACE_SEC)

    def _abandon(self, episode: Open, steady_s: float) -> None:
        episode.close_at_s = steady_s + GRACE_SEC
        self.ending.append(episode)
        self.current = None

    def _begin(self, episode: Announced, log_ns: int, steady_s: float) -> None:
        uuid, announced, text = episode
        self._given_up = False
        self.silent_s, self._heard_s = 0.0, steady_s
        info = EpisodeInfo(
            uuid=uuid,
            robot_id=announced.get('robot_id') or self.robot_id,
            contract_text=announced.get('contract') or self.contract_text,
            interface_hash=announced.get('interface_hash', ''),
            contract_hash=announced.get('contract_hash', ''),
            bundle=_text(announced.get('bundle', '')),
            clock=_text(announced.get('clock', '')),
            started_ns=log_ns,
            topics={role: topic.name for role, topic in self.topics.items()},
            announced=text,
            imagined=self.imagined,
        )
        try:
            writer = self.open_writer(info)
        except (EpisodeError, OSError) as error:
            self.totals.error = str(error)
            log.error('%s', error)
            return
        self.totals.error = ''
        self.current = Open(writer)
        for role, messages in list(self._kept.items()):
            if role == 'tick':
                continue
            for kept in list(messages):
                writer.write(self.topics[role], *kept)
        # Ticks that overtook the announcement; those of other episodes are in their files.
        for kept in list(self._kept.get('tick', ())):
            with contextlib.suppress(MessageError):  # refused and counted when it came
                self._on_tick(*kept, steady_s, only=uuid)

    def _collect(self, episode: Open) -> None:
        writer, totals = episode.writer, self.totals
        totals.messages += sum(writer.written.values())
        totals.bytes += writer.bytes_written
        totals.dropped += sum(writer.dropped.values())
        if writer.error:
            totals.error = writer.error
        if writer.sealed:
            totals.episodes += 1
            totals.incomplete += writer.status != 'whole'
            totals.last_episode = str(writer.path)
            totals.last_return = episode.total_reward


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
