# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""A real bundle in a few kilobytes, for tests: small graphs written node by node.

Golden vectors come from onnx's numpy reference evaluator, not from ONNX Runtime. Not for robots.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from world_model_ros.bundle import capability_signatures, write_golden, write_manifest
from world_model_ros.bundle.format_names import FIXED_CANDIDATES, GraphSignature, Tensor
from world_model_ros.contract import Contract

BELIEF_DIM = 6
GOAL_DIM = 2
# What a bundle has that is not asked for others.
USUAL = ('observe', 'imagine', 'policy', 'value', 'outcomes', 'plan', 'decode')
PLANNER = {
    'horizon': 3,
    'batch_size': 5,
    'num_elites': 2,
    'temperature': 0.5,
    'min_std': 0.05,
    'max_std': 1.0,
    'iteration_count': 2,
    'gamma': 0.99,
}
CASES = 3
OPSET = 18
_TYPES = {'float32': TensorProto.FLOAT, 'uint8': TensorProto.UINT8, 'int64': TensorProto.INT64}


def make_tiny_bundle(
    directory: Path,
    contract: Contract,
    planner: dict | None = None,
    seed: int = 0,
    capabilities: tuple = USUAL,
    sizes: dict | None = None,
    gate: dict | None = None,
) -> Path:
    """Write a whole bundle for a contract and return its path."""
    directory.mkdir(parents=True, exist_ok=True)
    planner = {**PLANNER, **(planner or {})}
    if 'plan' not in capabilities:
        planner = {'horizon': planner['horizon']}
    rng = np.random.default_rng(seed)
    size = contract.action_dim
    weights = {
        'w_belief': rng.normal(size=(BELIEF_DIM, BELIEF_DIM)).astype(np.float32) * 0.3,
        'w_action': rng.normal(size=(size, BELIEF_DIM)).astype(np.float32),
        'w_policy': rng.normal(size=(BELIEF_DIM, size)).astype(np.float32),
    }
    (directory / 'weights.bin').write_bytes(b''.join(w.tobytes() for w in weights.values()))
    signatures = capability_signatures(contract, BELIEF_DIM, planner, capabilities, sizes)
    cases = {}
    for graph, signature in signatures.items():
        nodes, constants = _BUILDERS[graph](contract, planner)
        if 'joints' in signature.outputs:
            nodes += [
                helper.make_node('ReduceMean', ['goal'], ['aim'], keepdims=0),
                helper.make_node('Expand', ['aim', 'joints_shape'], ['joints']),
            ]
            constants['joints_shape'] = np.array(signature.outputs['joints'].shape)
        model = _model(graph, signature, nodes, constants, weights)
        (directory / f'{graph}.onnx').write_bytes(model.SerializeToString())
        cases[graph] = _golden(onnx.load(directory / f'{graph}.onnx'), signature, rng)
    np.save(directory / 'initial_belief.npy', np.zeros((1, BELIEF_DIM), np.float32))
    write_golden(directory, cases)
    write_manifest(
        directory,
        contract,
        name=f'tiny_{contract.name}',
        belief_dim=BELIEF_DIM,
        planner=planner,
        return_scale=10.0,
        provenance={
            'command': 'make_tiny_bundle',
            'date': '2026-01-01',
            **({} if gate is None else {'gate': gate}),
        },
        sizes=sizes,
    )
    return directory


def _observe(contract, planner):
    nodes = [
        helper.make_node('Sub', ['one', 'is_first'], ['keep']),
        helper.make_node('Mul', ['belief', 'keep'], ['kept']),
        helper.make_node('MatMul', ['kept', 'w_belief'], ['from_belief']),
        helper.make_node('MatMul', ['action_sent', 'w_action'], ['from_action']),
        helper.make_node('ReduceMean', ['ages'], ['age'], keepdims=0),
    ]
    parts = ['from_belief', 'from_action', 'age']
    for stream in contract.streams:
        name = stream.graph_input
        nodes += [
            helper.make_node('Cast', [name], [f'{name}_f'], to=TensorProto.FLOAT),
            helper.make_node('ReduceMean', [f'{name}_f'], [f'{name}_m'], keepdims=0),
            helper.make_node('Mul', [f'{name}_m', 'scale'], [f'{name}_s']),
        ]
        parts.append(f'{name}_s')
    nodes += _sum(parts, 'mixed') + [
        helper.make_node('Tanh', ['mixed'], ['belief_out']),
        helper.make_node('ReduceMax', ['belief_out'], ['max'], keepdims=0),
        helper.make_node('Reshape', ['max', 'shape1'], ['surprise']),
    ]
    return nodes, {
        'one': np.ones((1, 1), np.float32),
        'scale': np.float32(0.01),
        'shape1': np.array([1]),
    }


