# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which URLs name a store, and what the environment adds to one that is not a folder.

Owns the check of a URL, for every program that takes one, and the words for credentials that are
missing. Connects to nothing.
"""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import SplitResult, unquote, urlsplit

from world_model_ros.store.errors import StoreError, StoreUrlError
from world_model_ros.user_path import user_path

# obstore's 30 s count for a whole body: too short for weights over a slow line.
REQUEST_TIMEOUT_SEC = 300
KNOWN = 'a folder, file:///folder, s3://bucket/prefix, gs://…, az://…'


class _Service(NamedTuple):
    prefix: str  # of its environment variables
    needed: tuple[str, ...]  # a key and its secret: both or none
    others: tuple[str, ...]  # any of these is another way to say who one is
    unread: str  # where people keep credentials that are not looked at


_S3 = _Service(
    'AWS_',
    ('AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'),
    (
        'AWS_WEB_IDENTITY_TOKEN_FILE',
        'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
        'AWS_CONTAINER_CREDENTIALS_FULL_URI',
        'AWS_SKIP_SIGNATURE',
    ),
    '~/.aws',
)
_GCS = _Service(
    'GOOGLE_',
    ('GOOGLE_APPLICATION_CREDENTIALS',),
    ('GOOGLE_SERVICE_ACCOUNT', 'GOOGLE_SERVICE_ACCOUNT_KEY', 'GOOGLE_SKIP_SIGNATURE'),
    'another account of gcloud',
)
_AZURE = _Service(
    'AZURE_',
    ('AZURE_STORAGE_ACCOUNT_NAME', 'AZURE_STORAGE_ACCOUNT_KEY'),
    ('AZURE_STORAGE_SAS_KEY', 'AZURE_STORAGE_CLIENT_ID', 'AZURE_STORAGE_TOKEN'),
    '~/.azure',
)
_SERVICES = {
    's3': _S3,
    's3a': _S3,
    'gs': _GCS,
    **dict.fromkeys(('az', 'azure', 'adl', 'abfs', 'abfss'), _AZURE),
}
# Options of obstore's HTTP client. It reads them from the environment too (AWS_ALLOW_HTTP), but
# drops all that it read there as soon as it is given one of them.
_CLIENT_OPTIONS = (
    'allow_http',
    'allow_invalid_certificates',
    'connect_timeout',
    'http1_only',
    'http2_keep_alive_interval',
    'http2_keep_alive_timeout',
    'http2_keep_alive_while_idle',
    'http2_only',
    'pool_idle_timeout',
    'pool_max_idle_per_host',
    'proxy_ca_certificate',
    'proxy_excludes',
    'proxy_url',
    'randomize_addresses',
    'read_timeout',
    'root_certificate',
    'timeout',
    'user_agent',
)
# A cloud machine's own role is asked for here; elsewhere nobody answers.
_ROLE_HOSTS = ('169.254.169.254', 'metadata.google.internal', 'metadata/identity')
# `s3:/bucket` and `s3:bucket` are mistyped URLs; `C:` and `data/12:30` are paths.
_SCHEME = re.compile(r'([A-Za-z][A-Za-z0-9+.-]+):')


class StoreUrl(NamedTuple):
    """A URL that names a store."""

    text: str  # as shown; of a folder its absolute path
    scheme: str  # file, memory, or that of an object store
    folder: Path | None  # of a file store


def parse_url(url: str | Path) -> StoreUrl:
    """A store's URL, checked by its form alone; a plain path is a folder.

    Raises:
        StoreUrlError: it names no store; the text says how to write it.
    """
    text = os.fspath(url)
    if '\0' in text or ('://' in text and text != text.strip()):
        raise StoreUrlError(text, 'spaces at its ends, or a NUL in it: remove them')
    match = _SCHEME.match(text)
    if match is None:
        return _folder(text, text)
    scheme = match.group(1).lower()
    if not text[len(scheme) :].startswith('://'):
        right = f'{scheme}:///FOLDER' if scheme == 'file' else f'{scheme}://BUCKET/PREFIX'
        raise StoreUrlError(
            text, f'{scheme}: must be followed by //: write {right} (./{text} is a folder)'
        )
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname or '', parts.port  # both may be no host and no number
    except ValueError as error:
        raise StoreUrlError(text, f'no URL ({error}); a store is {KNOWN}') from None
    if scheme == 'file':
        if host not in ('', 'localhost'):
            raise StoreUrlError(
                text, f'{host!r} stands where a host does: write file:///{host}{parts.path}'
            )
        return _folder(text, unquote(parts.path))
    if scheme != 'memory':
        _check_remote(text, scheme, parts)
    return StoreUrl(f'{scheme}{text[len(scheme) :]}', scheme, None)


def _check_remote(text: str, scheme: str, parts: SplitResult) -> None:
    service = _SERVICES.get(scheme, _S3)
    if parts.password or (parts.username and service is not _AZURE):
        raise StoreUrlError(
            text,
            'a URL is logged, so no name or password belongs in it: set '
            f'{" and ".join(service.needed)} in the environment',
        )
    if scheme in ('http', 'https'):
        raise StoreUrlError(
            text,
            'the address of a server is no store: for an S3 server (MinIO, SeaweedFS) write '
            f's3://BUCKET/PREFIX and set AWS_ENDPOINT_URL={scheme}://{parts.netloc or "HOST"}'
            + (' and AWS_ALLOW_HTTP=true' if scheme == 'http' else ''),
        )
    if scheme not in _SERVICES:
        raise StoreUrlError(text, f'{scheme}:// is not known; a store is {KNOWN}')
    if not parts.netloc:
        raise StoreUrlError(text, f'no bucket named: write {scheme}://BUCKET/PREFIX')
    if parts.port is not None:
        raise StoreUrlError(
            text,
            f'{parts.netloc!r} stands where the bucket does: write {scheme}://BUCKET/PREFIX and '
            'set the address of the server in the environment (AWS_ENDPOINT_URL)',
        )
    if parts.query or parts.fragment:
        raise StoreUrlError(text, 'what follows ? or # is not read: set it in the environment')


def _folder(text: str, path: str) -> StoreUrl:
    if not path or (path == '/' and text != '/'):
        raise StoreUrlError(text, 'no folder named; give a path or a URL')
    try:
        folder = Path(os.path.abspath(user_path(path)))
    except ValueError as error:  # ~ of nobody; a NUL
        raise StoreUrlError(text, f'no folder ({error})') from None
    return StoreUrl(str(folder), 'file', folder)


def client_options(url: StoreUrl) -> dict[str, Any]:
    """Options of obstore's client: a long timeout, and before it what the environment says.

    Raises:
        StoreError: the environment contradicts itself; the text says which variable to set.
    """
    service = _SERVICES[url.scheme]
    given = {name.upper(): value for name, value in os.environ.items()}
    options: dict[str, Any] = {'timeout': timedelta(seconds=REQUEST_TIMEOUT_SEC)}
    for name in _CLIENT_OPTIONS:
        if value := given.get(f'{service.prefix}{name.upper()}'):
            options[name] = value
    missing = _missing(service)
    if missing and len(missing) < len(service.needed):
        half = next(name for name in service.needed if name not in missing)
        raise StoreError(
            url.text, '', f'{half} is set and {" and ".join(missing)} is not: set both'
        )
    if service is _S3 and 'allow_http' not in options:
        for name in ('AWS_ENDPOINT_URL_S3', 'AWS_ENDPOINT_URL', 'AWS_ENDPOINT'):
            if (endpoint := given.get(name, '')).lower().startswith('http://'):
                raise StoreError(
                    url.text,
                    '',
                    f'{name}={endpoint} is not encrypted: set AWS_ALLOW_HTTP=true to allow that',
                )
    return options


def credentials_hint(url: StoreUrl, reason: str) -> str:
    """Which variables are missing, where a failure comes of asking the machine for its role."""
    service = _SERVICES.get(url.scheme)
    if service is None or not any(host in reason for host in _ROLE_HOSTS):
        return ''
    missing = _missing(service)
    if not missing:
        return ''
    verb = 'is' if len(missing) == 1 else 'are'
    return (
        f'no credentials, since {" and ".join(missing)} {verb} not set '
        f'({service.unread} is not read), and this machine has no role of its own'
    )


def _missing(service: _Service) -> list[str]:
    if any(os.environ.get(name) for name in service.others):
        return []
    return [name for name in service.needed if not os.environ.get(name)]
