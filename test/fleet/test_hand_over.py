# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the updater asks of an agent, and what it makes of what the agent says."""

from __future__ import annotations

import json

import pytest

from world_model_ros.fleet.agent_word import Held
from world_model_ros.fleet.hand_over import PATIENCE_SEC, RETRY_SEC, Ask, HandOver
from world_model_ros.fleet.updater_state import Slot

A, B = 'a' * 64, 'b' * 64
SLOT = Slot(B, 2, '/slots/b/bundle')


class Stage:
    """An updater that offers a slot, and the calls and events that follow."""

    def __init__(self):
        self.offered, self.full, self.heard, self.log = SLOT, False, [], []
        self.hand_over = HandOver(self, self.log.append)

    def _write(self, *event):
        if self.full:
            raise OSError('No space left on device')
        self.heard.append(event)

    def rolled_back(self, sha, reason):
        self._write('left', sha, reason)

    def swapped(self, sha):
        self._write('swapped', sha)

    def acts_on_nothing(self):
        self._write('nothing')

    def rollback(self):
        return SLOT

    def start_over(self):
        return 'forgotten'

    def says(self, acting=A, candidate=None, left=None, speakers=1):
        """The agent publishes ~/release."""
        told = {'format': 1, 'acting': acting and {'bundle_sha': acting, 'release': 1}}
        if candidate:
            state, reason = candidate
            told['candidate'] = {
                'bundle_sha': B, 'release': 2, 'state': state, 'reason': reason
            }  # fmt: skip
        if left:
            told['rolled_back'] = {'bundle_sha': B, 'release': 2, 'reason': left}
        return self.hand_over.hear(json.dumps(told), speakers)

    def asks(self, now_s):
        """What the agent is asked at this time, if anything; it does not answer yet."""
        call = self.hand_over.next_call(now_s)
        return call and call.ask


@pytest.fixture
def stage():
    return Stage()


def test_a_slot_is_handed_over_once_and_again_when_nothing_became_of_it(stage):
    assert stage.asks(0.0) is Ask.TAKE and stage.asks(0.1) is None
    stage.hand_over.answered(stage.hand_over.call, True, '', 0.1)
    assert stage.asks(PATIENCE_SEC - 0.1) is None
    assert stage.asks(PATIENCE_SEC) is Ask.TAKE


def test_what_the_agent_has_is_not_handed_over_again(stage):
    stage.asks(0.0)
    stage.hand_over.answered(stage.hand_over.call, True, '', 0.1)
    assert stage.says(candidate=('loading', ''))
    assert stage.asks(2 * PATIENCE_SEC) is None
    assert stage.hand_over.held(B) is Held.LOADING and stage.hand_over.held('') is Held.NOT


def test_an_agent_that_was_started_again_is_handed_the_slot_at_once(stage):
    stage.asks(0.0)
    stage.hand_over.answered(stage.hand_over.call, True, '', 0.1)
    stage.says(candidate=('ready', ''))
    assert stage.asks(1.0) is None
    stage.says()  # it knows nothing of a candidate
    assert stage.asks(1.1) is Ask.TAKE


def test_a_refused_call_is_made_again_after_a_pause_and_said(stage):
    stage.asks(0.0)
    stage.hand_over.answered(stage.hand_over.call, False, 'it is busy', 1.0)
    assert stage.hand_over.problem == 'the agent does not take the bundle now: it is busy'
    assert stage.log == [stage.hand_over.problem]
    assert stage.asks(1.0 + RETRY_SEC - 0.1) is None and stage.asks(1.0 + RETRY_SEC) is Ask.TAKE
    stage.hand_over.answered(stage.hand_over.call, True, '', 7.0)
    assert stage.hand_over.problem == ''


def test_an_answer_to_a_call_that_was_given_up_counts_no_more(stage):
    late = stage.hand_over.next_call(0.0)
    assert stage.asks(PATIENCE_SEC) is Ask.TAKE
    stage.hand_over.answered(late, False, 'too late', PATIENCE_SEC)
    stage.hand_over.failed(late, 'too late')
    stage.hand_over.no_agent(late, '/agent/x')
    assert stage.hand_over.call is not None and stage.hand_over.problem == ''


def test_without_an_agent_the_call_is_made_again_as_soon_as_there_is_one(stage):
    stage.asks(0.0)
    stage.hand_over.no_agent(stage.hand_over.call, '/agent/set_parameters_atomically')
    assert 'no agent: /agent/set_parameters_atomically' in stage.hand_over.problem
    assert stage.asks(0.1) is Ask.TAKE


def test_the_operators_word_waits_for_no_safe_point(stage):
    assert stage.hand_over.rollback() == SLOT
    assert stage.asks(0.0) is Ask.TAKE
    stage.hand_over.answered(stage.hand_over.call, True, '', 0.1)
    stage.says(candidate=('loading', ''))
    assert stage.asks(0.2) is None
    stage.says(candidate=('ready', ''))
    assert stage.asks(0.3) is Ask.SWAP_NOW
    stage.hand_over.answered(stage.hand_over.call, False, 'it has just begun', 0.4)
    assert stage.asks(0.5) is None and stage.asks(0.3 + RETRY_SEC) is Ask.SWAP_NOW


def test_a_ready_bundle_of_the_store_waits_for_the_agents_safe_point(stage):
    stage.says(candidate=('ready', ''))
    assert stage.asks(100.0) is None


def test_what_the_agent_says_is_written_down_once(stage):
    stage.says(candidate=('refused', 'cannot be loaded'), left='not finite')
    stage.says(candidate=('refused', 'cannot be loaded'), left='not finite')
    left = [event for event in stage.heard if event[0] == 'left']
    assert left == [
        ('left', B, 'the agent left it: not finite'),
        ('left', B, 'the agent refused it: cannot be loaded'),
    ]
    stage.says(acting=None)
    assert stage.heard[-1] == ('nothing',)


def test_a_full_disk_is_said_and_the_word_is_taken_in_later(stage):
    stage.full = True
    assert not stage.says(left='not finite')
    assert 'No space left' in stage.hand_over.problem
    stage.full = False
    assert stage.hand_over.take_in() and not stage.hand_over.take_in()
    assert ('left', B, 'the agent left it: not finite') in stage.heard
    assert stage.hand_over.problem == ''


def test_of_two_who_speak_in_the_agents_name_nobody_makes_a_bundle_bad(stage):
    stage.says(candidate=('refused', 'x'), left='y', speakers=2)
    assert stage.heard == [('swapped', A)]
    assert stage.hand_over.doubted and '2 nodes publish it' in stage.hand_over.problem
    stage.hand_over.believe_again()
    stage.says(left='y')
    assert ('left', B, 'the agent left it: y') in stage.heard
    assert not stage.hand_over.doubted and stage.hand_over.problem == ''


def test_what_cannot_be_read_changes_nothing(stage):
    stage.says()
    assert not stage.hand_over.hear('{"format": 1', 1)
    assert stage.hand_over.held(A) is Held.ACTING
    assert stage.hand_over.problem.startswith("the agent's ~/release: cannot be read")


def test_after_start_over_the_agents_word_is_written_down_again(stage):
    stage.says()
    assert stage.hand_over.start_over() == 'forgotten'
    assert stage.hand_over.held(A) is Held.NOT
    assert stage.hand_over.take_in() and stage.heard == [('swapped', A)] * 2
