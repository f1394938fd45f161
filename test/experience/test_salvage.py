# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A damaged leftover: what can be read is sealed, the rest is set aside, nothing is deleted."""

from __future__ import annotations

import fcntl
import itertools
import json
import os
import shutil
import stat
import struct
from collections.abc import Callable
from pathlib import Path

import counter
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rosbags.highlevel import AnyReader

from world_model_ros.experience import (
    EpisodeReader,
    EpisodeWriter,
    check_episode,
    list_episodes,
    recover_leftovers,
)
from world_model_ros.experience.bag import DAMAGE_RECORD, END_RECORD
from world_model_ros.experience.record.sink import Locked, hold

FIXTURE = Path(__file__).parents[1] / 'fixtures' / 'episode_v1'


class Leftover:
    """The file of a recorder that died, as bytes, and where its chunks lie."""

    def __init__(self, path: Path) -> None:
        self.data = path.read_bytes()
        self.every = [(m.topic, m.data) for m in EpisodeReader(path.parent).messages()]
        reader = EpisodeReader(path.parent)
        self.chunks = [
            (c.chunk_start_offset, c.chunk_start_offset + c.chunk_length)
            for c in reader.contents.chunks
        ]
        counts = [len(reader._chunk(number)) for number in range(len(self.chunks))]
        starts = [sum(counts[:number]) for number in range(len(counts) + 1)]
        self.spans = list(itertools.pairwise(starts))

    def without(self, number: int) -> list[tuple[str, bytes]]:
        """All messages but those of one chunk."""
        start, end = self.spans[number]
        return self.every[:start] + self.every[end:]


def make(folder: Path, compression: str) -> Leftover:
    writer = EpisodeWriter(
        folder,
        counter.info(),
        min_free_bytes=0,
        compression=compression,
        chunk_bytes=15_000,
    )
    for message in counter.run(16):
        writer.write(counter.TOPICS[message.role], message.cdr, message.t_ns)
    writer.close()
    assert writer.join(10)
    sealed = writer.path / f'{counter.UUID}.mcap'
    killed = folder / 'killed' / f'{counter.UUID}.mcap'
    killed.parent.mkdir()
    # What a killed writer had written: all up to its end record.
    end = next(
        index.offset
        for index, _ in EpisodeReader(writer.path).contents.metadata
        if index.name == END_RECORD
    )
    killed.write_bytes(sealed.read_bytes()[:end])
    return Leftover(killed)


@pytest.fixture(scope='module', params=['zstd', 'none'])
def leftover(request, tmp_path_factory: pytest.TempPathFactory) -> Leftover:
    made = make(tmp_path_factory.mktemp('leftover'), request.param)
    assert len(made.chunks) > 3
    return made


def put(root: Path, data: bytes, name: str = counter.UUID) -> Path:
    active = root / f'{name}.active'
    active.mkdir(parents=True)
    (active / f'{name}.mcap').write_bytes(data)
    return active


def flipped(data: bytes, at: int, mask: int = 0x40) -> bytes:
    return data[:at] + bytes([data[at] ^ mask]) + data[at + 1 :]


def messages(episode: Path) -> list[tuple[str, bytes]]:
    """All messages, read by us; other readers must find the same."""
    ours = [(m.topic, m.data) for m in EpisodeReader(episode).messages()]
    with AnyReader([episode]) as bag:
        theirs = [(c.topic, bytes(data)) for c, _, data in bag.messages()]
    assert sorted(theirs) == sorted(ours)
    assert EpisodeReader(episode).contents.damage == ''
    return ours


def test_a_whole_leftover_loses_nothing(tmp_path: Path, leftover: Leftover) -> None:
    put(tmp_path, leftover.data)
    [episode] = recover_leftovers(tmp_path).sealed
    assert messages(episode) == leftover.every


