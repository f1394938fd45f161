# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""Reading a bundle's files, each once: what is hashed is what is used afterwards.

Owns all contact with the bundle's files on disk; nothing below here opens one again.
"""

import errno
import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from world_model_ros.bundle.layout import MANIFEST, MAX_BUNDLE_BYTES


def read_regular(path: Path, limit: int) -> bytes:
    """Read a regular file of at most `limit` bytes; links, pipes and devices are refused.

    Raises:
        OSError: the file is absent, unreadable, not regular or too large.
    """
    # O_NONBLOCK: opening a pipe that somebody left here must not hang the robot.
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise OSError('a link, not a file') from error
        raise
    with os.fdopen(handle, 'rb') as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError('not a regular file')
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(f'larger than {limit} bytes')
    return content


def is_plain_name(name: str) -> bool:
    """Whether a file name stays inside its directory."""
    return (
        name not in ('', '.', '..')
        and len(name) <= 255
        and name.isprintable()
        and not any(mark in name for mark in '/\\:')
    )


def read_files(
    directory: Path, listed: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, bytes], list[str]]:
    """Read the files that a manifest lists, and say which are not what it promises.

    Args:
        directory: the bundle.
        listed: file name to its `sha256` and `bytes`, with checked types.

    Returns:
        The content of every file that is as promised, and the problems of the others.
    """
    contents: dict[str, bytes] = {}
    problems: list[str] = []
    left = MAX_BUNDLE_BYTES
    for name, entry in listed.items():
        try:
            content = read_regular(directory / name, min(int(entry['bytes']), left))
        except FileNotFoundError:
            problems.append(f'{name}: missing; copy the whole directory again')
            continue
        except OSError as error:
            reason = error.strerror or str(error)
            problems.append(f'{name}: {reason}; the manifest says {entry["bytes"]} bytes')
            continue
        left -= len(content)
        digest = hashlib.sha256(content).hexdigest()
        if len(content) != entry['bytes'] or digest != entry['sha256']:
            problems.append(
                f'{name}: changed since it was written: sha256 {digest[:12]}… of {len(content)} '
                f'bytes, the manifest says {entry["sha256"][:12]}… of {entry["bytes"]}'
            )
            continue
        contents[name] = content
    problems += [
        f'{name}: not listed in {MANIFEST}; remove it'
        for name in sorted(set(os.listdir(directory)) - set(listed) - {MANIFEST})
    ]
    return contents, problems


def write_atomic(path: Path, content: bytes) -> None:
    """Write a file so that it is afterwards either the old one or the whole new one."""
    temporary = path.with_name(f'{path.name}.partial')
    with open(temporary, 'wb') as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
