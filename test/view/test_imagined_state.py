# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the page shows of an imagined robot, from a topic that anybody may publish on."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from world_model_ros.view.imagined_state import imagined_state
from world_model_ros.wire.cdr import MessageError

ORIGIN = {'bundle': 'b', 'robot_id': 'r', 'episode': 'e', 'tick': 7}
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@pytest.mark.parametrize(
    ('fade', 'shown'), [(0.25, 0.25), (0, 0.0), (7, 1.0), (-1, 0.0), (None, None), (True, None)]
)
def test_the_page_gets_words_and_a_border(fade, shown):
    state = imagined_state(json.dumps({'imagined': ORIGIN, 'fade': fade}))
    assert state == {
        'words': 'imagined by the bundle b from tick 7 of episode e of r',
        'fade': shown,
    }


@given(st.text() | st.dictionaries(st.sampled_from(['imagined', 'fade']), JSON).map(json.dumps))
def test_whatever_comes_is_a_state_or_a_message_error(text):
    try:
        state = imagined_state(text)
    except MessageError:
        return
    assert isinstance(state['words'], str) and len(state['words']) <= 200
    assert state['fade'] is None or 0.0 <= state['fade'] <= 1.0
