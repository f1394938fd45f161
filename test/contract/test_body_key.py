# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A contract may name its simulated body; files without the key keep their hashes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from world_model_ros.contract import (
    ContractError,
    contract_hash,
    interface_hash,
    load_contract,
    parse_contract,
)

REACHER = load_contract('reacher')


@pytest.mark.parametrize(
    'body', ['reacher', 'gymnasium:Pendulum-v1', 'gymnasium:my.pkg:ns/Arm-v0']
)
def test_a_body_is_read_and_only_then_enters_the_contract_hash(body):
    named = parse_contract(f'{REACHER.text}\nbody: {body}\n')
    assert named.body == body and REACHER.body == ''
    assert contract_hash(named) != contract_hash(REACHER)
    assert interface_hash(named) == interface_hash(REACHER)


@pytest.mark.parametrize('body', ['7', 'a b', '"x:"', '":x"', '"x:a b"', '[reacher]', '1e3'])
def test_what_is_no_name_is_refused_with_the_form(body):
    with pytest.raises(ContractError, match='body is'):
        parse_contract(f'{REACHER.text}\nbody: {body}\n')


@given(st.text(max_size=30))
def test_any_text_is_a_body_or_a_contract_error(text):
    quoted = "'" + text.replace("'", "''") + "'"
    try:
        contract = parse_contract(f'{REACHER.text}\nbody: {quoted}\n')
    except ContractError as error:
        assert '\n' not in str(error).partition('\n  - ')[2]
        return
    assert not contract.body or contract.body[0].isalpha()
