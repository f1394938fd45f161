# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Writes the ticks and messages of a foreign recording as episodes of our format.

Owns where an episode begins and ends in a recording, its name, and its announcement. The file is
the recorder's: same writer, same roles, messages as they were recorded. Must not import ROS or
torch.
"""

from __future__ import annotations

import contextlib
import json
import time
import uuid
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from world_model_ros.contract import Contract, contract_hash, interface_hash
from world_model_ros.experience.bag import ACTIVE_SUFFIX, EpisodeError, EpisodeInfo, Topic
from world_model_ros.experience.read.importers.arrived import (
    STREAM,
    Arrived,
    ImportRefused,
    Recording,
)
from world_model_ros.experience.read.importers.retick import Retick, Ticked
from world_model_ros.experience.record.session import PREROLL_MESSAGES
from world_model_ros.experience.record.sink import RESERVE_FILE, Locked, hold, remove_own
from world_model_ros.experience.record.writer import EpisodeWriter
from world_model_ros.onboard.tick.tick_record import TickRecord
from world_model_ros.wire.cdr import JOINT_STATE, encode, typestore
from world_model_ros.wire.kinds.stamped import stamped_header

TICK_TOPIC = Topic('/agent/tick', JOINT_STATE)
EPISODE_TOPIC = Topic('/agent/episode', 'std_msgs/msg/String')
# A longer recording becomes several episodes, as a robot without resets writes segments: of this
# many ticks unless the contract says how many.
SEGMENT_TICKS = 5_000
MIN_TICKS = 2  # one transition
_NAMESPACE = uuid.UUID('6ba7b811-9dad-11d1-80b4-00c04fd430c8')  # NAMESPACE_URL


@dataclass
class Imported:
    """One episode that was written, or was there already."""

    path: Path
    recording: str
    ticks: int = 0
    valid: int = 0
    actions: str = ''
    outside: int = 0  # ticks whose action is outside of the contract's low and high
    first_problem: str = ''  # why the first invalid tick was invalid
    already: bool = False

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), 'path': str(self.path)}


@dataclass
class _Open:
    """The episode that is being written."""

    info: Imported
    uuid: str
    first_tick: int
    writer: EpisodeWriter | None  # None: it is there already
    held: Ticked | None = None  # the newest tick; whether it is the last shows later


def import_recording(
    recording: Recording, contract: Contract, root: Path, robot_id: str
) -> Iterator[Imported]:
    """Write the episodes of a recording; gives each as soon as it is sealed.

    An episode that is in `root` already, from an import of the same content, is left as it is.

    Raises:
        ImportRefused: nothing in it can be used; says why.
        EpisodeError: the disk refuses.
        LimitError: it holds more than any recording may.
    """
    work = _Import(recording, contract, root, robot_id)
    done = 0
    try:
        for imported in work.run():
            done += 1
            yield imported
    finally:
        work.give_up()
    if not done:
        raise ImportRefused(f'{recording.name}: no episode in it: {work.nothing()}')


class _Import:
    """One recording under way."""

    def __init__(
        self, recording: Recording, contract: Contract, root: Path, robot_id: str
    ) -> None:
        self._recording, self._contract, self._root = recording, contract, root
        self._robot_id = robot_id
        self._ticks = Retick(contract, recording.actions, recording.rewarded)
        self._low = contract.low - 1e-6
        self._high = contract.high + 1e-6
        self._segment = contract.episode.segment_ticks or SEGMENT_TICKS
        self._preroll: dict[str, deque[Arrived]] = {}
        self._open: _Open | None = None
        self._parts = 0
        self._received: set[str] = set()
        self._invalid = ''

    def run(self) -> Iterator[Imported]:
        """Everything, in the order of arrival."""
        last_ns = 0
        for message in self._recording.messages():
            receive_ns = message.receive_ns
            if self._ticks.broken(receive_ns):
                yield from self._end(forget=True)
                self._preroll.clear()
            yield from self._take(self._ticks.before(receive_ns))
            self._received.update(message.roles)
            kept = self._preroll.setdefault(message.topic.name, deque(maxlen=PREROLL_MESSAGES))
            kept.append(message)
            if self._open is not None:
                self._write(message.topic, message.stored, receive_ns)
            yield from self._take(self._ticks.take(message))
            last_ns = receive_ns
        end_ns = self._recording.end_ns
        yield from self._take(self._ticks.finish(last_ns if end_ns is None else end_ns))
        yield from self._end(forget=True)

    def give_up(self) -> None:
        """Leave nothing half written."""
        if self._open is not None and self._open.writer is not None:
            self._open.writer.close('discarded', 'the import was broken off')
            self._open.writer.join(60.0)

    def nothing(self) -> str:
        """Why there is no episode, in words."""
        silent = [s.name for s in self._contract.sensed if STREAM + s.name not in self._received]
        if silent:
            return f'no message of stream {", ".join(silent)}: check its topic or feature'
        if self._invalid:
            return f'no tick is valid: {self._invalid}'
        if self._ticks.problem:
            return self._ticks.problem
        return f'it is shorter than {MIN_TICKS} ticks of {self._contract.period_s} s'

    def _take(self, ticks: Iterator[Ticked]) -> Iterator[Imported]:
        for ticked in ticks:
            if self._open is None:
                self._begin(ticked.record.t_ns, ticked.record.tick)
            now = self._open
            assert now is not None
            if now.held is not None:
                self._record(now, now.held.record)
            now.held = ticked
            if ticked.record.terminal:
                yield from self._end(forget=False)
                return
            if ticked.record.tick - now.first_tick + 1 >= self._segment:
                yield from self._seal()  # the ticks go on: as segments of a robot without resets

    def _begin(self, t_ns: int, first_tick: int) -> None:
        name = self._name()
        imported = Imported(self._root / name, self._recording.name)
        imported.actions = self._recording.actions
        topics = {**self._recording.topics, 'tick': TICK_TOPIC, 'episode': EPISODE_TOPIC}
        text = json.dumps(self._announcement(name, t_ns, first_tick))
        info = EpisodeInfo(
            name,
            robot_id=self._robot_id,
            contract_text=self._contract.text,
            interface_hash=interface_hash(self._contract),
            contract_hash=contract_hash(self._contract),
            clock=json.dumps({'source': 'import'}),
            started_ns=t_ns,
            topics={role: topic.name for role, topic in topics.items()},
            announced=text,
        )
        if imported.path.exists():
            imported.already = True
            self._open = _Open(imported, name, first_tick, None)
            return
        self._clear_leftover(name)
        writer = EpisodeWriter(self._root, info)
        self._open = _Open(imported, name, first_tick, writer)
        kind = typestore().types[EPISODE_TOPIC.type]
        self._write(EPISODE_TOPIC, encode(EPISODE_TOPIC.type, kind(text)), t_ns)
        kept = [message for queue in self._preroll.values() for message in queue]
        for message in sorted(kept, key=lambda message: message.receive_ns):
            self._write(message.topic, message.stored, message.receive_ns)

    def _name(self) -> str:
        """The same for the same content under the same contract: importing twice adds nothing."""
        self._parts += 1
        contract = contract_hash(self._contract)
        return str(
            uuid.uuid5(
                _NAMESPACE,
                f'{self._recording.identity}/{contract}/{self._robot_id}/'
                f'{self._recording.actions}/{self._parts}',
            )
        )

    def _announcement(self, name: str, t_ns: int, first_tick: int) -> dict[str, Any]:
        """What an agent would have announced, and where the episode really comes from."""
        recording = self._recording
        return {
            'uuid': name,
            'robot_id': self._robot_id,
            'contract': self._contract.text,
            'interface_hash': interface_hash(self._contract),
            'contract_hash': contract_hash(self._contract),
            'index': self._parts - 1,
            'acting': False,
            'explore': False,
            'eval': False,
            'bundle': {'name': '', 'digest': ''},
            'release': 0,
            'first_tick': first_tick,
            'marks': [],
            'clock': {
                'source': 'import',
                'now_ns': t_ns,
                'wall_ns': time.time_ns() if recording.simulated else t_ns,
                'simulated': recording.simulated,
            },
            'imported': {
                'from': recording.origin,
                'recording': Path(recording.name).name,
                'actions': recording.actions,
                'rewards': 'recorded' if recording.rewarded else 'none',
            },
        }

    def _clear_leftover(self, name: str) -> None:
        """Remove what an import that was killed left under this name: it is made again."""
        active = self._root / f'{name}{ACTIVE_SUFFIX}'
        file = active / f'{name}.mcap'
        with contextlib.suppress(FileNotFoundError, Locked), hold(file):
            remove_own(active, {file.name, RESERVE_FILE})

    def _write(self, topic: Topic, data: bytes, log_ns: int) -> None:
        now = self._open
        if now is None or now.writer is None:
            return
        now.writer.wait_for_room()
        if not now.writer.write(topic, data, log_ns):
            raise EpisodeError(f'{now.info.path}: {now.writer.error or "cannot be written"}')

    def _record(self, now: _Open, record: TickRecord) -> None:
        record.episode = now.uuid
        now.info.ticks += 1
        now.info.valid += record.valid
        now.info.outside += bool(((record.sent < self._low) | (record.sent > self._high)).any())
        if not record.valid and not now.info.first_problem:
            errors = [s.error for s in record.streams.values() if s.error]
            now.info.first_problem = errors[0] if errors else ''
        kind = typestore().types[JOINT_STATE]
        none: np.ndarray = np.zeros(0)
        message = kind(
            stamped_header(record.t_ns, record.frame_id),
            record.names(),
            np.array(record.to_doubles()),
            none,
            none,
        )
        self._write(TICK_TOPIC, encode(JOINT_STATE, message), record.t_ns)

    def _end(self, forget: bool) -> Iterator[Imported]:
        """The episode ends here; the next tick is the first of another one."""
        after_ns = 0
        if self._open is not None and self._open.held is not None:
            after_ns = self._open.held.record.t_ns
        yield from self._seal()
        self._ticks.restart(forget, after_ns)

    def _seal(self) -> Iterator[Imported]:
        now = self._open
        if now is None:
            return
        if now.held is not None:
            now.held.record.last = True
            now.held.record.truncated = not now.held.record.terminal
            self._record(now, now.held.record)
        self._open = None
        info = now.info
        self._invalid = self._invalid or info.first_problem
        usable = info.ticks >= MIN_TICKS and info.valid > 0
        if now.writer is not None:
            now.writer.close(*(('whole', '') if usable else ('discarded', 'nothing in it')))
            now.writer.join()
            if usable and not now.writer.sealed:
                raise EpisodeError(f'{info.path}: {now.writer.error}')
        if usable:
            yield info
