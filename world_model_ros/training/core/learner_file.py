# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""learner.safetensors: the weights that travel beside a bundle, to go on learning from there.

Owns the file's header (format, interface, sizes of the network) and every reason to refuse one.
Where learning starts is decided here. Must not import ROS or a simulator.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save

from world_model_ros.contract import Contract, interface_diff, interface_hash, parse_contract
from world_model_ros.contract.find import config_directories
from world_model_ros.durable import write_atomic
from world_model_ros.families.dreamer.net import Dreamer, DreamerConfig
from world_model_ros.planning.mppi import PlannerConfig
from world_model_ros.training.core.checkpoint import shipped_tensors
from world_model_ros.training.core.learner import Learner

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
    model: DreamerConfig
    planner: PlannerConfig | None  # of the bundle beside it

    def build(self, contract: Contract) -> Dreamer:
        """Return a model with these weights."""
        model = Dreamer(contract, self.model)
        state = {k[6:]: v for k, v in self.tensors.items() if k.startswith('model.')}
        model.load_state_dict(state, strict=True)
        return model.requires_grad_(False).eval()


def write_shipped(path: Path, learner: Learner) -> None:
    """Write a learner file whole or not at all, also when the power goes.

    Raises:
        OSError: there is no room for it.
    """
    header = {
        'format': str(FORMAT),
        'interface_hash': interface_hash(learner.model.contract),
        'model': json.dumps(asdict(learner.model.config)),
    }
    write_atomic(path, save(shipped_tensors(learner), metadata=header))


def read_shipped(path: Path, contract: Contract) -> Shipped:
    """Read a learner file for a contract.

    Raises:
        LearnerFileError: not one, of another version, interface or size.
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
        config = model_config(json.loads(header['model'])) if 'model' in header else None
        config = config or DreamerConfig()
    except (ValueError, TypeError, KeyError) as error:
        raise LearnerFileError(f'{path}: model sizes {header["model"]!r}: {error}') from error
    _check_shapes(path, tensors, contract, config)
    planner = None
    if manifest is not None:
        known = {field.name for field in fields(PlannerConfig)}
        planner = PlannerConfig(**{k: v for k, v in manifest['planner'].items() if k in known})
    return Shipped(path, tensors, config, planner)


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


def model_config(values: Mapping[str, Any]) -> DreamerConfig:
    """Return sizes of a network from JSON; raises TypeError for unknown ones."""
    return DreamerConfig(**{**values, 'widths': tuple(values['widths'])})


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


def _check_shapes(
    path: Path, tensors: dict[str, torch.Tensor], contract: Contract, config: DreamerConfig
) -> None:
    want = {
        f'model.{k}': tuple(v.shape) for k, v in Dreamer(contract, config).state_dict().items()
    }
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
