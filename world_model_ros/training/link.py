# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The trainer's link to the store: opened when it is there, its failures counted and said once.

Must not import ROS, torch or a simulator.
"""

from __future__ import annotations

from collections.abc import Callable

from world_model_ros.store import Store, StoreError, open_store


class Link:
    """A store by URL that may come and go. ``say`` is told when it is lost and when it is back."""

    def __init__(self, url: str, say: Callable[..., None]) -> None:
        self.url, self.say = url, say
        self.errors = 0
        self.error = ''  # the newest, '' while the store works
        self._store: Store | None = None

    def open(self) -> Store | None:
        """Return the store, or None where it cannot even be opened."""
        if self._store is None:
            try:
                self._store = open_store(self.url)
            except StoreError as error:
                self.failed(error)
        return self._store

    def failed(self, error: StoreError) -> None:
        """Count a failure."""
        self.errors += 1
        if not self.error:
            self.say('store_lost', reason=str(error))
        self.error = str(error)

    def works(self) -> None:
        """Note that the store answered."""
        if self.error:
            self.say('store_back', errors=self.errors)
            self.error = ''
