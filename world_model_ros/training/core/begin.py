# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which family a run learns with, its algorithm at the beginning, and where that learns.

For simulator and recordings alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from world_model_ros.contract import Contract
from world_model_ros.families.device import CPU, Chosen, DeviceError, refused
from world_model_ros.families.family_registry import DEFAULT, FamilyError, find_family
from world_model_ros.families.protocol import Algorithm, Family, Moves


def new_algorithm(
    family: Family, contract: Contract, sizes: Any = None, recipe: Any = None
) -> Algorithm:
    """Return an untrained model with what trains it; None: the family's own sizes, recipe.

    Raises:
        FamilyError: the family cannot serve this contract.
    """
    try:
        model = family.build(contract, sizes)
    except ValueError as error:
        text = f'family {family.name!r} cannot serve contract {contract.name!r}: {error}'
        raise FamilyError(text) from error
    return family.algorithm(model, recipe)


def placed(algorithm: Algorithm, chosen: Chosen) -> Chosen:
    """Move an algorithm to the device that was chosen; return where it learns.

    Raises:
        DeviceError: the device was asked for, and the family learns on the CPU alone.
    """
    if chosen.device == CPU:
        return chosen
    if isinstance(algorithm, Moves):
        algorithm.to(chosen.device)
        return chosen
    reason = f'family {algorithm.family!r} learns on the CPU alone, its algorithm has no `to`'
    if chosen.free:
        return Chosen(CPU, reason, free=True)
    raise DeviceError(refused(chosen.device, reason))


def family_of(state: Mapping[str, Any], asked: str | None, where: Path) -> Family:
    """Return the family of a checkpoint; one from before families had names is the default's.

    Raises:
        FamilyError: it is not there, or another one was asked for.
    """
    name = str(state.get('family', DEFAULT))
    if asked is not None and asked != name:
        raise FamilyError(
            f'{where}: a checkpoint of family {name!r}, asked for {asked!r}; leave --family out '
            'to go on with it, or give another --out'
        )
    return find_family(name)
