# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`chaos messages`: every robot, type and class is tried, nothing breaks, and breaks are found."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('rclpy')

from world_model_ros.bench.chaos import messages_runs
from world_model_ros.bench.chaos.messages_made import ATTACKS
from world_model_ros.bench.chaos.messages_robots import NAMES, robot
from world_model_ros.bench.chaos.messages_runs import one_run
from world_model_ros.bench.chaos.runs import inject
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.onboard.guard.motion import Motion
from world_model_ros.wire.kinds.motions import ImuKind


@pytest.fixture(autouse=True)
def short_runs(monkeypatch):
    monkeypatch.setattr(messages_runs, 'MESSAGES', 400)


def test_no_message_breaks_a_rule_and_every_class_is_counted():
    result = inject('messages', one_run, len(NAMES), 0)
    assert result.violations == []
    checked = result.checked
    assert checked['messages'] >= 400 * len(NAMES)
    assert set(ATTACKS) <= {key[6:] for key in checked if key.startswith('class ')}
    for name in NAMES:
        contract = robot(name)
        for group in contract.groups:
            assert checked[f'type command {group.type}']
        for stream in contract.streams:
            assert checked[f'type {stream_kind(stream.kind).type_of(stream)}']
    for what in ('valid ticks', 'commands', 'chunks taken', 'source chunk'):
        assert checked[what], what


def one(index):
    return one_run(index, np.random.default_rng([0, index]), Path(), Counter())


def test_a_guard_that_forgets_the_rate_is_found(monkeypatch):
    monkeypatch.setattr(
        Motion, 'to', lambda self, target, *_: setattr(self, 'value', np.clip(target, -0.5, 0.5))
    )
    rules = {found.rule for index in range(3) for found in one(index)}
    assert 'a step is beyond the rate limit' in rules


def test_an_array_with_nan_is_found(monkeypatch):
    monkeypatch.setattr(ImuKind, 'array', lambda *_: np.full(4, np.nan, np.float32))
    assert 'an array is not as described' in {found.rule for found in one(0)}


def test_an_error_that_no_node_expects_is_found(monkeypatch):
    def raises(*_):
        raise RuntimeError('broken')

    monkeypatch.setattr(ImuKind, 'array', raises)
    result = inject('messages', one_run, 1, 0)
    assert result.violations[0][1].rule == 'raised'
