# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Writes one episode: raw CDR messages in, a sealed rosbag2 MCAP directory out.

Owns the writer thread and the life of the directory: `UUID.active/` while it grows, flushed and
synced on a clock, verified, then renamed to `UUID/`. `write` only appends to a bounded queue: a
slow or full disk costs recorded messages, which are counted, never the caller's time. Any OSError
and too little free space end the recording, seal what is whole and mark it incomplete.
Must not import ROS or torch.
"""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from mcap.exceptions import McapError
from mcap.writer import CompressionType, Writer

from world_model_ros.contract.names import NameRefused, check_name
from world_model_ros.experience.bag import (
    ACTIVE_SUFFIX,
    BEGIN_RECORD,
    END_RECORD,
    ROSBAG2_RECORD,
    EpisodeEnd,
    EpisodeError,
    EpisodeInfo,
    Topic,
    bag_information,
    custom_data,
    information_text,
    metadata_text,
)
from world_model_ros.experience.record.closing import verify_file
from world_model_ros.experience.record.definitions import Definitions
from world_model_ros.experience.record.recover import seal_truncated
from world_model_ros.experience.record.sink import (
    FOLDER_MODE,
    NEW_SUFFIX,
    OUR_SUFFIXES,
    RESERVE_FILE,
    FileSink,
    Sink,
    free_bytes,
    free_name,
    remove_own,
    sync_directory,
    write_metadata,
)

log = logging.getLogger(__name__)

COMPRESSIONS = {
    'none': CompressionType.NONE,
    'lz4': CompressionType.LZ4,
    'zstd': CompressionType.ZSTD,
}
# Half of the second that a kill may cost, so that a slow sync still keeps the promise.
SYNC_PERIOD_SEC = 0.5
# The queue is emptied this often instead of per message: fewer thread switches, 50 ms of the 1 s.
DRAIN_PERIOD_SEC = 0.05
SEAL_NICENESS = 10  # of an episode's thread once nothing else is left to do
QUEUE_BYTES = 64 << 20  # 2 s of 640x480 rgb8 at 30 Hz
QUEUE_MESSAGES = 20_000  # small messages are bounded by number: each costs far more than its bytes
CHUNK_BYTES = 1 << 20
MIN_FREE_BYTES = 512 << 20  # below this the disk belongs to the robot's other needs
# Given back when the disk is full: room for the summary and metadata.yaml of a long episode.
RESERVE_BYTES = 1 << 20


class EpisodeWriter:
    """One episode being recorded. One thread calls `write`; another does all that can block."""

    def __init__(
        self,
        root: Path,
        info: EpisodeInfo,
        *,
        compression: str = 'zstd',
        queue_bytes: int = QUEUE_BYTES,
        min_free_bytes: int = MIN_FREE_BYTES,
        sync_period_s: float = SYNC_PERIOD_SEC,
        chunk_bytes: int = CHUNK_BYTES,
        sink: Callable[[Path], Sink] = FileSink,
    ) -> None:
        if compression not in COMPRESSIONS:
            raise EpisodeError(
                f'compression {compression!r} is unknown; use one of {", ".join(COMPRESSIONS)}'
            )
        try:
            check_name(info.uuid, 'episode uuid')
        except NameRefused as error:
            reason = f'episode uuid {info.uuid!r} cannot name a directory: {error}'
            raise EpisodeError(reason) from None
        if info.uuid.startswith('.') or info.uuid.endswith(OUR_SUFFIXES):
            raise EpisodeError(f'episode uuid {info.uuid!r} cannot name a directory: it is ours')
        root.mkdir(parents=True, exist_ok=True)
        self.info = info
        self.error = ''
        self.received = 0
        self.dropped: dict[str, int] = {}
        self.lost: dict[str, int] = {}  # reported lost by the middleware, for the record
        self.written: dict[str, int] = {}
        self.bytes_written = 0
        self._min_free_bytes = min_free_bytes
        self._sync_period_s = sync_period_s
        self._queue_bytes = queue_bytes
        self._chunk_bytes = chunk_bytes
        self._queue: deque[tuple[Topic, bytes, int, int]] = deque()
        self._put_bytes = 0  # by the caller's thread only
        self._taken_bytes = 0  # by the writer thread only
        self._start_ns = self._end_ns = 0
        self._status: tuple[str, str] | None = None
        self._wake = threading.Event()
        self.path = root / free_name(root, info.uuid)
        self._active = self.path.with_name(self.path.name + ACTIVE_SUFFIX)
        if free_bytes(root) < min_free_bytes + RESERVE_BYTES:
            raise EpisodeError(
                f'{root}: {free_bytes(root) >> 20} MiB free, the floor is '
                f'{min_free_bytes >> 20} MiB; free space or lower min_free_mb'
            )
        self._file = self._active / f'{self.path.name}.mcap'
        self._reserve = self._active / RESERVE_FILE
        self._begin(root, COMPRESSIONS[compression], sink)
        self._thread = threading.Thread(target=self._run, name='episode-writer', daemon=True)
        self._thread.start()

    def _begin(
        self, root: Path, compression: CompressionType, sink: Callable[[Path], Sink]
    ) -> None:
        """Make the file under another name first: as `.active` it is locked from the beginning."""
        new = self.path.with_name(self.path.name + NEW_SUFFIX)
        opened: Sink | None = None
        made = new
        try:
            new.mkdir(mode=FOLDER_MODE)
            opened = self._sink = sink(new / self._file.name)
            self._writer = Writer(
                self._sink,  # type: ignore[arg-type]  # needs write, tell and flush only
                chunk_size=self._chunk_bytes,
                compression=compression,
            )
            self._definitions = Definitions(self._writer, self._sink, self._chunk_bytes)
            self._writer.start(profile='ros2', library='world_model_ros')
            self._writer.add_metadata(BEGIN_RECORD, self.info.to_record())
            self._sink.sync()
            sync_directory(new)
            new.rename(self._active)
            made = self._active
            sync_directory(root)
            with self._reserve.open('xb') as reserve:
                os.posix_fallocate(reserve.fileno(), 0, RESERVE_BYTES)
        except Exception as error:  # OSError, a text that no file could hold, no memory
            if opened is not None:
                with contextlib.suppress(OSError):
                    remove_own(made, {self._file.name, RESERVE_FILE})
                opened.close()
            elif not isinstance(error, FileExistsError):
                with contextlib.suppress(OSError):
                    remove_own(made, set())
            raise EpisodeError(f'{root}: cannot begin an episode: {error}') from error

    def write(self, topic: Topic, data: bytes, log_ns: int, publish_ns: int = 0) -> bool:
        """Queue one message as received; False (and counted) where it cannot be kept."""
        self.received += 1
        full = self._put_bytes - self._taken_bytes + len(data) > self._queue_bytes
        if self.error or self._status or full or len(self._queue) >= QUEUE_MESSAGES:
            self.dropped[topic.name] = self.dropped.get(topic.name, 0) + 1
            return False
        self._put_bytes += len(data)
        self._queue.append((topic, data, log_ns, publish_ns or log_ns))
        return True

    def wait_for_room(self) -> None:
        """Block until the queue is half empty: for copies of episodes, not for robots."""
        while not self.closed and (
            len(self._queue) > QUEUE_MESSAGES // 2
            or self._put_bytes - self._taken_bytes > self._queue_bytes // 2
        ):
            self._thread.join(DRAIN_PERIOD_SEC)

    def close(self, status: str = 'whole', reason: str = '') -> None:
        """Ask for the end; returns at once. `status`: `whole`, `incomplete` or `discarded`."""
        if self._status is None:
            self._status = (status, reason)
            self._wake.set()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait until the episode is sealed (or given up); False if that took too long."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    @property
    def closed(self) -> bool:
        """Whether the writer thread is done, sealed or not."""
        return not self._thread.is_alive()

    @property
    def status(self) -> str:
        """`recording`, then `whole`, `incomplete` or `discarded`."""
        return self._status[0] if self._status else 'recording'

    @property
    def sealed(self) -> bool:
        """Whether the episode is on disk under its final name."""
        return self.closed and self.path.is_dir()

    def _run(self) -> None:
        try:
            self._record()
            if self.status == 'discarded':
                self._discard()
            else:
                self._seal()
        except (OSError, McapError, EpisodeError) as error:
            self._fail(str(error))
        except Exception as error:  # what is whole is sealed, whatever it was
            log.exception('%s', self.path.name)
            self._fail(repr(error))
        finally:
            self._sink.close()

    def _discard(self) -> None:
        """Remove a recording without any tick: our two files, nothing that others put there."""
        if not remove_own(self._active, {self._file.name, RESERVE_FILE}):
            self._status = ('incomplete', f'{self._status[1] if self._status else ""}; not empty')
            self._seal()

    def _record(self) -> None:
        next_sync = time.monotonic() + self._sync_period_s
        while self._status is None:
            self._wake.wait(DRAIN_PERIOD_SEC)
            self._drain()
            if time.monotonic() >= next_sync:
                self._writer.flush()
                self._sink.sync()
                self._check_space()
                next_sync = time.monotonic() + self._sync_period_s
        self._drain()

    def _check_space(self) -> None:
        free = free_bytes(self._active)
        if free < self._min_free_bytes:
            self.error = (
                f'{free >> 20} MiB free, the floor is {self._min_free_bytes >> 20} MiB: '
                'recording stopped'
            )
            self._status = ('incomplete', self.error)

    def _drain(self) -> None:
        while self._queue:
            topic, data, log_ns, publish_ns = self._queue.popleft()
            self._taken_bytes += len(data)
            channel = self._definitions.channel(topic)
            self._writer.add_message(channel, log_ns, data, publish_ns)
            if not self.written:
                self._start_ns = log_ns
            self.written[topic.name] = self.written.get(topic.name, 0) + 1
            self._start_ns = min(self._start_ns, log_ns)
            self._end_ns = max(self._end_ns, log_ns)
            self.bytes_written += len(data)
            self._definitions.repeat(self.bytes_written)

    def _seal(self) -> None:
        if sys.platform.startswith('linux'):  # the robot acts on meanwhile
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), SEAL_NICENESS)
        status, reason = self._status or ('incomplete', 'recorder stopped')
        end = EpisodeEnd(status, reason, self.written, self.dropped, self.lost)
        information = bag_information(
            self._file.name,
            self._definitions.topics,
            self.written,
            self._start_ns,
            self._end_ns,
            custom_data(self.info.to_record(), end),
        )
        self._writer.flush()
        self._writer.add_metadata(END_RECORD, end.to_record())
        text = information_text(information)
        self._writer.add_metadata(ROSBAG2_RECORD, {'serialized_metadata': text})
        self._writer.finish()
        self._sink.sync()
        verify_file(self._file, self._sink.tell(), self.written)
        self._publish(metadata_text(information))

    def _publish(self, text: str) -> None:
        write_metadata(self._active, text)
        self._reserve.unlink(missing_ok=True)
        sync_directory(self._active)
        if os.path.lexists(self.path):  # somebody put it there meanwhile
            self.path = self.path.with_name(free_name(self.path.parent, self.info.uuid))
        self._active.rename(self.path)
        sync_directory(self.path.parent)

    def _fail(self, reason: str) -> None:
        """The disk refused: give the reserve back and close what is whole."""
        self.error = self.error or f'recording stopped: {reason}'
        self._status = ('incomplete', self.error)
        log.error('%s: %s', self.path.name, self.error)
        self._sink.close()
        for topic, *_ in self._queue:
            self.dropped[topic.name] = self.dropped.get(topic.name, 0) + 1
        try:
            self._reserve.unlink(missing_ok=True)
            if os.path.lexists(self.path):
                self.path = self.path.with_name(free_name(self.path.parent, self.info.uuid))
            seal_truncated(self._active, self.path, self.error, self.dropped)
        except Exception as error:  # noqa: BLE001 - the thread's last word
            # What is whole stays in the .active directory; the next start seals it.
            log.error('%s is not sealed: %s', self._active, error)
