# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Checkpoints and learner files remember their family; those from before it had a name load."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from outside_package import write_package
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from world_model_ros.cli.main import app
from world_model_ros.contract import parse_contract
from world_model_ros.families.family_registry import FAMILIES, FamilyError
from world_model_ros.training.core import checkpoint
from world_model_ros.training.core.learner_file import LearnerFileError, read_shipped
from world_model_ros.training.core.service import Service
from world_model_ros.training.core.settings import ServiceConfig
from world_model_ros.training.core.trainer_state import Start, TrainerState

FIXTURES = Path(__file__).resolve().parents[1] / 'fixtures'
# Written by the version before families had names; never edited. The contract is that of
# contract_format1.yaml with pictures of a shape that can be learned.
OLD = FIXTURES / 'trainer_format1'
FILE = OLD / 'tiny.learner.safetensors'


def contract():
    text = (FIXTURES / 'contract_format1.yaml').read_text()
    return parse_contract(text.replace('[48, 64, 3]', '[32, 32, 3]'))


def quiet(event, **fields):
    pass


def opened(folder, start=None, **settings):
    return TrainerState(contract(), folder, start or Start('scratch'), quiet, **settings)


def test_a_checkpoint_without_a_family_is_gone_on_from(tmp_path):
    shutil.copytree(OLD / 'checkpoint', tmp_path / 'checkpoint')
    kept = load_file(OLD / 'checkpoint' / 'learner.safetensors')
    state = opened(tmp_path)
    assert state.family.name == 'dreamer' and state.learner.updates == 2 and state.normalised
    tensors = state.learner.state_dict()
    assert tensors.keys() == kept.keys()
    assert all(torch.equal(tensors[k], kept[k]) for k in kept)
    state.save()
    assert checkpoint.read_state(tmp_path / 'checkpoint')['family'] == 'dreamer'


def test_a_learner_file_without_a_family_is_started_from(tmp_path):
    shipped = read_shipped(FILE, contract())
    assert shipped.family.name == 'dreamer'
    state = opened(tmp_path, Start('file', FILE))
    kept = load_file(FILE)
    average = state.learner.average.state_dict()
    assert all(torch.equal(average[k], kept[f'model.{k}']) for k in average)
    with safe_open(str(tmp_path / 'acting.learner.safetensors'), 'pt') as file:
        assert file.metadata()['family'] == 'dreamer'


def test_a_file_of_a_family_that_is_not_there_names_it_and_the_known_ones(tmp_path):
    with safe_open(str(FILE), 'pt') as file:
        header = file.metadata()
    path = tmp_path / 'x.learner.safetensors'
    save_file(load_file(FILE), path, metadata={**header, 'family': 'tdmpc'})
    with pytest.raises(LearnerFileError, match=r"'tdmpc'; there are: dreamer") as caught:
        read_shipped(path, contract())
    assert str(path) in str(caught.value)


def test_another_family_than_that_of_run_or_weights_is_refused(tmp_path):
    with pytest.raises(LearnerFileError, match=r"family 'dreamer', asked for 'toy'.*--family"):
        opened(tmp_path, Start('file', FILE), family='toy')
    shutil.copytree(OLD / 'checkpoint', tmp_path / 'checkpoint')
    with pytest.raises(FamilyError, match=r"family 'dreamer', asked for 'toy'.*--out"):
        opened(tmp_path, family='toy')
    state = json.loads((tmp_path / 'checkpoint' / 'state.json').read_text())
    text = json.dumps({**state, 'family': 'tdmpc'})
    (tmp_path / 'checkpoint' / 'state.json').write_text(text)
    with pytest.raises(FamilyError, match=r"'tdmpc'; there are: dreamer"):
        opened(tmp_path)


def test_a_trainer_goes_on_without_a_plugin_that_is_broken(tmp_path, monkeypatch):
    points = {'world_model_ros.families': {'theirs': 'broken_family:FAMILY'}}
    folder = write_package(tmp_path / 'lib', 'broken-family', points, 'import no_such_module\n')
    monkeypatch.syspath_prepend(str(folder))
    FAMILIES.forget()
    events = []
    config = ServiceConfig(nominal_ticks=0)
    try:
        service = Service(
            str(tmp_path / 'store'),
            contract(),
            tmp_path / 'out',
            config,
            Start('file', FILE),
            say=lambda event, **fields: events.append((event, fields)),
        )
    finally:
        monkeypatch.undo()
        FAMILIES.forget()
    (reason,) = [fields['reason'] for event, fields in events if event == 'plugin_failed']
    assert 'broken-family 1.2' in reason and 'no_such_module' in reason
    assert service.faults.as_dict()['plugin_failed']['count'] == 1
    assert service.learner.family == 'dreamer'


@pytest.mark.parametrize(
    'line', ['train {store} --contract counter', 'train-sim counter --frames 9']
)
def test_an_unknown_family_is_one_line_with_the_known_ones(tmp_path, line):
    CliRunner().invoke(app, ['store', 'create', str(tmp_path / 'store')])
    line = line.format(store=tmp_path / 'store')
    words = [*line.split(), '--out', str(tmp_path / 'out'), '--family', 'dremer']
    done = CliRunner(env={'COLUMNS': '300'}).invoke(app, words)
    assert done.exit_code == 1 and 'Traceback' not in done.output
    said = [text for text in done.stderr.splitlines() if 'dremer' in text]
    assert len(said) == 1 and 'there are: dreamer' in said[0]
