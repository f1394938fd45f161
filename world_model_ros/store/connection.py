# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The connection to an object store: a folder, s3://, gs://, az:// or memory://, through obstore.

Owns the backend, the store's format and the words of errors. Every operation asks again whether
the store is there: a folder that was moved away, or a disk that is no longer mounted, is an error
at the call and works again when it is back. Nothing remembers a failure.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import LocalStore, from_url

from world_model_ros.store.errors import StoreDamaged, StoreError, StoreMissing
from world_model_ros.store.keys import FORMAT_KEY, Layout, RecordError, read_format, to_json
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


class Connection:
    """A store that may come and go. Every failure is a StoreError; for several threads."""

    def __init__(self, url: str | Path) -> None:
        self._parsed = parse_url(url)
        self.url, self.scheme, self.folder = self._parsed
        self._backend: Any = None
        # Of a *remote* store, once its format was read; a folder is asked at every operation.
        self._layout: Layout | None = None
        if self.folder is None:
            self._backend = self.do('', self._remote)

    @property
    def layout(self) -> Layout:
        """Where things lie in this store, by its format.

        Raises:
            StoreError: unreachable, or no store.
        """
        if self._layout is None:
            self.ready()
        assert self._layout is not None
        return self._layout

    def begin(self, number: int) -> None:
        """Make the folder and the object `format`, where there are none; see Store.begin."""
        if self.folder is not None:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
            except (FileExistsError, NotADirectoryError) as error:
                reason = 'there is a file where the folder would be; name another folder'
                raise StoreError(self.url, '', reason) from error
            except OSError as error:
                raise self.error('', error) from error
        backend = self._connect()
        content = to_json({'format': number})
        with contextlib.suppress(AlreadyExistsError):
            self.do(FORMAT_KEY, lambda: obstore.put(backend, FORMAT_KEY, content, mode='create'))
        self._check(backend)

    def pieces(self, backend: Any, key: str, limit: int) -> Iterator[bytes]:
        """An object's content in pieces; StoreDamaged beyond `limit` bytes."""
        if self.folder is not None:
            # A link would lead out of the store, a pipe would never end; both are objects to
            # obstore. What is not there is left for it to say.
            with contextlib.suppress(FileNotFoundError):
                if not stat.S_ISREG(os.lstat(self.folder / key).st_mode):
                    raise StoreDamaged(self.url, key, 'not a plain file')
        found = obstore.get(backend, key)
        pieces = (bytes(piece) for piece in found.stream(min_chunk_size=CHUNK_BYTES))
        try:
            yield from limited(pieces, limit, int(found.meta['size']))
        except TooLarge as error:
            raise StoreDamaged(self.url, key, f'too large: {error}') from error

    def ready(self) -> Any:
        """The backend of a store that is there.

        Raises:
            StoreError: unreachable, or no store.
        """
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
            self._backend = self.do('', lambda: LocalStore(self.folder))
        return self._backend

    def _check(self, backend: Any) -> None:
        try:
            pieces = self.do(
                FORMAT_KEY, lambda: list(self.pieces(backend, FORMAT_KEY, RECORD_BYTES))
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

    def do(self, key: str, action: Callable[[], _T]) -> _T:
        """What an action of obstore returns; its failures are StoreErrors about this key."""
        try:
            return action()
        except (StoreError, AlreadyExistsError, PreconditionError):
            raise
        except _FAILURES as error:
            raise self.error(key, error) from error
        except BaseException as error:  # obstore's own faults are no Exception of Python's
            if type(error).__name__ != 'PanicException':
                raise
            raise StoreError(self.url, key, f'a fault in obstore: {error}') from error

    def error(self, key: str, error: Exception) -> StoreError:
        """A failure of obstore or of this disk in words that a person can use."""
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
