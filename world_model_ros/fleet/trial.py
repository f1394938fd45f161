# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One try of a release on this robot: fetched into its slot, verified, run, verified again.

Must not import ROS or torch.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from world_model_ros.bundle.format_names import KNOWN_FILES, MANIFEST, size_problem
from world_model_ros.fleet.slot import slot_problems
from world_model_ros.fleet.slots import Slots
from world_model_ros.fleet.updater_state import Slot
from world_model_ros.fleet.updater_status import Status, UpdaterState
from world_model_ros.fleet.verdict import Verdict
from world_model_ros.releases import Release, fetch_release
from world_model_ros.store import Store


class Trial:
    """Tries releases, one at a time."""

    def __init__(
        self,
        store: Store,
        slots: Slots,
        preflight: Callable[[Path], Verdict],
        say: Callable[[Status], None],
    ) -> None:
        """Remember whom to ask.

        Args:
            store: where releases come from.
            slots: where they go to.
            preflight: tries a bundle.
            say: is given every status on the way.
        """
        self._store, self._slots = store, slots
        self.preflight, self._say = preflight, say

    def of(self, release: Release, slot: Slot) -> Verdict:
        """Bring a release into its slot and try it.

        Raises:
            StoreError, OSError: of the store or this disk; nothing is decided.
        """
        about = (slot.release, slot.bundle_sha)
        self._say(Status(UpdaterState.DOWNLOADING, *about))
        problems = _record_problems(release)
        if problems:
            return Verdict(problems)
        folder = fetch_release(self._store, release, self._slots.prepare(slot.bundle_sha))
        self._say(Status(UpdaterState.VERIFYING, *about))
        problems = slot_problems(folder, slot.bundle_sha)  # once more, from its final place
        if problems:
            return Verdict(problems)
        self._say(Status(UpdaterState.PREFLIGHT, *about))
        verdict = self.preflight(folder)
        if verdict.ok:
            problems = slot_problems(folder, slot.bundle_sha)
            if problems:  # somebody was at it meanwhile
                return Verdict(problems, final=False)
            self._slots.passed(slot.bundle_sha, slot.release)
        return verdict


def _record_problems(release: Release) -> list[str]:
    """What keeps a release from being a bundle, before anything of it is fetched."""
    known = {MANIFEST, *KNOWN_FILES}
    problems = [
        f'{name}: no bundle has such a file' for name in release.files if name not in known
    ]
    too_large = size_problem(sum(entry['size'] for entry in release.files.values()))
    if too_large:
        problems.append(too_large)
    return problems[:3]
