# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""Finding a robot file (or another configuration file of this package) by name or by path.

Looks in the source tree, then in every sourced ROS workspace, then in the Python prefix.
"""

import os
import sys
from pathlib import Path

from world_model_ros.contract.problems import ContractError, Problem, did_you_mean
from world_model_ros.user_path import user_path

PACKAGE = 'world_model_ros'
# What the files of a folder below `config` are called where an error speaks of them.
_CALLED = {
    'robots': 'a robot file (YAML)',
    'reality': 'a reality file (YAML)',
    'recipes': 'a recipe file (YAML)',
}
SUFFIXES = ('.yaml', '.yml')


def config_directories() -> list[Path]:
    """Return the existing `config` folders, the nearest first."""
    prefixes = [part for part in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep) if part]
    candidates = [Path(__file__).resolve().parents[2] / 'config']
    candidates += [Path(part) / 'share' / PACKAGE / 'config' for part in prefixes]
    candidates.append(Path(sys.prefix) / 'share' / PACKAGE / 'config')
    return [folder for folder in dict.fromkeys(candidates) if folder.is_dir()]


def find_config(kind: str, name_or_path: str | Path) -> Path:
    """Return the file `config/KIND/NAME.yaml`, or the path itself where one is given.

    Args:
        kind: folder below `config`, such as `robots` or `reality`.
        name_or_path: a shipped name (`reacher`), or the path of a YAML file.

    Raises:
        ContractError: there is no such file; the error names the shipped ones.
    """
    given = str(name_or_path)
    called = _CALLED.get(kind, f'a {kind} file (YAML)')
    try:
        path = user_path(given)
    except ValueError as error:
        raise ContractError(given, [Problem('file', 'missing', called, str(error))]) from None
    if path.suffix in SUFFIXES or len(path.parts) > 1:
        if path.is_file():
            return path
        raise ContractError(given, [Problem('file', 'missing', called, 'check the path')])
    known: dict[str, Path] = {}
    for folder in config_directories():
        for file in sorted((folder / kind).glob('*.yaml')):
            known.setdefault(file.stem, file)
    if given in known:
        return known[given]
    raise ContractError(
        given or called,
        [
            Problem(
                'name',
                repr(given) if given else 'missing',
                f'the path of {called}, or the name of one in config/{kind}',
                did_you_mean(given, sorted(known)),
            )
        ],
    )


def find_robot(name_or_path: str | Path) -> Path:
    """Return the robot file of a shipped name (`reacher`) or of a path."""
    return find_config('robots', name_or_path)
