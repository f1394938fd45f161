# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Preflight as the updater runs it: a process of its own, whatever a bundle does to it."""

from __future__ import annotations

import json
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import fleet_bundles
import numpy as np
import pytest

onnxruntime = pytest.importorskip('onnxruntime')

from world_model_ros.bench.chaos.updater_bundles import sign, with_square
from world_model_ros.bundle.providers import ProviderSettings
from world_model_ros.contract import parse_contract
from world_model_ros.fleet.examine import examine
from world_model_ros.fleet.preflight import COMMAND, run_preflight


@pytest.fixture(scope='module')
def contract_file(tmp_path_factory):
    return fleet_bundles.write_contract(tmp_path_factory.mktemp('robot') / 'robot.yaml')


@pytest.fixture(scope='module')
def pristine(tmp_path_factory, contract_file):
    return fleet_bundles.make_bundle(tmp_path_factory.mktemp('pristine') / 'b', contract_file)


@pytest.fixture
def bundle(pristine, tmp_path):
    return Path(shutil.copytree(pristine, tmp_path / 'bundle'))


def test_a_sound_bundle_passes_with_its_figures(bundle, contract_file):
    verdict = run_preflight(bundle, contract_file)
    assert verdict.ok and verdict.reason == ''
    figures = verdict.figures
    assert figures['runs'] == 100 and figures['period_ms'] == 40.0
    assert 0 < figures['cpu_ms.p50'] <= figures['cpu_ms.p99'] < 40.0
    assert 0 < figures['wall_ms.p50'] <= figures['wall_ms.p99']


def test_the_command_prints_one_object_and_says_it_by_its_status(bundle, contract_file):
    for robot, status in ((str(contract_file), 0), ('cartpole', 1)):
        done = subprocess.run([*COMMAND, str(bundle), robot], capture_output=True, check=False)
        report = json.loads(done.stdout)
        assert (done.returncode, report['ok'], bool(report['problems'])) == (
            status,
            not status,
            bool(status),
        )
        assert report['format'] == 1 and report['final'] is True


def test_a_flipped_byte_is_refused_with_the_files_name(bundle, contract_file):
    path = bundle / 'weights.bin'
    content = bytearray(path.read_bytes())
    content[7] ^= 1
    path.write_bytes(content)
    assert (
        'weights.bin: changed since it was written' in run_preflight(bundle, contract_file).reason
    )


def test_a_bundle_for_another_interface_is_refused_with_the_field(bundle):
    reason = run_preflight(bundle, 'cartpole').reason
    assert 'made for another interface: ' in reason and 'streams.joints.names' in reason


def test_a_provider_that_is_not_there_is_no_fault_of_the_bundle(bundle, contract_file):
    here = onnxruntime.get_available_providers()
    asked = 'tensorrt' if 'TensorrtExecutionProvider' not in here else 'cuda'
    verdict = run_preflight(bundle, contract_file, provider=ProviderSettings(asked))
    assert f'provider {asked} was asked for and cannot be used' in verdict.reason
    assert not verdict.ok and not verdict.final
    allowed = ProviderSettings(asked, allow_cpu_fallback=True)
    verdict = run_preflight(bundle, contract_file, provider=allowed)
    assert verdict.ok and verdict.figures['provider'] == 'cpu'


def test_a_contract_that_is_not_there_is_refused_by_name(bundle, tmp_path):
    assert 'none.yaml' in run_preflight(bundle, tmp_path / 'none.yaml').reason


def test_weights_other_than_those_of_the_golden_vectors_are_refused(
    bundle, contract_file, tmp_path
):
    other = fleet_bundles.make_bundle(tmp_path / 'other', contract_file, seed=5)
    shutil.copy(other / 'weights.bin', bundle)
    manifest = json.loads((bundle / 'manifest.json').read_text())
    files = json.loads((other / 'manifest.json').read_text())['files']
    manifest['files']['weights.bin'] = files['weights.bin']
    (bundle / 'manifest.json').write_text(json.dumps(manifest))
    assert 'differs from its golden vector' in run_preflight(bundle, contract_file).reason


