# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Decides which messages go into which episode: begins, routes, ends, and keeps the first ones.

Owns the recorder's logic without ROS. Input: raw messages with the role they play, the agent's
announcements and a steady clock. The agent owns episode boundaries: an announcement begins one, a
tick record flagged `last` ends it. Messages reach the recorder in no promised order, so the newest
of every topic are kept for the file that is about to begin, and a finished file stays open for a
moment. Must not import ROS or torch.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from world_model_ros.contract.names import check_name, check_robot_id
from world_model_ros.experience.bag import EpisodeError, EpisodeInfo, Topic
from world_model_ros.experience.record.sink import OUR_SUFFIXES
from world_model_ros.experience.record.writer import EpisodeWriter
from world_model_ros.onboard.tick.tick_record import TickRecordError, whole_number
from world_model_ros.wire.cdr import JOINT_STATE, MessageError, decode
from world_model_ros.wire.message_json import message_json

log = logging.getLogger(__name__)

RECORDER_STOPPED = 'the recorder was asked to stop; the episode went on'

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
SLOW = ('diagnostics', 'info.', 'episode', 'clock')
STRING = 'std_msgs/msg/String'
# Each is a thread and a file for GRACE_SEC; announcements beyond are refused, nothing is ended.
MAX_OPEN = 8
# Of a tick record: numbers that readers count with. What they cannot is no tick record.
_COUNTS = ('skipped', 'obs_crc', 'release', 'iterations', 'source', 'noise_key_hi', 'noise_key_lo')


class Kept(NamedTuple):
    """A message that may yet belong to the next episode."""

    data: bytes
    log_ns: int
    publish_ns: int


class Announced(NamedTuple):
    """What an agent said of the episode that it begins."""

    uuid: str
    content: Mapping[str, Any]
    text: str


class TickHead(NamedTuple):
    """What the recorder reads of a tick record."""

    uuid: str
    tick: int
    last: bool
    reward: float


def tick_head(cdr: bytes) -> TickHead:
    """The episode, number and flags of a tick record.

    Raises:
        MessageError: no tick record, or one with numbers that nobody could count with.
    """
    message = decode(JOINT_STATE, cdr)
    values = dict(zip(message.name, message.position.tolist(), strict=False))
    try:
        for name in _COUNTS:
            if name in values:
                whole_number(name, values[name])
        reward = float(values['reward'])
        if math.isinf(reward):
            raise MessageError('a tick record with an infinite reward')
        if values['last'] not in (0.0, 1.0):
            raise MessageError(f'a tick record whose flag last is {values["last"]}')
        return TickHead(
            message.header.frame_id.split('/')[0],
            whole_number('tick', values['tick']),
            bool(values['last']),
            reward,
        )
    except KeyError as error:
        raise MessageError(f'a tick record without {error}') from error
    except TickRecordError as error:
        raise MessageError(f'a tick record: {error}') from error


def announced_episode(cdr: bytes) -> Announced:
    """What an agent's message announces.

    Raises:
        MessageError: it is damaged, or names an episode or a robot that no file could be named
            after.
    """
    text = decode(STRING, cdr).data
    content = message_json(text, 'the announcement of an episode')
    try:
        uuid = check_name(content.get('uuid'), 'uuid')
        if uuid.startswith('.') or uuid.endswith(OUR_SUFFIXES):
            raise ValueError(f'uuid {uuid!r} is a name that the recorder uses itself')
        if content.get('robot_id'):
            check_robot_id(content['robot_id'], 'robot_id')
        for name in ('contract', 'interface_hash', 'contract_hash'):
            if not isinstance(content.get(name, ''), str):
                raise ValueError(f'{name} is no text')
    except ValueError as error:
        raise MessageError(f'the announcement of an episode cannot be used: {error}') from error
    return Announced(uuid, content, text)


@dataclass
class Open:
    """One episode being written."""

    writer: EpisodeWriter
    ticks: int = 0
    total_reward: float = 0.0
    ended: bool = False  # its last tick was written
    close_at_s: float | None = None  # steady clock

    reason: str = 'another episode began before the last tick of this one'

    @property
    def open(self) -> bool:
        """Whether it still takes messages."""
        return self.writer.status == 'recording'

    def finish(self, *, unreadable_ticks: int = 0, stopped: bool = False) -> None:
        """Ask for the seal. Whole: its last tick was seen, or the recorder was asked to stop."""
        if self.ended:
            self.writer.close()
        elif self.ticks and stopped:
            self.writer.close('whole', RECORDER_STOPPED)
        elif self.ticks or unreadable_ticks:
            self.writer.close('incomplete', self.reason)
        else:
            self.writer.close('discarded', 'no tick happened in it')


@dataclass
class Totals:
    """What has been recorded so far, for diagnostics."""

    episodes: int = 0
    incomplete: int = 0
    messages: int = 0
    bytes: int = 0
    dropped: int = 0
    unreadable_ticks: int = 0
    refused: Counter[str] = field(default_factory=Counter)  # role -> messages that cannot be used
    refusal: str = ''  # the newest of these, with its topic
    refused_s: float = -math.inf  # steady clock
    last_episode: str = ''
    last_return: float = float('nan')
    error: str = ''


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
