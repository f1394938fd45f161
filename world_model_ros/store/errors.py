# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with a store, each as one class that names store, object and reason."""

from __future__ import annotations

from world_model_ros.store.redact import redact


class StoreError(OSError):
    """The store, or one object of it, cannot be used: `url`, `key` and `reason` say which, why.

    Secrets in the URL or in the reason are not repeated.
    """

    def __init__(self, url: str, key: str, reason: str) -> None:
        url, reason = redact(url), redact(reason)
        super().__init__(f'store {url}: {key or "(root)"}: {reason}')
        self.url, self.key, self.reason = url, key, reason


class StoreUrlError(StoreError):
    """The URL names no store; trying again helps nothing, another URL does."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(url, '', reason)
        self.args = (f'store {self.url!r}: {self.reason}',)


class StoreMissing(StoreError):
    """The store is there, and has no such object."""


class StoreDamaged(StoreError):
    """The object is there, and is not what its record says or what format 1 allows."""
