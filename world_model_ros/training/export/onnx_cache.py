# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Graphs as ONNX, traced once: a trainer exports the same ones again and again.

Tracing takes most of an export, and other weights change nothing about it. What hangs on weights,
the folding of constants, is done again each time, on a copy.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import logging
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import onnx
import torch

from world_model_ros.training.export.graph_modules import Graph

OPSET = 18


class Traced:
    """The traces of one bundle's graphs; ``shape`` says what they hang on beside weights."""

    def __init__(
        self, trace: Callable[[str, Graph, object], torch.onnx.ONNXProgram] | None = None
    ) -> None:
        """Hold no traces yet; ``trace`` makes one from name, graph and shape, by default here."""
        self._trace = trace or (lambda name, graph, shape: trace_graph(graph))
        self._programs: dict[str, torch.onnx.ONNXProgram] = {}
        self._shape: object = None

    def to_onnx(self, name: str, graph: Graph, shape: object) -> onnx.ModelProto:
        """Return a graph with the weights that its module has now.

        Args:
            name: of the graph.
            graph: module, example inputs and names.
            shape: what the graphs were built from, weights aside; another one is traced again.

        Raises:
            ValueError: an input of the graph has no effect on it.
        """
        if shape != self._shape:
            self._programs.clear()
            self._shape = shape
        if name not in self._programs:
            self._programs[name] = self._trace(name, graph, shape)
        traced = self._programs[name]
        program = copy.copy(traced)
        program.model = traced.model.clone()
        held = program.model.graph.initializers
        weights = graph.module.state_dict()
        program.apply_weights({key: weights[key] for key in weights if key in held})
        program.optimize()
        proto = _without_traces_of_here(program.model_proto)
        _check_inputs_matter(name, proto, graph.may_ignore)
        return proto


def trace_graph(graph: Graph) -> torch.onnx.ONNXProgram:
    """Return the trace of a graph, constants not folded yet."""
    logging.getLogger('onnxscript').setLevel(logging.ERROR)
    logging.getLogger('onnx_ir').setLevel(logging.ERROR)
    logging.getLogger('torch.onnx').setLevel(logging.ERROR)
    with warnings.catch_warnings(), _one_registry():
        # torch warns of its own internals at every export.
        warnings.simplefilter('ignore', FutureWarning)
        program = torch.onnx.export(
            graph.module,
            tuple(graph.inputs.values()),
            dynamo=True,
            input_names=list(graph.inputs),
            output_names=list(graph.outputs),
            opset_version=OPSET,
            verbose=False,
            optimize=False,
        )
    assert program is not None, 'the exporter gave nothing'
    return program


@functools.cache
def _registry_of(build: Callable[..., Any], *settings: tuple[str, Any]) -> Any:
    return build(**dict(settings))


@contextlib.contextmanager
def _one_registry() -> Iterator[None]:
    """Meanwhile torch takes the table of operators that it built for the graph before.

    It builds one of all operators for every graph, which is a quarter of the time of a trace, and
    has no argument to give it one. A version of torch without this class builds its own.
    """
    try:
        from torch.onnx._internal.exporter._registration import ONNXRegistry

        build = ONNXRegistry.from_torchlib
    except (ImportError, AttributeError):
        yield
        return

    def built(opset_version: int = OPSET) -> Any:
        return _registry_of(build, ('opset_version', opset_version))

    holder: Any = ONNXRegistry
    holder.from_torchlib = staticmethod(built)
    try:
        yield
    finally:
        holder.from_torchlib = build


def _check_inputs_matter(name: str, proto: onnx.ModelProto, may_ignore: frozenset[str]) -> None:
    """The exporter makes one input of two that it was given the same tensor for."""
    used = {given for node in proto.graph.node for given in node.input}
    used |= may_ignore
    idle = [given.name for given in proto.graph.input if given.name not in used]
    if idle:
        raise ValueError(
            f'{name}: the exported graph does not use {", ".join(idle)}; '
            'does the module, and is each example input a tensor of its own?'
        )


def _without_traces_of_here(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Source paths of the exporting machine have no place in a file that travels."""
    for node in proto.graph.node:
        del node.metadata_props[:]
        node.doc_string = ''
    for value in (*proto.graph.value_info, *proto.graph.input, *proto.graph.output):
        del value.metadata_props[:]
    return proto
