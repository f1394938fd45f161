# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An episode may be anything: bombs take no memory, damage ends at its chunk, all fails alike."""

from __future__ import annotations

import contextlib
import json
import resource
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mcap.exceptions import McapError
from mcap.records import Chunk
from mcap.writer import CompressionType

from world_model_ros.bench.chaos import episode_parts as parts_of
from world_model_ros.experience import (
    EpisodeError,
    EpisodeReader,
    check_episode,
    episode_limits,
    to_arrays,
)
from world_model_ros.experience.bag import EpisodeEnd, EpisodeInfo, read_qos
from world_model_ros.experience.pictures import COMPRESSED_IMAGE, decompressed
from world_model_ros.experience.read.figures import episode_figures
from world_model_ros.experience.read.scan import DAMAGE, scan
from world_model_ros.wire.cdr import MessageError, encode, typestore

MIB = 1 << 20
SOURCE = parts_of.fixture('episode_v1')


@pytest.fixture()
def parts():
    return parts_of.take_apart(SOURCE)


@pytest.fixture()
def little_memory():
    """So much more address space than is in use that honest reading succeeds, and a bomb not."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    with open('/proc/self/statm') as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 700 * MIB, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


BOMBS = {
    'zstd, 256 MiB': lambda: parts_of.bomb('zstd', 256 * MIB),
    'zstd that says 1 byte': lambda: parts_of.bomb('zstd', 256 * MIB, 1),
    'zstd that says 4 TiB': lambda: parts_of.forged_zstd(4 << 40),
    'zstd chunk of 1 kB, frame of 4 TiB': lambda: parts_of.chunk_record(
        'zstd', b'\x28\xb5\x2f\xfd\xe0' + struct.pack('<Q', 4 << 40) + b'\x01\0\0', 1000
    ),
    'lz4, 256 MiB': lambda: parts_of.bomb('lz4', 256 * MIB),
    'lz4 that says 1 byte': lambda: parts_of.bomb('lz4', 256 * MIB, 1),
    'lz4 that says 4 TiB': lambda: parts_of.forged_lz4(4 << 40),
    'nothing that says 4 TiB': lambda: parts_of.chunk_record('', b'', 4 << 40),
    'of a compression nobody knows': lambda: parts_of.chunk_record('xz\udcff'[:2], b'1', 1),
    'a message longer than its chunk': lambda: parts_of.plain_chunk(
        parts_of.record(5, bytes(30), 1 << 62)
    ),
    'a message shorter than its head': lambda: parts_of.plain_chunk(parts_of.record(5, b'1')),
    'a channel that ends within': lambda: parts_of.plain_chunk(parts_of.record(4, b'\1\0\1')),
}


@pytest.mark.parametrize('kind', BOMBS)
def test_a_bomb_is_one_damaged_chunk_and_the_rest_is_read(tmp_path, parts, little_memory, kind):
    extra = BOMBS[kind]()
    path = parts_of.put_together(
        parts, tmp_path, 'e', lambda data: parts_of.insert_after_begin(data, extra)
    )
    reader = EpisodeReader(path)
    assert reader.contents.damaged_chunks == 1 and reader.contents.damage
    assert len(to_arrays(reader)['reward']) == 10
    assert check_episode(path)


def test_a_record_longer_than_may_be_ends_the_walk(tmp_path, parts, monkeypatch):
    big = parts_of.record(0x0C, bytes(episode_limits.RECORD_BYTES + 1))
    path = parts_of.put_together(
        parts, tmp_path, 'e', lambda data: parts_of.insert_after_begin(data, big)
    )
    assert 'at most' in EpisodeReader(path).contents.damage


@pytest.mark.parametrize('compression', list(CompressionType))
def test_every_compression_is_read_as_it_was(tmp_path, parts, compression):
    parts.compression = compression
    reader = EpisodeReader(parts_of.put_together(parts, tmp_path, 'e'))
    assert not reader.contents.damage
    np.testing.assert_array_equal(to_arrays(reader)['obs_camera'], to_arrays(SOURCE)['obs_camera'])


def test_a_damaged_chunk_in_the_middle_costs_only_itself(tmp_path, parts):
    parts.compression = CompressionType.NONE
    path = parts_of.put_together(parts, tmp_path, 'e')
    chunks = scan(path / 'e.mcap').chunks
    assert len(chunks) > 3
    for lost in (0, len(chunks) // 2):
        data = bytearray((path / 'e.mcap').read_bytes())
        data[chunks[lost].chunk_start_offset + 200] ^= 1
        (path / 'e.mcap').write_bytes(data)
        found = scan(path / 'e.mcap')
        assert found.whole and 'CRC' in found.damage and found.damaged_chunks == 1
        assert [c.chunk_start_offset for c in found.chunks] == [
            c.chunk_start_offset for k, c in enumerate(chunks) if k != lost
        ]
        for index, before in zip(
            found.chunks, [c for k, c in enumerate(chunks) if k != lost], strict=True
        ):
            assert index.message_index_offsets == before.message_index_offsets
        assert len(to_arrays(EpisodeReader(path))['reward']) >= 8
        data[chunks[lost].chunk_start_offset + 200] ^= 1
        (path / 'e.mcap').write_bytes(data)


def change_begin(name, text):
    def change(parts):
        parts.begin[name] = text

    return change


def change_tick(name, value):
    def change(parts):
        for number in parts.ticks():
            parts.set_tick(number, name, value)

    return change


def change_qos(text):
    def change(parts):
        parts.topics[1].qos = text

    return change


def no_topics(parts):
    parts.topics, parts.messages = [], []


DEEP = '[' * 200_000
UNREADABLE = {
    'QoS that is no YAML': change_qos('[{a: '),
    'QoS that is a word': change_qos('reliable'),
    'QoS of numbers': change_qos('[1, 2]'),
    'QoS that is deep': change_qos('[' * 20_000),
    'QoS that is huge': change_qos('- {}\n' * 100_000),
    'no topics at all': no_topics,
    'topics that are a number': change_begin('topics', '1'),
    'topics that are deep': change_begin('topics', DEEP),
    'topics of numbers': change_begin('topics', '{"tick": 1}'),
    'a start before time': change_begin('started_ns', '-1'),
    'a start beyond time': change_begin('started_ns', '9' * 5_000),
    'another format': change_begin('format', '3'),
    'skipped is infinite': change_tick('skipped', np.inf),
    'tick is NaN': change_tick('tick', np.nan),
    'a stamp beyond time': change_tick('joints.stamp_sec', 1e300),
}


@pytest.mark.parametrize('kind', UNREADABLE)
def test_what_cannot_be_read_is_refused_as_an_episode_error(tmp_path, parts, kind):
    UNREADABLE[kind](parts)
    path = parts_of.put_together(parts, tmp_path, 'e')
    with pytest.raises(EpisodeError):
        episode_figures(path)
    assert check_episode(path)


def test_a_deep_announcement_is_as_good_as_none(tmp_path, parts):
    parts.begin['announced'] = '{"first_tick": ' + DEEP
    assert episode_figures(parts_of.put_together(parts, tmp_path, 'e')).ticks == 10


@pytest.mark.parametrize('size', [(60_000, 60_000), (1 << 31, 1 << 31)])
def test_a_picture_whose_header_is_a_bomb_is_not_unpacked(size):
    png = b'\x89PNG\r\n\x1a\n' + struct.pack('>I4sII', 13, b'IHDR', *size) + bytes(30)
    jpeg = b'\xff\xd8\xff\xe0\0\x04ab\xff\xc0' + struct.pack('>HBHH', 17, 8, 60_000, 60_000)
    for data in (png, jpeg + bytes(30)):
        types = typestore().types
        header = types['std_msgs/msg/Header'](types['builtin_interfaces/msg/Time'](0, 0), '')
        message = types[COMPRESSED_IMAGE](header, 'png', np.frombuffer(data, np.uint8))
        with pytest.raises(MessageError, match='pixels'):
            decompressed(encode(COMPRESSED_IMAGE, message))


# ---- anything at all -----------------------------------------------------------------------

QUICK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@QUICK
@given(
    st.sampled_from(['zstd', 'lz4', '', 'none', 'x']),
    st.binary(max_size=200),
    st.integers(0, (1 << 64) - 1) | st.integers(0, 300),
    st.integers(0, (1 << 32) - 1),
)
def test_any_chunk_is_unpacked_to_its_size_or_damaged(compression, data, size, crc):
    try:
        found = episode_limits.unpacked(Chunk(compression, data, 0, 0, crc, size))
    except DAMAGE:
        return
    assert len(found) == (size if compression in ('zstd', 'lz4') else len(data))


@QUICK
@given(st.data())
def test_any_bytes_in_a_file_give_figures_or_an_episode_error(tmp_path_factory, data):
    raw = bytearray((SOURCE / 'episode_v1.mcap').read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(8, len(raw) - 1))
        raw[at : at + 4] = data.draw(st.binary(min_size=4, max_size=4))
    cut = data.draw(st.integers(0, len(raw)) | st.just(len(raw)))
    path = tmp_path_factory.mktemp('any')
    (path / 'e.mcap').write_bytes(raw[:cut])
    try:
        assert episode_figures(path).ticks
    except EpisodeError as error:
        assert str(path) in str(error)
    with contextlib.suppress(EpisodeError, McapError, ValueError, LookupError):
        to_arrays(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=10,
)


@QUICK
@given(st.dictionaries(st.sampled_from(['topics', 'started_ns', 'uuid']), JSON.map(json.dumps)))
def test_any_first_record_is_read_or_refused(fields):
    try:
        info = EpisodeInfo.from_record({'format': '1', **fields}, 'e')
    except EpisodeError:
        return
    assert all(isinstance(name, str) for name in info.topics.values())


@QUICK
@given(JSON.map(json.dumps), JSON.map(json.dumps))
def test_any_last_record_is_read_or_refused(counts, lost):
    record = {'status': 'whole', 'reason': '', 'counts': counts, 'dropped': '{}', 'lost': lost}
    try:
        end = EpisodeEnd.from_record(record)
    except EpisodeError:
        return
    assert all(isinstance(count, int) for count in end.counts.values())


@QUICK
@given(st.text(max_size=100) | JSON.map(json.dumps))
def test_any_qos_is_read_or_refused(text):
    with contextlib.suppress(ValueError):
        assert isinstance(read_qos(text), tuple)
