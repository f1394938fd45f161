# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whose commands are heard: the guard's, from its activation to its last word, or another's."""

import pytest

from world_model_ros.onboard.agent.guard_may_command import (
    ANSWER_SEC,
    SETTLE_SEC,
    SILENT_SEC,
    GuardMayCommand,
)


@pytest.fixture
def rule():
    return GuardMayCommand()


def test_a_guard_that_nobody_asked_commands_nothing(rule):
    assert not rule.at(0.0)
    rule.heard(False, 1.0)
    assert not rule.at(1.0)


def test_its_first_commands_may_come_before_it_says_that_it_is_active(rule):
    rule.asked(10.0)
    rule.heard(False, 10.1)  # a status that was on its way
    assert rule.at(10.2) and rule.at(10.0 + 0.9 * ANSWER_SEC)
    assert not rule.at(10.0 + ANSWER_SEC)  # refused: another controller goes on


def test_after_a_refusal_another_controller_is_heard_at_once(rule):
    rule.asked(10.0)
    rule.refused(10.1)
    assert not rule.at(10.1 + SETTLE_SEC)
    rule.heard(True, 11.0)
    rule.refused(11.1)  # of another question: it is active
    assert rule.at(11.1 + SETTLE_SEC)


def test_a_busy_machine_may_delay_its_status(rule):
    rule.heard(True, 10.0)
    assert rule.at(11.5)
    assert not rule.at(10.0 + SILENT_SEC)  # it is gone


def test_after_its_last_word_only_what_is_under_way_is_its_own(rule):
    rule.heard(True, 10.0)
    rule.heard(False, 11.0)
    assert rule.at(11.0 + 0.9 * SETTLE_SEC) and not rule.at(11.0 + SETTLE_SEC)
    rule.heard(False, 11.4)  # said again: the time does not begin anew
    assert not rule.at(11.0 + SETTLE_SEC)
