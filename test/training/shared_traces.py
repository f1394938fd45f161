# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Traces of graphs in a folder, for all processes of one run of the tests: a trace takes seconds.

Only within one run, where the code of a graph cannot change. That a trainer traces by itself is
shown by test_export.py.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import onnx_ir
import torch

from world_model_ros.training.export.graph_modules import Graph
from world_model_ros.training.export.onnx_cache import Traced, trace_graph

FOLDER_ENV = 'WORLD_MODEL_TEST_TRACES'  # set in conftest.py


def shared_traces() -> Traced:
    """Traces that are read where another process has written them, and written where none has."""
    return Traced(_trace)


def _trace(name: str, graph: Graph, shape: object) -> torch.onnx.ONNXProgram:
    key = hashlib.sha256(f'{name} {shape!r}'.encode()).hexdigest()
    path = Path(os.environ[FOLDER_ENV]) / f'{key}.onnx'
    if not path.is_file():
        own = path.with_suffix(f'.{os.getpid()}')
        onnx_ir.save(trace_graph(graph).model, own)
        os.replace(own, path)
    return torch.onnx.ONNXProgram(onnx_ir.load(path), None)