def _imagine(contract, planner):
    return [
        helper.make_node('MatMul', ['belief', 'w_belief'], ['a']),
        helper.make_node('MatMul', ['action', 'w_action'], ['b']),
        helper.make_node('Add', ['a', 'b'], ['c']),
        helper.make_node('Tanh', ['c'], ['belief_out']),
    ], {}


def _policy(contract, planner):
    return [
        helper.make_node('MatMul', ['belief', 'w_policy'], ['a']),
        helper.make_node('Tanh', ['a'], ['b']),
        helper.make_node('Mul', ['b', 'box'], ['action_mean']),
        helper.make_node('Identity', ['spread'], ['action_std']),
    ], {'box': contract.high[None], 'spread': contract.high[None] * np.float32(0.1)}


def _value(contract, planner):
    return [
        helper.make_node('ReduceMax', ['belief'], ['max'], keepdims=0),
        helper.make_node('Reshape', ['max', 'shape1'], ['most']),
        helper.make_node('Add', ['most', 'one1'], ['value']),
    ], {'one1': np.ones(1, np.float32), 'shape1': np.array([1])}


def _outcomes(contract, planner):
    return [
        helper.make_node('ReduceMax', ['next_belief'], ['max'], keepdims=0),
        helper.make_node('Reshape', ['max', 'shape1'], ['most']),
        helper.make_node('Neg', ['most'], ['reward']),
        helper.make_node('Sigmoid', ['most'], ['continuation']),
    ], {'shape1': np.array([1])}


def _goal(contract, planner):
    """A goal [1, 2] of means over the streams."""
    nodes, parts = [], []
    for stream in contract.streams:
        name = stream.graph_input
        nodes += [
            helper.make_node('Cast', [name], [f'{name}_f'], to=TensorProto.FLOAT),
            helper.make_node('ReduceMean', [f'{name}_f'], [f'{name}_m'], keepdims=0),
        ]
        parts.append(f'{name}_m')
    nodes += _sum(parts, 'all') + [helper.make_node('Expand', ['all', 'shape'], ['goal'])]
    return nodes, {'shape': np.array([1, GOAL_DIM])}


def _query(contract, planner):
    return [
        helper.make_node('ReduceMean', ['belief'], ['mean'], keepdims=0),
        helper.make_node('Add', ['query', 'mean'], ['answer']),
    ], {}


def _disagree(contract, planner):
    return [
        helper.make_node('ReduceMax', ['belief'], ['a'], keepdims=0),
        helper.make_node('ReduceMax', ['action'], ['b'], keepdims=0),
        helper.make_node('Add', ['a', 'b'], ['c']),
        helper.make_node('Reshape', ['c', 'shape1'], ['disagreement']),
    ], {'shape1': np.array([1])}


def _plan(contract, planner):
    horizon, size = planner['horizon'], contract.action_dim
    return [
        helper.make_node('MatMul', ['belief', 'w_policy'], ['raw']),
        helper.make_node('Tanh', ['raw'], ['unit']),
        helper.make_node('Mul', ['unit', 'high'], ['act']),
        helper.make_node('Expand', ['act', 'plan_shape'], ['policy_plan']),
        helper.make_node('ReduceMean', ['noise', 'axis0'], ['drift'], keepdims=0),
        helper.make_node('Mul', ['std', 'drift'], ['step']),
        helper.make_node('Add', ['mean', 'step'], ['moved']),
        helper.make_node('Min', ['moved', 'high'], ['below']),
        helper.make_node('Max', ['below', 'low'], ['mean_out']),
        helper.make_node('Mul', ['std', 'shrink'], ['std_out']),
        helper.make_node('Reshape', ['previous_mask', 'mask_shape'], ['mask']),
        helper.make_node('Mul', ['previous', 'mask'], ['masked']),
        helper.make_node('Add', ['masked', 'safe'], ['kept']),
        helper.make_node('Add', ['kept', 'mean_out'], ['both']),
        helper.make_node('Mul', ['both', 'half'], ['best']),
        helper.make_node('ReduceMean', ['noise', 'axes12'], ['sampled'], keepdims=0),
        helper.make_node('Concat', ['fixed', 'sampled'], ['values'], axis=0),
        helper.make_node('ReduceMax', ['values'], ['best_value'], keepdims=1),
        helper.make_node('ArgMax', ['values'], ['best_index'], axis=0, keepdims=1),
        helper.make_node('Neg', ['best_value'], ['policy_value']),
    ], {
        'plan_shape': np.array([horizon, size]),
        'mask_shape': np.array([horizon, 1]),
        'axis0': np.array([0]),
        'axes12': np.array([1, 2]),
        'shrink': np.float32(0.9),
        'half': np.float32(0.5),
        'fixed': np.arange(FIXED_CANDIDATES, dtype=np.float32) / 10,
    }


