# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""A small whole bundle, and a copy of it that a test may damage."""

import shutil
from pathlib import Path

import pytest
from tiny_bundle import make_tiny_bundle

from world_model_ros.contract import load_contract, parse_contract


@pytest.fixture(scope='session')
def contract():
    text = load_contract('reacher').text
    return parse_contract(text.replace('[64, 64, 3]', '[8, 8, 3]'))


@pytest.fixture(scope='session')
def pristine(tmp_path_factory, contract):
    return make_tiny_bundle(tmp_path_factory.mktemp('pristine') / 'bundle', contract)


@pytest.fixture
def folder(pristine, tmp_path):
    return Path(shutil.copytree(pristine, tmp_path / 'bundle'))
