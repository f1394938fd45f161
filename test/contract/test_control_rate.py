# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""The control period: as a rate, or rounded; and no file that was valid changes its hash."""

import copy
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
from world_model_ros.contract.rules import whole

FIXTURES = Path(__file__).parents[1] / 'fixtures'
REACHER = yaml.safe_load(load_contract('reacher').text)


def robot(camera_rate=30.0, command_rate=60.0, source='stream', **control):
    """The reacher's file with another camera and these keys of `control`; None removes one."""
    data = copy.deepcopy(REACHER)
    data['streams']['camera'].update(rate=camera_rate, max_age=2.5 / camera_rate)
    data['control'].pop('command_offset')
    data['control'].update(command_rate=command_rate, **control)
    data['control'] = {key: value for key, value in data['control'].items() if value is not None}
    if source != 'stream':
        data['control']['tick'] = {'source': source}
    return yaml.safe_dump(data)


@pytest.mark.parametrize('period', [0.0333, 0.033333, 0.0334, 0.03333333333])
@pytest.mark.parametrize('source', ['stream', 'timer'])
def test_rounded_period_of_a_30_hz_camera_is_one_thirtieth(period, source):
    contract = parse_contract(robot(period=period, source=source))
    assert contract.period_s == pytest.approx(1 / 30, rel=1e-8)
    assert (contract.period_ns, contract.offset_ticks, contract.commands_per_tick) == (
        33333333,
        1,
        2,
    )


def test_rate_is_the_other_spelling_of_the_period():
    contract = parse_contract(robot(period=None, rate=30.0))
    assert contract.period_s == 1 / 30
    rounded = parse_contract(robot(period=0.0333))
    assert interface_hash(contract) == interface_hash(rounded)
    assert contract_hash(contract) == contract_hash(rounded)


def test_offset_is_rounded_like_its_period():
    contract = parse_contract(robot(period=0.0333, command_offset=0.0667))
    assert contract.offset_ticks == 2
    assert contract.command_offset_s == pytest.approx(2 / 30, rel=1e-12)


@pytest.mark.parametrize('period', [0.0328, 0.034, 0.05])
def test_a_period_that_is_no_rounding_is_refused_with_all_digits(period):
    with pytest.raises(ContractError) as caught:
        parse_contract(robot(period=period))
    text = str(caught.value)
    assert 'control.tick.stream' in text and 'control.rate: 30' in text
    assert str(period) in text


def test_neither_period_nor_rate_is_missing_the_period():
    with pytest.raises(ContractError, match=r'control\.period is missing'):
        parse_contract(robot(period=None))


@settings(max_examples=200, deadline=None)
@given(
    rate=st.sampled_from([10.0, 15.0, 24.0, 25.0, 29.97, 30.0, 50.0, 60.0]) | st.floats(1, 200),
    every=st.integers(1, 3),
    digits=st.integers(2, 17),
    commands=st.integers(1, 4),
)
def test_only_what_was_refused_before_is_taken_as_another_period(rate, every, digits, commands):
    period = float(f'{every / rate:.{digits}g}')
    command_rate = commands * rate / every
    text = robot(camera_rate=rate, command_rate=command_rate, period=period, command_timeout=60)
    valid_before = whole(rate * period) and whole(command_rate * period)
    try:
        contract = parse_contract(text)
    except ContractError:
        assert not valid_before
        return
    if valid_before:
        assert contract.period_s == period
    else:
        assert abs(contract.period_s - period) <= 0.005 * period
    assert whole(rate * contract.period_s) and whole(command_rate * contract.period_s)


def test_stored_and_shipped_files_keep_their_hashes():
    hashes = json.loads((FIXTURES / 'contract_hashes.json').read_text())
    for name, stored in hashes.items():
        where = FIXTURES / 'contract_format1.yaml' if name == 'stored' else name
        contract = load_contract(where)
        assert contract.period_s == yaml.safe_load(contract.text)['control']['period']
        assert interface_hash(contract) == stored['interface']
