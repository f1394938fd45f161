# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An object store behind a URL: a folder, s3://, gs://, az://, memory://, through obstore.

Owns the connection and its errors. Every operation asks again whether the store is there: a folder
that was moved away, or a disk that is no longer mounted, is an error at the call and works again
when it is back. Nothing remembers a failure.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import stat
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import LocalStore, from_url

from world_model_ros.store.errors import StoreDamaged, StoreError, StoreMissing
from world_model_ros.store.keys import (
    FORMAT_KEY,
    NEWEST_FORMAT,
    Layout,
    RecordError,
    read_format,
    to_json,
)
from world_model_ros.store.read_limits import RECORD_BYTES, TooLarge, limited
from world_model_ros.store.url import client_options, credentials_hint, parse_url

# Callers retry on their own clock; obstore's own 10 tries take up to 180 s.
RETRY: Any = {'max_retries': 2, 'retry_timeout': timedelta(seconds=20)}
CHUNK_BYTES = 1 << 20
_FAILURES = (BaseError, OSError, ValueError, NotImplementedError)
# In the answers of S3, GCS and Azure, which obstore shows.
_NO_BUCKET = ('NoSuchBucket', 'The specified bucket does not exist', 'ContainerNotFound')
_SERVERS_WORDS = re.compile(r'<Code>([^<]*)</Code>\s*<Message>([^<]*)</Message>')
MAKE_ONE = 'A new store is made with: world-model store create URL'
_T = TypeVar('_T')


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
        self._parsed = parse_url(url)
        self.url, self.scheme, self.folder = self._parsed
        self._backend: Any = None
        # Of a *remote* store, once its format was read; a folder is asked at every operation.
        self._layout: Layout | None = None
        if self.folder is None:
            self._backend = self._do('', self._remote)

    @property
    def layout(self) -> Layout:
        """Where things lie in this store, by its format.

        Raises:
            StoreError: unreachable, or no store.
        """
        if self._layout is None:
            self._ready()
        assert self._layout is not None
        return self._layout

    def begin(self, number: int = NEWEST_FORMAT) -> None:
        """Make the folder and the object `format`, where there are none.

        For trainers, operators and tests: a robot never makes a store.

        Args:
            number: the format of a new store; one that is there keeps its own.

        Raises:
            StoreError: it cannot be made, or a store of another format is there.
        """
        if self.folder is not None:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise self._error('', error) from error
        backend = self._connect()
        content = to_json({'format': number})
        with contextlib.suppress(AlreadyExistsError):
            self._do(FORMAT_KEY, lambda: obstore.put(backend, FORMAT_KEY, content, mode='create'))
        self._check(backend)

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
        backend = self._ready()
        if self.folder is not None:
            with locked((self.folder / key).parent):
                if self.get(key) != before:
                    return False
                self.put(key, content)
            return True
        found = self._do(key, lambda: obstore.get(backend, key))
        if self._do(key, lambda: bytes(found.bytes())) != before:
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
        backend = self._ready()
        return b''.join(self._do(key, lambda: list(self._pieces(backend, key, limit))))

    def get_file(self, key: str, path: Path | str, limit: int) -> None:
        """Write an object into a file, by way of `path` + '.part'.

        Raises:
            StoreMissing: there is no such object.
            StoreDamaged: it has more than `limit` bytes; no more than those are ever written.
            StoreError: unreachable, or the disk here is full.
        """
        backend, target = self._ready(), Path(path)
        part = target.with_name(f'{target.name}.part')

        def fetch() -> None:
            try:
                with part.open('wb') as file:
                    for piece in self._pieces(backend, key, limit):
                        file.write(piece)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(part, target)
            except BaseException:
                part.unlink(missing_ok=True)
                raise

        self._do(key, fetch)

    def folders(self, prefix: str) -> list[str]:
        """Names of what lies directly below a prefix and has objects below it, sorted."""
        backend = self._ready()
        found = self._do(prefix, lambda: obstore.list_with_delimiter(backend, prefix or None))
        return sorted(
            str(each).rstrip('/').rpartition('/')[2] for each in found['common_prefixes']
        )

    def list(self, prefix: str) -> list[Entry]:
        """All objects below a prefix (whole parts of keys), sorted by key."""
        backend = self._ready()
        found = self._do(prefix, lambda: obstore.list(backend, prefix or None).collect())
        return sorted(Entry(str(meta['path']), int(meta['size'])) for meta in found)

    def ages(self, prefix: str) -> dict[str, tuple[int, datetime]]:
        """Key -> size and time of the last change, of all objects below a prefix."""
        backend = self._ready()
        found = self._do(prefix, lambda: obstore.list(backend, prefix or None).collect())
        return {str(meta['path']): (int(meta['size']), meta['last_modified']) for meta in found}

    def size(self, key: str) -> int | None:
        """An object's size in bytes; None if there is none."""
        backend = self._ready()
        try:
            return int(self._do(key, lambda: obstore.head(backend, key))['size'])
        except StoreMissing:
            return None

    def digest(self, key: str, limit: int) -> str:
        """The sha256 of an object, read in pieces; StoreDamaged beyond `limit` bytes."""
        backend, digest = self._ready(), hashlib.sha256()

        def read() -> None:
            for piece in self._pieces(backend, key, limit):
                digest.update(piece)

        self._do(key, read)
        return digest.hexdigest()

    def exists(self, key: str) -> bool:
        """Whether there is an object of this key."""
        backend = self._ready()
        try:
            self._do(key, lambda: obstore.head(backend, key))
        except StoreMissing:
            return False
        return True

    def delete(self, key: str) -> None:
        """Remove an object; one that is not there is as good as removed."""
        backend = self._ready()
        with contextlib.suppress(StoreMissing):
            self._do(key, lambda: obstore.delete(backend, key))

    def error(self, key: str, reason: str) -> StoreError:
        """A StoreError about one key, for callers that cannot do something with it."""
        return StoreError(self.url, key, reason)

    def damaged(self, key: str, reason: str) -> StoreDamaged:
        """A StoreDamaged about one key, for callers that found an object wanting."""
        return StoreDamaged(self.url, key, reason)

    def _put(self, key: str, content: bytes | Path, options: dict[str, Any]) -> None:
        backend = self._ready()
        try:
            self._do(key, lambda: obstore.put(backend, key, content, **options))
        except StoreMissing as error:  # not an object: the file to be stored
            raise StoreError(self.url, key, f'{content!r} cannot be read') from error
        if self.folder is not None:
            # obstore renames but does not sync: without this a power loss could keep a pointer
            # and lose what it points at.
            self._do(key, lambda: _sync(self.folder, key))

    def _pieces(self, backend: Any, key: str, limit: int) -> Iterator[bytes]:
        if self.folder is not None:
            # A link would lead out of the store, a pipe would never end; both are objects to
            # obstore. What is not there is left for it to say.
            with contextlib.suppress(FileNotFoundError):
                if not stat.S_ISREG(os.lstat(self.folder / key).st_mode):
                    raise self.damaged(key, 'not a plain file')
        found = obstore.get(backend, key)
        pieces = (bytes(piece) for piece in found.stream(min_chunk_size=CHUNK_BYTES))
        try:
            yield from limited(pieces, limit, int(found.meta['size']))
        except TooLarge as error:
            raise self.damaged(key, f'too large: {error}') from error

    def _ready(self) -> Any:
        backend = self._connect()
        if self.folder is not None or self._layout is None:
            self._check(backend)
        return backend

    def _connect(self) -> Any:
        if self.folder is None:
            return self._backend
        # A LocalStore would make a folder that is gone again, and fill a disk's empty mount point.
        if not self.folder.is_dir():
            raise StoreError(self.url, '', f'no such folder; is the disk mounted? {MAKE_ONE}')
        if self._backend is None:
            self._backend = self._do('', lambda: LocalStore(self.folder))
        return self._backend

    def _check(self, backend: Any) -> None:
        try:
            pieces = self._do(
                FORMAT_KEY, lambda: list(self._pieces(backend, FORMAT_KEY, RECORD_BYTES))
            )
        except StoreMissing:
            raise StoreError(
                self.url,
                FORMAT_KEY,
                f'missing, so this is no store; is the disk mounted? {MAKE_ONE}',
            ) from None
        try:
            self._layout = Layout(read_format(b''.join(pieces)))
        except RecordError as error:
            raise StoreError(self.url, FORMAT_KEY, str(error)) from error

    def _remote(self) -> Any:
        if self.scheme == 'memory':
            return from_url('memory:///')
        options: Any = client_options(self._parsed)
        return from_url(self.url, client_options=options, retry_config=RETRY)

    def _do(self, key: str, action: Callable[[], _T]) -> _T:
        try:
            return action()
        except (StoreError, AlreadyExistsError, PreconditionError):
            raise
        except _FAILURES as error:
            raise self._error(key, error) from error
        except BaseException as error:  # obstore's own faults are no Exception of Python's
            if type(error).__name__ != 'PanicException':
                raise
            raise StoreError(self.url, key, f'a fault in obstore: {error}') from error

    def _error(self, key: str, error: Exception) -> StoreError:
        text = str(error)
        reason = text.split('\n', 1)[0]  # obstore adds a dump of its own structures
        if said := _SERVERS_WORDS.search(text):  # shorter, and what its documents explain
            reason = f'{said.group(2)} [{said.group(1)}] ({reason.split(": <", 1)[0]})'
        if any(word in text for word in _NO_BUCKET):
            return StoreError(self.url, '', f'there is no such bucket; make it first: {reason}')
        if isinstance(error, FileNotFoundError) and error.errno is None:  # obstore's, not ours
            return StoreMissing(self.url, key, 'no such object')
        if hint := credentials_hint(self._parsed, reason):
            reason = f'{hint}: {reason}'
        return StoreError(self.url, key, reason)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder alone; some network file systems cannot, there nothing is held."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        yield
        return
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def _sync(folder: Path | None, key: str) -> None:
    assert folder is not None
    path = folder / key
    # New folders above it are entries of their parents.
    for each in (path, *path.parents):
        handle = os.open(each, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        if each == folder:
            break
