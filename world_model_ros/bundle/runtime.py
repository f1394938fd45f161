# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""ONNX Runtime sessions from verified bytes, with the settings that the robot asked for.

The only importer of onnxruntime in this folder, and only when a session is wanted. Graphs and
weights enter as bytes that were hashed already: ONNX Runtime never opens a file, so neither a
swapped file nor a path inside a graph can bring in anything else.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from world_model_ros.bundle.format_names import WEIGHTS, BundleError, GraphSignature, Tensor
from world_model_ros.bundle.providers import CPU, ProviderError

_TYPES = {'tensor(float)': 'float32', 'tensor(uint8)': 'uint8', 'tensor(int64)': 'int64'}


def has_runtime() -> bool:
    """Whether an ONNX Runtime can be imported."""
    return find_spec('onnxruntime') is not None


def make_session(
    graph: str,
    model: bytes,
    weights: bytes,
    *,
    threads: int,
    providers: Sequence[Any] = (CPU,),
) -> Any:
    """Make one `onnxruntime.InferenceSession`.

    Args:
        graph: its name, for messages.
        model: the content of the .onnx file.
        weights: the content of weights.bin.
        threads: of ONNX Runtime.
        providers: as `providers.execution_providers` gives them; the first one must be in use.

    Raises:
        BundleError: no ONNX Runtime, an unusable graph, or a provider that is not there.
    """
    runtime = import_runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1  # sequential execution uses one anyway
    options.execution_mode = runtime.ExecutionMode.ORT_SEQUENTIAL
    # Waiting threads that spin would take the core from the guard and from the driver.
    options.add_session_config_entry('session.intra_op.allow_spinning', '0')
    if weights:
        options.add_external_initializers_from_files_in_memory(
            [WEIGHTS], [weights], [len(weights)]
        )
    try:
        session = runtime.InferenceSession(
            model, options, providers=list(providers), enable_fallback=0
        )
    except runtime_errors() as error:
        reason = ' '.join(str(error).split())[:300]
        raise BundleError('', [f'{graph}.onnx: ONNX Runtime refuses it: {reason}']) from error
    first = providers[0] if isinstance(providers[0], str) else providers[0][0]
    if first not in session.get_providers():
        used = ', '.join(session.get_providers())
        raise ProviderError(f'{graph}.onnx: {first} was asked for, and {used} is in use')
    return session


def signature_problems(
    graph: str, session: Any, expected: GraphSignature, version: int
) -> list[str]:
    """List where a session's inputs and outputs are not those of the format."""
    problems = []
    for side, found, wanted in (
        ('input', session.get_inputs(), expected.inputs),
        ('output', session.get_outputs(), expected.outputs),
    ):
        by_name = {item.name: item for item in found}
        for name, tensor in wanted.items():
            if name not in by_name:
                problems.append(f'{graph}.onnx: {side} {name} ({tensor}) is missing')
                continue
            item = by_name[name]
            if not _matches(item, tensor):
                problems.append(
                    f'{graph}.onnx: {side} {name} is {item.type}{item.shape}, expected {tensor}'
                )
        problems += [
            f'{graph}.onnx: {side} {name} is not part of format {version}'
            for name in by_name
            if name not in wanted
        ]
    return problems


def runtime_errors() -> tuple[type[Exception], ...]:
    """Return the errors of ONNX Runtime; they share no base class but Exception."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    own = [
        item
        for item in vars(state).values()
        if isinstance(item, type) and issubclass(item, Exception)
    ]
    return (*own, RuntimeError, ValueError, TypeError)


def import_runtime() -> Any:
    """Return the module onnxruntime.

    Raises:
        BundleError: there is none, or it is too old.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise BundleError(
            '',
            [
                f'ONNX Runtime cannot be imported ({error}); install one flavour: '
                "pip install 'world_model_ros[cpu]' or 'world_model_ros[gpu]'",
            ],
        ) from error
    if not hasattr(onnxruntime.SessionOptions, 'add_external_initializers_from_files_in_memory'):
        raise BundleError(
            '',
            [
                f'ONNX Runtime {onnxruntime.__version__} cannot take weights from memory; '
                'install a newer one',
            ],
        )
    return onnxruntime


def _matches(item: Any, tensor: Tensor) -> bool:
    kind = _TYPES.get(item.type)
    return (
        kind is not None
        and np.dtype(kind) == tensor.dtype
        and list(item.shape) == list(tensor.shape)
    )
