# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a kill, a cut file and a full disk leave behind."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import counter
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rosbags.highlevel import AnyReader

from world_model_ros.experience import (
    EpisodeError,
    EpisodeReader,
    EpisodeWriter,
    check_episode,
    recover_leftovers,
)
from world_model_ros.experience.record.recover import Recovered
from world_model_ros.experience.record.sink import FileSink

# Writes numbered messages at 100 Hz and says on stdout how far it is, until it is killed.
CHILD = """
import sys, time
import counter
from pathlib import Path
from world_model_ros.experience import EpisodeWriter
writer = EpisodeWriter(Path(sys.argv[1]), counter.info(), min_free_bytes=0)
k, start = 0, time.monotonic()
while True:
    stamp = counter.T0_NS + k
    data = counter.joint_state(stamp, ['shoulder', 'wrist'], [float(k), time.monotonic()])
    assert writer.write(counter.TOPICS['stream.joints'], data, stamp)
    print(k, time.monotonic() - start, flush=True)
    k += 1
    time.sleep(max(0.0, start + k * 0.01 - time.monotonic()))
"""


def test_kill_9_costs_at_most_a_second(tmp_path: Path) -> None:
    here = str(Path(__file__).parent)
    child = subprocess.Popen(
        [sys.executable, '-c', CHILD, str(tmp_path), here], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    written: list[float] = []
    for line in child.stdout:
        written.append(float(line.split()[1]))
        if written[-1] > 2.3:  # some flushes, and in between two of them
            break
    child.send_signal(signal.SIGKILL)
    child.wait(10)
    assert [path.name for path in tmp_path.iterdir()] == [f'{counter.UUID}.active']

    [episode] = recover_leftovers(tmp_path).sealed

    messages = list(EpisodeReader(episode).messages())
    # What the child had written more than 1 s before its end is there, in order, without a hole.
    due = sum(at <= written[-1] - 1.0 for at in written)
    assert len(messages) >= due > 50
    assert [m.log_ns - counter.T0_NS for m in messages] == list(range(len(messages)))
    with AnyReader([episode]) as bag:
        assert bag.message_count == len(messages)
    assert EpisodeReader(episode).end.status == 'incomplete'
    assert not (episode / 'reserve').exists()


def test_a_living_recorder_is_left_alone(tmp_path: Path) -> None:
    writer = EpisodeWriter(tmp_path, counter.info(), min_free_bytes=0)
    assert recover_leftovers(tmp_path) == Recovered()
    for message in counter.run(3):
        writer.write(counter.TOPICS[message.role], message.cdr, message.t_ns)
    writer.close()
    assert writer.join(10) and check_episode(writer.path) == []


@pytest.fixture(scope='module')
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sealed episode of several chunks."""
    writer = EpisodeWriter(
        tmp_path_factory.mktemp('whole'), counter.info(), min_free_bytes=0, compression='none'
    )
    for message in counter.run(150):
        writer.write(counter.TOPICS[message.role], message.cdr, message.t_ns)
    writer.close()
    assert writer.join(20)
    assert len(EpisodeReader(writer.path).contents.chunks) > 1
    return writer.path


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(share=st.floats(0.0, 1.0), zeros=st.integers(0, 3000))
def test_a_file_cut_anywhere_yields_a_readable_prefix(
    tmp_path: Path, whole: Path, share: float, zeros: int
) -> None:
    data = (whole / f'{whole.name}.mcap').read_bytes()
    for old in tmp_path.iterdir():
        shutil.rmtree(old)
    active = tmp_path / f'{whole.name}.active'
    active.mkdir()
    cut = data[: int(share * len(data))]
    # A power loss may leave a file longer than what was written, filled with zeros.
    (active / f'{whole.name}.mcap').write_bytes(cut + bytes(zeros))
    every = [(m.topic, m.data) for m in EpisodeReader(whole).messages()]

    recovered = recover_leftovers(tmp_path).sealed

    if not recovered:
        first = EpisodeReader(whole).contents.chunks[0]
        assert len(cut) < first.chunk_start_offset + first.chunk_length
        return
    got = [(m.topic, m.data) for m in EpisodeReader(recovered[0]).messages()]
    assert got == every[: len(got)]
    with AnyReader(recovered) as bag:
        read = [(c.topic, bytes(d)) for c, _, d in bag.messages()]
    assert sorted(read) == sorted(got)


class FullDisk(FileSink):
    """Takes so many bytes, then part of a write, then says that the disk is full."""

    room = 600_000

    def write(self, data: bytes) -> int:
        left = self.room - self.tell()
        if len(data) > left:
            super().write(data[: max(0, left)])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


def fill(writer: EpisodeWriter, ticks: int) -> None:
    for message in counter.run(ticks):
        writer.write(counter.TOPICS[message.role], message.cdr, message.t_ns)


def test_a_full_disk_truncates_the_episode_and_spares_the_sealed_ones(tmp_path: Path) -> None:
    good = EpisodeWriter(tmp_path, counter.info('good'), min_free_bytes=0)
    for message in counter.run(20, 'good'):
        good.write(counter.TOPICS[message.role], message.cdr, message.t_ns)
    good.close()
    assert good.join(10)
    bad = EpisodeWriter(
        tmp_path,
        counter.info(),
        min_free_bytes=0,
        compression='none',
        sink=FullDisk,
        sync_period_s=0.05,
    )
    fill(bad, 5)
    while not bad.written:  # the writer thread has begun
        bad._wake.wait(0.01)
    while not bad.error:
        fill(bad, 5)
        bad._wake.wait(0.02)
    assert bad.join(10)

    assert 'No space left' in bad.error
    assert not bad.write(counter.TOPICS['tick'], b'', 0) and bad.dropped['/agent/tick'] >= 1
    assert check_episode(good.path, rebuilt=True) == []
    reader = EpisodeReader(bad.path)
    assert reader.end.status == 'incomplete' and 'No space left' in reader.end.reason
    with AnyReader([bad.path]) as bag:
        assert bag.message_count == reader.contents.message_count > 0


@pytest.mark.skipif(os.geteuid() != 0, reason='mounts a small tmpfs')
def test_a_really_full_disk_still_gets_its_episode_sealed(tmp_path: Path) -> None:
    disk = tmp_path / 'disk'
    disk.mkdir()
    mounted = subprocess.run(
        ['mount', '-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', str(disk)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip('mount is not allowed here')
    try:
        writer = EpisodeWriter(disk, counter.info(), min_free_bytes=0, compression='none')
        noise = os.urandom(100_000)
        while not writer.closed:
            topic = counter.TOPICS['stream.camera']
            writer.write(topic, noise, counter.T0_NS + writer.received)
            writer._wake.wait(0.001)
        assert 'No space left' in writer.error
        reader = EpisodeReader(writer.path)
        assert reader.whole and reader.end.status == 'incomplete'
        assert sum(1 for _ in reader.messages()) > 20
    finally:
        subprocess.run(['umount', str(disk)], check=False)


def test_the_floor_ends_a_recording_before_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = [10 << 30]
    monkeypatch.setattr('world_model_ros.experience.record.writer.free_bytes', lambda _: free[0])
    writer = EpisodeWriter(tmp_path, counter.info(), sync_period_s=0.02)
    fill(writer, 5)
    free[0] = 100 << 20
    assert writer.join(10)
    assert 'floor is 512 MiB' in writer.error
    assert EpisodeReader(writer.path).end.status == 'incomplete'
    with pytest.raises(EpisodeError, match='floor is 512 MiB'):
        EpisodeWriter(tmp_path, counter.info('next'))
