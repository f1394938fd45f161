# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Launch files and the supervisor start the same processes with the same parameters.

`launch` comes with a ROS 2 install and is in no registry: without it the files are compiled, and
what they hand to launch_ros is checked.
"""

import ast
from pathlib import Path

import pytest
import yaml

from world_model_ros.cli._supervisor import shared_parameters
from world_model_ros.launching import declared, node_arguments, settings_from
from world_model_ros.nodes_table import (
    ROBOT,
    SIM,
    SIM_ROBOT,
    UPDATER,
    Settings,
    arguments,
    extra_environment,
    setting_names,
)

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = Settings(
    contract='reacher', bundle='/b', robot_id='r1', namespace='cell_1', use_sim_time=True, seed=3
)


@pytest.mark.parametrize('entry', (*SIM, UPDATER), ids=lambda entry: entry.executable)
def test_launch_and_supervisor_give_a_node_the_same_parameters(entry):
    launched = node_arguments(entry, SETTINGS)
    line = arguments(entry, SETTINGS, shared_parameters())
    assert launched['parameters'][-1] == SETTINGS.parameters(entry)
    assert launched['parameters'][:-1] == [str(path) for path in shared_parameters()]
    assert f'__ns:=/{launched["namespace"]}' in line
    assert launched['remappings'] == [('/clock', '/cell_1/clock')]
    assert '/clock:=/cell_1/clock' in line
    assert entry.module == f'world_model_ros.nodes.{launched["executable"]}'


@pytest.mark.parametrize('entry', (*SIM, UPDATER), ids=lambda entry: entry.executable)
def test_every_setting_is_a_parameter_that_its_node_declares(entry):
    path = ROOT / 'world_model_ros' / 'nodes' / f'{entry.executable}.py'
    texts = {
        node.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert set(entry.settings) - {'use_sim_time'} <= texts


def test_parameter_file_is_keyed_for_any_namespace():
    assert list(yaml.safe_load((ROOT / 'config' / 'nodes.yaml').read_text())) == ['/**']


def test_nothing_is_started_again_unless_asked():
    assert not node_arguments(ROBOT[0], SETTINGS)['respawn']
    asked = settings_from(ROBOT, {**texts_of(ROBOT), 'contract': 'x', 'respawn': 'true'})
    assert node_arguments(ROBOT[0], asked)['respawn']
    assert 'respawn' not in asked.parameters(ROBOT[0])


def texts_of(entries):
    return {row['name']: row.get('default_value', '') for row in declared(entries)}


def test_robot_does_not_move_at_launch_unless_asked():
    autostart = next(row for row in declared(ROBOT) if row['name'] == 'autostart')
    assert autostart['default_value'] == 'false'
    assert not Settings(contract='reacher').autostart


@pytest.mark.parametrize('entries', [(*ROBOT, UPDATER), (*SIM, UPDATER)], ids=['robot', 'sim'])
def test_default_launch_texts_make_the_default_settings(entries):
    texts = texts_of(entries)
    assert settings_from(entries, {**texts, 'contract': 'x'}) == Settings(contract='x')
    assert set(texts) == set(setting_names(entries))


def test_only_a_robot_with_a_store_starts_an_updater():
    started = [entry for entry in (*ROBOT, UPDATER) if SETTINGS.starts(entry)]
    assert started == list(ROBOT)
    assert Settings(contract='reacher', store='/s').starts(UPDATER)
    store = next(row for row in declared((*ROBOT, UPDATER)) if row['name'] == 'store')
    assert store['default_value'] == ''


def test_launch_text_that_does_not_fit_is_refused_by_name():
    texts = texts_of(SIM)
    with pytest.raises(ValueError, match='launch argument speed: expected float'):
        settings_from(SIM, {**texts, 'speed': 'fast'})
    with pytest.raises(ValueError, match='launch argument plan: expected true or false'):
        settings_from(SIM, {**texts, 'plan': 'perhaps'})


@pytest.mark.parametrize('name', ['robot', 'sim'])
def test_launch_file_is_valid_python_and_says_how_to_use_it(name):
    source = (ROOT / 'launch' / f'{name}.launch.py').read_text()
    tree = ast.parse(source)
    assert f'{name}.launch.py' in ast.get_docstring(tree)
    assert any(
        isinstance(node, ast.FunctionDef) and node.name == 'generate_launch_description'
        for node in tree.body
    )


def test_only_the_camera_driver_gets_a_dds_profile_and_never_over_the_users_own():
    folders = [ROOT / 'config']
    given = {entry.executable: extra_environment(entry, folders, {}) for entry in SIM}
    assert Path(given.pop('sim_robot')['FASTRTPS_DEFAULT_PROFILES_FILE']).is_file()
    assert not any(given.values())
    assert not extra_environment(SIM_ROBOT, folders, {'FASTDDS_DEFAULT_PROFILES_FILE': '/mine'})
