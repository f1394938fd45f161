# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What makes a directory a ROS 2 bag: topic entries, message definitions, metadata.yaml.

Owns the rosbag2 side of an episode (metadata version 9, as Jazzy writes it) and the names of our
own metadata records. Input: topics with types, QoS and counts. Output: text. Must not import ROS,
torch or anything that writes messages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from world_model_ros.contract import Action
from world_model_ros.experience.episode_limits import (
    QOS_BRACKETS,
    QOS_BYTES,
    QOS_PROFILES,
    TOPICS,
    read_json,
    whole,
)
from world_model_ros.wire.cdr import typestore

EPISODE_FORMAT = 1
# What an imagined robot did. A format of its own: a version that knows nothing of imagined robots
# refuses it, instead of learning from it as if it had happened.
IMAGINED_FORMAT = 2
ROSBAG2_VERSION = 9
ROS_DISTRO = 'jazzy'
IMAGINED_ROLE = 'imagined'  # of what an imagined robot says of itself
UNNAMED = '{}'  # imagined, and nobody knows from what
# First metadata record of the file, and the one written when the episode is sealed.
BEGIN_RECORD = 'world_model_ros'
END_RECORD = 'world_model_ros.end'
# rosbag2 keeps a copy of metadata.yaml in the file under this name: `ros2 bag info FILE.mcap`.
ROSBAG2_RECORD = 'rosbag2'
# Where a leftover was damaged and what was changed in its file; see salvage.py.
DAMAGE_RECORD = 'world_model_ros.damage'
ACTIVE_SUFFIX = '.active'
METADATA_FILE = 'metadata.yaml'


class EpisodeError(Exception):
    """An episode cannot be written, read or understood; the text says which file and why."""


@dataclass(frozen=True)
class Qos:
    """The QoS a publisher offered, in the words of metadata version 9."""

    reliability: str = 'reliable'
    durability: str = 'volatile'
    history: str = 'unknown'
    depth: int = 0
    liveliness: str = 'automatic'

    def as_dict(self) -> dict[str, Any]:
        """All fields as rosbag2 writes them."""
        forever = {'sec': 9223372036, 'nsec': 854775807}
        return {
            'history': self.history,
            'depth': self.depth,
            'reliability': self.reliability,
            'durability': self.durability,
            'deadline': dict(forever),
            'lifespan': dict(forever),
            'liveliness': self.liveliness,
            'liveliness_lease_duration': dict(forever),
            'avoid_ros_namespace_conventions': False,
        }


@dataclass(frozen=True)
class Topic:
    """A recorded topic: its resolved name, its type and what its publisher offered."""

    name: str
    type: str
    qos: tuple[Qos, ...] = (Qos(),)

    def qos_yaml(self) -> str:
        """The offered QoS as the channel metadata holds it."""
        return yaml.safe_dump([qos.as_dict() for qos in self.qos], sort_keys=False).strip()


