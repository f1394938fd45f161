# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""What an ONNX file may hold, read from its bytes before ONNX Runtime sees it.

Operators are allowed by list: pure functions of tensors, without loops, branches, randomness or
code of others. Nodes, tensors and depth are limited. A robot has no `onnx` package: this reads the
few fields it needs of the wire format (https://protobuf.dev/programming-guides/encoding, field
numbers of onnx.proto3).
"""

import math
from collections.abc import Iterator

MAX_NODES = 20_000  # a shipped planner has 380
MAX_ELEMENTS = 16_000_000  # of one stored tensor: more than a whole bundle's weights
MAX_OPERATORS_SHOWN = 3
DOMAINS = ('', 'ai.onnx')
OPERATORS = frozenset(
    """
    Abs Acos Acosh Add And ArgMax ArgMin Asin Asinh Atan Atanh AveragePool BatchNormalization
    Cast CastLike Ceil Celu Clip Concat Constant ConstantOfShape Conv ConvTranspose Cos Cosh
    CumSum DepthToSpace Div Dropout Einsum Elu Equal Erf Exp Expand Flatten Floor GRU Gather
    GatherElements GatherND Gelu Gemm GlobalAveragePool GlobalMaxPool Greater GreaterOrEqual
    GroupNormalization HardSigmoid HardSwish Identity InstanceNormalization IsInf IsNaN LSTM
    LayerNormalization LeakyRelu Less LessOrEqual Log LogSoftmax MatMul Max MaxPool Mean Min
    Mish Mod Mul Neg Not OneHot Or PRelu Pad Pow RNN Range Reciprocal ReduceL1 ReduceL2
    ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum
    ReduceSumSquare Relu Reshape Resize Round ScatterElements ScatterND Selu Shape Sigmoid Sign
    Sin Sinh Size Slice Softmax Softplus Softsign SpaceToDepth Split Sqrt Squeeze Sub Sum Tan
    Tanh Tile TopK Transpose Trilu Unsqueeze Where Xor
    """.split()  # noqa: SIM905 - a list would be a page long
)
# Field numbers of onnx.proto3.
_MODEL_GRAPH, _MODEL_FUNCTIONS = 7, 25
_GRAPH_NODE, _GRAPH_INITIALIZER = 1, 5
_NODE_OPERATOR, _NODE_ATTRIBUTE, _NODE_DOMAIN = 4, 5, 7
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH, _ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS = 5, 6, 10, 11
_TENSOR_DIMS = 1
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


def graph_problems(content: bytes) -> list[str]:
    """List what an ONNX file holds that it must not; empty when it may be loaded."""
    operators: set[str] = set()
    problems: list[str] = []
    nodes = 0
    try:
        for number, graph in _fields(content):
            if number == _MODEL_FUNCTIONS:
                problems.append('it defines functions of its own')
            if number != _MODEL_GRAPH:
                continue
            for part, value in _fields(_bytes(graph)):
                if part == _GRAPH_NODE:
                    nodes += 1
                    if nodes > MAX_NODES:
                        return [f'more than {MAX_NODES} nodes']
                    operators.add(_operator(_bytes(value), problems))
                elif part == _GRAPH_INITIALIZER:
                    _check_tensor(_bytes(value), problems)
    except (ValueError, IndexError) as error:
        return [f'not an ONNX file: {error}']
    if nodes == 0:
        problems.append('no ONNX graph in it')
    strange = sorted(name for name in operators if name not in OPERATORS)
    if strange:
        shown = ', '.join(repr(name[:40]) for name in strange[:MAX_OPERATORS_SHOWN])
        problems.append(f'operators that are not allowed: {shown}')
    return list(dict.fromkeys(problems))[:5]


def _operator(node: bytes, problems: list[str]) -> str:
    name = ''
    for number, value in _fields(node):
        if number == _NODE_OPERATOR:
            name = _bytes(value).decode('utf-8', 'replace')
        elif number == _NODE_DOMAIN and (domain := _bytes(value).decode()) not in DOMAINS:
            problems.append(f'operators of the domain {domain[:40]!r}')
        elif number == _NODE_ATTRIBUTE:
            for part, content in _fields(_bytes(value)):
                if part in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS):
                    problems.append('a graph inside of an operator')
                elif part in (_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS):
                    _check_tensor(_bytes(content), problems)
    return name


def _check_tensor(tensor: bytes, problems: list[str]) -> None:
    dims: list[int] = []
    for number, value in _fields(tensor):
        if number == _TENSOR_DIMS:
            dims += [value] if isinstance(value, int) else list(_packed(value))
    if len(dims) > 16 or math.prod(dims[:16]) > MAX_ELEMENTS:
        problems.append(f'a tensor of {dims[:4]} elements; at most {MAX_ELEMENTS}')


def _fields(content: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Field number and value of a message, in order; raises ValueError and IndexError."""
    at, end = 0, len(content)
    while at < end:
        key, at = _varint(content, at)
        kind = key & 7
        value: int | bytes
        if kind == _VARINT:
            value, at = _varint(content, at)
        else:
            if kind == _BYTES:
                size, at = _varint(content, at)
            elif kind in (_FIXED32, _FIXED64):
                size = 4 if kind == _FIXED32 else 8
            else:
                raise ValueError(f'wire type {kind}')
            if size > end - at:
                raise ValueError('cut off')
            value, at = content[at : at + size], at + size
        yield key >> 3, value


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = content[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError('a number without an end')


def _packed(content: bytes) -> Iterator[int]:
    at = 0
    while at < len(content):
        value, at = _varint(content, at)
        yield value


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError('a number in place of a message')
    return value
