# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Plug-ins are found by entry point, named when they fail, and never take the place of ours."""

import ast
import json
import sys
from pathlib import Path

import pytest
from outside_package import write_package

from world_model_ros.contract.kinds import PLUGINS
from world_model_ros.deploy import machine
from world_model_ros.families.family_registry import FAMILIES
from world_model_ros.plugins import PluginError, Plugins
from world_model_ros.robots.bodies import BODIES

ROOT = Path(__file__).resolve().parents[2]
GROUP = 'world_model_ros.tries'
REGISTRIES = [BODIES, FAMILIES, PLUGINS]


@pytest.fixture
def tries():
    return Plugins(GROUP, 'try', {'ours': 'json:loads'})


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a package of one module with these entry points."""

    def write(name, points, source=''):
        folder = write_package(tmp_path / name, name, {GROUP: points}, source)
        monkeypatch.syspath_prepend(str(folder))

    return write


def test_ours_load_from_a_source_tree_that_registers_nothing(tries):
    assert tries.names() == ['ours'] and tries.load('ours') is json.loads
    assert tries.package('ours') == ''


def test_a_plugin_is_listed_without_its_import_and_loaded_once(tries, install):
    install('good-try', {'theirs': 'good_try:VALUE'}, 'VALUE = object()\n')
    assert tries.names() == ['ours', 'theirs']
    assert tries.load('theirs') is tries.load('theirs')
    assert tries.package('theirs') == 'good-try 1.2' and tries.failures() == []


@pytest.mark.parametrize(
    ('source', 'reason'),
    [
        ('', "ModuleNotFoundError: No module named 'bad_try'"),
        ('raise RuntimeError("two\\nlines")\n', 'RuntimeError: two lines'),
        ('OTHER = 1\n', "has no attribute 'VALUE'"),
        ('def broken(:\n', 'SyntaxError'),
    ],
)
def test_a_plugin_that_fails_is_named_with_package_and_reason_in_one_line(
    tries, install, source, reason, monkeypatch
):
    monkeypatch.delitem(sys.modules, 'bad_try', raising=False)
    install('bad-try', {'theirs': 'bad_try:VALUE'}, source)
    with pytest.raises(PluginError, match='bad-try') as caught:
        tries.load('theirs')
    assert reason in str(caught.value) and '\n' not in str(caught.value)
    assert tries.failures() == [str(caught.value)] and tries.load('ours') is json.loads


def test_a_name_that_two_packages_register_is_refused_with_both(tries, install):
    install('one-try', {'theirs': 'json:loads'})
    install('two-try', {'theirs': 'json:dumps'})
    with pytest.raises(PluginError, match=r'one-try 1\.2.*two-try|two-try 1\.2.*one-try'):
        tries.load('theirs')


def test_a_plugin_does_not_replace_ours_and_is_told_so(tries, install):
    install('proud-try', {'ours': 'json:dumps'})
    assert tries.load('ours') is json.loads
    (line,) = tries.failures()
    assert 'proud-try 1.2' in line and 'not used' in line


def test_a_name_that_nothing_has_is_a_key_error_and_its_text_lists_the_known(tries):
    with pytest.raises(KeyError):
        tries.load('walker')
    assert tries.unknown('walker') == "no try is called 'walker'; there are: ours"


@pytest.mark.parametrize('registry', REGISTRIES, ids=lambda registry: registry.group)
def test_setup_registers_what_the_table_of_ours_holds(registry):
    """An installed package and a source tree offer the same."""
    tree = ast.parse((ROOT / 'setup.py').read_text())
    (call,) = (
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, 'id', '') == 'setup'
    )
    (points,) = (item.value for item in call.keywords if item.arg == 'entry_points')
    rows = ast.literal_eval(points)[registry.group]
    assert dict(row.split(' = ') for row in rows) == registry.own


def test_doctor_lists_plug_ins_and_names_a_broken_one(tmp_path, monkeypatch):
    points = {'world_model_ros.bodies': {'fine': 'json:loads', 'broken': 'no_such_module:Body'}}
    monkeypatch.syspath_prepend(str(write_package(tmp_path, 'my-robot', points)))
    lines = {finding.text: finding.ok for finding in machine.plugin_findings()}
    assert lines.pop("simulated body 'fine' of package my-robot 1.2") is True
    (broken,) = (text for text in lines if "'broken'" in text)
    assert 'my-robot 1.2' in broken and 'no_such_module' in broken and lines[broken] is None
