# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Families by name: what is not there or broken is named in one line."""

from __future__ import annotations

import pytest
from outside_package import write_package

from world_model_ros.families.family_registry import FAMILIES, FamilyError, find_family


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a package with one family, `theirs`."""

    def write(package, source):
        module = package.replace('-', '_')
        points = {'world_model_ros.families': {'theirs': f'{module}:FAMILY'}}
        monkeypatch.syspath_prepend(str(write_package(tmp_path, package, points, source)))
        FAMILIES.forget()

    yield write
    monkeypatch.undo()
    FAMILIES.forget()


def refusal(name) -> str:
    with pytest.raises(FamilyError) as caught:
        find_family(name)
    assert '\n' not in str(caught.value)
    return str(caught.value)


def test_a_name_that_no_family_has_lists_the_known_ones():
    assert "'dremer'" in refusal('dremer') and 'there are: dreamer' in refusal('dremer')


def test_a_family_that_cannot_be_imported_is_named_with_its_package(install):
    install('broken-family', 'import no_such_module\n')
    said = refusal('theirs')
    assert 'broken-family 1.2' in said and 'no_such_module' in said
    assert find_family('dreamer').name == 'dreamer' and FAMILIES.failures() == [said]


def test_what_is_no_family_says_what_it_lacks(install):
    install('half-family', "class Half:\n    name = 'theirs'\n    build = None\nFAMILY = Half()\n")
    assert 'lacks algorithm, config_to_json, config_from_json' in refusal('theirs')