@pytest.mark.parametrize('number', [0, 1, -1])
@pytest.mark.parametrize('at', [9 + 60, -5])
def test_one_byte_in_a_chunk_costs_that_chunk_alone(
    tmp_path: Path, leftover: Leftover, number: int, at: int
) -> None:
    start, end = leftover.chunks[number]
    put(tmp_path, flipped(leftover.data, start + at if at > 0 else end + at))
    [episode] = recover_leftovers(tmp_path).sealed
    number = number % len(leftover.chunks)
    assert messages(episode) == leftover.without(number)
    reader = EpisodeReader(episode)
    assert reader.end.status == 'incomplete' and 'cannot be read' in reader.end.reason
    [region] = json.loads(reader.contents.record(DAMAGE_RECORD)['regions'])
    assert region['start'] == start and bytes.fromhex(region['head'])[0] == 6
    # The damaged bytes are still there, behind the nine that are written down.
    kept = (episode / f'{episode.name}.mcap').read_bytes()
    assert (
        kept[start + 9 : end]
        == flipped(leftover.data, start + at if at > 0 else end + at)[start + 9 : end]
    )


@pytest.mark.parametrize('at', [0, 1, 5, 8, 12, 20], ids=lambda at: f'byte {at}')
@pytest.mark.parametrize('number', [0, 2, -1])
def test_a_byte_in_the_head_of_a_chunk_costs_nothing(
    tmp_path: Path, leftover: Leftover, number: int, at: int
) -> None:
    start, _ = leftover.chunks[number]
    put(tmp_path, flipped(leftover.data, start + at))
    [episode] = recover_leftovers(tmp_path).sealed
    assert messages(episode) == leftover.every


def test_a_byte_in_an_index_costs_nothing(tmp_path: Path, leftover: Leftover) -> None:
    _, end = leftover.chunks[1]
    for number, at in enumerate((end, end + 3, end + 9, end + 16)):
        put(tmp_path / str(number), flipped(leftover.data, at))
        [episode] = recover_leftovers(tmp_path / str(number)).sealed
        assert messages(episode) == leftover.every


def test_lost_pages_in_the_middle_cost_what_was_in_them(
    tmp_path: Path, leftover: Leftover
) -> None:
    start, end = leftover.chunks[1]
    data = leftover.data[: start - 3] + bytes(end - start + 7) + leftover.data[end + 4 :]
    put(tmp_path, data)
    [episode] = recover_leftovers(tmp_path).sealed
    got = messages(episode)
    assert [m for m in got if m not in leftover.without(1)] == []
    assert len(got) >= len(leftover.without(1)) - (leftover.spans[0][1])
    assert got[-1] == leftover.every[-1]


@pytest.mark.parametrize('at', [0, 3, 8, 12, 20, 30])
def test_a_byte_in_the_magic_or_the_header_costs_nothing(
    tmp_path: Path, leftover: Leftover, at: int
) -> None:
    put(tmp_path, flipped(leftover.data, at))
    [episode] = recover_leftovers(tmp_path).sealed
    assert messages(episode) == leftover.every


def test_a_first_record_that_cannot_be_read_sets_it_aside_whole(
    tmp_path: Path, leftover: Leftover
) -> None:
    at = leftover.data.index(b'world_model_ros', 46)
    for number, data in enumerate(
        (
            flipped(leftover.data, at),
            leftover.data.replace(b'format\x01\x00\x00\x001', b'format\x01\x00\x00\x007', 1),
        )
    ):
        root = tmp_path / str(number)
        put(root, data)
        result = recover_leftovers(root)
        assert not result.sealed and not result.removed
        [(target, reason)] = result.set_aside.items()
        assert target.parent == root / 'unreadable'
        assert (target / f'{counter.UUID}.mcap').read_bytes() == data
        why = (root / 'unreadable' / f'{target.name}.why.txt').read_text()
        assert reason in why and list_episodes(root, active=True) == []
        assert recover_leftovers(root).set_aside == {}


