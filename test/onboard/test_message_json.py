# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""JSON in a message: one that can be written to a file, or a refusal in words."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from world_model_ros.contract.names import NameRefused, check_name, check_robot_id
from world_model_ros.wire.cdr import MessageError
from world_model_ros.wire.message_json import MAX_JSON_BYTES, message_json

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('{"uuid": "a\\u0000b"}', 'NUL'),
        ('{"uuid": "\\ud800"}', 'surrogate'),
        ('{"uuid": "a", "x": ' + '[' * 100_000 + ']' * 100_000 + '}', 'nested too deep'),
        ('{"x": "' + '[' * 100 + '"', 'cannot be read'),
        ('{"uuid": "' + 'a' * MAX_JSON_BYTES + '"}', 'at most'),
        ('{"x": ' + '[' * 20 + ']' * 20 + '}', '16 levels'),
        ('{"x": NaN}', 'NaN'),
        ('{"x": 1e999}', 'too large'),
        ('{"x": ' + '9' * 5000 + '}', 'cannot be read'),
        ('{"x": 99999999999999999999}', '64 bits'),
        ('{"x": 1, "x": 2}', 'twice'),
        ('[1]', 'JSON object'),
        ('\ud800', 'cannot be read'),
        ('', 'cannot be read'),
    ],
)
def test_what_could_end_a_reader_is_refused_in_words(text, words):
    with pytest.raises(MessageError, match=words):
        message_json(text)


def test_brackets_inside_of_texts_are_no_depth():
    assert message_json('{"x": "[[[[[[[[[[[[[[[[[[[[[[[[{{{{", "y": "\\"[["}')['y'] == '"[['


@given(st.text() | JSON.map(json.dumps))
def test_whatever_is_read_can_be_written_again(text):
    try:
        content = message_json(text)
    except MessageError:
        return
    json.dumps(content, allow_nan=False, ensure_ascii=False).encode()


@given(st.text() | st.none() | st.integers())
def test_a_name_is_one_part_of_a_path_or_refused(name):
    try:
        check_name(name, 'robot_id')
    except NameRefused as error:
        str(error).encode()
        return
    assert '/' not in name and '\0' not in name and name.encode()


@pytest.mark.parametrize('name', ['lab/arm1', '', '..', 'a\0b', '\ud800', 'x' * 201, 5, None])
def test_a_robot_is_not_called_so(name):
    with pytest.raises(NameRefused, match='robot_id'):
        check_robot_id(name)