def test_weights_that_become_infinite_while_it_acts_are_refused(contract_file, tmp_path):
    bundle = fleet_bundles.make_bundle(
        tmp_path / 'bundle', contract_file, observe=fleet_bundles.exploding_observe
    )
    reason = run_preflight(bundle, contract_file).reason
    assert 'observe: belief_out is not finite, at tick' in reason


def test_actions_outside_the_contracts_box_are_refused(contract_file, tmp_path):
    bundle = fleet_bundles.make_bundle(
        tmp_path / 'bundle', contract_file, policy=fleet_bundles.growing_policy
    )
    reason = run_preflight(bundle, contract_file).reason
    assert 'policy: action_mean' in reason and "outside the contract's box" in reason


def test_a_bundle_too_slow_for_the_period_is_refused(bundle, contract_file, monkeypatch):
    monkeypatch.setattr('world_model_ros.fleet.examine.FAR_OVER', np.inf)
    contract = parse_contract(contract_file.read_text(), str(contract_file))
    object.__setattr__(contract, 'period_s', 1e-7)  # no machine is that fast
    verdict = _only_drive(bundle, contract)
    assert 'too slow for this machine' in verdict.reason
    assert verdict.figures['cpu_ms.p99'] > 1e-4
    assert not verdict.final  # a hot processor is slow, too


def _only_drive(bundle, contract):
    from world_model_ros.bundle import load_bundle
    from world_model_ros.fleet.examine import _drive

    return _drive(load_bundle(bundle), contract, runs=10)


def test_a_preflight_that_hangs_is_ended_and_decides_nothing(bundle, contract_file):
    sleeper = (sys.executable, '-c', 'import signal; signal.pause()')
    verdict = run_preflight(bundle, contract_file, timeout_s=0.5, command=sleeper)
    assert verdict.reason == 'preflight: not done within 0.5 s; it was ended'
    assert not verdict.ok and not verdict.final


@pytest.mark.parametrize('name', ['SIGALRM', 'SIGKILL', 'SIGTERM', 'SIGINT'])
def test_a_preflight_that_somebody_ended_decides_nothing(bundle, contract_file, name):
    code = (
        f'import os, signal; signal.signal(2, signal.SIG_DFL); os.kill(os.getpid(), signal.{name})'
    )
    verdict = run_preflight(bundle, contract_file, command=(sys.executable, '-c', code))
    assert not verdict.ok and not verdict.final and name in verdict.reason


@pytest.mark.parametrize(
    ('code', 'words'),
    [
        ('import os; os.kill(os.getpid(), 11)', 'crashed (SIGSEGV)'),
        ('raise ValueError("odd")', 'ended with status 1 and said: ValueError: odd'),
        ('print("{")', 'ended with status 0'),
        ('print(\'{"ok": true, "problems": []}\'); exit(1)', 'contradicts itself'),
        ('print(\'{"ok": true, "problems": ["x"]}\')', 'contradicts itself'),
        ('print("[]")', 'ended with status 0'),
    ],
)
def test_a_preflight_that_crashes_or_babbles_is_a_refusal(bundle, contract_file, code, words):
    verdict = run_preflight(bundle, contract_file, command=(sys.executable, '-c', code))
    assert not verdict.ok and verdict.final and words in verdict.reason


@pytest.mark.parametrize(
    ('code', 'words'),
    [
        ('raise MemoryError("no room")', 'ended with status 1 and said: MemoryError: no room'),
        ('import half_updated', 'ModuleNotFoundError'),
        ('raise OSError("Input/output error")', 'Input/output error'),
    ],
)
def test_what_the_machine_did_to_a_preflight_decides_nothing(bundle, contract_file, code, words):
    verdict = run_preflight(bundle, contract_file, command=(sys.executable, '-c', code))
    assert not verdict.ok and not verdict.final and words in verdict.reason


def test_a_contract_that_is_being_edited_makes_no_bundle_bad(bundle, tmp_path):
    (tmp_path / 'robot.yaml').write_text('name: [half')
    verdict = run_preflight(bundle, tmp_path / 'robot.yaml')
    assert not verdict.ok and not verdict.final and 'robot.yaml' in verdict.reason


