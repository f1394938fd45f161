# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Launch files and the supervisor start the same processes with the same parameters.

`launch` comes with a ROS 2 install and is in no registry: without it the files are compiled, and
what they hand to launch_ros is checked; with it the actions are made too.
"""

import ast
from dataclasses import fields, replace
from pathlib import Path

import pytest
import yaml

from world_model_ros.bundle import BundleError
from world_model_ros.contract import ContractError
from world_model_ros.deploy.launching import (
    declared,
    judged,
    launch_actions,
    node_arguments,
    own_parameters,
    setting,
    settings_from,
)
from world_model_ros.deploy.node_parameters import NODES
from world_model_ros.deploy.nodes_table import (
    DASHBOARD,
    GUARD,
    IMAGINE,
    IMAGINED_ROBOT,
    OPTIONAL,
    ROBOT,
    SIM,
    SIM_ROBOT,
    UPDATER,
    Settings,
    arguments,
    extra_environment,
    parameter_file_text,
    setting_names,
)
from world_model_ros.deploy.supervisor import Supervisor

ROOT = Path(__file__).resolve().parents[2]
ALL = (*SIM, *OPTIONAL)
EVERY = (*ALL, IMAGINED_ROBOT)
SETTINGS = Settings(
    contract='reacher', bundle='/b', robot_id='r1', namespace='cell_1', use_sim_time=True, seed=3
)


@pytest.mark.parametrize('entry', EVERY, ids=lambda entry: entry.executable)
def test_launch_and_supervisor_give_a_node_the_same_parameters(entry, tmp_path):
    settings = replace(SETTINGS, params_file='/mine.yaml', remappings=(('a', '/b'),))
    launched = node_arguments(entry, settings)
    own = own_parameters(entry, settings, tmp_path)
    line = arguments(entry, settings, [*settings.parameter_files(), Path(own)])
    assert yaml.safe_load(Path(own).read_text()) == {
        f'/cell_1/{entry.executable}': {'ros__parameters': settings.parameters(entry)}
    }
    assert launched['parameters'] == ['/mine.yaml']
    assert line[line.index('--params-file') :] == [
        '--params-file',
        '/mine.yaml',
        '--params-file',
        own,
    ]
    assert launched['namespace'] == '/cell_1' and '__ns:=/cell_1' in line
    assert launched['remappings'] == [('a', '/b'), ('/clock', '/cell_1/clock')]
    assert line.index('a:=/b') < line.index('/clock:=/cell_1/clock')
    assert entry.module == f'world_model_ros.nodes.{launched["executable"]}'


@pytest.mark.parametrize('entry', EVERY, ids=lambda entry: entry.executable)
def test_a_node_is_told_what_was_given_or_differs_and_nothing_else(entry):
    """A default that the launch file merely declares must not override a user's own file."""
    required = {name for name in ('contract', 'robot_id') if name in entry.settings}
    assert set(Settings(contract='c', robot_id='r').parameters(entry)) == required
    given = Settings(contract='c', robot_id='r', given=frozenset(entry.settings))
    assert set(given.parameters(entry)) == set(entry.settings)


def test_defaults_of_settings_are_those_of_the_nodes():
    optional = Settings(contract='c', robot_id='r')
    for name in set(setting_names(ALL)) - {'contract', 'robot_id', 'remappings'}:
        assert getattr(optional, name) == setting(name, ALL).default, name


def test_every_text_reaches_a_node_as_text():
    """ROS reads a plain 123E5 as a number, and PyYAML writes it plainly."""
    text = parameter_file_text('/**', {'robot_id': '123E5', 'seed': 3, 'names': ['', 'on']})
    assert "'robot_id': '123E5'" in text and "'seed': 3" in text and "'on'" in text
    assert yaml.safe_load(text)['/**']['ros__parameters']['names'] == ['', 'on']


@pytest.mark.parametrize('entry', EVERY, ids=lambda entry: entry.executable)
def test_every_setting_is_a_parameter_that_its_node_declares(entry):
    assert set(entry.settings) - {'use_sim_time'} <= set(NODES[entry.executable])