def test_a_leftover_with_broken_yaml_keeps_no_other_from_being_sealed(
    tmp_path: Path, leftover: Leftover
) -> None:
    for name in ('a', 'b', 'c'):
        put(tmp_path, leftover.data, name)
    from world_model_ros.bench.chaos.episode_parts import put_together, take_apart

    parts = take_apart(FIXTURE)
    parts.topics[0].qos = '- {unclosed: ['
    parts.end = None
    bad = put_together(parts, tmp_path / 'made', 'bad')
    bad.rename(tmp_path / 'b0.active')
    result = recover_leftovers(tmp_path)
    assert [path.name for path in result.sealed] == ['a', 'b', 'c']
    [(target, reason)] = result.set_aside.items()
    assert target.name == 'b0.active' and 'QoS' in reason


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_whatever_is_damaged_nothing_else_is_lost(
    tmp_path: Path, leftover: Leftover, data: st.DataObject
) -> None:
    shutil.rmtree(tmp_path, ignore_errors=True)
    at = data.draw(st.integers(0, len(leftover.data) - 1))
    length = data.draw(st.sampled_from([1, 1, 4, 100, 5000]))
    fill = data.draw(st.binary(min_size=1, max_size=8))
    damaged = leftover.data[:at] + (fill * length)[:length] + leftover.data[at + length :]
    put(tmp_path, damaged)
    result = recover_leftovers(tmp_path)
    assert not result.removed and not result.left
    if result.set_aside:
        [target] = result.set_aside
        assert (target / f'{counter.UUID}.mcap').read_bytes() == damaged
        return
    [episode] = result.sealed
    got = messages(episode)
    hit = [
        number
        for number, (start, end) in enumerate(leftover.chunks)
        if start < at + length and at < end
    ]
    expected = [
        message
        for number, (first, last) in enumerate(leftover.spans)
        if number not in hit
        for message in leftover.every[first:last]
    ]
    assert all(message in got for message in expected)
    assert all(message in leftover.every for message in got)


# ---- whose it is ---------------------------------------------------------------------------


def test_what_is_not_ours_is_neither_deleted_nor_moved(tmp_path: Path) -> None:
    (tmp_path / 'notes.active').mkdir()
    (tmp_path / 'notes.active' / 'thesis.tex').write_text('years')
    (tmp_path / 'elsewhere').mkdir()
    (tmp_path / 'elsewhere' / 'x.mcap').write_text('y')
    (tmp_path / 'link.active').symlink_to(tmp_path / 'elsewhere')
    (tmp_path / 'file.active').write_text('z')
    linked = tmp_path / 'linked.active'
    linked.mkdir()
    (linked / 'linked.mcap').symlink_to(tmp_path / 'elsewhere' / 'x.mcap')
    before = sorted(str(path) for path in tmp_path.rglob('*'))
    result = recover_leftovers(tmp_path)
    assert len(result.left) == 4 and not result.set_aside and not result.removed
    assert sorted(str(path) for path in tmp_path.rglob('*')) == before
    assert (tmp_path / 'elsewhere' / 'x.mcap').read_text() == 'y'


def test_an_empty_recording_goes_and_one_with_a_strangers_file_stays(tmp_path: Path) -> None:
    for name in ('empty', 'kept'):
        writer = EpisodeWriter(tmp_path / 'made', counter.info(name), min_free_bytes=0)
        shutil.copytree(tmp_path / 'made' / f'{name}.active', tmp_path / f'{name}.active')
        writer.close('discarded')
        assert writer.join(10)
    (tmp_path / 'kept.active' / 'mine.txt').write_text('notes')
    result = recover_leftovers(tmp_path)
    assert [path.name for path in result.removed] == ['empty.active']
    assert not (tmp_path / 'empty.active').exists()
    [target] = result.set_aside
    assert (target / 'mine.txt').read_text() == 'notes'


def test_a_discarded_recording_keeps_a_strangers_file(tmp_path: Path) -> None:
    writer = EpisodeWriter(tmp_path, counter.info('x'), min_free_bytes=0)
    (tmp_path / 'x.active' / 'mine.txt').write_text('notes')
    writer.close('discarded', 'no tick happened in it')
    assert writer.join(10)
    assert [path.read_text() for path in tmp_path.rglob('mine.txt')] == ['notes']


# ---- locks ---------------------------------------------------------------------------------


def test_the_lock_is_held_while_a_leftover_is_sealed(
    tmp_path: Path, leftover: Leftover, monkeypatch: pytest.MonkeyPatch
) -> None:
    from world_model_ros.experience.record import recover

    seen = []
    sealed: Callable = recover.write_metadata

    def look(directory: Path, text: str) -> None:
        file = (directory / f'{counter.UUID}.mcap').open('rb')
        with file, pytest.raises(BlockingIOError):
            fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
        seen.append(recover_leftovers(tmp_path).sealed)  # another recorder that starts now
        sealed(directory, text)

    monkeypatch.setattr(recover, 'write_metadata', look)
    put(tmp_path, leftover.data)
    assert len(recover_leftovers(tmp_path).sealed) == 1 and seen == [[]]


