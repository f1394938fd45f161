# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every fault that is counted has a name, a text and a remedy, and is shown."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from world_model_ros.fault_table import TABLE, TRAINER, fault_table
from world_model_ros.telemetry.present_faults import find_faults
from world_model_ros.telemetry.robot_view import RobotView

ROOT = Path(__file__).resolve().parents[2]


class Loop:
    """What a view knows of the trainer and of the updater."""

    error, updater = '', {}

    def __init__(self, trainer):
        self.trainer = {'time_ns': time.time_ns(), 'phase': 'learning', **trainer}


def test_the_page_is_that_of_the_table():
    assert fault_table() in (ROOT / 'docs' / 'reference' / 'faults.md').read_text()


def test_names_are_told_apart_and_every_fault_has_a_remedy():
    for kinds in TABLE.values():
        assert len({kind.name for kind in kinds}) == len(kinds)
        assert all(kind.text and kind.remedy for kind in kinds)


@pytest.mark.parametrize('kind', TRAINER, ids=lambda kind: kind.name)
def test_a_fault_that_the_trainer_counts_is_shown_with_its_remedy(kind):
    trainer = {'faults': {kind.name: {'count': 3, 'reason': 'why'}}}
    [shown] = find_faults(RobotView(), [], Loop(trainer))
    assert (shown.who, shown.count, shown.remedy) == ('trainer', 3, kind.remedy)
    assert 'why' in str(shown) and kind.remedy in str(shown)


def test_every_event_of_the_trainer_that_names_a_reason_and_is_a_fault_is_in_the_table():
    """What is said with a reason is a fault, or is listed here as none."""
    none = {'start', 'no_nominal'}
    said = set()
    for path in (ROOT / 'world_model_ros' / 'training').rglob('*.py'):
        said |= set(re.findall(r"say\(\s*'(\w+)'[^)]*reason=", path.read_text()))
    assert said - none <= {kind.name for kind in TRAINER}
