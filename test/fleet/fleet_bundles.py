# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Real bundles of a few kilobytes, sound ones and ones with a fault that only running shows."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
from onnx import helper

from world_model_ros.contract import load_contract, parse_contract

ROOT = Path(__file__).resolve().parents[2]


def write_contract(path: Path) -> Path:
    """The reacher's robot file with a camera of 8x8."""
    path.write_text(load_contract('reacher').text.replace('[64, 64, 3]', '[8, 8, 3]'))
    return path


def make_bundle(folder: Path, contract_file: Path, seed: int = 0, **builders) -> Path:
    """A whole bundle; a builder replaces how one of its graphs is made."""
    where = ROOT / 'test' / 'bundle' / 'tiny_bundle.py'
    spec = importlib.util.spec_from_file_location('tiny_bundle_for_fleet', where)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module._BUILDERS.update(builders)
    contract = parse_contract(contract_file.read_text(), str(contract_file))
    return module.make_tiny_bundle(folder, contract, seed=seed)


def growing_policy(contract, planner):
    """An action that leaves the box, by a golden vector that agrees with it."""
    return [
        helper.make_node('MatMul', ['belief', 'w_policy'], ['a']),
        helper.make_node('Tanh', ['a'], ['b']),
        helper.make_node('Add', ['b', 'far'], ['action_mean']),
        helper.make_node('Identity', ['spread'], ['action_std']),
    ], {'far': contract.high[None] * np.float32(3), 'spread': contract.high[None]}


def exploding_observe(contract, planner):
    """A belief that grows a thousandfold with every tick: whole in one step, infinite in ten."""
    nodes = [
        helper.make_node('Mul', ['belief', 'thousand'], ['grown']),
        helper.make_node('Add', ['grown', 'one'], ['belief_out']),
        helper.make_node('ReduceMax', ['action_sent'], ['a'], keepdims=0),
        helper.make_node('ReduceMax', ['is_first'], ['b'], keepdims=0),
        helper.make_node('ReduceMax', ['ages'], ['c'], keepdims=0),
    ]
    parts = ['a', 'b', 'c']
    for stream in contract.streams:
        name = stream.graph_input
        nodes += [
            helper.make_node('Cast', [name], [f'{name}_f'], to=1),
            helper.make_node('ReduceMax', [f'{name}_f'], [f'{name}_m'], keepdims=0),
        ]
        parts.append(f'{name}_m')
    nodes += [
        helper.make_node('Max', parts, ['most']),
        helper.make_node('Mul', ['most', 'small'], ['scaled']),
        helper.make_node('Reshape', ['scaled', 'shape'], ['surprise']),
    ]
    return nodes, {
        'thousand': np.float32(1000),
        'small': np.float32(0.01),
        'one': np.ones((1, 6), np.float32),
        'shape': np.array([1]),
    }
