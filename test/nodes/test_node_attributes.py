# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""No node of ours hides an attribute of rclpy's Node: it would fail far away, and late."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

pytest.importorskip('rclpy')

from rclpy import node as plain
from rclpy.lifecycle import LifecycleNode
from rclpy.lifecycle import node as with_lifecycle

NODES = Path(__file__).parents[2] / 'world_model_ros' / 'nodes'
ASSIGNED = re.compile(r'self\.(\w+)\s*(?::[^=\n]*)?=[^=]')
# Hooks that a lifecycle node is meant to define.
HOOKS = {'__init__', *(name for name in dir(LifecycleNode) if name.startswith('on_'))}


def of_rclpy():
    source = inspect.getsource(plain) + inspect.getsource(with_lifecycle)
    return set(ASSIGNED.findall(source)) | set(dir(LifecycleNode))


def node_classes():
    for path in sorted(NODES.glob('*.py')):
        text = path.read_text()
        for item in ast.walk(ast.parse(text)):
            bases = {getattr(base, 'id', '') for base in getattr(item, 'bases', ())}
            if isinstance(item, ast.ClassDef) and bases & {'Node', 'LifecycleNode'}:
                yield pytest.param(item, text, id=f'{path.name}:{item.name}')


@pytest.mark.parametrize(('node', 'text'), node_classes())
def test_a_node_hides_nothing_of_rclpys(node, text):
    methods = {item.name for item in node.body if isinstance(item, ast.FunctionDef)}
    ours = methods | set(ASSIGNED.findall(ast.get_source_segment(text, node)))
    assert (ours & of_rclpy()) - HOOKS == set()
