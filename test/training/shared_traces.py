# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Traces of graphs, made once for all processes of one run of the tests: a trace takes seconds.

That a trainer traces by itself is shown by test_export.py.
"""

from __future__ import annotations

import hashlib

import onnx_ir
import torch
from made_once import made_once

from world_model_ros.training.export.graph_modules import Graph
from world_model_ros.training.export.onnx_cache import Traced, trace_graph


def shared_traces() -> Traced:
    """Traces that are read where another process has written them, and written where none has."""
    return Traced(_trace)


def _trace(name: str, graph: Graph, shape: object) -> torch.onnx.ONNXProgram:
    key = hashlib.sha256(f'{name} {shape!r}'.encode()).hexdigest()
    path = made_once(f'{key}.onnx', lambda own: onnx_ir.save(trace_graph(graph).model, own))
    return torch.onnx.ONNXProgram(onnx_ir.load(path), None)
