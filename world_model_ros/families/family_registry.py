# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The families of world models by name: ours, and those that other packages register.

Entry point group `world_model_ros.families`: NAME = MODULE:OBJECT, a `Family`. Imports a family
when it is asked for. A checkpoint or learner file without a name is of the default one.
"""

from __future__ import annotations

from world_model_ros.families.protocol import Family
from world_model_ros.plugins import PluginError, Plugins

DEFAULT = 'dreamer'
FAMILIES = Plugins(
    'world_model_ros.families',
    'world-model family',
    {DEFAULT: 'world_model_ros.families.dreamer.family:FAMILY'},
)


class FamilyError(ValueError):
    """A family that is not there or cannot be used; one line with the remedy."""


def find_family(name: str) -> Family:
    """Return a family by its name.

    Raises:
        FamilyError: there is none of this name, or its package cannot be used.
    """
    try:
        family = FAMILIES.load(name)
    except KeyError:
        raise FamilyError(FAMILIES.unknown(name)) from None
    except PluginError as error:
        raise FamilyError(str(error)) from error
    if not isinstance(family, Family):
        missing = [
            part
            for part in ('name', 'build', 'algorithm', 'config_to_json', 'config_from_json')
            if not hasattr(family, part)
        ]
        raise FamilyError(
            f'world-model family {name!r} is no Family, it lacks {", ".join(missing)}: '
            'see families/protocol.py'
        )
    return family
