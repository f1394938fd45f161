# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What cannot be learned from is refused in one line by both trainers, with the agent's remedy."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from world_model_ros.cli.main import app
from world_model_ros.contract import load_contract
from world_model_ros.families.dreamer.net import Dreamer

TEXT = load_contract('reacher').text


@pytest.fixture
def robot_file(tmp_path):
    """Write the reacher's file with something replaced."""

    def write(old, new):
        path = tmp_path / 'robot.yaml'
        path.write_text(TEXT.replace(old, new))
        return str(path)

    return write


def refused(*line):
    result = CliRunner(env={'COLUMNS': '400'}).invoke(app, line)
    assert result.exit_code == 1 and isinstance(result.exception, SystemExit), result.exception
    (text,) = result.stderr.strip().splitlines()
    assert text.startswith('world-model: ')
    return text


def test_both_trainers_name_the_stream_and_the_key(robot_file, tmp_path):
    path = robot_file('[64, 64, 3]', '[50, 64, 3]')
    in_simulation = refused('train-sim', path, '--frames', '100', '--out', str(tmp_path / 'run'))
    # Refused before the trainer makes its process nice, which would be this one.
    from_store = refused('train', str(tmp_path / 'store'), '--contract', path)
    assert 'streams.camera.shape is [50, 64, 3]' in in_simulation and 'fit: crop' in in_simulation
    assert from_store == in_simulation


def test_a_robot_without_a_simulated_body_is_told_how_it_can_learn(robot_file, tmp_path):
    path = robot_file('name: reacher', 'name: my_robot')
    text = refused('train-sim', path, '--frames', '100', '--out', str(tmp_path / 'run'))
    assert "no simulated body for robot 'my_robot'" in text and 'train episodes' in text
    assert refused('eval', '--robot', path, '--arms', 'random') == text


def test_too_few_frames_for_a_window_are_refused_in_one_line(robot_file, tmp_path):
    path = robot_file('name: reacher', 'name: reacher')
    text = refused('train-sim', path, '--frames', '100', '--out', str(tmp_path / 'run'))
    assert '--frames 100 gives no window' in text and 'at least' in text


def test_a_model_is_not_built_for_what_it_cannot_see(robot_file):
    with pytest.raises(ValueError, match='fit: crop'):
        Dreamer(load_contract(robot_file('[64, 64, 3]', '[50, 64, 3]')))