@dataclass(frozen=True)
class EpisodeInfo:
    """What is known when the recording begins; becomes the first record of the file.

    `topics` maps roles (`stream.camera`, `tick`, `episode`, `reward`, `sent`, `chunk`, `command`)
    to the resolved names in the bag, so that a reader needs no namespace.
    """

    uuid: str
    robot_id: str = ''
    contract_text: str = ''
    interface_hash: str = ''
    contract_hash: str = ''
    bundle: str = ''
    clock: str = ''
    started_ns: int = 0
    topics: Mapping[str, str] = field(default_factory=dict)
    announced: str = ''  # the agent's announcement, as received
    # JSON: the bundle, robot, episode and tick that an imagined robot began at; '' for a real one
    # and for one in a simulator.
    imagined: str = ''

    def to_record(self) -> dict[str, str]:
        """As the strings of a metadata record."""
        imagined = {'imagined': self.imagined} if self.imagined else {}
        return {
            'format': str(IMAGINED_FORMAT if imagined else EPISODE_FORMAT),
            'uuid': self.uuid,
            'robot_id': self.robot_id,
            'contract': self.contract_text,
            'interface_hash': self.interface_hash,
            'contract_hash': self.contract_hash,
            'bundle': self.bundle,
            'clock': self.clock,
            'started_ns': str(self.started_ns),
            'topics': json.dumps(dict(self.topics), sort_keys=True),
            'announced': self.announced,
            **imagined,
        }

    @classmethod
    def from_record(cls, record: Mapping[str, str], where: str) -> EpisodeInfo:
        """Read a metadata record; refuses an unknown format by name."""
        form = record.get('format')
        if form not in (str(EPISODE_FORMAT), str(IMAGINED_FORMAT)):
            raise EpisodeError(
                f'{where}: episode format {ascii(form)[:40]} is unknown; this version reads '
                f'formats {EPISODE_FORMAT} and {IMAGINED_FORMAT}. Read it with the version that '
                'wrote it, or a later one'
            )
        unnamed = UNNAMED if form == str(IMAGINED_FORMAT) else ''
        try:
            return cls(
                uuid=record['uuid'],
                robot_id=record.get('robot_id', ''),
                contract_text=record.get('contract', ''),
                interface_hash=record.get('interface_hash', ''),
                contract_hash=record.get('contract_hash', ''),
                bundle=record.get('bundle', ''),
                clock=record.get('clock', ''),
                started_ns=whole(record.get('started_ns', '0'), 'started_ns'),
                topics=_names(record.get('topics', '{}')),
                announced=record.get('announced', ''),
                imagined=record.get('imagined', '') or unnamed,
            )
        except (ValueError, LookupError) as error:
            raise EpisodeError(f'{where}: its first record cannot be read: {error}') from error


@dataclass(frozen=True)
class EpisodeEnd:
    """How the recording ended, and what did not make it into the file; counts are by topic."""

    # whole: every tick of the episode, or all until the recorder was asked to stop, is there.
    # incomplete: it broke off (a crash, a full disk, an agent that died).
    # unsealed: no end was written.
    status: str
    reason: str = ''
    counts: Mapping[str, int] = field(default_factory=dict)  # written
    dropped: Mapping[str, int] = field(default_factory=dict)  # by the recorder: queue full, disk
    lost: Mapping[str, int] = field(default_factory=dict)  # reported by the middleware

    def __post_init__(self) -> None:
        """Read `truncated`, the word of version 0.1, as `incomplete`: ticks are truncated."""
        if self.status == 'truncated':
            object.__setattr__(self, 'status', 'incomplete')

    def to_record(self) -> dict[str, str]:
        """As the strings of a metadata record."""
        by_topic = {'counts': self.counts, 'dropped': self.dropped, 'lost': self.lost}
        return {'status': self.status, 'reason': self.reason} | {
            name: json.dumps(dict(counts), sort_keys=True) for name, counts in by_topic.items()
        }

    @classmethod
    def from_record(cls, record: Mapping[str, str], where: str = 'episode') -> EpisodeEnd:
        """Read a metadata record.

        Raises:
            EpisodeError: it is damaged.
        """
        try:
            by_topic = {name: _counts(record[name]) for name in ('counts', 'dropped', 'lost')}
            return cls(record['status'], record['reason'], **by_topic)
        except (ValueError, LookupError) as error:
            raise EpisodeError(f'{where}: its last record cannot be read: {error}') from error


def _names(text: str) -> dict[str, str]:
    """Roles and their topics."""
    found = read_json(text, 'topics')
    if not isinstance(found, dict) or not all(isinstance(name, str) for name in found.values()):
        raise ValueError('topics: expected a table of names')
    return found


def _counts(text: str) -> dict[str, int]:
    found = read_json(text, 'counts')
    if not isinstance(found, dict) or len(found) > TOPICS:
        raise ValueError(f'counts: expected a table of at most {TOPICS} topics')
    return {name: whole(count, name) for name, count in found.items()}


