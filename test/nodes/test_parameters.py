# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Parameters: what is refused and in which words, and what the one table promises."""

import ast
import math
import os
import string
import subprocess
import sys
from pathlib import Path

import pytest
import rclpy
import yaml
from hypothesis import given
from hypothesis import strategies as st
from rclpy.node import Node

from world_model_ros.deploy.node_parameters import NODES, Parameter, defaults, fitting
from world_model_ros.nodes import _common
from world_model_ros.nodes._only import AlreadyRunning, only_one
from world_model_ros.parent import PARENT_ENV

ROOT = Path(__file__).resolve().parents[2]
TABLE = [(node, name) for node, table in NODES.items() for name in table]
# What YAML makes of what people write: any parameter may get any of these.
VALUES = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(string.printable, max_size=20),
    st.lists(st.text('mux', max_size=3), max_size=3),
    st.lists(st.integers(-9, 9), max_size=3),
    st.binary(max_size=3),
)


@pytest.mark.parametrize(
    ('name', 'value', 'words'),
    [
        (
            'robot_id',
            7,
            'expected text, got the whole number 7; quote it: .*-p "robot_id:=\'TEXT\'"',
        ),
        ('robot_id', 123e5, 'expected text, got the number 12300000.0; quote it'),
        ('robot_id', True, 'expected text, got the flag true; quote it'),
        ('robot_id', ' ', 'parameter robot_id is empty; give it .*Which robot of its type'),
        ('robot_id', 'lab/arm1', "parameter robot_id 'lab/arm1' cannot be part of a key"),
        ('contract', '', 'parameter contract is empty; give it .*shipped name or a path'),
        ('budget', 'much', "expected a number, got the text 'much'; write it without quotes"),
        ('budget', -0.1, 'expected a number of at least 0, got -0.1 .*Seconds per tick'),
        ('budget', math.nan, 'expected a number of at least 0, got nan'),
        ('threads', 0, 'expected a whole number of at least 1, got 0'),
        ('threads', 1.5, 'expected a whole number, got the number 1.5'),
        ('plan', 1, 'expected true or false, got the whole number 1'),
        ('explore_std', 1.5, 'expected a number from 0 to 1, got 1.5'),
        ('tick_source', 'timr', "expected one of '', timer, .*, got 'timr'; did you mean 'timer'"),
        ('picture_rate', -1.0, 'expected a number of at least 0, got -1.0'),
        ('allowed_publishers', 'mux', "expected a list of texts, got the text 'mux'; in a param"),
        ('allowed_publishers', [1], 'expected a list of texts, got list'),
        ('speed', 0, 'expected a number from 0.001 to 1000, got 0.0'),
        ('poll_period', 0.0, 'from 0.01 to 86400'),
        ('compression', 'zip', 'expected one of none, lz4, zstd'),
    ],
)
def test_a_value_that_does_not_fit_is_refused_in_one_line(name, value, words):
    parameter = next(table[name] for table in NODES.values() if name in table)
    with pytest.raises(ValueError, match=words) as refused:
        fitting(name, parameter, value)
    assert str(refused.value).startswith(f'parameter {name}') and '\n' not in str(refused.value)


def test_whole_numbers_serve_where_numbers_are_expected():
    assert repr(fitting('budget', NODES['agent']['budget'], 0)) == '0.0'
    names = NODES['guard']['allowed_publishers']
    assert fitting('allowed_publishers', names, ['']) == ()
    assert fitting('allowed_publishers', names, ['mux', '']) == ('mux',)


@given(st.sampled_from(TABLE), VALUES)
def test_any_value_comes_out_in_its_type_and_range_or_is_refused_by_name(which, value):
    node, name = which
    parameter = NODES[node][name]
    try:
        taken = fitting(name, parameter, value)
    except ValueError as refused:
        assert str(refused).startswith(f'parameter {name}')
        return
    assert type(taken) is type(parameter.default)
    assert parameter.low is None or parameter.low <= taken
    assert parameter.high is None or taken <= parameter.high


@pytest.mark.parametrize(('node', 'name'), TABLE)
def test_every_default_fits_its_own_rule(node, name):
    parameter = NODES[node][name]
    if not parameter.required:
        assert fitting(name, parameter, parameter.default) == parameter.default


