# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Arguments of long commands are checked before the work; what there is at its end is shown."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

pytest.importorskip('mujoco')
pytest.importorskip('onnxruntime')

from world_model_ros.bench import child_demo as _child_demo
from world_model_ros.bench.circle import Arms, written
from world_model_ros.bundle import BundleError
from world_model_ros.cli import _arguments, bench
from world_model_ros.cli._reported import INTERRUPTED, reported

ROOT = Path(__file__).resolve().parents[2]
REACHER = str(ROOT / 'config' / 'bundles' / 'reacher')
WITHIN_SEC = 60.0


def world_model(*arguments: object) -> subprocess.CompletedProcess:
    """The command as its users run it; nothing here may begin to work."""
    return subprocess.run(
        [sys.executable, '-m', 'world_model_ros.cli.main', *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=WITHIN_SEC,
        check=False,
        cwd=ROOT,
        env={**os.environ, 'COLUMNS': '200', 'MUJOCO_GL': 'egl'},
    )


@pytest.mark.parametrize(
    ('line', 'words'),
    [
        (['circle', '--robot', 'cartpole', '--randomised', 'nosuch'], 'nosuch is no folder'),
        (['circle', '--robot', 'cartpole', '--oracle', REACHER], 'made for another interface'),
        (['circle', '--robot', 'cartpole', '--bundle', REACHER], 'made for another interface'),
        (['circle', '--reality', 'nosuch'], 'nosuch'),
        (['circle', '--curve', str(ROOT)], '--curve'),
        (['circle', '--curve', 'a.png'], 'name the CSV file'),
        (['circle', '--keep', str(ROOT / 'test')], 'give an empty folder'),
        (['kills', '--bundle', REACHER], 'made for another interface'),
        (['kills', '--keep', str(ROOT / 'test')], 'give an empty folder'),
        (['run', '--bundle', 'nosuch'], 'nosuch is no folder'),
        (['parity', '--episodes', 'nosuch'], 'no episode there'),
        (['parity', '--bundle', 'nosuch'], 'nosuch is no folder'),
        (['record', '--compression', 'gzip'], 'expected one of none, lz4, zstd'),
        (['align', '--robot', 'counter'], 'counter'),
        (['swap', '--bundle', 'nosuch'], 'nosuch is no folder'),
    ],
    ids=lambda value: ' '.join(value[:2]) if isinstance(value, list) else '',
)
def test_a_wrong_argument_is_named_before_any_work(line, words, monkeypatch):
    monkeypatch.setattr('subprocess.Popen', None)  # nothing may begin
    done = CliRunner(env={'COLUMNS': '400'}).invoke(bench.app, line)
    assert done.exit_code in (1, 2)
    assert isinstance(done.exception, (SystemExit, BundleError, OSError)), done.exception
    assert words in f'{done.output} {done.exception}' and 'evaluating' not in done.output


def test_eval_checks_its_csv_and_train_its_bundle_first(tmp_path):
    other = tmp_path / 'other.csv'
    other.write_text('a,b\n1,2\n')
    done = world_model('eval', '--robot', 'reacher', '--csv', other, '--arms', 'random')
    assert done.returncode == 1 and 'write to a new file' in done.stderr
    assert other.read_text() == 'a,b\n1,2\n'

    done = world_model('train-sim', 'counter', '--frames', 10, '--bundle', other)
    assert done.returncode == 2 and '--bundle' in done.stderr


def test_what_returned_until_an_error_is_shown(tmp_path):
    arms, figures, curve = Arms('', 2, 1, print), {'returns': []}, tmp_path / 'curve.csv'
    shown = []

    def command(fails: bool = True) -> None:
        with reported(figures, shown.append, as_json=True), written(figures, arms, curve, 0):
            arms.returns['frozen'] = [100.0, 120.0]
            raise OSError('the disk is full')

    app = typer.Typer()
    app.command()(command)
    done = CliRunner(env={'COLUMNS': '400'}).invoke(app)
    assert isinstance(done.exception, OSError)
    told = json.loads(done.stdout.splitlines()[-1])
    assert told['ended_early'] == 'OSError: the disk is full'
    assert told['arm_returns'] == {'frozen': [100.0, 120.0]} and shown == [figures]
    assert told['arms_left_out'] == ['adapted', 'randomised', 'oracle'] and curve.is_file()


BENCH = """
import sys, typer
from world_model_ros.cli._reported import reported
figures = {'done': 1}
def command():
    with reported(figures, lambda figures: None, as_json=True):
        print('works', flush=True)
        import signal
        while True:
            signal.pause()
typer.run(command)
"""


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_what_there_is_is_shown_when_it_is_interrupted(number):
    process = subprocess.Popen([sys.executable, '-c', BENCH], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == 'works\n'
    process.send_signal(number)
    out, _ = process.communicate(timeout=WITHIN_SEC)
    assert json.loads(out.splitlines()[-1]) == {'done': 1, 'ended_early': 'interrupted'}
    assert process.returncode == INTERRUPTED


DEMO = """
import json, pathlib, signal, sys
signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
pathlib.Path(sys.argv[1]).touch()
try:
    signal.pause()
finally:
    pathlib.Path(sys.argv[-1]).write_text(json.dumps({'ticks': 5}))
"""


def test_the_figures_of_a_demo_that_is_interrupted_are_read(tmp_path, monkeypatch):
    """A process in the demo's place: what is meant is the way in which it is ended."""
    begun, told = tmp_path / 'begun', tmp_path / 'demo.json'
    monkeypatch.setattr(_child_demo, 'COMMAND', [sys.executable, '-c', DEMO, str(begun)])

    def wait(demo: subprocess.Popen) -> None:
        give_up_s = time.monotonic() + WITHIN_SEC
        while not begun.exists():
            assert time.monotonic() < give_up_s
            time.sleep(0.01)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _child_demo.run_demo([], told, wait)
    assert _child_demo.read(told) == {'ticks': 5}


def test_files_and_folders_that_could_not_be_written_at_the_end_are_refused(tmp_path):
    (tmp_path / 'file').write_text('')
    for call in (
        lambda: _arguments.new_file(tmp_path, '--curve'),
        lambda: _arguments.new_file(tmp_path / 'file' / 'a.csv', '--curve'),
        lambda: _arguments.fresh_folder(tmp_path, '--keep'),
        lambda: _arguments.fresh_folder(tmp_path / 'file', '--keep'),
    ):
        with pytest.raises(typer.BadParameter):
            call()
    _arguments.new_file(tmp_path / 'new' / 'folder' / 'a.csv', '--curve')
    _arguments.fresh_folder(tmp_path / 'new', '--keep')