def read_qos(text: str) -> tuple[Qos, ...]:
    """The profiles in a channel's metadata, as `Topic.qos_yaml` and rosbag2 write them.

    Raises:
        ValueError: it is no such list.
    """
    if len(text) > QOS_BYTES:
        raise ValueError(f'{len(text)} bytes of YAML, at most {QOS_BYTES} are read')
    if text.count('[') + text.count('{') > QOS_BRACKETS:  # PyYAML takes seconds for thousands
        raise ValueError(f'more than {QOS_BRACKETS} brackets in YAML')
    try:
        offered = yaml.safe_load(text) or []
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f'not YAML: {" ".join(str(error).split())[:200]}') from error
    if not isinstance(offered, list) or len(offered) > QOS_PROFILES:
        raise ValueError(f'expected a list of at most {QOS_PROFILES} profiles')
    profiles = []
    for profile in offered:
        if not isinstance(profile, dict):
            raise ValueError('expected a table in each profile')
        found = {each.name: profile.get(each.name, each.default) for each in fields(Qos)}
        for name, value in found.items():
            # An older rosbag2 writes numbers for names.
            if not isinstance(value, (str, int)) or len(str(value)[:80]) > 64:
                raise ValueError(f'{name}: expected a word or a number')
        profiles.append(Qos(**found))
    return tuple(profiles)


def custom_data(begin: Mapping[str, str], end: EpisodeEnd) -> dict[str, str]:
    """What metadata.yaml repeats of the file's first record and of its end."""
    known = {
        name: text for name, text in begin.items() if name != 'announced'
    }  # long, and a topic
    return {'status': end.status, 'reason': end.reason, **known}


def message_definition(type_name: str) -> str:
    """The full .msg text of a type; raises EpisodeError for a type that Jazzy does not ship."""
    store = typestore()
    if type_name not in store.fielddefs:
        raise EpisodeError(
            f'message type {type_name!r} is not among the common interfaces of Jazzy; '
            'only those can be recorded'
        )
    text: str = store.generate_msgdef(type_name, ros_version=2)[0]
    return text


def type_hash(type_name: str) -> str:
    """The RIHS01 hash that ROS 2 uses to compare types."""
    digest: str = typestore().hash_rihs01(type_name)
    return digest


def bag_information(
    file_name: str,
    topics: Sequence[Topic],
    counts: Mapping[str, int],
    start_ns: int,
    end_ns: int,
    custom: Mapping[str, str],
) -> dict[str, Any]:
    """The content of metadata.yaml below its single top key."""
    total = sum(counts.get(topic.name, 0) for topic in topics)
    starting = {'nanoseconds_since_epoch': start_ns if total else 0}
    duration = {'nanoseconds': max(0, end_ns - start_ns)}
    return {
        'version': ROSBAG2_VERSION,
        'storage_identifier': 'mcap',
        'duration': duration,
        'starting_time': starting,
        'message_count': total,
        'topics_with_message_count': [
            {
                'topic_metadata': {
                    'name': topic.name,
                    'type': topic.type,
                    'serialization_format': 'cdr',
                    'offered_qos_profiles': [qos.as_dict() for qos in topic.qos],
                    'type_description_hash': type_hash(topic.type),
                },
                'message_count': counts.get(topic.name, 0),
            }
            for topic in topics
        ],
        'compression_format': '',
        'compression_mode': '',
        'relative_file_paths': [file_name],
        'files': [
            {
                'path': file_name,
                'starting_time': dict(starting),
                'duration': dict(duration),
                'message_count': total,
            }
        ],
        'custom_data': dict(custom),
        'ros_distro': ROS_DISTRO,
    }


def information_text(information: Mapping[str, Any]) -> str:
    """The information alone, as the MCAP file keeps it."""
    return yaml.safe_dump(dict(information), sort_keys=False, default_flow_style=False)


def metadata_text(information: Mapping[str, Any]) -> str:
    """The content of metadata.yaml."""
    return information_text({'rosbag2_bagfile_information': information})


def command_role(group: Action) -> str:
    """The role of a group's commands in an episode; format 1 has one group without a name."""
    return f'command.{group.name}' if group.name else 'command'


def find_mcap(directory: Path) -> Path:
    """The one MCAP file of an episode directory (or the file itself)."""
    if directory.is_file():
        return directory
    if not directory.is_dir():
        raise EpisodeError(f'{directory}: no such episode')
    files = sorted(directory.glob('*.mcap'))
    if len(files) != 1:
        raise EpisodeError(
            f'{directory}: expected one .mcap file, found {len(files)}; is this an episode?'
        )
    return files[0]
