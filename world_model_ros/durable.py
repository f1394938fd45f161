# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a process must remember, so that one damaged file loses nothing and never goes unseen.

Owns `NAME.0.json` and `NAME.1.json` (format 1): the same JSON value twice, each with a sha256 and
a counter. `save` writes both, the older or damaged one first, so that a kill at any point leaves a
whole one. `load` takes the newest whole copy and says what is wrong with the other. Plain Python:
imports neither rclpy nor torch.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import stat
from pathlib import Path
from typing import Any, NamedTuple

from world_model_ros.strict_json import MAX_DEPTH, strict_json

DURABLE_FORMAT = 1
MAX_BYTES = 1 << 20  # of one copy; states are some kilobytes
COPIES = 2
DAMAGED_SUFFIX = '.damaged'
_MAX_COUNTER = 1 << 52  # exact also for readers that hold numbers as float64


class _Copy(NamedTuple):
    counter: int  # 0: not there or damaged
    value: Any
    problem: str  # '' when it is whole or not there


class DurableState:
    """One JSON value that survives damage to either of its two files. Not safe between threads."""

    def __init__(self, folder: Path | str, name: str) -> None:
        """Touch nothing.

        Args:
            folder: where the copies lie; it must be there when `save` is called.
            name: of the copies' files, a plain word.
        """
        self.folder, self.name = Path(folder), name

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files of both copies."""
        return tuple(self.folder / f'{self.name}.{number}.json' for number in range(COPIES))

    def load(self) -> tuple[Any, str]:
        """Return the newest whole value, and what was damaged.

        Returns:
            (None, ''): nothing was ever saved. (value, ''): as it was saved. (value, problem): one
            copy is whole; it may be older than what was saved last. (None, problem): all is lost;
            the caller must be more careful than before, not less.
        """
        copies = [self._read(path) for path in self.paths]
        problems = [copy.problem for copy in copies if copy.problem]
        best = max(copies, key=lambda copy: copy.counter)
        if not best.counter:
            return None, '; '.join(problems)
        for path, copy in zip(self.paths, copies, strict=True):
            # A kill between the two writes leaves the other exactly one behind.
            if not copy.problem and copy.counter < best.counter - 1:
                what = f'an old copy ({copy.counter})' if copy.counter else 'missing'
                problems.append(f'{path}: {what}, the other one is of save {best.counter}')
            elif copy.counter == best.counter and copy.value != best.value:
                problems.append(f'{path}: differs from the other copy of save {best.counter}')
        return best.value, '; '.join(problems)

    def save(self, value: Any) -> str:
        """Write both copies, each synced to the disk.

        Returns:
            Why only one copy could be written; '' usually.

        Raises:
            OSError: the value cannot be written; the one before is still there. Also for a value
                that JSON cannot hold.
        """
        copies = [self._read(path) for path in self.paths]
        counter = max(copy.counter for copy in copies) + 1
        content = self._encode(counter, value)
        order = sorted(range(COPIES), key=lambda number: copies[number].counter)
        errors = []
        for number in order:
            path = self.paths[number]
            try:
                if copies[number].problem:
                    os.replace(path, path.with_name(path.name + DAMAGED_SUFFIX))
                write_atomic(path, content)
            except OSError as error:
                errors.append((path, error))  # the other one may be writable, and holds as much
        if len(errors) == COPIES:
            raise errors[0][1]
        return '; '.join(f'{path}: {error.strerror or error}' for path, error in errors)

    def _encode(self, counter: int, value: Any) -> bytes:
        if counter >= _MAX_COUNTER:
            raise OSError(errno.EOVERFLOW, f'{self.folder / self.name}: its counter is used up')
        try:
            # As load will see it: tuples are lists there, and what it would refuse raises here.
            value = strict_json(json.dumps(value), MAX_BYTES, MAX_DEPTH - 1)
            record = {
                'format': DURABLE_FORMAT,
                'counter': counter,
                'sha256': _digest(self.name, counter, value),
                'value': value,
            }
            content = json.dumps(record, indent=1).encode() + b'\n'
            strict_json(content, MAX_BYTES, MAX_DEPTH)
        except (TypeError, ValueError, RecursionError) as error:
            reason = f'{self.folder / self.name}: cannot be stored: {error}'
            raise OSError(errno.EINVAL, reason) from error
        return content

    def _read(self, path: Path) -> _Copy:
        try:
            record = strict_json(read_regular(path, MAX_BYTES), MAX_BYTES, MAX_DEPTH)
        except FileNotFoundError:
            return _Copy(0, None, '')
        except OSError as error:
            return _Copy(0, None, f'{path}: {error.strerror or error}')
        except ValueError as error:
            return _Copy(0, None, f'{path}: damaged ({str(error)[:100]})')
        if not isinstance(record, dict) or set(record) != {'format', 'counter', 'sha256', 'value'}:
            return _Copy(0, None, f'{path}: damaged (not a state file)')
        number, counter = record['format'], record['counter']
        if number != DURABLE_FORMAT or isinstance(number, bool):
            return _Copy(0, None, f'{path}: format {str(number)[:20]}, format 1 is read')
        if isinstance(counter, bool) or not isinstance(counter, int):
            return _Copy(0, None, f'{path}: damaged (counter)')
        whole = record['sha256'] == _digest(self.name, counter, record['value'])
        if not whole or not 0 < counter < _MAX_COUNTER:
            return _Copy(0, None, f'{path}: damaged (sha256 or counter)')
        return _Copy(counter, record['value'], '')


def _digest(name: str, counter: int, value: Any) -> str:
    content = json.dumps([name, counter, value], sort_keys=True, separators=(',', ':'))
    return hashlib.sha256(content.encode()).hexdigest()


def read_regular(path: Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes; links, pipes and devices are refused.

    Raises:
        OSError: the file is absent, unreadable, not regular or too large.
    """
    # O_NONBLOCK: opening a pipe that somebody left here must not hang the robot.
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError('a link, not a file') from error
        raise
    with os.fdopen(handle, 'rb') as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError('not a regular file')
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(f'larger than {limit} bytes')
    return content


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file so that it is afterwards either the old one or the whole new one.

    Raises:
        OSError: it cannot be written; the old one is still there.
    """
    temporary = path.with_name(f'{path.name}.partial')
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()  # left by a kill; or a link, which must not lead the write elsewhere
    with temporary.open('xb') as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
