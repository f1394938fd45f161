# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reads episodes in a process of its own that may die, hang or answer nonsense.

Owns that process (parse_child.py) and the checks on what it hands back. One process serves many
episodes and is started again when it ended. Must not import torch, ROS or a simulator.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from world_model_ros.contract import Contract
from world_model_ros.experience.episode_limits import PICTURE_PIXELS, TICKS
from world_model_ros.training.data.parse_limits import (
    ANSWER_BYTES,
    MEMORY_BYTES,
    REASON,
    START_SEC,
    WALL_FACTOR,
    answer_spec,
    cpu_limit_sec,
)

Rows = dict[str, np.ndarray]
STOP_SEC = 0.2  # between two looks whether to stop
STOP_AFTER_SEC = 5.0  # most episodes are read by then, and need not be read again
CHILD = 'world_model_ros.training.data.parse_child'
# All that the child gets of the environment: credentials of the store are none of it.
_ENVIRONMENT = ('PATH', 'LD_LIBRARY_PATH', 'LANG', 'TMPDIR')


class ParserRefused(ValueError):
    """The episode was read and cannot be used; the text says why."""


class ParserEnded(RuntimeError):
    """The process that read the episode died, hung or answered nonsense; the text says which."""


class ParserStopped(OSError):
    """Asked to stop before there was an answer; nothing is known of the episode."""