def test_a_preflight_that_cannot_be_started_is_a_refusal(bundle, contract_file):
    verdict = run_preflight(bundle, contract_file, command=('/nowhere/python',))
    assert 'cannot be started' in verdict.reason and not verdict.final


def test_a_preflight_that_nobody_waits_for_ends_itself(bundle, contract_file):
    code = (
        'import signal, sys; from world_model_ros.fleet import preflight\n'
        'preflight.examine = lambda *_: signal.pause()\n'
        'preflight.main(sys.argv[1:])'
    )
    line = [sys.executable, '-c', code, str(bundle), str(contract_file), '--limit', '1']
    assert subprocess.run(line, check=False, timeout=60).returncode == -signal.SIGALRM


def test_examine_lists_everything_that_is_wrong(bundle, contract_file):
    from world_model_ros.contract import load_contract

    (bundle / 'weights.bin').write_bytes(b'')
    problems = examine(bundle, load_contract('cartpole'), threads=1).problems
    assert len(problems) == 2 and any('weights.bin' in problem for problem in problems)


def test_a_bundle_that_asks_for_all_memory_is_refused_and_takes_none(bundle, contract_file):
    verdict = run_preflight(with_square(bundle, 40_000), contract_file)
    assert not verdict.ok and verdict.final
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss  # kB, of all so far
    assert largest < 2_000_000


def test_a_bundle_whose_tick_is_far_over_the_period_is_refused_within_few_ticks(
    bundle, contract_file
):
    contract = parse_contract(contract_file.read_text(), str(contract_file))
    object.__setattr__(contract, 'period_s', 1e-7)  # no machine is that fast
    verdict = _only_drive(bundle, contract)
    assert 'too slow for this machine' in verdict.reason
    assert verdict.figures == {'runs': 1} and not verdict.final


def test_a_bundle_that_takes_the_processor_for_ever_is_ended(bundle, contract_file):
    code = (
        'import sys; from world_model_ros.fleet import preflight\n'
        'preflight.CPU_SEC = 1\n'
        'def spin(*_):\n    while True: pass\n'
        'preflight.examine = spin\n'
        'preflight.main(sys.argv[1:])'
    )
    verdict = run_preflight(bundle, contract_file, command=(sys.executable, '-c', code))
    assert not verdict.ok and verdict.final
    assert 'SIGXCPU' in verdict.reason or 'SIGKILL' in verdict.reason


def test_a_preflight_is_the_first_to_be_ended_for_memory(bundle, contract_file):
    code = (
        'import sys; from world_model_ros.fleet import preflight\n'
        'def say(*_): raise ValueError(open("/proc/self/oom_score_adj").read())\n'
        'preflight.examine = say\n'
        'preflight.main(sys.argv[1:])'
    )
    verdict = run_preflight(bundle, contract_file, command=(sys.executable, '-c', code))
    assert 'ValueError: 1000' in verdict.reason


def test_a_preflight_that_floods_its_output_is_a_refusal(bundle, contract_file):
    code = (
        'import os, sys; from world_model_ros.fleet import preflight\n'
        'def flood(*_):\n'
        '    for _ in range(100): os.write(1, bytes(100_000)); os.write(2, bytes(100_000))\n'
        'preflight.examine = flood\n'
        'preflight.main(sys.argv[1:])'
    )
    verdict = run_preflight(bundle, contract_file, command=(sys.executable, '-c', code))
    assert not verdict.ok and len(verdict.reason) < 1000


def test_an_operator_that_is_not_allowed_is_refused_by_name(bundle, contract_file):
    path = bundle / 'policy.onnx'
    path.write_bytes(path.read_bytes().replace(b'Tanh', b'Loop'))
    sign(bundle, 'policy.onnx')
    verdict = run_preflight(bundle, contract_file)
    assert verdict.final
    assert "policy.onnx: operators that are not allowed: 'Loop'" in verdict.reason
