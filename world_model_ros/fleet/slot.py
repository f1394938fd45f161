# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One slot: SHA/bundle/ and SHA/slot.json, which says whose it is and whether it was tried.

`passed` in slot.json is written by the updater after a preflight without a fault; with it the
updater vouches for the bundle to the agent. A slot's name is the sha256 of its bundle's manifest,
which holds those of its other files. Must not import ROS or torch.
"""

from __future__ import annotations

import contextlib
import json
import re
import stat
from pathlib import Path
from typing import Any

from world_model_ros.bundle.manifest import read_manifest
from world_model_ros.bundle.read_files import read_files
from world_model_ros.durable import read_regular
from world_model_ros.strict_json import strict_json
from world_model_ros.user_path import user_path

SLOTS_FORMAT = 2
SLOT_MARKER = 'slot.json'  # of one slot
BUNDLE = 'bundle'
MARKER_BYTES = 4096
# The agent imports this file, and has no use for a store's client.
_SHA256 = re.compile(r'[0-9a-f]{64}\Z')


class SlotsError(ValueError):
    """The slots or their state cannot be used; the text says which file, why and what to do."""


def vouched(bundle: Path | str, root: Path | str) -> str:
    """The digest for which an updater's slot stands.

    Args:
        bundle: a directory, as it was handed over.
        root: the folder of the slots.

    Raises:
        ValueError: it is not a slot's bundle, or was not tried.
        OSError: it cannot be read.
    """
    root = user_path(root).resolve()
    folder = Path(bundle).parent
    if Path(bundle) != root / folder.name / BUNDLE or not _SHA256.match(folder.name):
        raise ValueError(f'not a slot of {root}')
    if not marker_of(folder)['passed']:
        raise ValueError('it was not tried by the updater')
    if not is_folder(Path(bundle)):
        raise ValueError('not a folder')
    return folder.name


def marker_of(folder: Path) -> dict[str, Any]:
    """A slot's marker; raises OSError where it is not ours."""
    if not is_folder(folder):
        raise OSError(f'{folder}: not a folder of ours; move it away')
    try:
        marker = read_marker(folder / SLOT_MARKER)
    except (OSError, ValueError) as error:
        raise OSError(f'{folder}: not ours ({SLOT_MARKER}: {error}); move it away') from None
    release = marker.get('release')
    if (
        marker.get('format') != SLOTS_FORMAT
        or marker.get('bundle_sha') != folder.name
        or not isinstance(marker.get('passed'), bool)
        or not isinstance(release, int)
        or not 0 <= release < 1 << 52
    ):
        raise OSError(f'{folder}: {SLOT_MARKER} is not of this slot; move the folder away')
    return marker


def slot_problems(folder: Path, bundle_sha: str) -> list[str]:
    """What keeps a folder from being the whole bundle of this name; empty when it is."""
    if not is_folder(folder):
        return [f'{folder}: not a folder']
    manifest, digest, problems = read_manifest(folder)
    if problems:
        return problems
    if digest != bundle_sha:
        return [f'{folder}: holds bundle {digest[:12]}…, expected {bundle_sha[:12]}…']
    return read_files(folder, manifest['files'])[1]


def is_folder(path: Path) -> bool:
    """Whether this is a folder itself, not a link to one."""
    with contextlib.suppress(OSError):
        return stat.S_ISDIR(path.lstat().st_mode)
    return False


def read_marker(path: Path) -> dict[str, Any]:
    """A small table of ours; raises OSError and ValueError."""
    content = strict_json(read_regular(path, MARKER_BYTES), MARKER_BYTES, 4)
    if not isinstance(content, dict):
        raise ValueError('not a table')
    return content


def marker(bundle_sha: str, passed: bool = False, release: int = 0) -> bytes:
    """Content of a slot's slot.json."""
    return to_json(
        {'format': SLOTS_FORMAT, 'bundle_sha': bundle_sha, 'passed': passed, 'release': release}
    )


def to_json(content: dict[str, Any]) -> bytes:
    """A small table of ours, as a file holds it."""
    return json.dumps(content, indent=1).encode() + b'\n'
