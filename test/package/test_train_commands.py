# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`train` and `train-sim`: each has its own options; a wrong line is refused before any work."""

import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from world_model_ros.cli import train, train_sim
from world_model_ros.cli.main import app
from world_model_ros.store import open_store

runner = CliRunner(env={'COLUMNS': '200'})


def options_of(app_or_command):
    if not isinstance(app_or_command, typer.Typer):
        single = typer.Typer()
        single.command()(app_or_command)
        app_or_command = single
    command = typer.main.get_command(app_or_command)
    return {word for parameter in command.params for word in (*parameter.opts, parameter.name)}


def test_each_command_shows_only_its_own_options():
    from_store, simulated = options_of(train.app), options_of(train_sim.train_sim_command)
    assert {'source', '--contract', '--publish-every', '--idle'} <= from_store
    assert {'robot', '--frames', '--reality', '--bundle'} <= simulated
    shared = {word for word in from_store & simulated if word.startswith('--')}
    assert shared == {
        *('--out', '--seed', '--threads', '--device', '--from', '--family', '--policy-margin'),
        *('--bundle', '--imitate'),
    }


@pytest.mark.parametrize(
    ('line', 'told'),
    [
        ('train s --contract c --frames 3', 'No such option: --frames'),
        ('train s', "Missing option '--contract'"),
        ('train --contract c', "Missing argument 'SOURCE'"),
        ('train s --contract c --from x --from-scratch', 'exclude each other'),
        ('train-sim reacher --frames 3 --from-scratch', 'No such option: --from-scratch'),
        ('train-sim reacher --frames 3 --randomize a --reality b', 'exclude each other'),
        ('train-sim reacher', "Missing option '--frames'"),
        ('train-sim reacher --frames 0', '--frames 0 trains nothing'),
    ],
)
def test_a_wrong_line_is_refused_by_name(line, told):
    done = runner.invoke(app, line.split())
    assert done.exit_code == 2 and told in done.output


@pytest.mark.parametrize(
    ('line', 'remedy'),
    [
        ('train --sim reacher --frames 3', 'world-model train-sim ROBOT'),
        ('train --frames 3 --sim=reacher', 'world-model train-sim ROBOT'),
        ('train --store s --contract c', 'world-model train SOURCE --contract FILE'),
    ],
)
def test_what_was_an_option_once_is_answered_with_the_new_line(line, remedy):
    done = runner.invoke(app, line.split())
    (text,) = done.stderr.strip().splitlines()
    assert done.exit_code == 2 and text.startswith('world-model: ') and remedy in text


@pytest.mark.parametrize(
    ('device', 'told'),
    [('gpu', 'expected auto, cpu, cuda or cuda:N'), ('cuda:99', 'cannot be used')],
)
def test_a_device_that_is_not_here_is_refused_before_any_work(device, told, tmp_path):
    pytest.importorskip('torch')
    pytest.importorskip('mujoco')
    line = f'train-sim reacher --frames 9 --device {device} --out {tmp_path}/out'
    done = runner.invoke(app, line.split())
    (text,) = done.stderr.strip().splitlines()
    assert done.exit_code == 1 and text.startswith('world-model: device') and told in text
    assert not (tmp_path / 'out').exists()


def test_a_trainer_on_a_device_that_is_not_here_ends_before_any_work(tmp_path):
    """As a process: it lowers its own priority first."""
    pytest.importorskip('torch')
    open_store(tmp_path / 'store', create=True)
    line = f'train {tmp_path}/store --contract reacher --device cuda:99 --out {tmp_path}/out'
    done = subprocess.run(
        [sys.executable, '-m', 'world_model_ros.cli.main', *line.split()],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1 and 'Traceback' not in done.stderr
    assert 'world-model: device cuda:99 cannot be used' in done.stderr.splitlines()[-1]
    assert not (tmp_path / 'out').exists()
