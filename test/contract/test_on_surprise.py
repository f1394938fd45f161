# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""control.on_surprise: in no hash while absent, and refused where it means nothing."""

import copy

import pytest
import yaml

from world_model_ros.contract import (
    ContractError,
    contract_hash,
    interface_hash,
    load_contract,
    parse_contract,
)


def robot(name, **control):
    data = copy.deepcopy(yaml.safe_load(load_contract(name).text))
    data['control'].update(control)
    return parse_contract(yaml.safe_dump(data))


def test_a_file_without_the_key_counts_and_goes_on_and_keeps_its_hashes():
    plain = robot('reacher')
    assert plain.on_surprise == 'none'
    assert contract_hash(plain) == contract_hash(robot('reacher', on_surprise='none'))
    held = robot('reacher', on_surprise='hold')
    assert contract_hash(held) != contract_hash(plain)
    assert interface_hash(held) == interface_hash(plain)


@pytest.mark.parametrize('value', ['stop', True, 3, ''])
def test_another_word_is_refused_with_those_that_are_known(value):
    with pytest.raises(ContractError, match='none, slow, hold, hand_over'):
        robot('reacher', on_surprise=value)


def test_half_an_effort_is_no_half_speed():
    with pytest.raises(ContractError, match='write hold'):
        robot('reacher', on_surprise='slow')
    assert robot('unfriendly_arm', on_surprise='slow').on_surprise == 'slow'
