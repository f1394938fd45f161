# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which message goes into which episode, in whatever order messages come."""

from __future__ import annotations

from pathlib import Path

import counter
import pytest

from world_model_ros.experience import (
    EpisodeError,
    EpisodeInfo,
    EpisodeReader,
    EpisodeWriter,
    check_episode,
    list_episodes,
    parity,
    to_arrays,
)
from world_model_ros.experience.bag import EpisodeEnd
from world_model_ros.experience.record.open_episode import RECORDER_STOPPED
from world_model_ros.experience.record.session import (
    GRACE_SEC,
    MAX_OPEN,
    SETTLE_SEC,
    SILENCE_SEC,
    SILENT_AT_STOP_SEC,
    RecordingSession,
)
from world_model_ros.wire.cdr import decode

A, B = 'aaaaaaaa-0000', 'bbbbbbbb-0000'


def make(root: Path) -> RecordingSession:
    def open_writer(info: EpisodeInfo) -> EpisodeWriter:
        return EpisodeWriter(root, info, min_free_bytes=0)

    return RecordingSession(root, counter.TOPICS, open_writer, robot_id='r')


def play(
    session: RecordingSession, uuid: str, ticks: int, first: int = 0, at_s: float = 0
) -> None:
    for message in counter.run(ticks, uuid, first):
        session.on_message(message.role, message.cdr, message.t_ns, message.t_ns, at_s)


def announce(session: RecordingSession, uuid: str, at_s: float = 0) -> None:
    data = counter.announcement(uuid)
    session.on_message('episode', data, counter.T0_NS, counter.T0_NS, at_s)


def finish(session: RecordingSession, at_s: float) -> None:
    session.poll(at_s + GRACE_SEC)
    session.close(10)


def test_the_last_tick_seals_after_a_moment_of_grace(tmp_path: Path) -> None:
    session = make(tmp_path)
    announce(session, A)
    play(session, A, 10)
    late = next(m for m in counter.run(1, A, 10) if m.role == 'stream.camera')
    session.on_message(late.role, late.cdr, late.t_ns, late.t_ns, 0.1)
    session.poll(0.1)
    assert session.ending and not session.ending[0].writer.closed
    finish(session, 0.0)
    [path] = list_episodes(tmp_path)
    assert check_episode(path, rebuilt=True) == []
    assert late.cdr in [m.data for m in EpisodeReader(path).messages()]
    assert session.totals.last_episode == str(path)


def test_messages_that_came_before_the_announcement_are_in_the_file(tmp_path: Path) -> None:
    session = make(tmp_path)
    play(session, A, 3)  # its ticks overtook the announcement
    session.current = None
    announce(session, A)
    session.close(10)
    [path] = list_episodes(tmp_path)
    assert (parity(path).ticks, parity(path).rebuilt) == (3, 3)


def test_two_episodes_that_overlap_keep_their_own_ticks(tmp_path: Path) -> None:
    session = make(tmp_path)
    announce(session, A)
    play(session, A, 10, at_s=0.0)
    announce(session, B, 0.01)
    play(session, B, 10, first=20, at_s=0.02)
    finish(session, 0.02)
    first, second = sorted(list_episodes(tmp_path))
    for path, uuid in ((first, A), (second, B)):
        assert EpisodeReader(path).info.uuid == uuid
        assert check_episode(path, rebuilt=True) == []
        said = [m.data for m in EpisodeReader(path).messages({'/agent/episode'})]
        assert said == [counter.announcement(uuid)]
        ticks = list(EpisodeReader(path).messages({'/agent/tick'}))
        assert len(ticks) == 10


def test_an_episode_without_its_last_tick_is_incomplete(tmp_path: Path) -> None:
    session = make(tmp_path)
    announce(session, A)
    for message in list(counter.run(10, A))[:-1]:
        session.on_message(message.role, message.cdr, message.t_ns, message.t_ns, 0.0)
    announce(session, B, 1.0)
    play(session, B, 5, at_s=1.0)
    finish(session, 1.0)
    first, second = sorted(list_episodes(tmp_path))
    end = EpisodeReader(first).end
    assert end.status == 'incomplete' and 'another episode' in end.reason
    assert EpisodeReader(second).end.status == 'whole'
    assert session.totals.incomplete == 1


def test_an_announcement_that_no_tick_follows_leaves_nothing(tmp_path: Path) -> None:
    session = make(tmp_path)
    announce(session, A)
    announce(session, B, 1.0)
    play(session, B, 5, at_s=1.0)
    finish(session, 1.0)
    assert [path.name for path in tmp_path.iterdir()] == [B]
    assert EpisodeReader(tmp_path / B).end.dropped == {}


def measure(session: RecordingSession, begin_s: float, end_s: float, step_s: float = 0.5) -> None:
    """Pictures and joints, and nobody who ticks."""
    seen = [m for m in counter.run(1, B, 50) if m.role.startswith('stream.')]
    for step in range(int((end_s - begin_s) / step_s) + 1):
        at_s = begin_s + step * step_s
        for message in seen:
            session.on_message(message.role, message.cdr, message.t_ns, message.t_ns, at_s)
        session.poll(at_s)


