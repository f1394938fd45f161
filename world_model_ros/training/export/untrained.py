# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A bundle with untrained weights, for any contract: to try a robot before anything was learned.

It has the size and the cost of a learned one. Its policy has learned nothing. No learner
file lies beside it: there is nothing to go on from.
"""

from __future__ import annotations

import os
from pathlib import Path

import torch

from world_model_ros.contract import Contract
from world_model_ros.families.family_registry import find_family
from world_model_ros.training.core.begin import new_algorithm
from world_model_ros.training.core.learner_file import SUFFIX
from world_model_ros.training.export.export_bundle import export_bundle


def export_untrained(contract: Contract, family: str, folder: Path, seed: int = 0) -> Path:
    """Write bundle ``folder``; returns it.

    Raises:
        FamilyError: there is no such family, or it cannot serve this contract.
        FileExistsError: something of this name is there; learned weights are never replaced.
        BundleError: the bundle does not pass its own check.
    """
    learner_file = folder.with_name(folder.name + SUFFIX)
    for path in (folder, learner_file):
        if os.path.lexists(path):
            raise FileExistsError(f'{path} is there already; give another --out')
    torch.manual_seed(seed)
    algorithm = new_algorithm(find_family(family), contract)
    export_bundle(algorithm, folder, {'untrained': True, 'seed': seed})
    learner_file.unlink()
    return folder
