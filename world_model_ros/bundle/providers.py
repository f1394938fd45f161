# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""Which processor the graphs run on: the choice, the reason for a refusal, and the remedy.

Input: the setting `provider`, `device_id` and `allow_cpu_fallback`. Output: what was taken, with
the reason where it is less than what was asked for. ONNX Runtime comes in as an argument, so that
this is tested without a GPU. Untried on a GPU: all of `cuda` and `tensorrt`.
"""

import contextlib
import ctypes
import functools
import importlib.metadata
import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from world_model_ros.bundle.format_names import BundleError

PROVIDERS = ('auto', 'cpu', 'cuda', 'tensorrt')
CPU = 'CPUExecutionProvider'
EXECUTION = {
    'cpu': CPU,
    'cuda': 'CUDAExecutionProvider',
    'tensorrt': 'TensorrtExecutionProvider',
}
# Best first. TensorRT builds engines for minutes when a bundle is loaded for the first time, so
# it is only taken where it is asked for.
AUTO = ('cuda', 'cpu')
DRIVER = 'libcuda.so.1'
FLAVOURS = ('onnxruntime', 'onnxruntime-gpu')
GPU_EXTRA = "pip install 'world_model_ros[gpu]'"
KEPT_ENGINES = 4  # bundles whose engines stay: the acting one, the one before, two candidates
# y = x + x as an ONNX file: whether a provider really computes.
_PROBE = bytes.fromhex(
    '08083a390a0e0a01780a01781201792203416464120570726f62655a0f0a0178120a0a08080112040a020801'
    '620f0a0179120a0a08080112040a02080142040a001012'
)
_LIBRARY = re.compile(r'(lib[\w.+-]*\.so[.\d]*): cannot open shared object')


class ProviderError(BundleError):
    """The provider that was asked for cannot be used on this machine; no fault of a bundle."""

    def __init__(self, reason: str) -> None:
        super().__init__('', [reason])

    def __str__(self) -> str:
        """Give the reason in one line."""
        return self.problems[0]


@dataclass(frozen=True)
class ProviderSettings:
    """What a person asked for; the fields have the names of the nodes' parameters."""

    provider: str = 'auto'
    device_id: int = 0
    allow_cpu_fallback: bool = False


CPU_ONLY = ProviderSettings('cpu')


@dataclass(frozen=True)
class Taken:
    """What the graphs run on; `instead` is why it is no better one, ''."""

    provider: str = 'cpu'
    device_id: int = 0
    instead: str = ''

    def __str__(self) -> str:
        """Give it as in results: cpu, cuda:0, tensorrt:1."""
        return self.provider if self.provider == 'cpu' else f'{self.provider}:{self.device_id}'

    @property
    def text(self) -> str:
        """Give it as in logs, with the reason."""
        return f'{self} ({self.instead})' if self.instead else str(self)


def choose(settings: ProviderSettings, runtime: Any) -> Taken:
    """Take the provider that was asked for, or for `auto` the best one that works.

    Args:
        settings: what was asked for.
        runtime: the module onnxruntime.

    Raises:
        ProviderError: it cannot be used here and the fall to the CPU is not allowed.
    """
    asked, device_id = settings.provider, settings.device_id
    if asked not in PROVIDERS:
        raise ProviderError(f'provider is {asked!r}; expected {", ".join(PROVIDERS)}')
    if device_id < 0:
        raise ProviderError(f'device_id is {device_id}; expected 0 or more')
    reasons: list[str] = []
    for name in AUTO if asked == 'auto' else (asked,):
        if name == 'cpu':
            return Taken(instead='; '.join(reasons))
        if asked == 'auto' and _load_error(DRIVER):  # no message about wheels is of use here
            reason = 'no NVIDIA driver'
        else:
            reason = _unusable(runtime, name, device_id)
        if not reason:
            return Taken(name, device_id)
        reasons.append(f'no {name}: {reason}')
    if settings.allow_cpu_fallback:
        return Taken(instead='; '.join(reasons))
    raise ProviderError(
        f'provider {asked} was asked for and cannot be used: {"; ".join(reasons)}. Or set '
        'provider to auto or cpu, or allow_cpu_fallback to true'
    )


