# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every registered family keeps to the protocols, with and without pictures."""

from __future__ import annotations

import conformance
import pytest
import toy_package

from world_model_ros.contract import load_contract, parse_contract
from world_model_ros.families.family_registry import FAMILIES, find_family

CONTRACTS = {
    'numbers': lambda: parse_contract(toy_package.CONTRACT),
    'pictures': lambda: load_contract('reacher'),
}


@pytest.mark.parametrize('kind', CONTRACTS)
@pytest.mark.parametrize('check', conformance.CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize('name', FAMILIES.names())
def test_a_family(name, check, kind):
    family, contract = find_family(name), CONTRACTS[kind]()
    try:
        family.build(contract)
    except ValueError as error:
        pytest.skip(str(error))
    check(family, contract)
