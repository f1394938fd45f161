# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""The section `driver` and `following_error`: read, refused with the key, and no interface."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from world_model_ros.contract import (
    ContractError,
    contract_hash,
    interface_hash,
    load_contract,
    parse_contract,
)
from world_model_ros.contract.meaning import meaning
from world_model_ros.contract.schema import Driver

FIXTURES = Path(__file__).parents[1] / 'fixtures'
STORED = FIXTURES / 'contract_driver.yaml'
TEXT = STORED.read_text()


def without(*keys):
    data = yaml.safe_load(TEXT)
    for key in keys:
        section, _, name = key.rpartition('/')
        place = data
        for step in filter(None, section.split('/')):
            place = place[step]
        del place[name]
    return parse_contract(yaml.safe_dump(data, sort_keys=False))


def problems(old, new):
    assert old in TEXT
    with pytest.raises(ContractError) as caught:
        parse_contract(TEXT.replace(old, new))
    return {problem.key: str(problem) for problem in caught.value.problems}


def test_the_stored_file_means_what_it_meant():
    contract = load_contract(STORED)
    assert contract.driver == Driver(
        fault_topic='driver/fault',
        fault_type='std_msgs/msg/Bool',
        fault_when=False,
        fault_max_age_s=0.5,
        controllers=('arm_controller',),
        controller_manager='/controller_manager',
        robot_description='robot_description',
        command_delay_s=0.15,
        home_speed=0.25,
    )
    assert contract.action.following_error == (0.1, 0.15)
    hashes = json.loads((FIXTURES / 'contract_driver_hashes.json').read_text())
    # If this fails, recorded episodes and exported bundles are orphaned: raise a version instead.
    assert interface_hash(contract) == hashes['interface']
    assert contract_hash(contract) == hashes['contract']


def test_it_is_no_part_of_the_interface_and_absent_in_no_hash():
    full, bare = load_contract(STORED), without('driver', 'actions/arm/following_error')
    assert bare.driver == Driver() and bare.action.following_error == (float('inf'),) * 2
    assert interface_hash(full) == interface_hash(bare)
    assert contract_hash(full) != contract_hash(bare)


def test_contract_check_says_it_in_words():
    text = '\n'.join(' '.join(line) for line in meaning(load_contract(STORED)))
    assert 'stopped when it is 0.1 behind' in text
    assert 'driver/fault reports a fault' in text and 'arm_controller' in text


@pytest.mark.parametrize(
    ('old', 'new', 'key'),
    [
        ('max_age: 0.5', 'max_age: -1', 'driver.fault.max_age'),
        ('std_msgs/msg/Bool', 'std_msgs/msg/String', 'driver.fault.type'),
        ('when: false', 'when: no_no', 'driver.fault.when'),
        ('topic: driver/fault', 'topic: "not a topic"', 'driver.fault.topic'),
        ('[arm_controller]', '[]', 'driver.controllers'),
        ('[arm_controller]', '[a, a]', 'driver.controllers'),
        ('/controller_manager', 'a//b', 'driver.controller_manager'),
        ('home_speed: 0.25', 'home_speed: 1.5', 'driver.home_speed'),
        ('command_delay: 0.15', 'command_delay: 9', 'driver.command_delay'),
        ('command_delay: 0.15', 'command_dela: 0.15', 'driver.command_dela'),
        ('[0.1, 0.15]', '[0.1, 0.01]', 'actions.arm.following_error[1]'),
        ('[0.1, 0.15]', '[0.1]', 'actions.arm.following_error'),
        ('type: std_msgs/msg/Bool, ', 'name: hardware, ', 'driver.fault.name'),
    ],
)
def test_a_fault_is_named_by_its_key(old, new, key):
    found = problems(old, new)
    assert key in found, found


def test_diagnostics_need_the_name_of_a_status():
    new = 'type: diagnostic_msgs/msg/DiagnosticArray, '
    old = 'type: std_msgs/msg/Bool, when: false, '
    assert 'driver.fault.name' in problems(old, new)
    contract = parse_contract(TEXT.replace(old, new + "name: 'arm: hardware', "))
    assert contract.driver.fault_name == 'arm: hardware'


def test_format_1_has_no_such_section():
    with pytest.raises(ContractError, match='driver'):
        parse_contract(load_contract('reacher').text + '\ndriver: {command_delay: 0.1}\n')


@settings(max_examples=30, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ['fault', 'controllers', 'topic', 'type', 'when', 'command_delay']
                ),
                inner,
                max_size=4,
            )
        ),
        max_leaves=8,
    )
)
def test_anything_is_a_driver_or_a_contract_error(value):
    data = {**yaml.safe_load(TEXT), 'driver': value}
    try:
        contract = parse_contract(yaml.safe_dump(data))
    except ContractError as error:
        assert 'driver' in str(error)
        return
    assert 0.0 < contract.driver.command_delay_s <= 2.0
