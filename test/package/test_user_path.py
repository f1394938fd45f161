# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Paths as people write them: a home folder is found, nothing else is special."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from world_model_ros.bundle import BundleError, find_bundle
from world_model_ros.contract import ContractError, find_robot
from world_model_ros.store import StoreUrlError, open_store
from world_model_ros.user_path import user_path

NOBODY = '~no_such_user/here'


def test_a_home_folder_is_found(monkeypatch):
    monkeypatch.setenv('HOME', '/home/me')
    assert user_path('~/store') == Path('/home/me/store')


@given(st.text(max_size=20).map(lambda text: f'~{text}'))
def test_any_text_is_a_path_or_refused_as_a_value(text):
    with contextlib.suppress(ValueError):
        user_path(text)


@pytest.mark.parametrize(
    ('find', 'error'),
    [(find_bundle, BundleError), (find_robot, ContractError), (open_store, StoreUrlError)],
)
def test_who_reads_a_path_says_what_is_wrong_with_it(find, error):
    with pytest.raises(error, match='the name of no user here'):
        find(NOBODY)
