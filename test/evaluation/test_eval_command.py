# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The command: one JSON object on the last line, rows on disk, clear refusals."""

import json
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from typer import Typer
from typer.testing import CliRunner

from world_model_ros import evaluation
from world_model_ros.bundle import providers
from world_model_ros.cli.eval import eval_command
from world_model_ros.contract import find_robot, load_contract
from world_model_ros.evaluation import Job, git_state, read_rows, run_arms
from world_model_ros.evaluation import rows as rows_module
from world_model_ros.evaluation.bundle_actor import scrambled_weights

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')
tiny = pytest.importorskip('tiny_bundle')

COUNTER = ('--robot', 'counter', '--bundle')

app = Typer()
app.command()(eval_command)


@pytest.fixture(scope='module')
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp('bundles') / 'counter'
    return tiny.make_tiny_bundle(folder, load_contract(find_robot('counter')))


def _run(*args):
    return CliRunner(env={'COLUMNS': '400'}).invoke(app, [str(arg) for arg in args])


def test_all_arms_run_and_the_last_line_is_one_json_object(bundle, tmp_path):
    rows = tmp_path / 'rows.csv'
    every = 'plan,policy,blanked,scrambled,random'
    done = _run(*COUNTER, bundle, '--episodes', 2, '--json', '--arms', every, '--csv', rows)
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout.splitlines()[-1])
    for name in ('mean_return', 'policy_return', 'blanked_return', 'plan_minus_policy'):
        low, high = report[f'{name}_interval']
        assert low <= report[name] <= high
    assert 0 <= report['plan_differs_share'] <= 1
    assert report['provider'].startswith('cpu')  # and why no better one
    assert report['label'] == 'quick' and report['seeds'] == [21_000, 21_001]
    assert report['seed_list'] == 'report'
    written = read_rows(rows, allow_dirty=True)
    assert [row['arm'] for row in written] == [arm for arm in every.split(',') for _ in range(2)]
    assert written[0]['bundle_sha'] == report['bundle_sha']


def test_a_scripted_controller_is_an_arm_without_a_bundle_and_its_ends_are_rates():
    pytest.importorskip('mujoco')
    asked = ('--robot', 'diff_drive', '--episodes', 1, '--selection', '--json')
    done = _run(*asked, '--arms', 'scripted,random')
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout.splitlines()[-1])
    assert report['scripted_success'] == 1.0 and report['scripted_success_interval'][0] > 0.2
    assert report['scripted_return'] > report['random_return']
    assert report['bundle_sha'] == ''


def test_a_body_without_a_scripted_controller_is_refused_in_one_line():
    done = _run('--robot', 'counter', '--episodes', 1, '--arms', 'scripted')
    assert done.exit_code == 1 and 'has no scripted controller' in done.output
    assert len(done.output.strip().splitlines()) == 1


def test_policy_alone_never_plans(bundle):
    done = _run(*COUNTER, bundle, '--episodes', 1, '--json', '--arms', 'plan,policy')
    assert json.loads(done.stdout.splitlines()[-1])['iterations'] == 2.0
    results = run_arms(Job(load_contract(find_robot('counter')).text, bundle), ['policy'], [1])
    assert results['policy'][0].figures == {'plan_differs': 0.0, 'iterations': 0.0}


def test_a_provider_that_is_not_there_is_refused_in_one_line(bundle, monkeypatch):
    monkeypatch.setattr(providers, '_unusable', lambda *_: 'no NVIDIA driver')
    asked = (*COUNTER, bundle, '--episodes', 1, '--arms', 'policy', '--provider', 'cuda')
    done = _run(*asked)
    assert done.exit_code == 1 and 'provider cuda was asked for' in done.output
    assert 'no NVIDIA driver' in done.output and len(done.output.strip().splitlines()) == 1
    done = _run(*asked, '--allow-cpu-fallback', '--json')
    report = json.loads(done.stdout.splitlines()[-1])
    assert report['provider'] == 'cpu (no cuda: no NVIDIA driver)'


