# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""Golden vectors: inputs and outputs of every graph as the exporter's torch computed them.

golden.npz holds arrays `GRAPH/in/NAME` and `GRAPH/out/NAME`; the first axis counts the cases.
Outputs that may flip between equals (an index of the best candidate) are left out by the
exporter; whatever is stored must be met.
"""

import io
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from world_model_ros.bundle.format_names import GOLDEN, GraphSignature
from world_model_ros.bundle.runtime import runtime_errors
from world_model_ros.durable import write_atomic

if TYPE_CHECKING:
    from world_model_ros.bundle.bundle_loading import Bundle

MAX_UNPACKED_BYTES = 64_000_000  # a few kilobytes of zip could unpack to any size
GREY_LEVEL = 1  # of 255: rounding of a picture differs by one level between machines
ARRAY_ERRORS = (
    ValueError,
    OSError,
    EOFError,
    KeyError,
    TypeError,
    OverflowError,
    MemoryError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    struct.error,
    zlib.error,
    zipfile.BadZipFile,
    tokenize.TokenError,
    IndexError,
)


def write_golden(
    directory: Path | str,
    cases: Mapping[str, tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray]]],
) -> None:
    """Write golden.npz.

    Args:
        directory: the bundle.
        cases: graph name to (inputs, outputs); every array is stacked over cases.
    """
    arrays = {
        f'{graph}/{side}/{name}': np.asarray(array)
        for graph, (inputs, outputs) in cases.items()
        for side, group in (('in', inputs), ('out', outputs))
        for name, array in group.items()
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_atomic(Path(directory) / GOLDEN, buffer.getvalue())


def read_golden(
    content: bytes, signatures: Mapping[str, GraphSignature]
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Read golden.npz, and list where it does not fit the graphs."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(item.file_size for item in archive.infolist())
        if size > MAX_UNPACKED_BYTES:
            return {}, [f'{GOLDEN}: unpacks to {size} bytes, at most {MAX_UNPACKED_BYTES}']
        with np.load(io.BytesIO(content), allow_pickle=False) as archive:
            arrays = {name: np.asarray(archive[name]) for name in archive.files}
    except ARRAY_ERRORS as error:
        return {}, [f'{GOLDEN}: unreadable: {str(error)[:200]}']
    problems: list[str] = []
    for graph, signature in signatures.items():
        problems += _graph_problems(graph, arrays, signature)
    known = {
        f'{graph}/{side}/{name}'
        for graph, signature in signatures.items()
        for side, group in (('in', signature.inputs), ('out', signature.outputs))
        for name in group
    }
    problems += [
        f'{GOLDEN}: {name[:80]!r} is no input or output of this bundle'
        for name in arrays
        if name not in known
    ]
    return arrays, problems


def _graph_problems(
    graph: str, arrays: Mapping[str, np.ndarray], signature: GraphSignature
) -> list[str]:
    problems, counts = [], set()
    for name in signature.inputs:
        if f'{graph}/in/{name}' not in arrays:
            problems.append(f'{GOLDEN}: {graph}/in/{name} is missing')
    if not any(f'{graph}/out/{name}' in arrays for name in signature.outputs):
        problems.append(f'{GOLDEN}: no output of {graph} is stored')
    for side, group in (('in', signature.inputs), ('out', signature.outputs)):
        for name, tensor in group.items():
            array = arrays.get(f'{graph}/{side}/{name}')
            if array is None:
                continue
            if array.dtype != tensor.dtype or array.shape[1:] != tensor.shape or array.ndim == 0:
                problems.append(
                    f'{GOLDEN}: {graph}/{side}/{name} is '
                    f'{array.dtype}{list(array.shape)}, expected cases of {tensor}'
                )
            else:
                counts.add(array.shape[0])
                if array.dtype.kind == 'f' and not np.isfinite(array).all():
                    problems.append(f'{GOLDEN}: {graph}/{side}/{name} is not finite')
    if len(counts) > 1 or 0 in counts:
        problems.append(f'{GOLDEN}: {graph} has {sorted(counts)} cases; expected one number > 0')
    return problems


def run_golden(bundle: 'Bundle') -> dict[str, float]:
    """Run every stored case and return the largest error of each output, as `graph/output`.

    The error is absolute up to 1 and relative above; pictures count in grey levels / 255 beyond
    the one level of rounding. An output that is not finite has an infinite error.
    """
    errors: dict[str, float] = {}
    for graph, session in bundle.sessions.items():
        inputs = _group(bundle.golden, f'{graph}/in/')
        expected = _group(bundle.golden, f'{graph}/out/')
        cases = len(next(iter(inputs.values())))
        for case in range(cases):
            feeds = {name: array[case] for name, array in inputs.items()}
            found = session.run(list(expected), feeds)
            for (name, array), value in zip(expected.items(), found, strict=True):
                key = f'{graph}/{name}'
                errors[key] = max(errors.get(key, 0.0), largest_error(array[case], value))
    return errors


def golden_problems(bundle: 'Bundle') -> list[str]:
    """List the outputs that miss their golden vectors by more than the manifest allows."""
    tolerance = float(bundle.manifest['golden']['tolerance'])
    try:
        errors = run_golden(bundle)
    except runtime_errors() as error:
        return [f'{GOLDEN}: a graph failed on its own golden input: {str(error)[:200]}']
    return [
        f'{key}: differs from its golden vector by {error:.3g}, at most {tolerance:g}; '
        'the graph, the weights or ONNX Runtime is not the one it was made with'
        for key, error in errors.items()
        if not error <= tolerance
    ]


def largest_error(expected: np.ndarray, found: np.ndarray) -> float:
    """Return the largest error of one output, infinite where it cannot be compared."""
    found = np.asarray(found)
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return float('inf')
    if expected.size == 0:
        return 0.0
    wanted: np.ndarray = expected.astype(np.float64)
    difference = np.abs(found.astype(np.float64) - wanted)
    if not np.isfinite(difference).all():
        return float('inf')
    if expected.dtype == np.uint8:
        return float(np.maximum(difference - GREY_LEVEL, 0.0).max() / 255.0)
    if expected.dtype.kind in 'iu':
        return float(difference.max())
    return float((difference / np.maximum(1.0, np.abs(wanted))).max())


def _group(arrays: Mapping[str, Any], prefix: str) -> dict[str, np.ndarray]:
    return {
        name[len(prefix) :]: array for name, array in arrays.items() if name.startswith(prefix)
    }