def execution_providers(
    taken: Taken, *, cuda_graph: bool = True, engines: Path | None = None
) -> list[Any]:
    """Return what `InferenceSession` takes as providers, with options.

    Args:
        taken: see `choose`.
        cuda_graph: whether runs are captured and replayed; all shapes are fixed.
        engines: the folder of TensorRT engines, made before.
    """
    device = {'device_id': str(taken.device_id)}
    # TF32 rounds to 10 bits: golden vectors and recorded ticks would not be met.
    cuda = (EXECUTION['cuda'], {**device, 'use_tf32': '0'})
    if taken.provider == 'cuda':
        graph = {'enable_cuda_graph': '1'} if cuda_graph else {}
        return [(cuda[0], {**cuda[1], **graph}), CPU]
    if taken.provider == 'tensorrt':
        options = {**device, 'trt_fp16_enable': '0'}
        if cuda_graph:
            options['trt_cuda_graph_enable'] = '1'
        if engines is not None:
            options |= {
                'trt_engine_cache_enable': '1',
                'trt_engine_cache_path': str(engines),
                'trt_timing_cache_enable': '1',
                'trt_timing_cache_path': str(engines),
            }
        return [(EXECUTION['tensorrt'], options), cuda, CPU]
    return [CPU]


def engine_folder(digest: str) -> Path:
    """Make and return the folder of a bundle's TensorRT engines; the oldest ones are deleted.

    An engine belongs to weights, but its file name does not: each bundle has a folder of its own.
    """
    cache = Path(os.environ.get('XDG_CACHE_HOME') or '~/.cache').expanduser()
    root = cache / 'world_model_ros' / 'tensorrt'
    folder = root / digest[:16]
    folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)  # used now
    ours = [
        path
        for path in root.iterdir()
        if re.fullmatch('[0-9a-f]{16}', path.name) and path.is_dir() and not path.is_symlink()
    ]
    ours.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for old in ours[KEPT_ENGINES:]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


@functools.lru_cache(maxsize=16)
def _unusable(runtime: Any, name: str, device_id: int) -> str:
    """Why a provider cannot compute on this device, with the remedy; '' when it can."""
    if EXECUTION[name] not in runtime.get_available_providers():
        return _not_built(name)
    _preload(runtime)
    taken = Taken(name, device_id)
    try:
        session = runtime.InferenceSession(
            _PROBE, providers=execution_providers(taken, cuda_graph=False), enable_fallback=0
        )
        session.run(None, {'x': np.ones(1, np.float32)})
    except Exception as error:  # noqa: BLE001 - whatever a driver does, the answer is its reason
        return _explained(runtime, name, device_id, ' '.join(str(error).split()))
    if EXECUTION[name] in session.get_providers():
        return ''
    return _explained(runtime, name, device_id, 'ONNX Runtime left it out and gave no reason')


def _not_built(name: str) -> str:
    """This ONNX Runtime was built without the provider."""
    installed = _installed()
    if len(installed) > 1:
        return (
            'onnxruntime and onnxruntime-gpu are both installed and overwrite each other: pip '
            f'uninstall onnxruntime onnxruntime-gpu, then {GPU_EXTRA}'
        )
    if installed == ['onnxruntime']:
        return (
            'onnxruntime is installed in place of onnxruntime-gpu: pip uninstall onnxruntime, '
            f'then {GPU_EXTRA}'
        )
    return (
        f'this build of ONNX Runtime has no {EXECUTION[name]}: install one that has it (on a '
        "Jetson NVIDIA's wheel)"
    )


def _explained(runtime: Any, name: str, device_id: int, error: str) -> str:
    """What is missing on this machine, as far as it can be found out."""
    if _load_error(DRIVER):
        return (
            'no NVIDIA driver (libcuda.so.1 does not load): install it until nvidia-smi works; in '
            'a container pass the GPU through (--gpus all)'
        )
    library = _LIBRARY.search(error)
    folder = Path(getattr(runtime, '__file__', '') or '').parent / 'capi'
    for part in (name, 'cuda'):
        if library is None:
            own = folder / f'libonnxruntime_providers_{part}.so'
            library = _LIBRARY.search(_load_error(str(own)))
            if library is not None and library[1] == own.name:
                library = None  # the wheel has its parts elsewhere
    if library is not None:
        package = 'tensorrt' if 'nvinfer' in library[1] else "'onnxruntime-gpu[cuda,cudnn]'"
        return f'the library {library[1]} is missing: pip install {package}'
    return f'device {device_id} gave: {error[:200]}; see nvidia-smi for the devices'


def _preload(runtime: Any) -> None:
    """Load the CUDA libraries that pip installed, where this version can do so."""
    load = getattr(runtime, 'preload_dlls', None)
    if load is not None:
        with contextlib.redirect_stdout(sys.stderr):  # it prints; results go to stdout
            load()


def _load_error(library: str) -> str:
    """Why a shared library does not load, '' when it does."""
    try:
        ctypes.CDLL(library)
    except OSError as error:
        return str(error)
    return ''


def _installed() -> list[str]:
    """The flavours of ONNX Runtime that pip knows."""
    found = []
    for name in FLAVOURS:
        try:
            importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        found.append(name)
    return found
