# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The DDS domains of tests: nobody gets one that is in use, everybody gets one in the end."""

from __future__ import annotations

import contextlib

import pytest
import ros_domain


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Locks of this test alone: others run now."""
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    monkeypatch.setattr(ros_domain, 'DOMAINS', range(1, 4))


def test_no_domain_is_given_twice_and_all_of_them_are(here):
    with contextlib.ExitStack() as held:
        domains = {held.enter_context(ros_domain.claimed()) for _ in range(3)}
        assert domains == {1, 2, 3}
        with pytest.raises(RuntimeError, match='all 3 DDS domains are in use'), \
                ros_domain.claimed():  # fmt: skip
            pass
    with ros_domain.claimed() as domain:
        assert domain in domains


def test_a_domain_is_not_used_again_before_the_others(here):
    found = []
    for _ in range(3):
        with ros_domain.claimed() as domain:
            found.append(domain)
    assert len(set(found)) == 3
