# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Finding a bundle by its path, or a shipped one by its name.

Shipped bundles lie in `config/bundles/NAME` of the source tree, and in
`share/world_model_ros/config/bundles/NAME` of an install.
"""

from __future__ import annotations

import difflib
from pathlib import Path

from world_model_ros.bundle.format_names import MANIFEST, BundleError
from world_model_ros.contract.contract_lookup import config_directories
from world_model_ros.user_path import user_path


def shipped_bundles() -> dict[str, Path]:
    """Name and folder of every shipped bundle; the nearest `config` folder counts."""
    return {
        manifest.parent.name: manifest.parent
        for folder in reversed(config_directories())
        for manifest in sorted((folder / 'bundles').glob(f'*/{MANIFEST}'))
    }


def find_bundle(name_or_path: str | Path) -> Path:
    """Return a bundle's folder: the path of one, or `config/bundles/NAME` for a shipped name.

    A folder with a manifest counts before a shipped bundle of the same name.

    Raises:
        BundleError: there is none; the error names the shipped ones.
    """
    try:
        given = user_path(name_or_path)
    except ValueError as error:
        raise BundleError(str(name_or_path), [str(error)]) from None
    if (given / MANIFEST).is_file():
        return given
    shipped = shipped_bundles()
    if str(name_or_path) in shipped:
        return shipped[str(name_or_path)]
    found = f'has no {MANIFEST}' if given.is_dir() else 'is no folder'
    known = sorted(shipped)
    raise BundleError(
        str(name_or_path),
        [
            f'{given} {found}; expected a folder with {MANIFEST} or the name of a shipped bundle '
            f'({", ".join(known) or "none is"}); {_remedy(str(name_or_path), known)}make '
            'one: world-model train-sim ROBOT --frames N --bundle DIR'
        ],
    )


def _remedy(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name[:80], known, n=1)
    return f'did you mean {near[0]!r}? Or ' if near else 'check the path, or '
