# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which processor learns: the choice, the reason for a refusal, and the remedy.

Input: `auto`, `cpu`, `cuda` or `cuda:N`. Output: a torch device, and why it is no better one. The
one place where a device has a name; models and batches say their own. torch comes in as an
argument where a test has none with a GPU. Untried on a GPU.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import torch

EXPECTED = 'auto, cpu, cuda or cuda:N'


class DeviceError(ValueError):
    """The device that was asked for cannot be used on this machine."""


@dataclass(frozen=True)
class Chosen:
    """The device that learns; `instead` is why it is no better one, ''."""

    device: torch.device
    instead: str = ''

    @property
    def text(self) -> str:
        """Give it as in logs."""
        return f'{self.device} ({self.instead})' if self.instead else str(self.device)


def choose_device(asked: str, using: Any = torch) -> Chosen:
    """Take the device that was asked for, or for `auto` the first GPU if it works, else the CPU.

    Args:
        asked: as on the command line.
        using: the module torch.

    Raises:
        DeviceError: it cannot be used here, with the remedy.
    """
    if asked == 'cpu':
        return Chosen(torch.device('cpu'))
    found = re.fullmatch(r'cuda(?::(\d{1,3}))?', 'cuda' if asked == 'auto' else asked)
    if found is None:
        raise DeviceError(f'device is {asked[:40]!r}; expected {EXPECTED}')
    number = int(found[1] or 0)
    reason = _unusable(number, using)
    if not reason:
        return Chosen(torch.device('cuda', number))
    if asked == 'auto':
        return Chosen(torch.device('cpu'), f'no cuda: {reason}')
    raise DeviceError(f'device {asked} cannot be used: {reason}; or set the device to auto or cpu')


def has_bf16(device: torch.device, using: Any = torch) -> bool:
    """Whether a device multiplies bf16 itself; emulated it is far slower than float32."""
    if device.type == 'cuda':
        with using.cuda.device(device):
            return bool(using.cuda.is_bf16_supported(including_emulation=False))
    capabilities = using.cpu.get_capabilities()
    return any(capabilities.get(name) for name in ('avx512_bf16', 'amx_bf16', 'bf16'))


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
