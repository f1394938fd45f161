# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A new user's wrong turns, in an empty folder: each is one line with the remedy."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

pytest.importorskip('mujoco')
pytest.importorskip('torch')

from world_model_ros.cli.main import main
from world_model_ros.store import open_store

ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = ROOT / 'docs' / 'tutorials' / 'your_own_robot.md'
EPISODE = ROOT / 'test' / 'fixtures' / 'episode_v1'
NO_BODY = ["no simulated body for robot 'my_robot'", 'world-model train episodes --contract FILE']
NO_STORE = 'A new store is made with: world-model store create URL'
NO_BUNDLE = ['expected a folder with manifest.json or the name of a shipped bundle', 'make one: ']
OTHER_ROBOT = [
    'made for another interface: ',
    'action.names: ["cart"] -> ["shoulder", "wrist"]',
    "it is of robot 'cartpole': give one that was learned for 'reacher'",
]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the tutorial's robot file, one with a typo, a store, and an empty folder."""
    monkeypatch.chdir(tmp_path)
    text = re.search(r'^```yaml\n(.*?)^```', TUTORIAL.read_text(), re.MULTILINE | re.DOTALL)[1]
    Path('my_robot.yaml').write_text(text)
    Path('typo.yaml').write_text(text.replace('command_rate', 'comand_rate'))
    Path('section.yaml').write_text(text.replace('control:', 'contrl:'))
    Path('empty').mkdir()
    open_store('store', create=True)
    return tmp_path


@pytest.fixture
def told(folder, capsys, monkeypatch):
    """Run a command line and return what it says where it is refused."""

    def run(line: str) -> str:
        monkeypatch.setattr(sys, 'argv', ['world-model', *line.split()])
        before = sorted(folder.rglob('*'))
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 1 and sorted(folder.rglob('*')) == before
        out = capsys.readouterr()
        assert out.out == ''
        (text,) = out.err.strip().splitlines()
        return text

    return run


@pytest.mark.parametrize(
    ('line', 'words'),
    [
        # Simulator training without a body.
        ('train-sim my_robot.yaml --frames 100', NO_BODY),
        ('eval --robot my_robot.yaml', NO_BODY),
        ('demo --robot my_robot.yaml', NO_BODY),
        # A name not found: robot, bundle, store.
        ('contract check reachr', ["did you mean 'reacher'?"]),
        ('contract check my_robt.yaml', ['my_robt.yaml: file is missing', 'check the path']),
        ('doctor --contract reachr', ["did you mean 'reacher'?"]),
        ('train store --contract reachr', ["did you mean 'reacher'?"]),
        ('eval --robot reacher --bundle my_bundle', NO_BUNDLE),
        ('bundle check my_bundle', NO_BUNDLE),
        ('demo --robot reacher --bundle my_bundle', NO_BUNDLE),
        ('train stor --contract my_robot.yaml', ['no such folder', 'store create stor']),
        ('train s3:/b --contract my_robot.yaml', ['write s3://BUCKET/PREFIX']),
        ('report stor', ['no such folder', NO_STORE]),
        ('store gc stor', ['no such folder', NO_STORE]),
        ('store create my_robot.yaml', ['there is a file', 'name another folder']),
        # A bundle of another robot.
        ('eval --robot reacher --bundle cartpole', OTHER_ROBOT),
        ('demo --robot reacher --bundle cartpole', OTHER_ROBOT),
        # A folder that is no store, or that has no episodes.
        ('train empty --contract my_robot.yaml', ['neither a store nor', 'store create empty']),
        ('report empty', ['this is no store', NO_STORE]),
        ('episodes list', ['episodes: no such folder', 'parameter `directory`']),
        ('episodes check empty', ['no episodes in empty', 'parameter `directory`']),
        # A robot file with a typo.
        ('contract check typo.yaml', ['control.comand_rate', "did you mean 'command_rate'?"]),
        ('contract check section.yaml', ['contrl', "did you mean 'control'?"]),
        ('train store --contract typo.yaml', ['typo.yaml', "did you mean 'command_rate'?"]),
    ],
)
def test_a_wrong_turn_is_one_line_with_the_remedy(told, line, words):
    text = told(line)
    assert all(word in text for word in words), text


def test_an_empty_folder_of_episodes_says_where_recordings_are(folder, capsys, monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['world-model', 'episodes', 'list', 'empty'])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in (0, None)
    assert 'no episodes in empty; name the folder' in capsys.readouterr().out
