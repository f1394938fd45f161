# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""Reading a bundle's files, each once: what is hashed is what is used afterwards.

Owns all contact with the bundle's files on disk; nothing below here opens one again.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from world_model_ros.bundle.format_names import MANIFEST, max_bundle_bytes
from world_model_ros.durable import read_regular


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
    left = max_bundle_bytes()
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
