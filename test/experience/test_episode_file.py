# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An episode is a bag that others open, and holds the bytes as they were received."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import counter
import pytest
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import Reader

from world_model_ros.experience import (
    EpisodeError,
    EpisodeReader,
    EpisodeWriter,
    Qos,
    Topic,
    check_episode,
    list_episodes,
)


def record(root: Path, ticks: int = 20, **options: object) -> tuple[Path, list[tuple[str, bytes]]]:
    writer = EpisodeWriter(root, counter.info(), min_free_bytes=0, **options)  # type: ignore[arg-type]
    given = []
    for message in counter.run(ticks):
        topic = counter.TOPICS[message.role]
        assert writer.write(topic, message.cdr, message.t_ns)
        given.append((topic.name, message.cdr))
    writer.close()
    assert writer.join(10) and writer.sealed, writer.error
    return writer.path, given


@pytest.mark.parametrize('compression', ['none', 'lz4', 'zstd'])
def test_messages_come_back_as_received(tmp_path: Path, compression: str) -> None:
    path, given = record(tmp_path, compression=compression)
    assert [(m.topic, m.data) for m in EpisodeReader(path).messages()] == given
    assert check_episode(path, rebuilt=True) == []


def test_rosbags_opens_it_without_ours(tmp_path: Path) -> None:
    path, given = record(tmp_path)
    with AnyReader([path]) as bag:
        found = Counter()
        for connection, _, data in bag.messages():
            found[connection.topic, bytes(data)] += 1
            bag.deserialize(data, connection.msgtype)
        assert bag.message_count == len(given)
        counts = {connection.topic: connection.msgcount for connection in bag.connections}
    assert found == Counter(given)
    assert counts == Counter(topic for topic, _ in given)
    with Reader(path) as bag:
        assert bag.storage.metadata.custom['uuid'] == counter.UUID


def test_mcap_opens_it_without_ours_and_finds_the_metadata_first(tmp_path: Path) -> None:
    path, given = record(tmp_path)
    with (path / f'{path.name}.mcap').open('rb') as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()], validate_crcs=True)
        first = next(iter(reader.iter_metadata()))
        assert first.name == 'world_model_ros'
        assert first.metadata['contract'] == counter.contract().text
        decoded = list(reader.iter_decoded_messages(topics=['/joint_states']))
        summary = reader.get_summary()
    assert summary is not None and summary.metadata_indexes[0].offset < 64
    assert len(decoded) == sum(topic == '/joint_states' for topic, _ in given)
    assert list(decoded[-1].decoded_message.position) == [19.0, -19.0]


def test_qos_and_type_of_each_topic_are_kept(tmp_path: Path) -> None:
    writer = EpisodeWriter(tmp_path, counter.info(), min_free_bytes=0)
    qos = Qos('best_effort', 'transient_local', 'keep_last', 5)
    topic = Topic('/camera/image_raw', 'sensor_msgs/msg/Image', (qos,))
    writer.write(topic, counter.image(counter.T0_NS, counter.picture(1)), counter.T0_NS)
    writer.close()
    assert writer.join(10)
    assert EpisodeReader(writer.path).topics == {topic.name: topic}
    with Reader(writer.path) as bag:
        offered = bag.connections[0].ext.offered_qos_profiles[0]
        assert bag.connections[0].digest.startswith('RIHS01_')
    assert (offered.reliability.name, offered.depth) == ('BEST_EFFORT', 5)


def test_an_episode_being_written_is_not_listed(tmp_path: Path) -> None:
    path, _ = record(tmp_path)
    writer = EpisodeWriter(tmp_path, counter.info('other'), min_free_bytes=0)
    assert list_episodes(tmp_path) == [path]
    writer.close()
    assert writer.join(10)


def test_the_same_uuid_again_becomes_a_second_part(tmp_path: Path) -> None:
    first, _ = record(tmp_path)
    second, _ = record(tmp_path)
    assert second.name == f'{first.name}-2'
    assert check_episode(first) == check_episode(second) == []


def test_an_unknown_format_is_refused_by_name(tmp_path: Path) -> None:
    path, _ = record(tmp_path, compression='none')
    file = path / f'{path.name}.mcap'
    data = file.read_bytes()
    key = b'\x06\x00\x00\x00format\x01\x00\x00\x001'
    assert key in data
    file.write_bytes(data.replace(key, key[:-1] + b'9', 1))
    with pytest.raises(EpisodeError, match="format '9'"):
        EpisodeReader(path)


def test_a_flipped_byte_is_found(tmp_path: Path) -> None:
    path, _ = record(tmp_path, compression='none')
    file = path / f'{path.name}.mcap'
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    assert any('damaged record' in problem for problem in check_episode(path))


def test_a_message_that_does_not_fit_the_queue_is_counted(tmp_path: Path) -> None:
    writer = EpisodeWriter(tmp_path, counter.info(), min_free_bytes=0, queue_bytes=1000)
    topic = counter.TOPICS['stream.camera']
    assert not writer.write(topic, bytes(2000), counter.T0_NS)
    for message in counter.run(1):
        if message.role == 'tick':
            writer.write(counter.TOPICS['tick'], message.cdr[:4] + bytes(900), message.t_ns)
    writer.close()
    assert writer.join(10)
    assert EpisodeReader(writer.path).end.dropped[topic.name] == 1


@pytest.mark.parametrize('uuid', ['', '../x', '.hidden', 'a/b'])
def test_a_uuid_that_leaves_the_directory_is_refused(tmp_path: Path, uuid: str) -> None:
    with pytest.raises(EpisodeError, match='cannot name'):
        EpisodeWriter(tmp_path, counter.info(uuid), min_free_bytes=0)