def test_nothing_is_started_again_unless_asked():
    assert not node_arguments(GUARD, SETTINGS)['respawn']
    texts = {**texts_of(ROBOT), 'respawn': 'true', 'respawn_delay': '0.2'}
    asked = node_arguments(GUARD, settings_from(ROBOT, texts))
    assert asked['respawn'] and asked['respawn_delay'] == 0.2


def test_the_robot_does_not_go_on_without_guard_agent_or_simulator():
    assert {entry.executable for entry in ALL if entry.vital} == {'guard', 'agent', 'sim_robot'}


def texts_of(entries):
    given = {'contract': 'reacher', 'robot_id': 'r'}
    if IMAGINED_ROBOT in entries:
        given['start'] = 'episode@3'
    return given | {
        row['name']: row['default_value'] for row in declared(entries) if row['name'] not in given
    }


def test_a_robot_has_to_be_named():
    required = {row['name'] for row in declared(ALL) if 'default_value' not in row}
    assert required == {'contract', 'robot_id'}
    with pytest.raises(ValueError, match='launch argument robot_id is empty'):
        settings_from(ALL, {**texts_of(ALL), 'robot_id': ''})


def test_robot_does_not_move_at_launch_unless_asked():
    autostart = next(row for row in declared(ROBOT) if row['name'] == 'autostart')
    assert autostart['default_value'] == 'false'
    assert not Settings(contract='reacher', robot_id='r').autostart


SIMULATED = {'seed', 'reality', 'reality_after', 'demonstrate'}
IMAGINED = {'world', 'start', 'known', 'allowed_listeners'}


@pytest.mark.parametrize(
    ('entries', 'others'),
    [(ROBOT, {*SIMULATED, *IMAGINED, 'speed'}), (SIM, IMAGINED), (IMAGINE, SIMULATED)],
    ids=['robot', 'sim', 'imagine'],
)
def test_default_launch_texts_make_the_default_settings(entries, others):
    entries = (*entries, *OPTIONAL)
    texts = texts_of(entries)
    start = texts.get('start', '')
    assert settings_from(entries, texts) == Settings('reacher', 'r', start=start)
    assert (
        set(texts)
        == set(setting_names(entries))
        == {f.name for f in fields(Settings)} - {'given', *others}
    )


def test_only_a_robot_with_a_store_starts_an_updater():
    started = [entry for entry in (*ROBOT, *OPTIONAL) if SETTINGS.starts(entry)]
    assert started == list(ROBOT)
    assert Settings(contract='reacher', robot_id='r', store='/s').starts(UPDATER)
    store = next(row for row in declared((*ROBOT, UPDATER)) if row['name'] == 'store')
    assert store['default_value'] == ''


def test_the_page_is_served_where_it_is_asked_for_and_its_token_goes_to_no_pipe(monkeypatch):
    texts = texts_of(ALL)
    assert texts['dashboard'] == 'false' and not settings_from(ALL, texts).starts(DASHBOARD)
    asked = settings_from(ALL, {**texts, 'dashboard': 'true', 'port': '0'})
    assert asked.starts(DASHBOARD)
    assert asked.parameters(DASHBOARD) == {'contract': 'reacher', 'port': 0}
    # On a terminal the node writes the address with the token to it, and launch would log that.
    assert not node_arguments(DASHBOARD, asked)['emulate_tty']
    assert node_arguments(GUARD, asked)['emulate_tty']
    monkeypatch.setattr('importlib.util.find_spec', lambda name: None)
    with pytest.raises(ValueError, match=r'launch argument dashboard: .*uvicorn'):
        judged(asked)
    judged(replace(asked, dashboard=False))


def test_the_supervisor_starts_what_has_what_it_needs(tmp_path, monkeypatch):
    begun = []
    monkeypatch.setattr(Supervisor, 'start_module', lambda *given: begun.append(given[1]))
    Supervisor(tmp_path).start((*ROBOT, *OPTIONAL), replace(SETTINGS, dashboard=True))
    assert begun == ['guard', 'recorder', 'agent', 'dashboard']


