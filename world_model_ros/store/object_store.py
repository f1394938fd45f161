# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An object store behind a URL: a folder, s3://, gs://, az://, memory://, through obstore.

Owns the operations on objects; connection.py owns what is asked and the words of errors.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import obstore
from obstore.exceptions import AlreadyExistsError, PreconditionError

from world_model_ros.store.connection import Connection
from world_model_ros.store.errors import StoreDamaged, StoreError, StoreMissing
from world_model_ros.store.folder_files import locked, sync
from world_model_ros.store.keys import NEWEST_FORMAT, Layout
from world_model_ros.store.read_limits import RECORD_BYTES


class Entry(NamedTuple):
    """An object in a listing."""

    key: str
    size: int  # bytes


def open_store(url: str | Path, create: bool = False) -> Store:
    """A store by its URL; a plain path is a folder.

    Args:
        url: a path, file://, s3://bucket/prefix, gs://, az:// or memory://.
        create: begin a store there if there is none: the folder and the root object `format`.
            Without it nothing is touched until the first operation.

    Raises:
        StoreUrlError: the URL names no store.
        StoreError: the store cannot be begun.
    """
    store = Store(url)
    if create or store.scheme == 'memory':
        store.begin()
    return store


class Store:
    """Objects by key. Every failure is a StoreError; safe to use from several threads."""

    def __init__(self, url: str | Path) -> None:
        self._connection = Connection(url)
        self.url, self.scheme = self._connection.url, self._connection.scheme
        self.folder = self._connection.folder

    @property
    def layout(self) -> Layout:
        """Where things lie in this store, by its format.

        Raises:
            StoreError: unreachable, or no store.
        """
        return self._connection.layout

    def begin(self, number: int = NEWEST_FORMAT) -> None:
        """Make the folder and the object `format`, where there are none.

        For trainers, operators and tests: a robot never makes a store.

        Args:
            number: the format of a new store; one that is there keeps its own.

        Raises:
            StoreError: it cannot be made, or a store of another format is there.
        """
        self._connection.begin(number)

    def put(self, key: str, content: bytes) -> None:
        """Store an object, whole or not at all, and durably where it is a folder."""
        self._put(key, content, {})

    def put_new(self, key: str, content: bytes) -> bool:
        """Store an object unless there is one of this key; whether it was stored."""
        try:
            self._put(key, content, {'mode': 'create'})
        except AlreadyExistsError:
            return False
        return True

    def replace(self, key: str, content: bytes, before: bytes | None) -> bool:
        """Store an object if its content still is `before` (None: not there); whether it was.

        Of several that replace the same content at once, one succeeds. A folder is locked
        meanwhile, where its file system can lock.
        """
        if before is None:
            return self.put_new(key, content)
        backend = self._connection.ready()
        if self.folder is not None:
            with locked((self.folder / key).parent):
                if self.get(key) != before:
                    return False
                self.put(key, content)
            return True
        found = self._connection.do(key, lambda: obstore.get(backend, key))
        if self._connection.do(key, lambda: bytes(found.bytes())) != before:
            return False
        tags = {name: found.meta.get(name) for name in ('e_tag', 'version')}
        try:
            mode = {name: tag for name, tag in tags.items() if tag is not None}
            self._put(key, content, {'mode': mode})
        except PreconditionError:
            return False
        return True

    def put_file(self, key: str, path: Path | str) -> None:
        """Store a file's content as an object, whole or not at all."""
        self._put(key, Path(path), {})

    def get(self, key: str, limit: int = RECORD_BYTES) -> bytes:
        """An object's content; StoreMissing if there is none, StoreDamaged beyond `limit`."""
        backend = self._connection.ready()
        return b''.join(
            self._connection.do(key, lambda: list(self._connection.pieces(backend, key, limit)))
        )

    def get_file(self, key: str, path: Path | str, limit: int) -> None:
        """Write an object into a file, by way of `path` + '.part'.

        Raises:
            StoreMissing: there is no such object.
            StoreDamaged: it has more than `limit` bytes; no more than those are ever written.
            StoreError: unreachable, or the disk here is full.
        """
        backend, target = self._connection.ready(), Path(path)
        part = target.with_name(f'{target.name}.part')

        def fetch() -> None:
            try:
                with part.open('wb') as file:
                    for piece in self._connection.pieces(backend, key, limit):
                        file.write(piece)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(part, target)
            except BaseException:
                part.unlink(missing_ok=True)
                raise

        self._connection.do(key, fetch)

    def folders(self, prefix: str) -> list[str]:
        """Names of what lies directly below a prefix and has objects below it, sorted."""
        backend = self._connection.ready()
        found = self._connection.do(
            prefix, lambda: obstore.list_with_delimiter(backend, prefix or None)
        )
        return sorted(
            str(each).rstrip('/').rpartition('/')[2] for each in found['common_prefixes']
        )

    def list(self, prefix: str) -> list[Entry]:
        """All objects below a prefix (whole parts of keys), sorted by key."""
        backend = self._connection.ready()
        found = self._connection.do(
            prefix, lambda: obstore.list(backend, prefix or None).collect()
        )
        return sorted(Entry(str(meta['path']), int(meta['size'])) for meta in found)

    def ages(self, prefix: str) -> dict[str, tuple[int, datetime]]:
        """Key -> size and time of the last change, of all objects below a prefix."""
        backend = self._connection.ready()
        found = self._connection.do(
            prefix, lambda: obstore.list(backend, prefix or None).collect()
        )
        return {str(meta['path']): (int(meta['size']), meta['last_modified']) for meta in found}

    def size(self, key: str) -> int | None:
        """An object's size in bytes; None if there is none."""
        backend = self._connection.ready()
        try:
            return int(self._connection.do(key, lambda: obstore.head(backend, key))['size'])
        except StoreMissing:
            return None

    def digest(self, key: str, limit: int) -> str:
        """The sha256 of an object, read in pieces; StoreDamaged beyond `limit` bytes."""
        backend, digest = self._connection.ready(), hashlib.sha256()

        def read() -> None:
            for piece in self._connection.pieces(backend, key, limit):
                digest.update(piece)

        self._connection.do(key, read)
        return digest.hexdigest()

    def exists(self, key: str) -> bool:
        """Whether there is an object of this key."""
        backend = self._connection.ready()
        try:
            self._connection.do(key, lambda: obstore.head(backend, key))
        except StoreMissing:
            return False
        return True

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is as good as removed."""
        backend = self._connection.ready()
        with contextlib.suppress(StoreMissing):
            self._connection.do(key, lambda: obstore.delete(backend, key))

    def error(self, key: str, reason: str) -> StoreError:
        """A StoreError about one key, for callers that cannot do something with it."""
        return StoreError(self.url, key, reason)

    def damaged(self, key: str, reason: str) -> StoreDamaged:
        """A StoreDamaged about one key, for callers that found an object wanting."""
        return StoreDamaged(self.url, key, reason)

    def _put(self, key: str, content: bytes | Path, options: dict[str, Any]) -> None:
        backend = self._connection.ready()
        try:
            self._connection.do(key, lambda: obstore.put(backend, key, content, **options))
        except StoreMissing as error:  # not an object: the file to be stored
            raise StoreError(self.url, key, f'{content!r} cannot be read') from error
        folder = self.folder
        if folder is not None:
            # obstore renames but does not sync: without this a power loss could keep a pointer
            # and lose what it points at.
            self._connection.do(key, lambda: sync(folder, key))