def test_an_episode_whose_agent_is_gone_is_sealed_while_the_robot_measures_on(
    tmp_path: Path,
) -> None:
    session = make(tmp_path)
    announce(session, A)
    for message in list(counter.run(10, A))[:-1]:
        session.on_message(message.role, message.cdr, message.t_ns, message.t_ns, 0.0)
    measure(session, 0.0, SILENCE_SEC)
    assert session.current is not None and session.silent_s == SILENCE_SEC
    measure(session, SILENCE_SEC, SILENCE_SEC + 1.0)
    assert session.current is None and session.waits_for_ticks
    session.close(10)
    [path] = list_episodes(tmp_path)
    end = EpisodeReader(path).end
    assert end.status == 'incomplete' and 'no tick for 10 s' in end.reason


def test_an_agent_that_ticks_again_goes_on_in_another_part(tmp_path: Path) -> None:
    session = make(tmp_path)
    announce(session, A)
    messages = list(counter.run(20, A))
    half = len(messages) // 2
    for message in messages[:half]:
        session.on_message(message.role, message.cdr, message.t_ns, message.t_ns, 0.0)
    measure(session, 0.0, SILENCE_SEC + 1.0)
    for message in messages[half:]:
        session.on_message(message.role, message.cdr, message.t_ns, message.t_ns, 60.0)
    assert not session.waits_for_ticks
    finish(session, 60.0)
    first, second = sorted(list_episodes(tmp_path))
    assert (first.name, second.name) == (A, f'{A}-2')
    assert EpisodeReader(second).end.status == 'whole'
    ticks = [list(EpisodeReader(path).messages({'/agent/tick'})) for path in (first, second)]
    assert sum(map(len, ticks)) == 20 and all(ticks)


def test_an_agent_that_waits_for_an_input_fills_no_disk_and_loses_nothing(
    tmp_path: Path,
) -> None:
    session = make(tmp_path)
    announce(session, A)
    measure(session, 0.0, SILENCE_SEC + 1.0)
    session.poll(SILENCE_SEC + 2.0)
    assert session.waits_for_ticks
    play(session, A, 5, at_s=100.0)
    finish(session, 100.0)
    [path] = list_episodes(tmp_path)
    assert EpisodeReader(path).end.status == 'whole' and check_episode(path, rebuilt=True) == []


def test_a_paused_simulator_is_no_silence(tmp_path: Path) -> None:
    session = make(tmp_path)
    announce(session, A)
    for message in list(counter.run(5, A))[:-1]:
        session.on_message(message.role, message.cdr, message.t_ns, message.t_ns, 0.0)
    session.poll(600.0)
    measure(session, 600.0, 600.0)
    assert session.current is not None and 0.0 < session.silent_s < SILENCE_SEC
    session.close(10)


def test_a_recorder_that_is_asked_to_stop_seals_what_it_has_as_whole(tmp_path: Path) -> None:
    session = make(tmp_path)
    announce(session, A)
    for message in list(counter.run(10, A))[:-1]:
        session.on_message(message.role, message.cdr, message.t_ns, message.t_ns, 0.0)
    assert not session.settled(1.0)  # its last tick may yet come
    session.close(10)
    [path] = list_episodes(tmp_path)
    end = EpisodeReader(path).end
    assert (end.status, end.reason) == ('whole', RECORDER_STOPPED)
    assert check_episode(path, rebuilt=True) == [] and session.totals.incomplete == 0
    assert list(tmp_path.iterdir()) == [path]
    # For learning it is cut off all the same: nobody saw how it went on.
    assert to_arrays(path)['truncated'].tolist() == [False] * 8 + [True]


def test_a_stopped_recorder_waits_a_moment_after_the_last_tick(tmp_path: Path) -> None:
    session = make(tmp_path)
    announce(session, A)
    play(session, A, 10)
    assert not session.settled(0.0) and session.settled(SETTLE_SEC)
    session.close(10)
    [path] = list_episodes(tmp_path)
    end = EpisodeReader(path).end
    assert (end.status, end.reason) == ('whole', '')


def test_an_episode_that_had_broken_off_before_the_recorder_was_stopped_is_incomplete(
    tmp_path: Path,
) -> None:
    session = make(tmp_path)
    announce(session, A)
    for message in list(counter.run(10, A))[:-1]:
        session.on_message(message.role, message.cdr, message.t_ns, message.t_ns, 0.0)
    measure(session, 0.0, SILENT_AT_STOP_SEC + 1.0)
    session.close(10)
    [path] = list_episodes(tmp_path)
    [problem] = check_episode(path)
    assert 'incomplete: no tick for 3.0 s before the recorder was stopped' in problem


def test_what_version_0_1_called_truncated_is_read_as_incomplete() -> None:
    record = EpisodeEnd('incomplete', 'disk full').to_record() | {'status': 'incomplete'}
    assert EpisodeEnd.from_record(record) == EpisodeEnd('incomplete', 'disk full')


