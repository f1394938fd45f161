# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A rosbag2 recording as messages for a contract's roles.

Owns which topic is which stream, what its messages become where pictures are compressed, and
whether the recorder's clock or the stamps tell the time. Must not import ROS or torch.
"""

from __future__ import annotations

import hashlib
import itertools
import statistics
from collections.abc import Iterator
from pathlib import Path

from world_model_ros.contract import Contract
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.experience.bag import Topic, command_role
from world_model_ros.experience.pictures import (
    COMPRESSED_IMAGE,
    COMPRESSED_SUFFIX,
    decompressed,
    may_be_packed,
)
from world_model_ros.experience.read.importers.arrived import (
    REWARD,
    STREAM,
    Actions,
    Arrived,
    ImportRefused,
    Recording,
)
from world_model_ros.experience.read.importers.import_map import ImportMap
from world_model_ros.experience.read.importers.measured_action import MeasuredAction
from world_model_ros.experience.read.importers.rosbag_files import (
    ZSTD_MAGIC,
    BagFile,
    BagMessage,
    BagTopic,
    bag_files,
    in_order,
)
from world_model_ros.experience.read.importers.rosbag_mcap import open_mcap
from world_model_ros.experience.read.importers.rosbag_sqlite import open_sqlite
from world_model_ros.experience.record.began import FIRST_UTC_NS
from world_model_ros.wire.cdr import (
    JOINT_STATE,
    MessageError,
    has_header,
    header_stamp_ns,
)

# Between a stamp and its arrival on one robot. Beyond it the two are of different clocks, as in a
# recording of a simulator by the wall clock: then the stamps alone tell the time.
SAME_CLOCK_NS = 10_000_000_000
STAMPS_LOOKED_AT = 200
_IDENTITY_BYTES = 1 << 20
_SHOWN = 12  # topics in one text


def open_rosbag(path: Path, contract: Contract, names: ImportMap) -> Recording:
    """A bag as a recording.

    Raises:
        ImportRefused: it lacks what the contract needs; with the remedy.
    """
    files = [
        open_mcap(file) if file.name.endswith('.mcap') else open_sqlite(file)
        for file in bag_files(path)
    ]
    topics: dict[str, BagTopic] = {}
    for file in files:
        for name, found in file.topics.items():
            topics.setdefault(name, BagTopic(found.topic, found.encoding)).count += found.count
    if not any(found.count for found in topics.values()):
        raise ImportRefused(f'{path}: no message can be read in it: {_notes(files) or "empty"}')
    roles = _Roles(path, contract, names, topics)
    wanted = {topic.name for topic in roles.topics.values()}
    by_stamps, notes = _clock(files, roles, contract)
    start = next(iter(_walk(files, wanted)), None)
    return Recording(
        name=str(path),
        identity=f'{_identity(files)}/{names.streams}/{names.action}/{names.groups}/{names.reward}',
        origin=f'rosbag2 ({files[0].path.suffix[1:]})',
        actions=roles.actions,
        rewarded=REWARD in roles.topics,
        topics=roles.topics,
        messages=lambda: _arrivals(files, roles, by_stamps),
        simulated=start is not None and start.log_ns < FIRST_UTC_NS,
        notes=[*itertools.chain.from_iterable(file.notes for file in files), *notes],
    )


class _Roles:
    """Which topic plays which role."""

    def __init__(
        self, path: Path, contract: Contract, names: ImportMap, topics: dict[str, BagTopic]
    ) -> None:
        self._path, self._names, self._bag = path, names, topics
        self.topics: dict[str, Topic] = {}
        self.packed: set[str] = set()  # topics of pictures that the agent would get unpacked
        for stream in contract.sensed:
            place = names.stream(stream.name)
            if place.converts:
                raise ImportRefused(
                    f'{names.where}: streams.{stream.name}: a topic of a bag has only a name; '
                    'fields, names, scale and offset are for datasets'
                )
            sent = stream_kind(stream.kind).type_of(stream)
            types = (sent, COMPRESSED_IMAGE) if may_be_packed(stream) else (sent,)
            topic = self._stream(stream.name, place.source or stream.topic, types)
            self.topics[STREAM + stream.name] = topic
            if topic.type != sent:
                self.packed.add(topic.name)
        self.actions: Actions = self._action(contract)
        reward = names.reward or contract.reward.topic
        found = self._find(reward, ('',)) if reward else None
        if found is not None and found.topic.type == JOINT_STATE:
            self.topics[REWARD] = found.topic
        elif names.reward:
            raise self._refusal('reward', names.reward, (JOINT_STATE,))

    def _stream(self, name: str, wanted: str, types: tuple[str, ...]) -> Topic:
        endings = ('', COMPRESSED_SUFFIX) if len(types) > 1 else ('',)
        found = self._find(wanted, endings)
        if found is None or found.topic.type not in types:
            raise self._refusal(f'stream {name!r}', wanted, types)
        return self._readable(found)

    def _action(self, contract: Contract) -> Actions:
        wanted = self._names.action
        if wanted.converts:
            raise ImportRefused(
                f'{self._names.where}: action: a topic of a bag has only a name; names, scale and '
                'offset are for datasets'
            )
        if self._names.measured:
            MeasuredAction(contract, f'{self._names.where} asks for measured actions')
            return 'measured'
        silent = []
        for group in contract.groups:
            given = self._names.groups.get(group.name, '') or wanted.source
            name = given or group.topic
            found = self._find(name, ('',))
            if found is None or not found.count:
                if given:
                    raise self._refusal('action', name, (group.type,))
                silent.append(name)
                continue
            if found.topic.type != group.type:
                raise self._refusal('action', name, (group.type,))
            self.topics[command_role(group)] = self._readable(found)
        if not silent:
            return 'recorded'
        MeasuredAction(contract, f'{self._path}: no message on the command topic {silent[0]}')
        return 'measured'

    def _find(self, wanted: str, endings: tuple[str, ...]) -> BagTopic | None:
        """The topic of this name, else the only one that ends like it, what loses least first."""
        for ending in endings:
            name = f'/{wanted.strip("/")}{ending}'
            exact = self._bag.get(name) or self._bag.get(name[1:])
            matches = [t for t in self._bag if f'/{t.strip("/")}'.endswith(name)]
            found = exact or (self._bag[matches[0]] if len(matches) == 1 else None)
            if found is not None and (found.count or ending == endings[-1]):
                return found
        return None

    def _readable(self, found: BagTopic) -> Topic:
        if found.encoding != 'cdr':
            raise ImportRefused(
                f'{self._path}: topic {found.topic.name}: expected messages in cdr, got '
                f'{found.encoding[:40]!r}: convert the bag to ROS 2 first'
            )
        return found.topic

    def _refusal(self, what: str, wanted: str, types: tuple[str, ...]) -> ImportRefused:
        shown = [f'{name} ({found.topic.type})' for name, found in sorted(self._bag.items())]
        rest = f' and {len(shown) - _SHOWN} more' if len(shown) > _SHOWN else ''
        key = what.split()[0] + ('s' if ' ' in what else '')
        return ImportRefused(
            f'{self._path}: {what}: expected a topic that ends in /{wanted.strip("/")} of type '
            f'{" or ".join(types)}, the bag holds {", ".join(shown[:_SHOWN])}{rest}: name the '
            f'right one under {key} in a file for --map'
        )


def _clock(files: list[BagFile], roles: _Roles, contract: Contract) -> tuple[bool, list[str]]:
    """Whether the stamps alone tell the time, and what to say of that."""
    stamped = {
        roles.topics[STREAM + stream.name].name
        for stream in contract.sensed
        if stream.stamp == 'header'
    }
    apart = []
    for message in itertools.islice(_walk(files, stamped), STAMPS_LOOKED_AT):
        try:
            apart.append(message.log_ns - header_stamp_ns(message.data))
        except MessageError:
            continue
    if not apart or abs(statistics.median(apart)) <= SAME_CLOCK_NS:
        return False, []
    return True, [
        f'stamps are {statistics.median(apart) * 1e-9:.0f} s from the times at which the recorder '
        'got the messages: the stamps are taken as the time'
    ]


def _walk(files: list[BagFile], wanted: set[str]) -> Iterator[BagMessage]:
    return in_order(
        message for file in files for message in file.walk() if message.topic in wanted
    )


def _arrivals(files: list[BagFile], roles: _Roles, by_stamps: bool) -> Iterator[Arrived]:
    playing: dict[str, list[str]] = {}
    for role, topic in roles.topics.items():
        playing.setdefault(topic.name, []).append(role)
    topics = {topic.name: topic for topic in roles.topics.values()}
    now_ns = 0
    for message in _walk(files, set(playing)):
        topic = topics[message.topic]
        if message.data[:4] == ZSTD_MAGIC:
            raise ImportRefused(
                f'topic {topic.name}: its messages are compressed one by one: convert the bag '
                'first (ros2 bag convert, compression_mode none)'
            )
        receive_ns = message.log_ns
        if by_stamps:
            # Nothing arrives before it was measured; a clock that jumps back is let through.
            stamp_ns = _stamp_of(message) if has_header(topic.type) else None
            if stamp_ns is not None and not now_ns - SAME_CLOCK_NS < stamp_ns < now_ns:
                now_ns = stamp_ns
            receive_ns = now_ns
        used = message.data
        if topic.name in roles.packed:
            try:
                used, _ = decompressed(message.data)
            except MessageError:
                used = b''  # the agent would have had no picture either
        yield Arrived(tuple(playing[message.topic]), topic, message.data, used, receive_ns)


def _stamp_of(message: BagMessage) -> int | None:
    try:
        return header_stamp_ns(message.data) or None
    except MessageError:
        return None


def _identity(files: list[BagFile]) -> str:
    """What names the content of a bag, without reading all of it."""
    digest = hashlib.sha256()
    for file in files:
        size = file.path.stat().st_size
        with file.path.open('rb') as opened:
            head = opened.read(_IDENTITY_BYTES)
            opened.seek(max(0, size - _IDENTITY_BYTES))
            digest.update(f'{size} '.encode() + head + opened.read(_IDENTITY_BYTES))
    return digest.hexdigest()


def _notes(files: list[BagFile]) -> str:
    return '; '.join(note for file in files for note in file.notes)[:500]
