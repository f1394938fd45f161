# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The trainer's link to the store: opened when it is there, its failures counted and said once.

Must not import ROS, torch or a simulator.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Literal

from world_model_ros.store import Store, StoreError, open_store, parse_url

REASON = 500  # characters of what nobody expected
# What is done with a store. Each may fail alone: one that is read-only can still be looked into.
Doing = Literal['look', 'tell', 'publish']


class Link:
    """A store by URL that may come and go. ``say`` hears when it is lost and back.

    It is back when everything that failed worked again.
    """

    def __init__(self, url: str, say: Callable[..., None]) -> None:
        parse_url(url)  # one that names no store will not come: StoreUrlError, at once
        self.url, self.say = url, say
        self.errors = 0
        self._failing: dict[Doing, str] = {}  # its newest reason, the newest last
        self._store: Store | None = None

    @property
    def error(self) -> str:
        """Return the newest reason, '' while the store works."""
        return next(reversed(self._failing.values()), '')

    def fails_to(self, doing: Doing) -> bool:
        """Tell whether this failed when it was last tried."""
        return doing in self._failing

    def open(self) -> Store | None:
        """Return the store, or None where it cannot even be opened."""
        if self._store is None:
            try:
                self._store = open_store(self.url)
            except StoreError as error:
                self.failed('look', error)
        return self._store

    def failed(self, doing: Doing, error: StoreError) -> None:
        """Count a failure."""
        self.errors += 1
        if not self._failing:
            self.say('store_lost', reason=str(error))
        self._failing.pop(doing, None)
        self._failing[doing] = str(error)

    @contextlib.contextmanager
    def doing(self, doing: Doing) -> Iterator[None]:
        """Do something with the store that may fail without an end to anything else.

        What lies there may be anything: also what no reader thought of is counted and named.
        """
        try:
            yield
        except StoreError as error:
            self.failed(doing, error)
        except Exception as error:  # noqa: BLE001 - counted, named, and tried again at its time
            what = f'cannot be used: {type(error).__name__}: {error}'
            self.failed(doing, StoreError(self.url, '', what[:REASON]))
        else:
            self.works(doing)

    def works(self, doing: Doing) -> None:
        """Note that this was done."""
        if self._failing.pop(doing, None) is not None and not self._failing:
            self.say('store_back', errors=self.errors)
