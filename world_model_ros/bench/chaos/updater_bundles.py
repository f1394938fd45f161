# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Bundles for the attack on the updater: copies of the stored fixture, sound and hostile ones.

Each hostile one is signed again, as a hostile trainer would: only reading or running it shows what
it is. Must not import ROS or torch.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FIXTURE = Path(__file__).parents[3] / 'test' / 'fixtures' / 'bundle_format1'
ODD: tuple[Any, ...] = (
    0,
    -1,
    1 << 40,
    10**30,
    1e300,
    None,
    True,
    '',
    'x' * 10_000,
    [],
    {},
    [[[[]]]],
)


def sound(folder: Path, name: str) -> Path:
    """A whole bundle; another name is another bundle."""
    shutil.copytree(FIXTURE, folder)
    _edit(folder, lambda manifest: manifest['provenance'].update(command=name))
    return folder


def contract_text() -> str:
    """The robot file that the fixture was made for."""
    return str(json.loads((FIXTURE / 'manifest.json').read_text())['contract'])


def all_memory(folder: Path, _: np.random.Generator) -> None:
    """A policy that makes a table of 6 GB when it runs."""
    with_square(folder, 40_000)


def all_time(folder: Path, _: np.random.Generator) -> None:
    """A policy that multiplies large tables."""
    with_square(folder, 2500, work=True)


def golden_bomb(folder: Path, _: np.random.Generator) -> None:
    """Golden vectors of a few kilobytes that unpack to 100 MB."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('observe/in/ages.npy', bytes(100_000_000))
    (folder / 'golden.npz').write_bytes(buffer.getvalue())
    sign(folder, 'golden.npz')


def forbidden_operator(folder: Path, _: np.random.Generator) -> None:
    """A loop inside of a graph."""
    path = folder / 'policy.onnx'
    path.write_bytes(path.read_bytes().replace(b'Tanh', b'Loop').replace(b'MatMul', b'Random'))
    sign(folder, 'policy.onnx')


def odd_number(folder: Path, rng: np.random.Generator) -> None:
    """A field of the manifest that holds anything."""
    value = ODD[rng.integers(len(ODD))]

    def change(manifest: dict[str, Any]) -> None:
        table = manifest if rng.random() < 0.5 else manifest['planner']
        keys = [key for key in sorted(table) if key not in ('provenance', 'name', 'family')]
        table[keys[rng.integers(len(keys))]] = value

    _edit(folder, change)


def deep_manifest(folder: Path, _: np.random.Generator) -> None:
    """A manifest nested deeper than Python reads."""
    (folder / 'manifest.json').write_bytes(b'[' * 200_000)


def damaged_graph(folder: Path, rng: np.random.Generator) -> None:
    """Bytes of a graph changed or cut off, and signed."""
    path = folder / ('policy.onnx', 'observe.onnx', 'plan.onnx')[rng.integers(3)]
    content = bytearray(path.read_bytes())
    # The graph's own structure; further behind are weights, which golden vectors judge.
    del content[int(rng.integers(1, len(content))) :]
    path.write_bytes(content)
    sign(folder, path.name)


HOSTILE: dict[str, Callable[[Path, np.random.Generator], None]] = {
    'memory bomb': all_memory,
    'golden bomb': golden_bomb,
    'forbidden operator': forbidden_operator,
    'odd number': odd_number,
    'deep manifest': deep_manifest,
    'damaged graph': damaged_graph,
}


def with_square(bundle: Path, side: int, work: bool = False) -> Path:
    """Let the policy make a square of so many rows and columns, multiplied by itself if asked.

    Nothing of it is in the file: the memory and the time are asked for when the graph runs.
    """
    import onnx
    from onnx import helper, numpy_helper

    path = bundle / 'policy.onnx'
    model = onnx.load(path, load_external_data=False)
    graph = model.graph
    graph.initializer.append(numpy_helper.from_array(np.array([side, side]), 'square_shape'))
    graph.initializer.append(numpy_helper.from_array(np.float32(0), 'square_zero'))
    for node in graph.node:
        node.output[:] = ['mean_before' if n == 'action_mean' else n for n in node.output]
        node.input[:] = ['mean_before' if n == 'action_mean' else n for n in node.input]
    square = 'square_product' if work else 'square'
    graph.node.extend(
        [
            helper.make_node('ReduceMax', ['belief'], ['square_one'], keepdims=1),
            helper.make_node('Expand', ['square_one', 'square_shape'], ['square']),
            *([helper.make_node('MatMul', ['square', 'square'], [square])] if work else []),
            helper.make_node('ReduceMax', [square], ['square_max'], keepdims=0),
            helper.make_node('Mul', ['square_max', 'square_zero'], ['square_nothing']),
            helper.make_node('Add', ['mean_before', 'square_nothing'], ['action_mean']),
        ]
    )
    path.write_bytes(model.SerializeToString())
    sign(bundle, 'policy.onnx')
    return bundle


def sign(bundle: Path, *names: str) -> None:
    """Make the manifest agree with changed files."""
    described = {}
    for name in names:
        content = (bundle / name).read_bytes()
        digest = hashlib.sha256(content).hexdigest()
        described[name] = {'sha256': digest, 'bytes': len(content)}
    _edit(bundle, lambda manifest: manifest['files'].update(described))


def _edit(bundle: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = json.loads((bundle / 'manifest.json').read_text())
    change(manifest)
    (bundle / 'manifest.json').write_text(json.dumps(manifest))
