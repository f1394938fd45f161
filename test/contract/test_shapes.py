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
from world_model_ros.contract.shapes import patch_edge

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


@pytest.mark.parametrize('shape', ['[50, 64, 3]', '[480, 640, 3]', '[24, 32, 3]'])
def test_shape_that_no_network_learns_from_is_a_warning_with_its_remedy(shape):
    contract = with_shape(shape)
    (warning,) = contract_warnings(contract)
    assert shape in warning and 'shape: [64, 64, 3]' in warning and 'fit: crop' in warning
    assert unlearnable(contract) == [warning]


@pytest.mark.parametrize('height, width', [(32, 32), (64, 64), (128, 128), (48, 64), (72, 128)])
def test_shapes_of_the_networks_are_no_warning(height, width):
    assert contract_warnings(with_shape([height, width, 3])) == []


def test_squares_have_the_patches_that_their_weights_were_trained_with():
    assert [patch_edge((side, side, 3)) for side in (32, 64, 128)] == [2, 4, 8]


def test_native_is_what_a_camera_of_the_same_aspect_needs():
    native = parse_contract(TEXT.replace(SHAPE, 'shape: [48, 64, 3]\n    fit: native'))
    plain = with_shape('[48, 64, 3]')
    assert native.stream('camera').fit == 'none'
    assert contract_hash(native) == contract_hash(plain)


@pytest.mark.parametrize('name', ['reacher', 'cartpole', 'counter'])
def test_shipped_files_have_no_warning(name):
    assert contract_warnings(load_contract(name)) == []
