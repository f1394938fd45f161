# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""./world-model prepares its environment once, redoes what was cut off, and names what is missing.

The interpreter is a stand-in that records what it is asked for, so nothing is installed here.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Pretends to be Python 3.11 and pip. Its commands land in $CALLS.
STAND_IN = """#!/bin/sh
echo "$*" >>"$CALLS"
case "$*" in
    *version_info*'% sys'*) echo 3.11 ;;
    *'ensurepip'*) exit "${NO_VENV:-0}" ;;
    *'-m venv'*)
        for last; do :; done
        mkdir -p "$last/bin"
        cp "$0" "$last/bin/python"
        ;;
    *'-m pip install'*--editable*)
        printf '#!/bin/sh\\necho "ran $*"\\n' >"$(dirname "$0")/world-model"
        chmod +x "$(dirname "$0")/world-model"
        ;;
    *'-m pip install'*) exit "${PIP_FAILS:-0}" ;;
esac
"""


@pytest.fixture
def clone(tmp_path):
    """A clone with the script, its lock files and a stand-in interpreter before all others."""
    where = tmp_path / 'clone'
    (where / 'requirements').mkdir(parents=True)
    shutil.copy(ROOT / 'world-model', where)
    for lock in ('lock-wheels.txt', 'lock-jazzy.txt'):
        (where / 'requirements' / lock).write_text('something==1\n')
    tools = tmp_path / 'tools'
    tools.mkdir()
    for name in ('python3.11', 'python3.12', 'python3'):
        (tools / name).write_text(STAND_IN)
        (tools / name).chmod(0o755)
    return where


def run(clone, *arguments, **environment):
    """Run the script; returns the finished process and the interpreter calls it made."""
    calls = clone.parent / 'calls'
    calls.write_text('')
    kept = {key: value for key, value in os.environ.items() if key in ('HOME', 'LANG')}
    tools = clone.parent / 'tools'
    finished = subprocess.run(
        [clone / 'world-model', *arguments],
        env={**kept, 'PATH': f'{tools}:/usr/bin:/bin', 'CALLS': str(calls), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return finished, calls.read_text()


def test_the_first_run_installs_and_hands_over_the_arguments(clone):
    finished, calls = run(clone, 'doctor', '--json')
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout == 'ran doctor --json\n'
    assert 'lock-wheels.txt' in calls


def test_the_second_run_installs_nothing(clone):
    run(clone, 'doctor')
    finished, calls = run(clone, 'doctor')
    assert finished.stdout == 'ran doctor\n'
    assert 'pip install' not in calls


def test_a_changed_lock_file_installs_again_into_the_same_environment(clone):
    run(clone, 'doctor')
    (clone / 'requirements' / 'lock-wheels.txt').write_text('something==2\n')
    _, calls = run(clone, 'doctor')
    assert 'pip install' in calls
    assert '-m venv' not in calls


def test_an_install_that_was_cut_off_is_done_again_from_nothing(clone):
    finished, _ = run(clone, 'doctor', PIP_FAILS='7')
    assert finished.returncode != 0
    finished, calls = run(clone, 'doctor')
    assert '-m venv --clear' in calls
    assert finished.stdout == 'ran doctor\n'


def test_a_moved_clone_gets_a_fresh_installation(clone):
    run(clone, 'doctor')
    moved = clone.rename(clone.parent / 'elsewhere')
    _, calls = run(moved, 'doctor')
    assert 'pip install' in calls


def test_sourced_ros_is_used_and_brings_no_wheels(clone):
    _, calls = run(clone, 'doctor', ROS_DISTRO='jazzy')
    assert '--system-site-packages' in calls
    assert 'lock-jazzy.txt' in calls
    assert 'lock-wheels.txt' not in calls


def test_a_missing_venv_module_is_named_with_the_line_that_installs_it(clone):
    finished, calls = run(clone, 'doctor', NO_VENV='1')
    assert finished.returncode == 1
    assert 'sudo apt install python3-venv' in finished.stderr
    assert 'pip install' not in calls


def test_no_fitting_python_is_named_with_a_remedy(clone):
    for tool in (clone.parent / 'tools').iterdir():
        tool.write_text('#!/bin/sh\nexit 1\n')
    finished, _ = run(clone, 'doctor')
    assert finished.returncode == 1
    assert 'needs Python 3.11' in finished.stderr


def test_missing_graphics_libraries_stop_rendering_verbs_only(clone):
    run(clone, 'doctor')
    broken = '#!/bin/sh\necho "install libegl1" >&2\nexit 1\n'
    (clone / '.venv' / 'bin' / 'python').write_text(broken)
    refused, _ = run(clone, 'demo')
    assert refused.returncode == 1
    assert 'libegl1' in refused.stderr
    fine, _ = run(clone, 'bundle')
    assert fine.returncode == 0
