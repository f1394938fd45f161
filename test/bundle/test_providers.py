# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""Which processor is taken, and what a person is told where it cannot be; no GPU is needed."""

import os

import numpy as np
import onnxruntime
import pytest

from world_model_ros.bundle import providers
from world_model_ros.bundle.providers import (
    CPU,
    ProviderError,
    ProviderSettings,
    Taken,
    choose,
    engine_folder,
    execution_providers,
)

CUDA, TENSORRT = 'CUDAExecutionProvider', 'TensorrtExecutionProvider'


class Runtime:
    """An onnxruntime of a machine that has or lacks something."""

    def __init__(self, available=(CPU,), error='', used=None):
        self.available, self.error, self.used = list(available), error, used
        self.asked = []

    def get_available_providers(self):
        return self.available

    def InferenceSession(self, model, providers, enable_fallback):
        assert enable_fallback == 0  # else it would print, and take the CPU
        self.asked.append([p if isinstance(p, str) else p[0] for p in providers])
        if self.error:
            raise RuntimeError(self.error)
        runtime = self

        class Session:
            def run(self, names, feed):
                return [2 * feed['x']]

            def get_providers(self):
                return runtime.used or runtime.asked[-1]

        return Session()


@pytest.fixture(autouse=True)
def machine(monkeypatch):
    """A machine with a driver and the GPU flavour; a test takes away."""
    monkeypatch.setattr(providers, '_installed', lambda: ['onnxruntime-gpu'])
    monkeypatch.setattr(providers, '_load_error', lambda library: '')
    return monkeypatch


def refusal(name, runtime, **settings):
    with pytest.raises(ProviderError) as caught:
        choose(ProviderSettings(name, **settings), runtime)
    text = str(caught.value)
    assert '\n' not in text and text.startswith(
        f'provider {name} was asked for and cannot be used'
    )
    return text


def test_the_probe_computes_on_this_machine():
    session = onnxruntime.InferenceSession(providers._PROBE, providers=[CPU])

    assert session.run(None, {'x': np.full(1, 2, np.float32)})[0].tolist() == [4.0]


def test_auto_takes_cuda_where_it_works_and_else_the_cpu_with_the_reason(machine):
    assert choose(ProviderSettings('auto', 1), Runtime([TENSORRT, CUDA, CPU])) == Taken('cuda', 1)
    machine.setattr(providers, '_installed', lambda: ['onnxruntime'])
    taken = choose(ProviderSettings(), Runtime())
    assert str(taken) == 'cpu' and 'in place of onnxruntime-gpu' in taken.text
    machine.setattr(providers, '_load_error', lambda library: f'{library}: cannot open')
    assert choose(ProviderSettings(), Runtime()).text == 'cpu (no cuda: no NVIDIA driver)'


def test_what_is_asked_for_is_taken():
    every = [TENSORRT, CUDA, CPU]
    assert str(choose(ProviderSettings('cpu'), Runtime(every))) == 'cpu'
    assert str(choose(ProviderSettings('cuda', 2), Runtime(every))) == 'cuda:2'
    assert str(choose(ProviderSettings('tensorrt'), Runtime(every))) == 'tensorrt:0'


def test_the_cpu_needs_no_probe():
    runtime = Runtime(error='broken')
    assert choose(ProviderSettings('cpu'), runtime) == Taken()
    assert runtime.asked == []


@pytest.mark.parametrize(
    'installed, words',
    [
        (['onnxruntime'], 'in place of onnxruntime-gpu: pip uninstall onnxruntime, then pip'),
        (['onnxruntime', 'onnxruntime-gpu'], 'both installed and overwrite each other'),
        (['onnxruntime-gpu'], 'this build of ONNX Runtime has no CUDAExecutionProvider'),
        ([], "NVIDIA's wheel"),
    ],
)
def test_an_onnxruntime_without_cuda_is_refused_with_what_to_install(machine, installed, words):
    machine.setattr(providers, '_installed', lambda: installed)

    assert words in refusal('cuda', Runtime())


def test_a_missing_driver_is_refused_before_all_else(machine):
    machine.setattr(providers, '_load_error', lambda library: f'{library}: cannot open')

    assert 'no NVIDIA driver' in refusal('cuda', Runtime([CUDA, CPU], error='CUDA failure 35'))


def test_a_missing_library_is_named_from_the_error():
    error = 'libcudnn.so.9: cannot open shared object file: No such file or directory'

    words = refusal('cuda', Runtime([CUDA, CPU], error=error))

    assert "the library libcudnn.so.9 is missing: pip install 'onnxruntime-gpu[cuda" in words


def test_a_missing_library_is_found_where_the_runtime_gives_no_reason(machine):
    def load_error(library):
        if library.endswith('libonnxruntime_providers_tensorrt.so'):
            return 'libnvinfer.so.10: cannot open shared object file: No such file or directory'
        return ''

    machine.setattr(providers, '_load_error', load_error)

    words = refusal('tensorrt', Runtime([TENSORRT, CUDA, CPU], used=[CPU]))

    assert 'the library libnvinfer.so.10 is missing: pip install tensorrt' in words


def test_any_other_error_is_passed_on_with_the_device():
    words = refusal('cuda', Runtime([CUDA, CPU], error='invalid device ordinal'), device_id=3)

    assert 'device 3 gave: invalid device ordinal; see nvidia-smi' in words


def test_the_fall_to_the_cpu_is_taken_where_it_is_allowed_and_says_why():
    asked = ProviderSettings('cuda', allow_cpu_fallback=True)

    taken = choose(asked, Runtime([CUDA, CPU], error='invalid device ordinal'))

    assert str(taken) == 'cpu' and 'invalid device ordinal' in taken.text


@pytest.mark.parametrize(
    'settings, words',
    [
        (ProviderSettings('gpu'), "provider is 'gpu'; expected auto, cpu, cuda, tensorrt"),
        (ProviderSettings('cuda', -1), 'device_id is -1; expected 0 or more'),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, words):
    with pytest.raises(ProviderError, match=words):
        choose(settings, Runtime())


def test_options_of_the_providers(tmp_path):
    (cuda, options), cpu = execution_providers(Taken('cuda', 1))
    assert (cuda, cpu) == (CUDA, CPU)
    assert options == {'device_id': '1', 'use_tf32': '0', 'enable_cuda_graph': '1'}
    ((_, options), _) = execution_providers(Taken('cuda'), cuda_graph=False)
    assert 'enable_cuda_graph' not in options
    (first, options), second, last = execution_providers(Taken('tensorrt'), engines=tmp_path)
    assert (first, second[0], last) == (TENSORRT, CUDA, CPU)
    assert options['trt_engine_cache_path'] == str(tmp_path)
    assert options['trt_fp16_enable'] == '0'
    assert execution_providers(Taken()) == [CPU]


def test_engines_of_the_newest_bundles_stay_and_nothing_else_is_deleted(machine, tmp_path):
    machine.setenv('XDG_CACHE_HOME', str(tmp_path))
    root = tmp_path / 'world_model_ros' / 'tensorrt'
    folders = [engine_folder(f'{number:064x}'[::-1]) for number in range(1, 4)]
    foreign = root / 'mine'
    foreign.mkdir()
    (folders[0] / 'x.engine').write_bytes(b'1')
    for age, folder in enumerate([*folders, foreign]):
        os.utime(folder, (1000 + age, 1000 + age))

    folders += [engine_folder(f'{number:064x}'[::-1]) for number in range(4, 7)]

    assert [folder.exists() for folder in folders] == [False, False, True, True, True, True]
    assert foreign.is_dir()
