# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A robot's folder of bundles, format 2: SHA/bundle/ with SHA/slot.json beside it.

Owns which of what lies there is ours and may be deleted: a folder whose name is 64 hexadecimal
digits and whose slot.json names it, and in it only files that a bundle has. Links are never
followed; what is foreign stays. A slot's name is the sha256 of its bundle's manifest, which holds
those of its other files; `passed` in slot.json says that this updater's preflight has tried it.
Must not import ROS or torch.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Collection
from pathlib import Path
from typing import Any

from world_model_ros.bundle.format_names import OWN_FILES
from world_model_ros.durable import sync_folder, write_atomic
from world_model_ros.fleet.slot import (
    BUNDLE,
    SLOT_MARKER,
    SLOTS_FORMAT,
    SlotsError,
    is_folder,
    marker,
    marker_of,
    read_marker,
    slot_problems,
    to_json,
    vouched,
)
from world_model_ros.fleet.slots_format1 import read_format1
from world_model_ros.folder_lock import LOCK_FILE, FolderInUse, hold
from world_model_ros.store.keys import is_sha256
from world_model_ros.user_path import user_path

MARKER = 'slots.json'  # of the whole folder
STAGING = f'{BUNDLE}.part'
ASIDE_SUFFIX = '.aside'
STATE = 'updater'  # name of the durable state beside the slots
# What an updater that died in its first second may have left before it wrote the marker.
_OWN_FILES = {
    LOCK_FILE,
    f'{MARKER}.partial',
    *(f'{STATE}.{n}.json{end}' for n in (0, 1) for end in ('', '.partial', '.damaged')),
}


class Slots:
    """One robot's slots; whoever has this object holds the folder's lock."""

    def __init__(self, folder: Path | str) -> None:
        """Claim a folder: an empty or a new one, or one that was claimed before.

        Raises:
            SlotsError: it is another updater's, of another format, or holds what is not ours.
            OSError: it cannot be made or read.
        """
        self.root = user_path(folder).resolve()
        if not self.root.parent.is_dir():
            raise SlotsError(
                f'{self.root}: no such folder; make {self.root.parent} first (is the disk '
                'mounted?), or name another one in parameter slots'
            )
        with contextlib.suppress(FileExistsError):
            self.root.mkdir()
        if not self.root.is_dir():
            raise SlotsError(f'{self.root}: not a folder; name another one in parameter slots')
        self.format1: dict[str, Any] | None = None  # what an older version kept here
        self.claimed = self._check()  # whether an updater worked here before
        try:
            self._lock = hold(self.root, 'another updater', 'give each robot its own slots')
        except FolderInUse as error:
            raise SlotsError(str(error)) from None

    def _check(self) -> bool:
        names = set(os.listdir(self.root))
        if MARKER in names:
            try:
                marker = read_marker(self.root / MARKER)
            except (OSError, ValueError) as error:
                # Somebody's file, or a broken disk: our own states tell which.
                if not names & {f'{STATE}.{number}.json' for number in (0, 1)}:
                    raise SlotsError(_foreign(self.root, f'{MARKER} ({error})')) from None
                return True
            if marker.get('format') != SLOTS_FORMAT:
                raise SlotsError(
                    f'{self.root / MARKER}: format {str(marker.get("format"))[:20]}: this version '
                    f'reads format {SLOTS_FORMAT} only; update world_model_ros, or name another '
                    'folder in parameter slots'
                )
            return True
        self.format1 = read_format1(self.root)
        if self.format1 is not None:
            return False
        foreign = sorted(names - _OWN_FILES)
        if foreign:
            raise SlotsError(_foreign(self.root, ', '.join(map(repr, foreign[:3]))))
        return False

    def claim(self) -> None:
        """Say that from now on a state must be here."""
        write_atomic(self.root / MARKER, to_json({'format': SLOTS_FORMAT, 'owner': 'updater'}))
        self.claimed = True

    def close(self) -> None:
        """Let the folder go."""
        self._lock.close()

    def bundle(self, bundle_sha: str) -> Path:
        """Where a slot's bundle lies."""
        return self.root / bundle_sha / BUNDLE

    def prepare(self, bundle_sha: str) -> Path:
        """Make a slot ready for a download; where its bundle shall lie.

        Raises:
            OSError: something that is not ours is in its place.
        """
        folder = self.root / bundle_sha
        _set_aside_if_foreign(folder)
        folder.mkdir(exist_ok=True)
        _remove_if_broken(folder)
        # The verdict of an earlier release is not that of this one.
        write_atomic(folder / SLOT_MARKER, marker(bundle_sha))
        sync_folder(self.root)
        return folder / BUNDLE

    def passed(self, bundle_sha: str, release: int) -> None:
        """Preflight found no fault in a slot; OSError if that cannot be written."""
        folder = self.root / bundle_sha
        write_atomic(folder / SLOT_MARKER, marker(bundle_sha, True, release))

    def problems(self, bundle_sha: str) -> list[str]:
        """What keeps a slot from being whole and tried; empty when it is."""
        try:
            vouched(self.bundle(bundle_sha), self.root)
        except (OSError, ValueError) as error:
            return [str(error)]
        return slot_problems(self.bundle(bundle_sha), bundle_sha)

    def tried(self) -> dict[str, int]:
        """Slots that passed preflight, with their releases, by their own word."""
        found = {}
        for name in sorted(os.listdir(self.root)):
            with contextlib.suppress(OSError, ValueError):
                if is_sha256(name) and (marker := marker_of(self.root / name))['passed']:
                    found[name] = int(marker['release'])
        return found

    def remove_unused(self, used: Collection[str]) -> None:
        """Delete our slots that are not named; what cannot be deleted stays."""
        for name in sorted(os.listdir(self.root)):
            if is_sha256(name) and name not in used:
                with contextlib.suppress(OSError, ValueError):
                    marker_of(self.root / name)
                    _remove(self.root / name)


