# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""With autostart the agent acts again after a restart, never against a person's decision."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest

from world_model_ros.onboard.agent.acting import RETRY_SEC, Acting, Role, Step
from world_model_ros.onboard.guard.guard_status import GuardState, GuardStatus

INACTIVE = GuardStatus(GuardState.INACTIVE, '', '', True, '', '', '', '', '')
ACTIVE = replace(INACTIVE, state=GuardState.ACTIVE)


class Stage:
    """A guard, an agent's wish to act, and a node that does what it is told."""

    def __init__(self, status=ACTIVE, role=Role.ACTIVE, autostart=True):
        self.lost = ''
        self.guard = SimpleNamespace(
            status=status, instance='first', silent_s=0.0, lost=lambda: self.lost
        )
        self.role, self.acting, self.now_s = role, Acting(autostart), 0.0
        if role is Role.ACTIVE:
            self.acting.begun(self.guard)

    def look(self):
        """Look at the guard, with no wait between the tries."""
        self.now_s += RETRY_SEC
        step = self.acting.look(self.role, self.guard, self.now_s)
        if step is Step.STAND_BACK:
            self.role = Role.SHADOW
        return step


@pytest.mark.parametrize('why', [{}, {'silenced': 'driver commands'}], ids=['by hand', 'silenced'])
def test_a_guard_that_a_person_deactivated_stays_so(why):
    stage = Stage(replace(INACTIVE, **why))
    assert [stage.look() for _ in range(3)] == [Step.STAND_BACK, Step.NOTHING, Step.NOTHING]
    assert stage.acting.problem.startswith('the guard left: ')


def test_a_guard_that_was_started_again_is_activated_again():
    stage = Stage(INACTIVE)
    stage.guard.instance = 'second'
    assert [stage.look() for _ in range(2)] == [Step.STAND_BACK, Step.ACTIVATE]


def test_a_guard_that_died_is_waited_for_and_activated_again():
    stage = Stage()
    stage.guard.silent_s, stage.lost = 1.5, 'the guard is silent for 1.5 s'
    assert [stage.look() for _ in range(2)] == [Step.STAND_BACK, Step.WAIT]
    assert stage.acting.problem == stage.lost
    stage.guard.silent_s, stage.lost = 0.0, ''
    stage.guard.status, stage.guard.instance = INACTIVE, 'second'
    assert stage.look() is Step.ACTIVATE


@pytest.mark.parametrize(
    'latched', [{'stop_reason': 'x'}, {'enabled': False}, {'silenced': 'driver commands'}]
)
def test_an_agent_that_was_started_again_respects_what_was_latched(latched):
    stage = Stage(replace(INACTIVE, **latched), Role.SHADOW)
    assert [stage.look() for _ in range(2)] == [Step.GIVE_UP, Step.NOTHING]
    stage.guard.status = INACTIVE  # released: the person has not asked the agent to act
    assert stage.look() is Step.NOTHING and stage.acting.problem


def test_an_agent_that_a_person_deactivated_stays_in_shadow():
    stage = Stage()
    stage.acting.ended_by_hand()
    stage.role, stage.guard.status = Role.SHADOW, INACTIVE
    assert stage.look() is Step.NOTHING


def test_without_autostart_nothing_is_activated_and_a_lost_guard_still_ends_acting():
    assert Stage(INACTIVE, Role.SHADOW, autostart=False).look() is Step.NOTHING
    stage = Stage(autostart=False)
    assert stage.look() is Step.NOTHING
    stage.guard.silent_s = 1.5
    assert [stage.look() for _ in range(2)] == [Step.STAND_BACK, Step.NOTHING]


def test_tries_are_a_pause_apart_and_a_refusal_is_kept_until_the_agent_acts():
    stage = Stage(INACTIVE, Role.SHADOW)
    assert stage.acting.look(Role.SHADOW, stage.guard, 1.0) is Step.ACTIVATE
    stage.acting.refused('the guard refuses: stopped')
    assert stage.acting.look(Role.SHADOW, stage.guard, 1.0 + 0.9 * RETRY_SEC) is Step.NOTHING
    assert stage.acting.problem == 'the guard refuses: stopped'
    assert stage.acting.look(Role.SHADOW, stage.guard, 1.0 + RETRY_SEC) is Step.ACTIVATE
    stage.acting.begun(stage.guard)
    assert stage.acting.problem == ''


def test_a_robot_that_was_handed_over_waits_for_a_person():
    stage = Stage()
    stage.acting.handed_over('the model is surprised')
    stage.role = Role.SHADOW  # the node deactivates itself
    stage.guard.status = INACTIVE
    assert [stage.look() for _ in range(3)] == [Step.NOTHING] * 3
    assert stage.acting.problem == 'the model is surprised'
    stage.acting.begun(stage.guard)  # a person has activated it
    assert not stage.acting.problem
