# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where learning starts: which learner files are gone on from, and which are refused by name."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
import torch
from safetensors.torch import load_file, save_file

pytest.importorskip('mujoco')
import recorded
from served import QUIET, Told, serve

from world_model_ros.contract import load_contract
from world_model_ros.training.core.learner_file import (
    LearnerFileError,
    find_shipped,
    read_shipped,
)
from world_model_ros.training.core.service import Service
from world_model_ros.training.core.trainer_state import Start


@pytest.mark.parametrize(
    ('change', 'told'),
    [
        ({'format': '9'}, "learner format '9', this version reads 1"),
        ({'interface_hash': 'f' * 64}, 'made for another interface'),
        ({'model': json.dumps({**asdict(recorded.SMALL), 'deter': 48})}, 'gru.* expected'),
        ({'model': '{"depth": 3}'}, 'model sizes'),
    ],
)
def test_a_learner_file_that_does_not_fit_is_refused_by_name(tmp_path, learner_file, change, told):
    from safetensors import safe_open

    with safe_open(str(learner_file), 'pt') as file:
        header = file.metadata()
    path = tmp_path / 'other.learner.safetensors'
    save_file(load_file(learner_file), path, metadata={**header, **change})
    with pytest.raises(LearnerFileError, match=told) as error:
        read_shipped(path, recorded.robot())
    assert str(path) in str(error.value)


def test_a_file_that_is_no_learner_file_is_refused_by_name(tmp_path):
    path = tmp_path / 'x.learner.safetensors'
    path.write_bytes(b'junk')
    with pytest.raises(LearnerFileError, match='not a readable learner file'):
        read_shipped(path, recorded.robot())
    save_file({'weight': torch.zeros(3)}, path)
    with pytest.raises(LearnerFileError, match="learner format 'unknown'"):
        read_shipped(path, recorded.robot())


@pytest.mark.parametrize('name', ['reacher', 'cartpole'])
def test_the_shipped_learner_file_is_found_and_brings_its_planner(name):
    contract = load_contract(name)
    path, _ = find_shipped(contract)
    shipped = read_shipped(path, contract)
    manifest = json.loads((path.parent / name / 'manifest.json').read_text())
    assert shipped.planner.as_dict() == manifest['planner']
    assert shipped.build(contract).belief_dim == manifest['belief_dim']


def test_a_shipped_file_of_another_interface_is_not_started_from():
    path, reason = find_shipped(recorded.robot())  # the shipped cartpole sees 64 x 64
    assert path is None and 'streams.camera.shape' in reason


def test_a_folder_of_another_interface_is_refused(tmp_path, store, learner_file):
    told = Told()
    serve(store.url, tmp_path / 'out', learner_file, told)._lock.close()
    with pytest.raises(ValueError, match='a checkpoint of interface'):
        Service(
            str(store.url), load_contract('reacher'), tmp_path / 'out', QUIET, Start('scratch')
        )
