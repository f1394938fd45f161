# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A stop and a disabled guard outlive the process: what is latched, on disk, written off-thread.

Owns the state file of one guard, keyed by namespace and robot_id. Rules (docs/reference/guard.md):
no file means nothing is latched; a folder or file that cannot be used means stopped, and the stop
is not released until writing works; each start proves it. Whoever asks for a stop waits for no
disk.
"""

from __future__ import annotations

import re
import threading
from dataclasses import asdict, dataclass
from typing import Any

from world_model_ros.durable import DurableState
from world_model_ros.user_path import user_path

LATCH_FORMAT = 1
DEFAULT_FOLDER = '~/.local/state/world_model_ros'
SAVE_SEC = 5.0  # a release gives up on a disk that has not answered for so long
RETRY_SEC = 1.0  # a write that failed is tried again
MAX_REASON = 200  # characters of a reason that are kept


@dataclass(frozen=True)
class Latched:
    """What outlives the guard's process."""

    stop_reason: str = ''  # '' = not stopped
    enabled: bool = True


def latch_name(namespace: str, robot_id: str) -> str:
    """The state's name for one robot: ASCII letters, digits, `_`, `-` and `.`; one for each."""

    def plain(text: str) -> str:
        return re.sub(r'[^A-Za-z0-9.]', lambda found: f'_{ord(found[0]):x}_', text)

    return f'guard-{plain(namespace.strip("/"))}-{plain(robot_id)}'


class Latch:
    """Loads what was latched, and keeps the newest state on disk from a thread of its own."""

    def __init__(self, folder: str, name: str) -> None:
        self._folder = user_path(folder or DEFAULT_FOLDER)
        self._durable = DurableState(self._folder, name)
        self._changed = threading.Condition()
        self._closing = False
        self._problem = ''
        self._asked = self._tried = self._saved = 0  # numbers of states
        self.state = self._wanted = self._load()
        self._thread = threading.Thread(target=self._run, name='latch', daemon=True)
        self._thread.start()

    @property
    def problem(self) -> str:
        """Why the state on disk cannot be trusted or written, '' if all is well."""
        return self._problem

    def save_soon(self, state: Latched) -> None:
        """Write this state; returns at once."""
        with self._changed:
            self._wanted = state
            self._asked += 1
            self._changed.notify_all()

    def save_now(self, state: Latched, timeout_s: float = SAVE_SEC) -> str:
        """Write this state and wait for the disk; returns why it is not on disk, or ''."""
        with self._changed:
            before, self._wanted = self._wanted, state
            self._asked += 1
            mine = self._asked
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._tried >= mine, timeout_s)
            if self._saved >= mine:
                return ''
            # What was not granted must not be written later.
            self._wanted = before
            self._asked += 1
            self._changed.notify_all()
            return self._problem or f'{self._folder} has not answered for {timeout_s:g} s'

    def close(self) -> None:
        """Write what is still to be written, if the disk answers."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(SAVE_SEC / 5.0)

    def _load(self) -> Latched:
        value, problem = self._durable.load()
        state = Latched()
        if value is not None:
            try:
                state = _read(value)
            except ValueError as error:
                problem = problem or str(error)
        if problem:
            self._asked = 1  # sets the damaged file aside
            return _stopped(state, f'what was latched cannot be read: {problem}')
        self._problem = self._write(state)  # proves that a stop can be written
        if self._problem:
            return _stopped(state, f'a stop could not be kept: {self._problem}')
        return state

    def _write(self, state: Latched) -> str:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return self._durable.save({'format': LATCH_FORMAT, **asdict(state)})
        except OSError as error:
            return (
                f'{self._folder}: {error.strerror or error}; make the folder writable, or name '
                'another one with state_directory'
            )
        except Exception as error:  # noqa: BLE001 - a thread that ends would keep no stop any more
            return f'{self._folder}: {error!r}'

    def _run(self) -> None:
        while True:
            with self._changed:
                # After a failure once more from time to time: the disk may have room again.
                self._changed.wait_for(
                    lambda: self._asked > self._tried or self._closing,
                    RETRY_SEC if self._problem else None,
                )
                if self._closing and self._asked == self._tried:
                    return
                state, asked = self._wanted, self._asked
                if asked == self._saved:
                    continue
            problem = self._write(state)
            with self._changed:
                self._problem, self._tried = problem, asked
                if not problem:
                    self._saved = asked
                self._changed.notify_all()


def _stopped(state: Latched, why: str) -> Latched:
    """Stopped for this reason as well; what is known besides stays."""
    reason = f'{state.stop_reason}; {why}' if state.stop_reason else why
    return Latched(reason[:MAX_REASON], state.enabled)


def _read(value: Any) -> Latched:
    """The stored state, or a ValueError that names what is wrong with it."""
    if not isinstance(value, dict) or value.get('format') != LATCH_FORMAT:
        raise ValueError(f'format {LATCH_FORMAT} was expected in the state file')
    reason, enabled = value.get('stop_reason'), value.get('enabled')
    if not isinstance(reason, str) or not isinstance(enabled, bool):
        raise ValueError('the state file holds no stop_reason (text) and enabled (true or false)')
    return Latched(reason[:MAX_REASON], enabled)