def _set_aside_if_foreign(folder: Path) -> None:
    """Make way for a slot; what is in its place and not ours gets another name."""
    if not os.path.lexists(folder):
        return
    if is_folder(folder) and set(os.listdir(folder)) <= {f'{SLOT_MARKER}.partial'}:
        return  # killed before the marker was there
    try:
        marker_of(folder)
    except OSError as error:
        aside = folder.with_name(f'{folder.name}{ASIDE_SUFFIX}')
        if os.path.lexists(aside):
            raise OSError(f'{error}; {aside.name} is there already') from None
        os.rename(folder, aside)


def _remove_if_broken(folder: Path) -> None:
    """Make way for a download; a bundle that is whole stays."""
    bundle = folder / BUNDLE
    for path in (bundle, folder / STAGING):
        if os.path.lexists(path) and not is_folder(path):
            raise OSError(f'{path}: not a folder of ours; move it away')
    if is_folder(bundle) and slot_problems(bundle, folder.name):
        _remove_files(bundle, OWN_FILES)
    if is_folder(bundle) and slot_problems(bundle, folder.name):
        raise OSError(f'{bundle}: holds what is not ours; move it away')
    staging = folder / STAGING
    if is_folder(staging) and not set(os.listdir(staging)) <= OWN_FILES:
        raise OSError(f'{staging}: holds what is not ours; move it away')


def _remove(folder: Path) -> None:
    """Delete one of our slots, the marker last: killed halfway, it is still ours."""
    for name in (BUNDLE, STAGING):
        if is_folder(folder / name):
            _remove_files(folder / name, OWN_FILES)
    if set(os.listdir(folder)) <= {SLOT_MARKER, f'{SLOT_MARKER}.partial'}:
        _remove_files(folder, [f'{SLOT_MARKER}.partial', SLOT_MARKER])


def _remove_files(folder: Path, names: Collection[str]) -> None:
    """Delete these plain files of a folder, and the folder if nothing else is in it."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                if stat.S_ISREG(os.lstat(name, dir_fd=handle).st_mode):
                    os.unlink(name, dir_fd=handle)
    finally:
        os.close(handle)
    with contextlib.suppress(OSError):
        folder.rmdir()


def _foreign(root: Path, what: str) -> str:
    return (
        f'{root}: not a folder of slots: it holds {what}, which the updater did not make; name an '
        'empty or new folder in parameter slots'
    )
