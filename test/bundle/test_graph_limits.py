# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What an ONNX file may hold: read from its bytes, refused before a session is made."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

onnx = pytest.importorskip('onnx')
from onnx import TensorProto, helper, numpy_helper

from world_model_ros.bundle.graph_limits import (
    MAX_ELEMENTS,
    MAX_NODES,
    OPERATORS,
    graph_problems,
)

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = [
    *sorted((ROOT / 'config' / 'bundles').glob('*/*.onnx')),
    *sorted((ROOT / 'test' / 'fixtures' / 'bundle_format1').glob('*.onnx')),
]


def model(nodes, initializers=(), **options):
    inputs = [helper.make_tensor_value_info('x', TensorProto.FLOAT, [1])]
    outputs = [helper.make_tensor_value_info('y', TensorProto.FLOAT, [1])]
    graph = helper.make_graph(list(nodes), 'g', inputs, outputs, list(initializers))
    return helper.make_model(graph, **options)


def bytes_of(*nodes, **options):
    return model(nodes, **options).SerializeToString()


@pytest.mark.parametrize('path', SHIPPED, ids=lambda path: f'{path.parent.name}/{path.name}')
def test_shipped_graphs_are_allowed(path):
    assert graph_problems(path.read_bytes()) == []


def test_every_allowed_operator_is_one_of_onnx():
    assert {schema.name for schema in onnx.defs.get_all_schemas()} >= OPERATORS


@pytest.mark.parametrize(
    'name', ['Loop', 'If', 'Scan', 'RandomNormal', 'SequenceMap', 'StringConcat', 'Made_Up']
)
def test_other_operators_are_named(name):
    (problem,) = graph_problems(bytes_of(helper.make_node(name, ['x'], ['y'])))
    assert problem == f'operators that are not allowed: {name!r}'


def test_operators_of_others_are_named():
    node = helper.make_node('Add', ['x', 'x'], ['y'], domain='com.microsoft')
    assert graph_problems(bytes_of(node)) == ["operators of the domain 'com.microsoft'"]


def test_a_graph_inside_of_an_operator_is_refused():
    inner = model([helper.make_node('Identity', ['x'], ['y'])]).graph
    node = helper.make_node('Identity', ['x'], ['y'], body=inner)
    assert graph_problems(bytes_of(node)) == ['a graph inside of an operator']


def test_functions_are_refused():
    function = helper.make_function(
        'mine', 'F', ['x'], ['y'], [], [helper.make_opsetid('', 18)], []
    )
    node = helper.make_node('Identity', ['x'], ['y'])
    assert graph_problems(bytes_of(node, functions=[function])) == [
        'it defines functions of its own'
    ]


def test_too_many_nodes_are_refused():
    nodes = [helper.make_node('Identity', ['x'], ['y'])] * (MAX_NODES + 1)
    assert graph_problems(bytes_of(*nodes)) == [f'more than {MAX_NODES} nodes']


@pytest.mark.parametrize('dims', [[MAX_ELEMENTS + 1], [1 << 40], [2] * 40])
def test_huge_tensors_are_refused_wherever_they_stand(dims):
    tensor = TensorProto(dims=dims, data_type=TensorProto.FLOAT, name='w')
    node = helper.make_node('Identity', ['w'], ['y'])
    (problem,) = graph_problems(model([node], [tensor]).SerializeToString())
    assert f'at most {MAX_ELEMENTS}' in problem
    node = helper.make_node('Constant', [], ['y'], value=tensor)
    assert f'at most {MAX_ELEMENTS}' in graph_problems(bytes_of(node))[0]


def test_a_common_tensor_is_allowed():
    tensor = numpy_helper.from_array(np.zeros((3, 4), np.float32), 'w')
    node = helper.make_node('Identity', ['w'], ['y'])
    assert graph_problems(model([node], [tensor]).SerializeToString()) == []


@given(content=st.binary(max_size=200))
def test_any_bytes_are_judged(content):
    assert isinstance(graph_problems(content), list)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_graph_is_judged(data):
    content = bytearray(SHIPPED[0].read_bytes())
    for _ in range(3):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    begun_s = time.monotonic()
    graph_problems(bytes(content))
    assert time.monotonic() - begun_s < 30  # an end, not a pace