class Parser:
    """Reads episodes for one contract; `folder` is its own and is emptied.

    Close it, or end the process that made it: the child ends with both.
    """

    def __init__(
        self,
        contract: Contract,
        folder: Path,
        *,
        memory_bytes: int = MEMORY_BYTES,
        wall_factor: float = WALL_FACTOR,
        stop: Callable[[], bool] = lambda: False,
        stop_after_s: float = STOP_AFTER_SEC,
        command: tuple[str, ...] = (sys.executable, '-m', CHILD),
    ) -> None:
        self.contract, self.folder = contract, Path(folder).absolute()
        self.memory_bytes, self.wall_factor, self.command = memory_bytes, wall_factor, command
        self.stop, self.stop_after_s = stop, stop_after_s
        self.spec = answer_spec(contract)
        self.started = 0  # processes so far
        self._child: subprocess.Popen[bytes] | None = None
        self._rest = b''

    def read(self, episode: Path) -> Rows:
        """Return what can be learned from an episode folder, and `t_ns` of each tick.

        Raises:
            ParserRefused: it cannot be used.
            ParserEnded: reading it ended the process, took too long, or the answer is nonsense.
            ParserStopped: `stop` said so meanwhile.
        OSError: the disk here is full, or no process can be started.
        """
        if self.folder.is_symlink():
            raise OSError(f'{self.folder}: a link; the folder must be our own')
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(mode=0o700)
        try:
            return self._read(Path(episode).absolute())
        except ParserRefused:
            raise
        except BaseException:  # its answer may still come, and is no longer wanted
            self.close()
            raise
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def close(self) -> None:
        """End the child, if there is one."""
        child, self._child, self._rest = self._child, None, b''
        if child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        child.wait()

    @property
    def pid(self) -> int:
        """The child's process id, 0 without one."""
        return 0 if self._child is None else self._child.pid

    def _read(self, episode: Path) -> Rows:
        if self._child is None or self._child.poll() is not None:
            self._start()
        size = sum(path.lstat().st_size for path in episode.iterdir())
        self._ask({'folder': str(episode), 'out': str(self.folder)})
        answer = self._answer(self.wall_factor * cpu_limit_sec(size))
        if answer.get('exhausted'):
            self.close()
        if isinstance(refused := answer.get('refused'), str):
            raise ParserRefused(_printable(refused))
        if isinstance(later := answer.get('later'), str):
            raise OSError(_printable(later))
        ticks = answer.get('ticks')
        if isinstance(ticks, bool) or not isinstance(ticks, int) or not 0 < ticks <= TICKS:
            raise ParserEnded(f'the parser answered {str(answer)[:100]!r}')
        return {
            name: self._load(name, ticks, shape, dtype)
            for name, (shape, dtype) in self.spec.items()
        }

    def _start(self) -> None:
        self.close()
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        environment |= {
            'PYTHONPATH': os.pathsep.join(os.path.abspath(path) for path in sys.path if path),
            'OPENCV_IO_MAX_IMAGE_PIXELS': str(PICTURE_PIXELS),
            'OMP_NUM_THREADS': '1',
            'OPENBLAS_NUM_THREADS': '1',
        }
        self.started += 1
        self._child = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd='/',
            env=environment,
            start_new_session=True,  # a Ctrl-C at the terminal is the trainer's to handle
        )
        begin = {
            'contract': self.contract.text,
            'memory_bytes': self.memory_bytes,
            'parent': os.getpid(),
        }
        self._ask(begin)
        if self._answer(START_SEC) != {'ready': True}:
            raise ParserEnded('the parser did not start')

    def _ask(self, line: dict[str, object]) -> None:
        assert self._child is not None and self._child.stdin is not None
        try:
            self._child.stdin.write(json.dumps(line).encode() + b'\n')
            self._child.stdin.flush()
        except BrokenPipeError:
            raise ParserEnded(self._end()) from None

    def _answer(self, patience_s: float) -> dict[str, object]:
        """One line of the child, which may be killed by somebody, hang, or never stop writing."""
        assert self._child is not None and self._child.stdout is not None
        pipe, began = self._child.stdout.fileno(), time.monotonic()
        while b'\n' not in self._rest:
            if len(self._rest) > ANSWER_BYTES:
                raise ParserEnded('the parser did not stop answering')
            waited = time.monotonic() - began
            if waited >= self.stop_after_s and self.stop():
                raise ParserStopped('leaving; it is read after the next start')
            left = patience_s - waited
            if left <= 0:
                raise ParserEnded(f'the parser gave no answer within {patience_s:.0f} s')
            if not select.select([pipe], [], [], min(left, STOP_SEC))[0]:
                continue
            piece = os.read(pipe, ANSWER_BYTES)
            if not piece:
                raise ParserEnded(self._end())
            self._rest += piece
        line, _, self._rest = self._rest.partition(b'\n')
        try:
            answer = json.loads(line)
        except (ValueError, RecursionError):
            answer = None
        if not isinstance(answer, dict):
            raise ParserEnded(f'the parser answered {line[:100]!r}')
        return answer

    def _end(self) -> str:
        assert self._child is not None
        try:
            code = self._child.wait(5.0)
        except subprocess.TimeoutExpired:
            return 'the parser closed its pipe'
        if code == -signal.SIGXCPU:
            return 'the parser was ended: it took more processor time than an episode may'
        if code < 0:
            return f'the parser was ended by {signal.Signals(-code).name}'
        return f'the parser ended with exit status {code}'

    def _load(self, name: str, ticks: int, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        path, count = self.folder / f'{name}.bin', ticks * int(np.prod(shape, dtype=np.int64))
        try:
            found = path.lstat()
        except OSError as error:
            raise ParserEnded(f'the parser wrote no {name}: {error.strerror}') from error
        if not stat.S_ISREG(found.st_mode) or found.st_size != count * dtype.itemsize:
            raise ParserEnded(
                f'the parser wrote {found.st_size} bytes of {name}, {count * dtype.itemsize} are '
                f'due for {ticks} ticks'
            )
        flags = dtype == np.dtype(bool)
        array = np.fromfile(path, np.uint8 if flags else dtype, count)
        if array.size != count or (flags and array.max(initial=0) > 1):
            raise ParserEnded(f'the parser wrote damaged {name}')
        return array.view(dtype).reshape(ticks, *shape)


def _printable(text: str) -> str:
    return text.encode('ascii', 'backslashreplace').decode()[:REASON]
