# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Export of a learned model as a bundle: an ONNX graph per capability over one weights file.

Each tensor is stored once, whatever the number of graphs that use it. Golden vectors are made by
torch in f32, never by ONNX Runtime.
"""

from __future__ import annotations

import copy
import datetime
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from world_model_ros.bundle import BundleError, check_bundle, write_golden, write_manifest
from world_model_ros.bundle.format_names import OWN_FILES
from world_model_ros.contract import Contract, interface_hash
from world_model_ros.families.device import CPU, as_array
from world_model_ros.families.family_registry import find_family
from world_model_ros.families.protocol import Algorithm, FamilyModel, Filters
from world_model_ros.own_folder import check_own, remove_own
from world_model_ros.planning.mppi import PlannerConfig
from world_model_ros.training.core.learner_file import SUFFIX, write_shipped
from world_model_ros.training.export.golden_record import golden_cases
from world_model_ros.training.export.graph_modules import bundle_graphs, joint_limits
from world_model_ros.training.export.onnx_cache import Traced

WEIGHTS = 'weights.bin'
# Tensors below this stay inside the graph: shapes, axes and scalars.
INLINE_BYTES = 256
ALIGN = 64


def export_bundle(
    learner: Algorithm,
    folder: Path,
    provenance: dict[str, Any],
    planner: PlannerConfig | None = None,
    traced: Traced | None = None,
    surprise: dict[str, Any] | None = None,
) -> Path:
    """Write bundle ``folder`` and the learner artifact beside it, by rename.

    Who exports again and again keeps ``traced``: all but the first take a tenth of the time.
    ``surprise`` is what the manifest says of it, None: nothing.

    Raises:
        BundleError: if the bundle does not pass its own check; nothing is left in place then.
        FileExistsError: the folder is there and is not a bundle; nothing of it is touched.
    """
    folder = Path(folder)
    check_own(folder, OWN_FILES)
    # Graphs and golden vectors do not hang on where it was learned.
    model = copy.deepcopy(learner.average).float().eval().requires_grad_(False)
    model.to(CPU)
    contract: Contract = model.contract
    planner = planner or PlannerConfig(gamma=learner.discount)
    scale = float(learner.return_scale.clamp(min=1.0))
    graphs = bundle_graphs(model, contract, planner, scale)
    temporary = folder.with_name(folder.name + '.tmp')
    remove_own(temporary, OWN_FILES)
    temporary.mkdir(parents=True)
    shared, traced = _Weights(), traced or Traced()
    shape = (interface_hash(contract), model.config, planner)
    with torch.no_grad():
        for name, graph in graphs.items():
            proto = traced.to_onnx(name, graph, shape)
            shared.move_out(proto)
            onnx.save(proto, temporary / f'{name}.onnx')
        (temporary / WEIGHTS).write_bytes(shared.content)
        np.save(temporary / 'initial_belief.npy', as_array(model.initial(1)))
        cases, left_out = golden_cases(graphs, contract, model)
    write_golden(temporary, cases)
    full = {
        'command': ' '.join(['world-model', *sys.argv[1:]]),
        'commit': _commit(),
        'date': datetime.datetime.now(datetime.timezone.utc).strftime('%Y-%m-%d'),
        'torch': torch.__version__,
        'onnx': onnx.__version__,
        'updates': learner.updates,
        'model': find_family(learner.family).config_to_json(model.config),
        'filter_sha256': filter_hash(model),
        'golden_left_out': left_out,
        **provenance,
    }
    write_manifest(
        temporary,
        contract,
        name=contract.name,
        belief_dim=model.belief_dim,
        planner=planner.as_dict() | {'limits_joints': joint_limits(model, contract) is not None},
        return_scale=scale,
        provenance=full,
        family=learner.family,
        surprise=surprise,
    )
    problems = check_bundle(temporary, contract)
    if problems:
        raise BundleError(temporary, problems)
    write_shipped(folder.with_name(folder.name + SUFFIX), learner)
    old = folder.with_name(folder.name + '.old')
    remove_own(old, OWN_FILES)
    check_own(folder, OWN_FILES)
    if folder.exists():
        folder.rename(old)
    os.replace(temporary, folder)
    remove_own(old, OWN_FILES)
    return folder


def filter_hash(model: FamilyModel) -> str:
    """Return what names how a model makes beliefs: a robot may go on from one of the same name."""
    filters = model.filter_nets() if isinstance(model, Filters) else [model]
    nets = [net.state_dict() for net in filters]
    tensors = [tensor for net in nets for tensor in net.values()]
    tensors += [buffer for _, buffer in model.named_buffers(recurse=False)]
    shape = f'{interface_hash(model.contract)} {model.config}'
    digest = hashlib.sha256(shape.encode())
    for tensor in tensors:
        digest.update(as_array(tensor).tobytes())
    return digest.hexdigest()


class _Weights:
    """The content of weights.bin while it grows; equal tensors share one place."""

    def __init__(self) -> None:
        self.content = bytearray()
        self._places: dict[bytes, int] = {}

    def move_out(self, proto: onnx.ModelProto) -> None:
        """Replace the graph's large initialisers by references into the shared file."""
        for tensor in proto.graph.initializer:
            array = onnx.numpy_helper.to_array(tensor)
            raw = np.ascontiguousarray(array).tobytes()
            if len(raw) < INLINE_BYTES:
                continue
            key = hashlib.sha256(raw).digest()
            if key not in self._places:
                self.content.extend(b'\0' * (-len(self.content) % ALIGN))
                self._places[key] = len(self.content)
                self.content.extend(raw)
            for field in ('raw_data', 'float_data', 'int64_data', 'int32_data'):
                tensor.ClearField(field)
            tensor.data_location = onnx.TensorProto.EXTERNAL
            del tensor.external_data[:]
            place = {'location': WEIGHTS, 'offset': self._places[key], 'length': len(raw)}
            for name, value in place.items():
                tensor.external_data.add(key=name, value=str(value))


def _commit() -> str:
    root = Path(__file__).resolve().parents[3]
    git = shutil.which('git')
    if git is None or not (root / '.git').exists():
        return 'unknown'
    done = subprocess.run(
        [git, '-C', str(root), 'rev-parse', '--short', 'HEAD'],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or 'unknown'