@pytest.mark.parametrize(
    ('name', 'text', 'words'),
    [
        ('speed', 'fast', "speed: expected a number, got the text 'fast'"),
        ('speed', '-1', 'speed: expected a number from 0.001 to 1000'),
        ('seed', '0.5', "seed: expected a whole number, got the text '0.5'"),
        ('plan', 'perhaps', "plan: expected true or false, got the text 'perhaps'"),
        ('robot_id', 'a/b', "robot_id 'a/b' cannot be part of a key"),
        ('tick_source', 'timr', "tick_source: expected one of .* did you mean 'timer'"),
        ('respawn_delay', '-1', 'respawn_delay: expected a number of at least 0'),
        ('remappings', 'a=b', "remappings: expected FROM:=TO .* got 'a=b'"),
        ('remappings', 'a:=b __ns:=/x', "remappings: expected FROM:=TO .* got '__ns:=/x'"),
    ],
)
def test_launch_text_that_does_not_fit_is_refused_by_name(name, text, words):
    with pytest.raises(ValueError, match=f'launch argument {words}'):
        settings_from(ALL, {**texts_of(ALL), name: text})


def test_lists_and_remappings_are_plain_texts():
    texts = {'allowed_publishers': 'mux, pendant', 'remappings': 'a:=/b guard:command:=~/c'}
    settings = settings_from(ALL, texts_of(ALL) | texts)
    assert settings.allowed_publishers == ('mux', 'pendant')
    assert settings.parameters(GUARD)['allowed_publishers'] == ['mux', 'pendant']
    assert settings.remappings == (('a', '/b'), ('guard:command', '~/c'))


def test_what_is_named_is_found_before_anything_starts(tmp_path):
    named = Settings(contract='reacher', robot_id='r', bundle='reacher', namespace='arm')
    settings = judged(named, '/cell')
    assert Path(settings.contract) == ROOT / 'config' / 'robots' / 'reacher.yaml'
    assert Path(settings.bundle) == ROOT / 'config' / 'bundles' / 'reacher'
    assert settings.namespace == 'cell/arm'
    assert judged(replace(named, namespace='/arm'), '/cell').namespace == 'arm'
    assert judged(replace(named, namespace='')).namespace == ''


@pytest.mark.parametrize(
    ('wrong', 'kind', 'words'),
    [
        ({'contract': 'reachr'}, ContractError, "did you mean 'reacher'"),
        ({'bundle': 'reachr'}, BundleError, r"shipped bundle \(.*\); did you mean 'reacher'"),
        ({'params_file': '/none.yaml'}, ValueError, 'launch argument params_file: .*/none.yaml'),
    ],
)
def test_what_cannot_be_found_ends_the_launch_at_once(wrong, kind, words):
    with pytest.raises(kind, match=words):
        judged(replace(Settings(contract='reacher', robot_id='r'), **wrong))


def test_a_faulty_contract_ends_the_launch_with_all_of_its_faults(tmp_path):
    faulty = tmp_path / 'faulty.yaml'
    faulty.write_text((ROOT / 'config/robots/reacher.yaml').read_text().replace('period', 'perod'))
    with pytest.raises(ContractError, match=r'control\.perod'):
        judged(Settings(contract=str(faulty), robot_id='r'))


def test_where_ros_is_installed_the_real_launch_makes_the_nodes_and_their_ends():
    actions = pytest.importorskip('launch_ros.actions')
    launch = pytest.importorskip('launch')
    context = launch.LaunchContext()
    context.launch_configurations.update(texts_of(ROBOT), plan='true')
    first, *declarations, last = launch_actions((*ROBOT, *OPTIONAL))
    for action in (first, *declarations):
        action.execute(context)
    made = last.execute(context)
    assert sum(isinstance(action, actions.LifecycleNode) for action in made) == 2
    assert sum(isinstance(action, actions.Node) for action in made) == 3
    assert sum(isinstance(a, launch.actions.RegisterEventHandler) for a in made) == 2
    assert len(declarations) == len(declared((*ROBOT, *OPTIONAL)))


@pytest.mark.parametrize('name', ['robot', 'sim', 'imagine'])
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
