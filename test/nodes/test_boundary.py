# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""No message ends a node: every subscription of ours is wrapped, what raises is counted."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

pytest.importorskip('rclpy')

from world_model_ros.nodes import _common
from world_model_ros.nodes._boundary import Boundary

NODES = Path(inspect.getfile(_common)).parent


class Node:
    """What a boundary needs of a node."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def get_logger(self):
        return self

    def warning(self, text: str, **_options: object) -> None:
        self.lines.append(text)


def test_a_message_that_raises_is_named_and_counted_and_the_next_one_is_handled():
    node, taken = Node(), []
    boundary = Boundary(node)

    def callback(message):
        if message is None:
            raise OverflowError('cannot convert float infinity to integer')
        taken.append(message)

    receive = boundary.wrap('guard/sent', callback)
    for message in (1, None, 2, None):
        receive(message)
    assert taken == [1, 2]
    assert boundary.values() == {'refused.guard/sent': 2}
    level, text = boundary.level(_common.OK, 'running')
    assert level == _common.WARN and 'guard/sent' in text and 'infinity' in text
    assert boundary.level(_common.ERROR, 'worse') == (_common.ERROR, 'worse')
    assert 'Traceback' in node.lines[0] or 'test_boundary' in node.lines[0]


def test_a_refused_text_with_a_lone_surrogate_can_be_published_as_diagnostics():
    boundary = Boundary(Node())

    def callback(message):
        raise ValueError(f'what is {message}?')

    boundary.wrap('agent/episode', callback)('\ud800\0')
    boundary.problem.encode('ascii')


def test_the_wrapper_takes_one_argument_as_rclpy_asks():
    receive = Boundary(Node()).wrap('x', lambda message: None)
    assert len(inspect.signature(receive).parameters) == 1


# The stage of `chaos guard` looks for faults; one of its own must not be counted and passed over.
STAGE = 'guard_stage.py'
CALLED = [
    path
    for path in sorted(NODES.rglob('*.py'))
    if path.name != STAGE and '.create_subscription(' in path.read_text()
]


@pytest.mark.parametrize(
    'path',
    CALLED,
    ids=lambda path: path.name,
)
def test_every_subscription_of_ours_goes_through_a_boundary(path):
    source = path.read_text()
    calls = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == 'create_subscription'
    ]
    assert calls and source.count('.wrap(') >= 1
    bare = [
        ast.unparse(call)
        for call in calls
        if isinstance(call.args[2], ast.Attribute)
        and call.args[2].attr != '_receive'  # recorder_topics: wrapped in its constructor
    ]
    assert bare == []
