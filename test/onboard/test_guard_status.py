# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The guard's ~/status: what it writes is what the agent reads, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from world_model_ros.onboard.guard.guard_status import (
    GuardState,
    GuardStatus,
    RefusalKind,
    read_status,
    status_json,
)

FIXTURE = Path(__file__).parents[1] / 'fixtures' / 'guard_status_format1.json'
WORDS = st.text(st.characters(max_codepoint=127), max_size=20)


@given(
    st.builds(
        GuardStatus,
        st.sampled_from(GuardState),
        WORDS,
        WORDS,
        st.booleans(),
        WORDS,
        WORDS,
        WORDS,
        WORDS,
        WORDS,
        st.sampled_from(RefusalKind),
    )
)
def test_what_is_written_is_what_is_read(status):
    assert read_status(status_json(status, 'abc')) == (status, 'abc')


def test_a_guard_of_before_the_kind_of_a_refusal_was_published_is_understood():
    status, instance = read_status(FIXTURE.read_text())
    assert (status.state, instance) == (GuardState.INACTIVE, '5f0e')
    assert status.refusal == 'stopped (service call): call guard/release_stop first'
    assert status.refusal_kind is RefusalKind.NONE and not status.refusal_kind.passing


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'format': 2}, 'expected format 1'),
        ({'state': 'moving'}, "state is 'moving'"),
        ({'enabled': 1}, 'enabled is 1'),
        ({'source': None}, 'source is None'),
        ({'refusal_kind': 'bad mood'}, "refusal_kind is 'bad mood'"),
    ],
)
def test_anything_else_is_refused_by_name(change, words):
    content = {**json.loads(FIXTURE.read_text()), **change}
    with pytest.raises(ValueError, match=words):
        read_status(json.dumps(content))


@given(st.text() | st.recursive(st.none() | st.integers(), st.lists).map(json.dumps))
def test_any_text_is_read_or_refused_in_one_line(text):
    with pytest.raises(ValueError):
        read_status(text)


def test_only_what_a_moment_mends_is_tried_again():
    lasting = {kind for kind in RefusalKind if not kind.passing}
    refused = {
        RefusalKind.STOPPED,
        RefusalKind.RIVAL,
        RefusalKind.CONTROLLERS,
        RefusalKind.NO_KEEP_OUT,
    }
    assert lasting == {RefusalKind.NONE, *refused}
