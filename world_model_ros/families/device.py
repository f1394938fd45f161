# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which processor computes: the choice, the reason for a refusal, mixed precision, moving numbers.

Input: `auto`, `cpu`, `cuda` or `cuda:N`. Output: a torch device, and why it is no better one. The
one place where a device has a name: models and batches are asked for theirs. torch comes in as an
argument where a test has none with a GPU. Untried on a GPU.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch

EXPECTED = 'auto, cpu, cuda or cuda:N'
CPU = torch.device('cpu')


class DeviceError(ValueError):
    """The device that was asked for cannot be used on this machine."""


class Begins(Protocol):
    """A model, as far as it tells where it is."""

    def initial(self, batch: int) -> torch.Tensor:
        """Return beliefs on its device."""


@dataclass(frozen=True)
class Chosen:
    """The device that learns; `instead` is why it is no better one, ''."""

    device: torch.device
    instead: str = ''
    free: bool = False  # nobody asked for this one: another will do

    @property
    def text(self) -> str:
        """Give it as in logs."""
        return f'{self.device} ({self.instead})' if self.instead else str(self.device)


ON_CPU = Chosen(CPU)


def choose_device(asked: str, using: Any = torch) -> Chosen:
    """Take the device that was asked for, or for `auto` the first GPU if it works, else the CPU.

    Args:
        asked: as on the command line.
        using: the module torch.

    Raises:
        DeviceError: it cannot be used here, with the remedy.
    """
    if asked == 'cpu':
        return ON_CPU
    found = re.fullmatch(r'cuda(?::(\d{1,3}))?', 'cuda' if asked == 'auto' else asked)
    if found is None:
        raise DeviceError(f'device is {asked[:40]!r}; expected {EXPECTED}')
    number = int(found[1] or 0)
    reason = _unusable(number, using)
    if not reason:
        return Chosen(torch.device('cuda', number), free=asked == 'auto')
    if asked == 'auto':
        return Chosen(CPU, f'no cuda: {reason}', free=True)
    raise DeviceError(refused(asked, reason))


def refused(device: object, reason: str) -> str:
    """Say that a device that was asked for is not taken, and what to do."""
    return f'device {device} cannot be used: {reason}; or set the device to auto or cpu'


def _unusable(number: int, using: Any) -> str:
    """Why a GPU cannot compute, with the remedy; '' when it can."""
    if using.version.cuda is None:
        return (
            f'torch {using.__version__} is built without CUDA: pip install torch from '
            'https://pytorch.org for your CUDA'
        )
    count = using.cuda.device_count()
    if not using.cuda.is_available() or count == 0:
        return (
            'torch finds no GPU: install the NVIDIA driver until nvidia-smi works; in a container '
            'pass the GPU through (--gpus all)'
        )
    if number >= count:
        last = f' to cuda:{count - 1}' if count > 1 else ''
        return f'there is no cuda:{number}: this machine has cuda:0{last}'
    try:
        float((using.ones(1, device=f'cuda:{number}') + 1).sum())
    except RuntimeError as error:  # a driver too old, memory that is full
        return f'cuda:{number} gave: {" ".join(str(error).split())[:200]}'
    return ''


def described(device: torch.device, using: Any = torch) -> str:
    """Give a device with the name of its hardware, for records."""
    if device.type != 'cuda':
        return str(device)
    return f'{device} ({using.cuda.get_device_name(device)})'


# ---- mixed precision -----------------------------------------------------------------------


def has_bf16(device: torch.device, using: Any = torch) -> bool:
    """Whether a device multiplies bf16 itself; emulated it is far slower than float32.

    float16 is no substitute: its range needs scaled losses.
    """
    if device.type == 'cuda':
        with using.cuda.device(device):
            return bool(using.cuda.is_bf16_supported(including_emulation=False))
    if device.type != 'cpu':
        return False
    capabilities = using.cpu.get_capabilities()
    return any(capabilities.get(name) for name in ('avx512_bf16', 'amx_bf16', 'bf16'))


def mixed_precision(device: torch.device, bf16: bool) -> contextlib.AbstractContextManager[object]:
    """Return what products are computed under: bf16 where it pays, or float32."""
    if not bf16:
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def product_dtype(device: torch.device) -> torch.dtype:
    """Return what products are computed in at the moment."""
    name = device.type
    mixed = torch.amp.is_autocast_available(name) and torch.is_autocast_enabled(name)
    return torch.bfloat16 if mixed else torch.float32


# ---- moving numbers ------------------------------------------------------------------------


def device_of(model: Begins) -> torch.device:
    """Return where a model is: what it is given must be there too."""
    return model.initial(1).device


def moved(rows: Mapping[str, torch.Tensor], device: torch.device) -> dict[str, torch.Tensor]:
    """Return tensors by name on a device; those that are there already as they are."""
    return {name: tensor.to(device) for name, tensor in rows.items()}


def tensor_on(device: torch.device, rows: Any) -> torch.Tensor:
    """Return an array as a tensor on a device."""
    return torch.from_numpy(np.ascontiguousarray(rows)).to(device)


def as_array(tensor: torch.Tensor) -> np.ndarray:
    """Return a tensor of any device as an array."""
    return tensor.detach().to(CPU).numpy()


def settle(device: torch.device, using: Any = torch) -> None:
    """Wait until a device has done what it was asked for: a GPU works on its own."""
    if device.type == 'cuda':
        using.cuda.synchronize(device)