def test_a_repeated_announcement_begins_nothing(tmp_path: Path) -> None:
    session = make(tmp_path)
    announce(session, A)
    announce(session, A)
    play(session, A, 5)
    finish(session, 0.0)
    assert len(list_episodes(tmp_path)) == 1


def test_the_announcement_is_in_every_bag(tmp_path: Path) -> None:
    session = make(tmp_path)
    announce(session, A)
    play(session, A, 3)
    finish(session, 0.0)
    reader = EpisodeReader(list_episodes(tmp_path)[0])
    assert [m.data for m in reader.messages({'/agent/episode'})] == [counter.announcement(A)]
    assert reader.info.robot_id == 'counter-1' and reader.contract == counter.contract()


def test_a_disk_that_refuses_is_reported_and_nothing_is_raised(tmp_path: Path) -> None:
    def refuse(info: EpisodeInfo) -> EpisodeWriter:
        raise EpisodeError('3 MiB free')

    session = RecordingSession(tmp_path, counter.TOPICS, refuse)
    announce(session, A)
    play(session, A, 3)
    finish(session, 0.0)
    assert session.totals.error == '3 MiB free' and not list_episodes(tmp_path)


def test_garbage_on_the_agents_topics_is_reported_not_raised(tmp_path: Path) -> None:
    session = make(tmp_path)
    for data in (b'', b'\x00\x01\x00\x00', counter.string('{"no": "uuid"}'), counter.string('[')):
        session.on_message('episode', data, 0, 0, 0.0)
        assert '/agent/episode: a message was refused' in session.totals.refusal
    session.on_message('tick', counter.joint_state(0, ['tick'], [1.0]), 0, 0, 0.0)
    assert 'tick record' in session.totals.refusal
    assert session.totals.refused == {'episode': 4, 'tick': 1}
    session.close(1)


BAD_ANNOUNCEMENTS = {
    'NUL': r'{"uuid": "a\u0000b"}',
    'a lone surrogate': r'{"uuid": "fine", "contract": "\ud800"}',
    'deep JSON': '{"uuid": "fine", "bundle": ' + '[' * 50_000 + ']' * 50_000 + '}',
    'a path': '{"uuid": "../../etc/passwd"}',
    'our own suffix': '{"uuid": "x.active"}',
    'a robot that is a path': '{"uuid": "fine", "robot_id": "lab/arm1"}',
    'a huge number': '{"uuid": "fine", "clock": 1e999}',
    'no text': '{"uuid": 5}',
}


@pytest.mark.parametrize('what', BAD_ANNOUNCEMENTS)
def test_one_bad_announcement_costs_nothing_of_the_recording(tmp_path: Path, what: str) -> None:
    session = make(tmp_path)
    announce(session, A)
    messages = list(counter.run(10, A))
    for message in messages[:25]:
        session.on_message(message.role, message.cdr, message.t_ns, message.t_ns, 0.0)
    bad = counter.string(BAD_ANNOUNCEMENTS[what])
    session.on_message('episode', bad, counter.T0_NS, counter.T0_NS, 0.0)
    for message in messages[25:]:
        session.on_message(message.role, message.cdr, message.t_ns, message.t_ns, 0.0)
    finish(session, 0.0)
    [path] = list_episodes(tmp_path)
    assert check_episode(path, rebuilt=True) == []
    assert session.totals.refused == {'episode': 1}
    session.totals.refusal.encode('ascii')


@pytest.mark.parametrize('value', [float('nan'), float('inf'), 1e300])
@pytest.mark.parametrize('name', ['tick', 'last', 'skipped', 'obs_crc'])
def test_one_tick_that_counts_nothing_costs_nothing_of_the_recording(
    tmp_path: Path, name: str, value: float
) -> None:
    session = make(tmp_path)
    announce(session, A)
    for message in counter.run(5, A):
        if message.role == 'tick':
            head = decode('sensor_msgs/msg/JointState', message.cdr)
            numbers = head.position.tolist()
            numbers[head.name.index(name)] = value
            bad = counter.joint_state(message.t_ns, head.name, numbers, head.header.frame_id)
            session.on_message('tick', bad, message.t_ns, message.t_ns, 0.0)
        session.on_message(message.role, message.cdr, message.t_ns, message.t_ns, 0.0)
    finish(session, 0.0)
    [path] = list_episodes(tmp_path)
    assert check_episode(path, rebuilt=True) == []
    assert session.totals.refused == {'tick': 5} and '/agent/tick' in session.totals.refusal


def test_a_flood_of_announcements_opens_no_flood_of_files(tmp_path: Path) -> None:
    session = make(tmp_path)
    for number in range(40):
        announce(session, f'flood-{number}')
    assert len(session.ending) <= MAX_OPEN and session.totals.refused['episode'] > 20
    session.close(10)


def test_a_callback_of_the_session_that_breaks_is_counted(tmp_path: Path) -> None:
    session = make(tmp_path)

    def broken(data: bytes) -> bytes:
        raise MemoryError

    session.convert = {'stream.camera': broken}
    announce(session, A)
    play(session, A, 3)
    finish(session, 0.0)
    assert session.totals.refused == {'stream.camera': 3}
    assert len(list_episodes(tmp_path)) == 1
