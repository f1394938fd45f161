# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`world-model demo` runs, tells its figures, and leaves no process however it ends."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('onnx')
pytest.importorskip('mujoco')

import robot_processes

from world_model_ros.contract import find_robot, load_contract

pytestmark = pytest.mark.ros
NODES = 4
STOP_WITHIN_SEC = 5.0
WITHIN_SEC = 240.0  # anything, on a busy machine


@pytest.fixture(scope='module')
def bundle(tmp_path_factory):
    contract = load_contract(find_robot('reacher'))
    return robot_processes.tiny_bundle(tmp_path_factory.mktemp('bundle'), contract)


STARTED: list[subprocess.Popen] = []


@pytest.fixture(autouse=True)
def _ended():
    """A demo whose test failed would go on, and take the time of other tests."""
    yield
    while STARTED:
        demo = STARTED.pop()
        if demo.poll() is None:
            demo.kill()  # its nodes end with it
            demo.communicate()


def start(tmp_path, bundle, domain, *options):
    return start_demo(
        tmp_path,
        domain,
        '--robot',
        'reacher',
        '--no-learn',
        '--no-view',
        '--bundle',
        str(bundle),
        *options,
    )


def start_demo(tmp_path, domain, *options, logs=None):
    environment = {
        **os.environ,
        'ROS_DOMAIN_ID': str(domain),
        'MUJOCO_GL': 'egl',
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        **({'TMPDIR': str(logs)} if logs else {}),
    }
    demo = subprocess.Popen(
        [
            sys.executable,
            '-m',
            'world_model_ros.cli.main',
            'demo',
            '--directory',
            str(tmp_path / 'episodes'),
            '--json',
            str(tmp_path / 'figures.json'),
            *options,
        ],
        env=environment,
        cwd=robot_processes.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    STARTED.append(demo)
    return demo


def wait_for(done, what, seconds=robot_processes.PATIENCE_SEC):
    give_up_s = time.monotonic() + seconds
    while not (value := done()):
        assert time.monotonic() < give_up_s, f'{what}: not within {seconds} s'
        time.sleep(0.05)  # polls other processes; nothing here can call back
    return value


def recording(demo, tmp_path):
    """The demo's nodes, once all run and an episode is being written."""

    def found():
        nodes = psutil.Process(demo.pid).children()
        written = list((tmp_path / 'episodes').glob('*.active/*.mcap'))
        return len(nodes) == NODES and written and written[0].stat().st_size > 0 and nodes

    return wait_for(found, 'four nodes and an episode')


def test_demo_says_ticks_lateness_episodes_and_deaths(tmp_path, bundle, domain, monkeypatch):
    terminal = {'FORCE_COLOR': '1', 'COLORTERM': 'truecolor', 'COLUMNS': '160', 'LINES': '60'}
    for name, value in terminal.items():
        monkeypatch.setenv(name, value)
    knocked = '--reality', 'shifted_reacher', '--knock-after', '0.5'
    demo = start(tmp_path, bundle, domain, '--minutes', '0.2', *knocked)
    said, _ = demo.communicate(timeout=WITHIN_SEC)
    assert demo.returncode == 0, said
    figures = json.loads((tmp_path / 'figures.json').read_text())
    assert figures['ticks'] > 50
    assert figures['died'] == {} and figures['knocked_ns'] > 0
    assert 0.0 < figures['tick_ms']['p50'] <= figures['tick_ms']['p99']
    assert {'late_ticks', 'episodes', 'returns'} <= set(figures)
    assert 'seen' in said and 'believed' in said and '▀' in said  # the terminal has colours


def test_ctrl_c_twice_ends_everything_within_five_seconds(tmp_path, bundle, domain):
    demo = start(tmp_path, bundle, domain)
    nodes = recording(demo, tmp_path)
    begun_s = time.monotonic()
    demo.send_signal(signal.SIGINT)
    demo.send_signal(signal.SIGINT)
    said, _ = demo.communicate(timeout=WITHIN_SEC)
    assert time.monotonic() - begun_s < STOP_WITHIN_SEC
    assert demo.returncode == 0, said
    assert not any(node.is_running() for node in nodes)
    left = [path.name for path in (tmp_path / 'episodes').iterdir()]
    assert left and not any(name.endswith('.active') for name in left)


def test_killed_demo_leaves_no_process(tmp_path, bundle, domain):
    demo = start(tmp_path, bundle, domain, '--headless')
    nodes = recording(demo, tmp_path)
    demo.kill()
    demo.wait()
    _, alive = psutil.wait_procs(nodes, timeout=STOP_WITHIN_SEC)
    assert not alive


def test_node_that_dies_ends_the_demo_and_is_named(tmp_path, bundle, domain):
    demo = start(tmp_path, bundle, domain, '--headless')
    nodes = recording(demo, tmp_path)
    guard = next(node for node in nodes if 'world_model_ros.nodes.guard' in node.cmdline())
    guard.kill()
    said, _ = demo.communicate(timeout=WITHIN_SEC)
    assert demo.returncode == 1
    assert 'guard ended early' in said and 'killed by SIGKILL' in said
    assert list(json.loads((tmp_path / 'figures.json').read_text())['died']) == ['guard']


@pytest.mark.xdist_group('patient')
def test_demo_from_scratch_runs_a_trainer_that_learns_from_its_episodes(tmp_path, domain):
    pytest.importorskip('torch')
    started_ns = time.time_ns()
    stored = tmp_path / 'episodes_learning' / 'cartpole_from_scratch' / 'store'
    demo = start_demo(tmp_path, domain, '--robot', 'cartpole', '--from-scratch', '--headless')

    def learned_from():
        for status in stored.glob('trainer/*/trainer.json'):
            episodes = json.loads(status.read_text())['episodes']
            if episodes['ingested'] + episodes['held_out'] >= 1:
                return True
        return demo.poll() is not None

    wait_for(learned_from, 'an episode in the trainer', WITHIN_SEC)
    demo.send_signal(signal.SIGINT)
    said, _ = demo.communicate(timeout=WITHIN_SEC)
    assert demo.returncode == 0, said
    figures = json.loads((tmp_path / 'figures.json').read_text())
    assert figures['died'] == {} and figures['reality'] == 'nominal'
    assert figures['releases'] == []  # no first bundle yet
    # Without a bundle every episode explores and ends after a few seconds: no return is a figure.
    assert figures['recorded'] >= 1 and figures['returns'] == []
    # What the robot recorded went through the store, and the trainer has it.
    told = figures['trainer']
    assert told['contract'] == 'cartpole' and told['episodes']['refused'] == 0
    assert told['episodes']['ingested'] + told['episodes']['held_out'] >= 1
    assert Path(figures['store']) == stored
    complete = list(stored.glob('robots/cartpole_demo/episodes/*/*/*/complete.json'))
    # Nothing was prepared: the first thing in the store is what this run recorded.
    assert complete and min(path.stat().st_mtime_ns for path in complete) > started_ns
    assert not list(stored.glob('releases/*/*.json')) and not list(
        stored.glob('releases/*/objects')
    )
    assert figures['updater']['robot_id'] == 'cartpole_demo' and figures['updater']['bad'] == {}
    assert told['bad_updates'] == 0 and told['store_error'] == '' and told['faults'] == {}
    assert not [fault for fault in figures['faults'] if fault['who'] in ('trainer', 'updater')]


@pytest.mark.xdist_group('patient')
def test_a_trainer_that_cannot_begin_is_shown_and_the_robot_acts_on(tmp_path, domain, bundle):
    pytest.importorskip('torch')
    model = Path(shutil.copytree(bundle, tmp_path / 'model'))
    learner = tmp_path / 'model.learner.safetensors'
    learner.write_bytes(b'of another version')
    demo = start_demo(
        tmp_path,
        domain,
        '--robot',
        'reacher',
        '--bundle',
        str(model),
        '--headless',
        '--minutes',
        '0',
        logs=tmp_path,
    )

    def refused():
        logs = tmp_path.glob('world_model_demo_*/*trainer*.log')
        return any(learner.name in log.read_text() for log in logs) and not trainers()

    def trainers():
        found = []
        for child in psutil.Process(demo.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):  # it ended, or waits to be collected
                found += [child] if 'train' in child.cmdline() else []
        return found

    def sealed():
        return {file.parent for file in (tmp_path / 'episodes').glob('*/*.mcap')}

    wait_for(refused, 'a trainer that ended')
    before = sealed()
    wait_for(lambda: sealed() - before, 'an episode without a trainer')
    demo.send_signal(signal.SIGTERM)
    said, _ = demo.communicate(timeout=WITHIN_SEC)
    assert demo.returncode == 1 and 'trainer ended early' in said
    figures = json.loads((tmp_path / 'figures.json').read_text())
    assert list(figures['died']) == ['trainer'] and figures['ticks'] > 0
    [fault] = [fault for fault in figures['faults'] if fault['who'] == 'trainer']
    assert fault['what'] == 'ended' and learner.name in fault['reason']


def test_demo_names_options_that_do_not_go_together(tmp_path, domain):
    demo = start_demo(tmp_path, domain, '--from-scratch', '--no-learn')
    said, _ = demo.communicate(timeout=WITHIN_SEC)
    assert demo.returncode == 2 and '--from-scratch takes no --bundle' in said


@pytest.mark.parametrize(
    ('options', 'status', 'words'),
    [
        (('--robot', 'cartpole', '--bundle', 'reacher'), 1, 'made for another interface'),
        (('--json', 'no_such_folder/figures.json'), 2, 'give a file in a folder'),
    ],
)
def test_demo_says_before_it_starts_what_could_not_work(tmp_path, options, status, words, domain):
    demo = start_demo(tmp_path, domain, '--headless', '--no-learn', *options)
    said, _ = demo.communicate(timeout=WITHIN_SEC)
    assert demo.returncode == status and words in ' '.join(said.split())
    assert not (tmp_path / 'episodes').exists()  # no recorder ran


def test_demo_whose_robot_never_acts_fails_and_keeps_the_logs(tmp_path, bundle, domain):
    demo = start(tmp_path, bundle, domain, '--headless', '--minutes', '0.001')
    said, _ = demo.communicate(timeout=WITHIN_SEC)
    assert demo.returncode == 1 and 'never began to act' in said
    logs = Path(said.split('All words of all processes: ')[1].split()[0])
    assert (logs / 'agent.log').is_file()
    shutil.rmtree(logs)
