# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""learner.safetensors: the weights that travel beside a bundle, to go on learning from there.

Owns the file's header (format, interface, family, sizes of the network) and every reason to refuse
one. A file without a family is of the default one.
Where learning starts is decided here. Must not import ROS or a simulator.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save

from world_model_ros.contract import Contract, interface_diff, interface_hash, parse_contract
from world_model_ros.contract.contract_lookup import config_directories
from world_model_ros.durable import write_atomic
from world_model_ros.families.family_registry import DEFAULT, FamilyError, find_family
from world_model_ros.families.protocol import Algorithm, Family, FamilyModel
from world_model_ros.planning.mppi import PlannerConfig

FORMAT = 1
SUFFIX = '.learner.safetensors'
SHOWN = 3  # wrong tensors that an error lists


class LearnerFileError(ValueError):
    """A learner file that cannot be gone on from; the text names file, fault and remedy."""


@dataclass(frozen=True)
class Shipped:
    """A learner file in memory, fitting a contract."""

    path: Path
    tensors: dict[str, torch.Tensor]
    family: Family
    model: Any  # sizes, as the family reads them
    planner: PlannerConfig | None  # of the bundle beside it

    def build(self, contract: Contract) -> FamilyModel:
        """Return a model with these weights."""
        model = self.family.build(contract, self.model)
        state = {k[6:]: v for k, v in self.tensors.items() if k.startswith('model.')}
        model.load_state_dict(state, strict=True)
        return model.requires_grad_(False).eval()


def write_shipped(path: Path, learner: Algorithm) -> None:
    """Write a learner file whole or not at all, also when the power goes.

    Raises:
        OSError: there is no room for it.
    """
    header = {
        'format': str(FORMAT),
        'interface_hash': interface_hash(learner.model.contract),
        'family': learner.family,
        'model': json.dumps(find_family(learner.family).config_to_json(learner.model.config)),
    }
    write_atomic(path, save(learner.shipped(), metadata=header))


def read_shipped(path: Path, contract: Contract) -> Shipped:
    """Read a learner file for a contract.

    Raises:
        LearnerFileError: not one, of another version, interface or size, or of a family that is
            not here.
    """
    try:
        with safe_open(str(path), 'pt') as file:
            header = dict(file.metadata() or {})
        tensors = load_file(path)
    except (SafetensorError, OSError) as error:
        raise LearnerFileError(
            f'{path}: not a readable learner file ({error}); give a {SUFFIX[1:]} that train wrote'
        ) from error
    version = header.get('format', '')
    # Files from before the header was written are of format 1 with the default sizes.
    if (version and version != str(FORMAT)) or (not version and 'return_scale' not in tensors):
        raise LearnerFileError(
            f'{path}: learner format {version or "unknown"!r}, this version reads {FORMAT}; use '
            'the version that wrote it, or --from-scratch'
        )
    beside = path.with_name(path.name.removesuffix(SUFFIX)) / 'manifest.json'
    manifest = _manifest(beside)
    _check_interface(path, header, manifest, contract)
    try:
        family = find_family(header.get('family', DEFAULT))
    except FamilyError as error:
        raise LearnerFileError(f'{path}: {error}') from error
    sizes = header.get('model', '{}')
    try:
        config = family.config_from_json(json.loads(sizes))
        model = family.build(contract, config)
    except (ValueError, TypeError, AttributeError, LookupError) as error:
        raise LearnerFileError(f'{path}: model sizes {sizes!r}: {error}') from error
    _check_shapes(path, tensors, model)
    planner = None
    if manifest is not None:
        known = {field.name for field in fields(PlannerConfig)}
        planner = PlannerConfig(**{k: v for k, v in manifest['planner'].items() if k in known})
    return Shipped(path, tensors, family, config, planner)


def find_shipped(contract: Contract) -> tuple[Path | None, str]:
    """Return the shipped learner file of this robot, or None and why there is none."""
    for folder in config_directories():
        path = folder / 'bundles' / f'{contract.name}{SUFFIX}'
        if path.is_file():
            manifest = _manifest(folder / 'bundles' / contract.name / 'manifest.json')
            if manifest is None:
                return None, f'{path} has no bundle beside it'
            theirs = parse_contract(manifest['contract'], str(path))
            different = interface_diff(theirs, contract)
            if different:
                return None, f'{path} is for another interface: {"; ".join(different[:SHOWN])}'
            return path, ''
    return None, f'no learner file is shipped for {contract.name!r}'


def _manifest(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    manifest: dict[str, Any] = json.loads(path.read_text())
    return manifest


def _check_interface(
    path: Path, header: Mapping[str, str], manifest: dict[str, Any] | None, contract: Contract
) -> None:
    ours = interface_hash(contract)
    theirs = header.get('interface_hash') or (manifest or {}).get('interface_hash') or ours
    if theirs == ours:
        return
    different = [f'interface {theirs[:12]} -> {ours[:12]}']
    if manifest is not None:
        different = interface_diff(parse_contract(manifest['contract'], str(path)), contract)
    raise LearnerFileError(
        f'{path}: made for another interface: {"; ".join(different[:SHOWN])}; give one made for '
        'this contract, or --from-scratch'
    )


def _check_shapes(path: Path, tensors: dict[str, torch.Tensor], model: FamilyModel) -> None:
    want = {f'model.{k}': tuple(v.shape) for k, v in model.state_dict().items()}
    have = {k: tuple(v.shape) for k, v in tensors.items() if k.startswith('model.')}
    wrong = [
        f'{name} is {have.get(name, "missing")}, expected {want.get(name, "none")}'
        for name in sorted({*want, *have})
        if want.get(name) != have.get(name)
    ]
    wrong += [f'{k} is not finite' for k, v in tensors.items() if not torch.isfinite(v).all()]
    if wrong:
        raise LearnerFileError(
            f'{path}: does not fit the model: {"; ".join(wrong[:SHOWN])}'
            f'{f" and {len(wrong) - SHOWN} more" if len(wrong) > SHOWN else ""}; give one made '
            'for this contract, or --from-scratch'
        )
