# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Finds a bundle by path, or the shipped one by its robot's name."""

from __future__ import annotations

from pathlib import Path

from world_model_ros.contract.find import config_directories


def find_bundle(name_or_path: str | Path) -> Path:
    """Return a bundle folder: a path with a manifest, or config/bundles/NAME.

    Raises:
        FileNotFoundError: there is none; the error names the shipped ones.
    """
    given = Path(name_or_path).expanduser()
    if (given / 'manifest.json').is_file():
        return given
    shipped = {
        manifest.parent.name: manifest.parent
        for folder in reversed(config_directories())
        for manifest in sorted((folder / 'bundles').glob('*/manifest.json'))
    }
    if str(name_or_path) in shipped:
        return shipped[str(name_or_path)]
    names = ', '.join(sorted(shipped)) or 'none'
    raise FileNotFoundError(
        f'no bundle at {given} (no manifest.json there) and none of that name is shipped '
        f'(shipped: {names}). Make one: world-model train --sim ROBOT --frames N --bundle DIR'
    )
