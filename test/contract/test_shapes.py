# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""What the networks can learn from is said in one place, and `fit` is part of the interface."""

import pytest

from world_model_ros.contract import (
    ContractError,
    contract_hash,
    contract_warnings,
    interface_diff,
    interface_hash,
    load_contract,
    parse_contract,
    unlearnable,
)

TEXT = load_contract('reacher').text
SHAPE = 'shape: [64, 64, 3]'


def with_shape(shape):
    return parse_contract(TEXT.replace(SHAPE, f'shape: {shape}'))


@pytest.mark.parametrize('fit', ['crop', 'pad'])
def test_fit_is_part_of_the_interface_only_where_it_is_written(fit):
    plain = load_contract('reacher')
    named = parse_contract(TEXT.replace(SHAPE, f'{SHAPE}\n    fit: none'))
    fitted = parse_contract(TEXT.replace(SHAPE, f'{SHAPE}\n    fit: {fit}'))
    assert interface_hash(named) == interface_hash(plain)
    assert contract_hash(named) == contract_hash(plain)
    assert interface_diff(plain, fitted) == [f'streams.camera.fit: absent -> "{fit}"']
    assert fitted.stream('camera').fit == fit and plain.stream('camera').fit == 'none'


def test_fit_is_a_word_of_cameras_only():
    with pytest.raises(ContractError, match='crop'):
        parse_contract(TEXT.replace(SHAPE, f'{SHAPE}\n    fit: cropp'))
    with pytest.raises(ContractError, match='no such key'):
        parse_contract(TEXT.replace('wrap: [shoulder]', 'fit: crop'))


@pytest.mark.parametrize('shape', ['[48, 64, 3]', '[480, 640, 3]', '[96, 96, 3]'])
def test_shape_that_no_network_learns_from_is_a_warning_with_its_remedy(shape):
    contract = with_shape(shape)
    (warning,) = contract_warnings(contract)
    assert shape in warning and 'shape: [64, 64, 3]' in warning and 'fit: crop' in warning
    assert unlearnable(contract) == [warning]


@pytest.mark.parametrize('side', [32, 64, 128])
def test_shapes_of_the_networks_are_no_warning(side):
    assert contract_warnings(with_shape([side, side, 3])) == []


@pytest.mark.parametrize('name', ['reacher', 'cartpole', 'counter'])
def test_shipped_files_have_no_warning(name):
    assert contract_warnings(load_contract(name)) == []
