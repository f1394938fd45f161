# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Packages outside of ours for tests of plug-ins: a module and the metadata of an install."""

from __future__ import annotations

from pathlib import Path


def write_package(
    folder: Path, name: str, entry_points: dict[str, dict[str, str]], source: str = ''
) -> Path:
    """Lay a package into `folder` as pip would; put that folder on sys.path to install it.

    Args:
        folder: where it goes.
        name: name of the package; its module is the same with underscores.
        entry_points: group -> name -> `module:object`.
        source: text of the module; empty: there is none.
    """
    module = name.replace('-', '_')
    info = folder / f'{module}-1.2.dist-info'
    info.mkdir(parents=True)
    (info / 'METADATA').write_text(f'Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n')
    lines = []
    for group, points in entry_points.items():
        lines += [f'[{group}]', *(f'{key} = {value}' for key, value in points.items())]
    (info / 'entry_points.txt').write_text('\n'.join(lines) + '\n')
    if source:
        (folder / f'{module}.py').write_text(source)
    return folder
