# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which bundles an agent loads when it is asked to: those for which somebody vouches.

Any node on the robot can set parameters. So a bundle must be a slot that the updater has tried, or
the directory given at start; the operator may allow others (`allow_other_bundles`). The agent
imports this file: no store's client here. Must not import ROS or torch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from world_model_ros.bundle import find_bundle
from world_model_ros.bundle.format_names import MANIFEST
from world_model_ros.bundle.manifest import MAX_MANIFEST_BYTES
from world_model_ros.durable import read_regular
from world_model_ros.fleet.slot import vouched
from world_model_ros.onboard.policy.model import Model

MAX_REASON = 500  # characters of a refusal
MAX_RELEASE = 1 << 52  # numbers that every reader of JSON holds exactly


class Admission:
    """The rule, for one agent."""

    def __init__(self, at_start: str, slots: str = '', others: bool = False) -> None:
        """Set the rule up.

        Args:
            at_start: the directory given at start, '' for none.
            slots: folder of the updater's slots.
            others: whether the operator allows any other directory.
        """
        self._at_start, self._slots, self._others = at_start, slots, others

    def refusal(self, new: Mapping[str, Any]) -> str:
        """Why these values of the agent's parameters must not be set, ''."""
        if 'bundle' not in new:
            if 'release' in new:
                return 'release alone means nothing: set bundle and release in one call'
            return ''
        release = new.get('release', 0)
        if not isinstance(release, int) or not 0 <= release < MAX_RELEASE:
            return f'release is {release}: expected 0 (none) or its number'
        try:
            self.digest(new['bundle'])
        except (OSError, ValueError) as error:
            return f'bundle {new["bundle"]}: {error}'[:MAX_REASON]
        return ''

    def digest(self, directory: str) -> str:
        """What names the bundle in a directory, if it may be loaded: its manifest's sha256.

        Raises:
            ValueError: nobody vouches for it, or it is not the bundle that was vouched for.
            OSError: it cannot be read.
        """
        digest = _digest_of(directory)
        if self._others or (directory and directory == self._at_start):
            return digest
        try:
            expected = vouched(directory, self._slots)
        except (OSError, ValueError) as error:
            raise ValueError(
                f'{error}; only bundles that the updater has tried are loaded: publish it to the '
                'store, give it as bundle at start, or start the agent with allow_other_bundles'
            ) from None
        if digest != expected:
            raise ValueError(f'holds bundle {digest[:12]}, the slot is of {expected[:12]}')
        return digest


def unchanged(make: Callable[[str, int], Model], path: str, release: int, digest: str) -> Model:
    """Load the bundle that was admitted.

    Raises:
        ValueError: it has changed since then.
    """
    model = make(path, release)
    if model.digest != digest:  # changed while it was on its way
        raise ValueError(f'holds bundle {model.digest[:12]}, {digest[:12]} was offered')
    return model


def _digest_of(bundle: str) -> str:
    if not bundle:
        raise ValueError('empty; give the directory of a bundle')
    try:
        raw = read_regular(find_bundle(bundle) / MANIFEST, MAX_MANIFEST_BYTES)
    except OSError as error:
        raise ValueError(f'{MANIFEST}: {error.strerror or error}') from None
    return hashlib.sha256(raw).hexdigest()
