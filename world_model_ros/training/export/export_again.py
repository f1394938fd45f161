# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A learner file exported again: the same weights, with other rules of the model.

Nothing is learned. What the robot runs changes, so the bundle is another one and says so.
Must not import ROS or a simulator.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from world_model_ros.bundle.manifest import read_manifest
from world_model_ros.contract import Contract
from world_model_ros.training.core.begin import new_algorithm
from world_model_ros.training.core.learner_file import SUFFIX, LearnerFileError, read_shipped
from world_model_ros.training.export.export_bundle import export_bundle

# Of this export, not of the training behind the weights. `imagine_rule` is in `model` today.
NOT_KEPT = {
    *('command', 'commit', 'date', 'torch', 'onnx', 'model', 'filter_sha256', 'golden_left_out'),
    'imagine_rule',
}


def export_again(
    weights: Path, contract: Contract, folder: Path, changes: Mapping[str, Any]
) -> Path:
    """Write bundle ``folder`` and its learner file; returns the folder.

    Planner and provenance are those of the bundle beside the weights. Its limit of surprise is
    kept where nothing changes: another rule is surprised by other things.

    Args:
        weights: a learner file.
        contract: the robot that they are for.
        folder: where nothing lies yet.
        changes: settings of the model by name, such as ``observe_rule``; none may change a tensor.

    Raises:
        FileExistsError: something lies there.
        LearnerFileError: not a learner file of this robot, or a change that needs other weights.
        BundleError: the bundle does not pass its own check.
    """
    for path in (folder, folder.with_name(folder.name + SUFFIX)):
        if path.exists() or path.is_symlink():
            raise FileExistsError(f'{path} is there already; give another --out')
    start = read_shipped(weights, contract)
    family = start.family
    before = family.config_to_json(start.model)
    try:
        sizes = family.config_from_json({**before, **changes})
        learner = new_algorithm(family, contract, sizes)
        learner.load_state_dict(start.tensors)
    except (ValueError, TypeError, RuntimeError, KeyError) as error:
        raise LearnerFileError(
            f'{weights}: cannot be exported with {_shown(changes)}: '
            f'{" ".join(str(error).split())[:300]}'
        ) from error
    beside = weights.with_name(weights.name.removesuffix(SUFFIX))
    manifest, digest, problems = read_manifest(beside)
    if problems:
        manifest, digest = {}, ''
    kept = {k: v for k, v in manifest.get('provenance', {}).items() if k not in NOT_KEPT}
    changed = family.config_to_json(sizes) != before
    again = {'exported_again_from': digest, 'changes': dict(changes)}
    surprise = None if changed else manifest.get('surprise')
    return export_bundle(learner, folder, {**kept, **again}, start.planner, surprise=surprise)


def _shown(changes: Mapping[str, Any]) -> str:
    return ', '.join(f'{key}={value}' for key, value in changes.items()) or 'no change'