def _decode(contract, planner):
    nodes = [
        helper.make_node('ReduceMean', ['belief'], ['mean'], keepdims=0),
        helper.make_node('Mul', ['mean', 'grey'], ['spread']),
        helper.make_node('Add', ['spread', 'grey'], ['level']),
        helper.make_node('Clip', ['level', 'zero', 'white'], ['clipped']),
    ]
    constants = {'grey': np.float32(100), 'zero': np.float32(0), 'white': np.float32(255)}
    for stream in contract.streams:
        name = stream.graph_input
        constants[f'{name}_shape'] = np.array([1, *stream.shape])
        value = 'clipped' if stream.kind == 'image' else 'mean'
        nodes += [
            helper.make_node('Expand', [value, f'{name}_shape'], [f'{name}_e']),
            helper.make_node('Cast', [f'{name}_e'], [name], to=_TYPES[stream.dtype.name]),
        ]
    return nodes, constants


_BUILDERS = {
    'observe': _observe,
    'imagine': _imagine,
    'policy': _policy,
    'value': _value,
    'outcomes': _outcomes,
    'goal': _goal,
    'query': _query,
    'disagree': _disagree,
    'plan': _plan,
    'decode': _decode,
}


def _sum(names, result):
    nodes, total = [], names[0]
    for index, name in enumerate(names[1:]):
        target = result if index == len(names) - 2 else f'{result}_{index}'
        nodes.append(helper.make_node('Add', [total, name], [target]))
        total = target
    return nodes


def _model(graph, signature, nodes, constants, weights):
    used = {name for node in nodes for name in node.input}
    initializers = [
        numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()
    ]
    offset = 0
    for name, value in weights.items():
        if name in used:
            initializers.append(external(name, value.shape, 'weights.bin', offset, value.nbytes))
        offset += value.nbytes
    return helper.make_model(
        helper.make_graph(
            nodes, graph, _infos(signature.inputs), _infos(signature.outputs), initializers
        ),
        opset_imports=[helper.make_opsetid('', OPSET)],
        ir_version=10,
    )


def external(name, shape, location, offset, length):
    """Return a float tensor whose bytes lie in another file."""
    tensor = TensorProto(
        name=name, data_type=TensorProto.FLOAT, dims=shape, data_location=TensorProto.EXTERNAL
    )
    for key, value in (('location', location), ('offset', offset), ('length', length)):
        entry = tensor.external_data.add()
        entry.key, entry.value = key, str(value)
    return tensor


def _infos(tensors):
    return [
        helper.make_tensor_value_info(name, _TYPES[tensor.dtype.name], tensor.shape)
        for name, tensor in tensors.items()
    ]


def _golden(model, signature: GraphSignature, rng):
    evaluator = ReferenceEvaluator(model)
    inputs = {name: _random(tensor, rng) for name, tensor in signature.inputs.items()}
    outputs: dict[str, list] = {name: [] for name in signature.outputs}
    for case in range(CASES):
        found = evaluator.run(None, {name: array[case] for name, array in inputs.items()})
        for name, value in zip(signature.outputs, found, strict=True):
            outputs[name].append(np.asarray(value))
    return inputs, {
        name: np.stack(values)
        .astype(signature.outputs[name].dtype)
        .reshape(CASES, *signature.outputs[name].shape)
        for name, values in outputs.items()
    }


def _random(tensor: Tensor, rng):
    shape = (CASES, *tensor.shape)
    if tensor.dtype == np.uint8:
        return rng.integers(0, 256, shape, dtype=np.uint8)
    return rng.normal(size=shape).astype(np.float32)