def test_every_node_declares_the_whole_table_and_nothing_beside_it():
    for node in NODES:
        tree = ast.parse((ROOT / 'world_model_ros' / 'nodes' / f'{node}.py').read_text())
        calls = [
            ast.unparse(call)
            for call in ast.walk(tree)
            if isinstance(call, ast.Call) and 'parameter' in ast.unparse(call.func)
        ]
        assert f'_common.parameters(self, {node.upper()})' in calls
        assert not [call for call in calls if call.startswith(('declare(', 'self.declare_'))]


def test_the_parameter_file_shows_every_default_as_the_nodes_declare_it():
    shown = yaml.safe_load((ROOT / 'config' / 'nodes.yaml').read_text())
    assert list(shown) == ['/**']  # in any namespace
    expected = {
        name: list(value) or [''] if isinstance(value, tuple) else value
        for node in NODES
        for name, value in defaults(node).items()
    }
    assert shown['/**']['ros__parameters'] == expected


def test_a_name_means_the_same_in_every_node():
    by_name: dict[str, list[Parameter]] = {}
    for table in NODES.values():
        for name, parameter in table.items():
            by_name.setdefault(name, []).append(parameter)
    for same in by_name.values():
        assert len({(p.default, p.meaning) for p in same}) == 1


def test_the_page_on_nodes_names_every_parameter():
    page = (ROOT / 'docs' / 'reference' / 'nodes.md').read_text()
    assert not [name for _, name in TABLE if f'`{name}`' not in page]


class Given:
    """Nodes of this process, with words as on a command line."""

    def __init__(self, domain: int) -> None:
        self.context, self.domain = rclpy.Context(), domain

    def node(self, *words: str) -> Node:
        arguments = [part for word in words for part in ('-p', word)]
        rclpy.init(context=self.context, domain_id=self.domain, args=['--ros-args', *arguments])
        return Node('guard', context=self.context)


@pytest.fixture
def given_words(domain):
    started = Given(domain)
    yield started.node
    rclpy.try_shutdown(context=started.context)


@pytest.mark.parametrize('word', ['robot_id:=7', 'robot_id:=007', 'robot_id:=123E5'])
def test_a_number_on_the_command_line_is_no_name(given_words, word):
    node = given_words('contract:=reacher', word)
    with pytest.raises(ValueError, match='parameter robot_id: expected text, got the'):
        _common.parameters(node, NODES['guard'])


def test_what_was_written_on_the_command_line_is_what_the_node_has(given_words):
    node = given_words(
        'contract:=reacher', "robot_id:='007'", 'lockstep_patience:=2', 'allowed_publishers:=[mux]'
    )
    value = _common.parameters(node, NODES['guard'])
    assert value['robot_id'] == '007' and value['allowed_publishers'] == ('mux',)
    assert repr(value['lockstep_patience']) == '2.0'
    assert node.get_parameter('lockstep_patience').value == 2.0
    described = node.describe_parameter('lockstep_patience')
    assert described.read_only and described.floating_point_range[0].from_value == 0.1
    assert 'lockstep' in node.describe_parameter('tick_source').additional_constraints


def test_a_second_node_of_a_name_is_refused_and_a_successor_is_not(given_words):
    node = given_words()
    lock = only_one(node)
    with pytest.raises(
        AlreadyRunning, match=rf'a node /guard already .* \(process {os.getpid()}\)'
    ):
        only_one(node)
    lock.close()
    only_one(node).close()


def started_guard(*words):
    """A guard's process, once it has ended."""
    return subprocess.run(
        [sys.executable, '-m', 'world_model_ros.nodes.guard', '--ros-args', *words],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env={**os.environ, PARENT_ENV: str(os.getpid())},
    )


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        (['-p', 'contract:=reacher', '-p', 'robot_id:=7'], 'parameter robot_id: expected text'),
        (['-p', 'use_sim_time:=1'], 'use_sim_time'),
        (['--params-file', '/nowhere.yaml'], '/nowhere.yaml'),
    ],
)
def test_a_node_that_is_started_wrongly_ends_with_one_line(words, said):
    ended = started_guard(*words)
    *before, line = (ended.stdout + ended.stderr).strip().splitlines()
    assert said in line and 'FATAL' in line
    assert all('[rcl]' in earlier for earlier in before)  # its word on arguments comes first


def test_a_second_guard_ends_before_it_has_a_topic(given_words):
    """Before the first check of its contract, which would be an error of its own here."""
    with only_one(given_words()):
        ended = started_guard('-p', 'contract:=nobody', '-p', 'robot_id:=r')
    assert ended.returncode == 1
    assert 'a node /guard already runs on this machine' in ended.stdout + ended.stderr
