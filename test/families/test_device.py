# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which processor learns, and what a person is told where it cannot; no GPU is needed."""

import contextlib
from types import SimpleNamespace

import pytest

torch = pytest.importorskip('torch')

from world_model_ros.families.device import (
    DeviceError,
    choose_device,
    described,
    has_bf16,
    mixed_precision,
    product_dtype,
)


def machine(cuda='12.8', count=1, error='', bf16=True, flags=()):
    """A torch of a machine that has or lacks something."""

    def ones(size, device):
        if error:
            raise RuntimeError(error)
        return torch.ones(size)

    return SimpleNamespace(
        __version__='2.13.0',
        version=SimpleNamespace(cuda=cuda),
        cuda=SimpleNamespace(
            device_count=lambda: count,
            is_available=lambda: count > 0,
            is_bf16_supported=lambda including_emulation: bf16,
            device=lambda device: contextlib.nullcontext(),
            get_device_name=lambda device: 'NVIDIA A2',
        ),
        cpu=SimpleNamespace(get_capabilities=lambda: dict.fromkeys(flags, True)),
        ones=ones,
    )


def test_the_device_that_is_asked_for_is_taken():
    assert choose_device('cpu', machine()).device == torch.device('cpu')
    assert choose_device('cuda', machine()).device == torch.device('cuda', 0)
    assert choose_device('cuda:1', machine(count=2)).text == 'cuda:1'


def test_auto_takes_a_gpu_that_works_and_else_the_cpu_with_the_reason():
    assert choose_device('auto', machine()).text == 'cuda:0'
    chosen = choose_device('auto', machine(cuda=None))
    assert chosen.device.type == 'cpu' and 'built without CUDA' in chosen.text
    assert 'out of memory' in choose_device('auto', machine(error='out of memory')).text


@pytest.mark.parametrize(
    'asked, using, words',
    [
        ('cuda', machine(cuda=None), 'torch 2.13.0 is built without CUDA: pip install torch'),
        ('cuda', machine(count=0), 'torch finds no GPU: install the NVIDIA driver'),
        ('cuda:1', machine(), 'there is no cuda:1: this machine has cuda:0; or set'),
        ('cuda:4', machine(count=2), 'this machine has cuda:0 to cuda:1'),
        ('cuda', machine(error='CUDA error:\nno kernel image'), 'gave: CUDA error: no kernel'),
        ('gpu', machine(), "device is 'gpu'; expected auto, cpu, cuda or cuda:N"),
        ('cuda:x', machine(), 'expected auto, cpu, cuda or cuda:N'),
        ('', machine(), 'expected auto, cpu, cuda or cuda:N'),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(asked, using, words):
    with pytest.raises(DeviceError) as caught:
        choose_device(asked, using)
    assert words in str(caught.value) and '\n' not in str(caught.value)


@pytest.mark.parametrize(
    'device, using, bf16',
    [
        ('cuda', machine(), True),
        ('cuda', machine(bf16=False, flags=('avx512_bf16',)), False),
        ('cpu', machine(bf16=False, flags=('amx_bf16',)), True),
        ('cpu', machine(flags=('avx512_bf16',)), True),
        ('cpu', machine(flags=('bf16',)), True),  # of ARM
        ('cpu', machine(flags=('avx2', 'avx512f')), False),
        ('meta', machine(flags=('avx512_bf16',)), False),
    ],
)
def test_bf16_is_used_where_the_device_multiplies_it_itself(device, using, bf16):
    assert has_bf16(torch.device(device), using) is bf16


def test_products_are_in_bf16_inside_mixed_precision_alone():
    cpu, none = torch.device('cpu'), torch.device('meta')
    with mixed_precision(cpu, True):
        assert product_dtype(cpu) == torch.bfloat16
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.bfloat16
    with mixed_precision(cpu, False), mixed_precision(none, False):
        assert product_dtype(cpu) == product_dtype(none) == torch.float32


def test_records_name_the_hardware():
    assert described(torch.device('cuda', 0), machine()) == 'cuda:0 (NVIDIA A2)'
    assert described(torch.device('cpu'), machine()) == 'cpu'
