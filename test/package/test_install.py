# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a build installs: executables, launch files and config are found after sourcing it."""

import ast
import configparser
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SHARED = [
    path.relative_to(ROOT)
    for top in ('launch', 'config')
    for path in sorted((ROOT / top).rglob('*'))
    if path.is_file() and '__pycache__' not in path.parts
]
EXECUTABLES = (
    'world-model',
    'agent',
    'dashboard',
    'guard',
    'recorder',
    'sim_robot',
    'unfriendly_arm',
    'updater',
)


def copy_package(target):
    """Copy what a build reads, so that build folders of the source tree stay out of it."""
    target.mkdir(parents=True)
    for name in ('package.xml', 'setup.py', 'setup.cfg', 'pyproject.toml'):
        shutil.copy(ROOT / name, target)
    for name in ('resource', 'launch', 'config', 'world_model_ros'):
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, target / name, ignore=shutil.ignore_patterns('__pycache__')
            )


@pytest.fixture(scope='module')
def installed(tmp_path_factory):
    """A colcon workspace with the package built in it."""
    pytest.importorskip('colcon_core', reason='colcon is in the extra "test"')
    workspace = tmp_path_factory.mktemp('workspace')
    copy_package(workspace / 'src' / 'world_model_ros')
    built = subprocess.run(
        [sys.executable, '-m', 'colcon', '--log-base', 'log', 'build'],
        cwd=workspace,
        env={**os.environ, 'COLCON_HOME': str(workspace / 'home')},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    return workspace / 'install'


def in_sourced_shell(installed, command):
    path = f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'
    return subprocess.run(
        ['bash', '-c', f'source {installed}/setup.bash && {command}'],
        cwd=installed,
        env={**os.environ, 'PATH': path},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def test_executables_lie_where_ros2_run_looks(installed):
    folder = installed / 'world_model_ros' / 'lib' / 'world_model_ros'
    assert [name for name in EXECUTABLES if not os.access(folder / name, os.X_OK)] == []


def test_the_sourced_package_is_the_installed_one(installed):
    where = in_sourced_shell(
        installed, 'python -c "import world_model_ros as w; print(w.__file__)"'
    )
    assert Path(where).is_relative_to(installed)


def test_every_shared_file_is_found_through_the_package_share(installed):
    share = in_sourced_shell(
        installed,
        'python -c "from ament_index_python import get_package_share_directory as g;'
        " print(g('world_model_ros'))\"",
    )
    assert SHARED
    assert [str(path) for path in SHARED if not (Path(share) / path).is_file()] == []


def test_a_robot_is_found_by_name_after_sourcing(installed):
    name = in_sourced_shell(
        installed,
        'python -c "from world_model_ros.contract import find_robot, load_contract;'
        " path = find_robot('reacher'); print(load_contract(path).name, path)\"",
    )
    assert name.startswith('reacher ')
    assert str(installed) in name


def test_demo_finds_what_it_goes_on_learning_from_after_sourcing(installed):
    found = in_sourced_shell(
        installed,
        'python -c "from world_model_ros.bundle import find_bundle;'
        ' from world_model_ros.telemetry.learning_loop import learner_beside;'
        " print(learner_beside(find_bundle('cartpole').resolve()))\"",
    )
    assert Path(found).is_relative_to(installed)


def test_the_installed_command_names_its_verbs(installed):
    shown = in_sourced_shell(
        installed, f'{installed}/world_model_ros/lib/world_model_ros/world-model --help'
    )
    assert all(verb in shown for verb in ('demo', 'train', 'eval', 'bundle', 'episodes'))


def test_scripts_go_to_the_folder_of_ros2_run():
    config = configparser.ConfigParser()
    config.read(ROOT / 'setup.cfg')
    assert config['develop']['script_dir'] == '$base/lib/world_model_ros'
    assert config['install']['install_scripts'] == '$base/lib/world_model_ros'


def test_package_xml_and_setup_agree():
    package = ElementTree.parse(ROOT / 'package.xml').getroot()
    calls = ast.walk(ast.parse((ROOT / 'setup.py').read_text()))
    setup = next(
        node
        for node in calls
        if isinstance(node, ast.Call) and getattr(node.func, 'id', '') == 'setup'
    )
    words = {
        word.arg: word.value.value
        for word in setup.keywords
        if isinstance(word.value, ast.Constant)
    }
    assert package.get('format') == '3'
    assert package.findtext('version') == words['version']
    assert package.findtext('license') == words['license'] == 'Apache-2.0'
    assert package.findtext('export/build_type') == 'ament_python'
    assert (ROOT / 'resource' / package.findtext('name')).is_file()


def test_every_executable_named_in_setup_exists():
    text = (ROOT / 'setup.py').read_text()
    for name in EXECUTABLES[1:]:
        assert f"'{name} = world_model_ros.nodes.{name}:main'" in text
        assert (ROOT / 'world_model_ros' / 'nodes' / f'{name}.py').is_file()


@pytest.mark.parametrize('lock', ['lock-wheels.txt', 'lock-jazzy.txt'])
def test_lock_files_pin_every_line(lock):
    lines = (ROOT / 'requirements' / lock).read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith('#')]
    assert all(line.count('==') == 1 and '+' not in line for line in pins)
    assert ('ros-jazzy-rclpy' in ' '.join(pins)) == (lock == 'lock-wheels.txt')
    assert len({line.split('==')[0].lower() for line in pins}) == len(pins)