def test_an_arm_that_a_bundle_cannot_run_is_refused_in_one_line(tmp_path):
    contract = load_contract(find_robot('counter'))
    lacking = tuple(name for name in tiny.USUAL if name != 'plan')
    folder = tiny.make_tiny_bundle(tmp_path / 'b', contract, capabilities=lacking)
    done = _run(*COUNTER, folder, '--episodes', 1, '--arms', 'plan')
    assert done.exit_code == 1 and 'arm plan needs a bundle with plan' in done.output
    assert _run(*COUNTER, folder, '--episodes', 1, '--arms', 'policy').exit_code == 0


def test_scrambling_shuffles_the_dynamics_and_nothing_else(bundle):
    before = np.fromfile(bundle / 'weights.bin', np.float32)
    after = np.frombuffer(scrambled_weights(bundle), np.float32)
    dynamics = slice(0, tiny.BELIEF_DIM * (tiny.BELIEF_DIM + 1))  # w_belief and w_action
    assert not np.array_equal(before[dynamics], after[dynamics])
    np.testing.assert_array_equal(np.sort(before[dynamics]), np.sort(after[dynamics]))
    np.testing.assert_array_equal(before[dynamics.stop :], after[dynamics.stop :])


@pytest.fixture(autouse=True)
def _no_git_of_others(monkeypatch):
    """Inside a git hook these name the repository of the hook, whatever -C says."""
    for name in [name for name in os.environ if name.startswith('GIT_')]:
        monkeypatch.delenv(name)


def _commit(repository: Path, text: str) -> str:
    (repository / 'code.py').write_text(text)
    git = ['git', '-C', str(repository), '-c', 'user.name=t', '-c', 'user.email=t@t']
    for command in (['init', '-q'], ['add', 'code.py'], ['commit', '-q', '-m', text]):
        subprocess.run([*git, *command], check=True)
    done = subprocess.run([*git, 'rev-parse', 'HEAD'], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def test_rows_name_the_code_that_ran_although_the_tree_moved_on(bundle, tmp_path, monkeypatch):
    repository = tmp_path / 'checkout'
    repository.mkdir()
    began_at = _commit(repository, 'before')
    monkeypatch.setattr(rows_module, 'SOURCE', repository)

    def run_and_meanwhile(*args):
        results = run_arms(*args)
        assert _commit(repository, 'after') != began_at
        (repository / 'code.py').write_text('and dirty')
        return results

    monkeypatch.setattr(evaluation, 'run_arms', run_and_meanwhile)
    rows = tmp_path / 'rows.csv'
    done = _run(*COUNTER, bundle, '--episodes', 1, '--arms', 'random', '--csv', rows)
    assert done.exit_code == 0, done.output
    [row] = read_rows(rows)
    assert (row['commit'], row['dirty']) == (began_at, 'False')


def test_git_state_tells_results_from_code(tmp_path):
    assert git_state(tmp_path) == ('unknown', True)
    commit = _commit(tmp_path, 'one')
    assert git_state(tmp_path) == (commit, False)
    results = tmp_path / 'benchmarks' / 'results' / 'cell.csv'
    results.parent.mkdir(parents=True)
    results.write_text('rows')
    subprocess.run(['git', '-C', tmp_path, 'add', results], check=True)
    assert git_state(tmp_path) == (commit, False)
    (tmp_path / 'code.py').write_text('two')
    assert git_state(tmp_path) == (commit, True)


@pytest.mark.parametrize(
    ('args', 'said'),
    [
        (['--reality', 'moon'], 'moon'),
        (['--episodes', '101'], '1 to 100'),
        (['--arms', 'oracle'], 'unknown arm oracle'),
    ],
)
def test_refusals_are_one_clear_line(bundle, args, said):
    done = _run(*COUNTER, bundle, *args)
    assert done.exit_code == 1
    assert said in done.output and 'Traceback' not in done.output