def test_a_file_that_was_renamed_meanwhile_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / 'file'
    path.write_text('x')
    with hold(path), pytest.raises(Locked), hold(path):
        pass
    (tmp_path / 'link').symlink_to(path)
    with pytest.raises(OSError, match='link'), hold(tmp_path / 'link'):
        pass


def test_a_recording_is_locked_before_it_is_called_active(tmp_path: Path) -> None:
    from world_model_ros.experience.record.sink import FileSink

    names = []

    class Looking(FileSink):
        def __init__(self, path: Path) -> None:
            names.append(path.parent.name)
            assert recover_leftovers(tmp_path).removed == []
            super().__init__(path)
            assert recover_leftovers(tmp_path).removed == []

    writer = EpisodeWriter(tmp_path, counter.info('x'), min_free_bytes=0, sink=Looking)
    assert names == ['x.new'] and (tmp_path / 'x.active').is_dir()
    writer.close('discarded')
    assert writer.join(10) and list(tmp_path.iterdir()) == []


def test_what_a_recorder_left_that_died_at_once_is_removed_later(tmp_path: Path) -> None:
    for name in ('old', 'fresh', 'foreign'):
        (tmp_path / f'{name}.new').mkdir()
        (tmp_path / f'{name}.new' / f'{name}.mcap').write_bytes(b'')
    (tmp_path / 'foreign.new' / 'mine.txt').write_text('x')
    for name in ('old', 'foreign'):
        os.utime(tmp_path / f'{name}.new', (0, 0))
    assert [path.name for path in recover_leftovers(tmp_path).removed] == ['old.new']
    assert (tmp_path / 'fresh.new').is_dir() and (tmp_path / 'foreign.new' / 'mine.txt').is_file()


def test_recordings_are_not_for_everybody(tmp_path: Path) -> None:
    writer = EpisodeWriter(tmp_path, counter.info('x'), min_free_bytes=0)
    for message in counter.run(3):
        writer.write(counter.TOPICS[message.role], message.cdr, message.t_ns)
    writer.close()
    assert writer.join(10)
    for path in (writer.path, *writer.path.iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) & 0o007 == 0, path


def test_the_second_copy_of_a_channel_changes_nothing_for_readers(tmp_path: Path) -> None:
    writer = EpisodeWriter(tmp_path, counter.info('x'), min_free_bytes=0)
    for message in counter.run(10, 'x'):
        writer.write(counter.TOPICS[message.role], message.cdr, message.t_ns)
    writer.close()
    assert writer.join(10)
    assert check_episode(writer.path, rebuilt=True) == []
    assert len(messages(writer.path)) == 50


def test_a_chunk_that_claims_4_tib_takes_no_memory(tmp_path: Path, leftover: Leftover) -> None:
    start, _ = leftover.chunks[1]
    data = bytearray(leftover.data)
    struct.pack_into('<Q', data, start + 9 + 16, 1 << 42)
    put(tmp_path, bytes(data))
    [episode] = recover_leftovers(tmp_path).sealed
    assert set(leftover.without(1)) <= set(messages(episode))


def test_a_kill_before_the_first_message_of_a_topic_is_on_the_disk_is_no_damage(
    tmp_path: Path, leftover: Leftover
) -> None:
    start, end = leftover.chunks[0]
    # The definitions stand before the chunk that was not written.
    put(tmp_path, leftover.data[: start + 20])
    [(_, reason)] = recover_leftovers(tmp_path).set_aside.items()
    assert 'damaged' not in reason and 'no message' in reason
    root = tmp_path / 'next'
    put(root, leftover.data[:end])
    [episode] = recover_leftovers(root).sealed
    assert 'damaged' not in EpisodeReader(episode).end.reason


def test_a_few_bytes_between_two_records_cost_nothing(tmp_path: Path, leftover: Leftover) -> None:
    _, end = leftover.chunks[1]
    put(tmp_path, leftover.data[:end] + b'odd!' + leftover.data[end:])
    [episode] = recover_leftovers(tmp_path).sealed
    assert messages(episode) == leftover.every


def test_bytes_lost_from_the_record_before_a_chunk_cost_the_chunk_nothing(
    tmp_path: Path, leftover: Leftover
) -> None:
    start, _ = leftover.chunks[0]
    put(tmp_path, leftover.data[: start - 700] + leftover.data[start - 200 :])
    [episode] = recover_leftovers(tmp_path).sealed
    assert messages(episode) == leftover.every
