# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Fixtures: the toy package, installed for this process and for those that it starts."""

from __future__ import annotations

import os
import sys

import pytest
import toy_package

from world_model_ros.contract import kinds
from world_model_ros.families.family_registry import FAMILIES
from world_model_ros.robots.bodies import BODIES


@pytest.fixture(scope='session')
def toy_folder(tmp_path_factory):
    """Where the package is installed; nobody sees it there yet."""
    return toy_package.install(tmp_path_factory.mktemp('wmr_toy'))


@pytest.fixture
def fresh():
    """Nothing that was found before counts, nor what this test finds afterwards."""
    registries = (BODIES, FAMILIES, kinds)
    for registry in registries:
        registry.forget()
    yield
    for registry in registries:
        registry.forget()
    for name in [name for name in sys.modules if name.partition('.')[0] == 'wmr_toy']:
        del sys.modules[name]


@pytest.fixture
def toy(toy_folder, fresh, monkeypatch):
    """The package can be imported and its plug-ins are found."""
    monkeypatch.syspath_prepend(str(toy_folder))
    path = os.pathsep.join(filter(None, [str(toy_folder), os.environ.get('PYTHONPATH', '')]))
    monkeypatch.setenv('PYTHONPATH', path)
    return toy_folder
