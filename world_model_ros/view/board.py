# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where the newest update hangs: one thread posts, any number of viewers look, nobody queues."""

from __future__ import annotations

import asyncio
import contextlib
import threading

from world_model_ros.view.update import Update


class Board:
    """The newest update, and a bell for those who wait for a newer one."""

    def __init__(self) -> None:
        self.viewers = 0  # who looks; changed by the server's thread alone
        self._update: Update | None = None
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._bell = asyncio.Event()

    def post(self, update: Update | None) -> None:
        """Hang up an update, in the place of the one before; from any thread."""
        with self._lock:
            self._update, loop = update, self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the server has ended
                loop.call_soon_threadsafe(self._ring)

    def _ring(self) -> None:
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()

    async def newer(self, than: int) -> Update:
        """The newest update, once it is newer than the one with this number."""
        with self._lock:
            self._loop = asyncio.get_running_loop()
        while True:
            bell = self._bell
            with self._lock:
                update = self._update
            if update is not None and update.number > than:
                return update
            await bell.wait()
