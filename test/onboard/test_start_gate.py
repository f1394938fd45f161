# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Who starts the next episode: every state of the gate, under every event."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from world_model_ros.onboard.agent.start_gate import Gate, StartGate

EVENTS = ('ask', 'close', 'begun', 'ended')
OPEN, ASKED, ACTING_CLOSED, CLOSED = Gate.OPEN, Gate.ASKED, Gate.ACTING_CLOSED, Gate.CLOSED


@pytest.mark.parametrize(
    ('gate', 'by_hand', 'after'),
    [
        (OPEN, False, (ASKED, CLOSED, OPEN, OPEN)),
        (OPEN, True, (ASKED, CLOSED, OPEN, ACTING_CLOSED)),
        (ASKED, False, (ASKED, CLOSED, OPEN, ASKED)),
        (ASKED, True, (ASKED, CLOSED, OPEN, ASKED)),  # the one that ends is not the one asked for
        (ACTING_CLOSED, True, (ASKED, CLOSED, ACTING_CLOSED, ACTING_CLOSED)),  # shadow begins
        (CLOSED, False, (ASKED, CLOSED, CLOSED, CLOSED)),
        (CLOSED, True, (ASKED, CLOSED, CLOSED, CLOSED)),
    ],
)
def test_each_event_leads_here(gate, by_hand, after):
    for event, expected in zip(EVENTS, after, strict=True):
        start = StartGate(by_hand)
        start.gate = gate
        getattr(start, event)()
        assert start.gate is expected, event


def test_a_person_who_resets_the_robot_starts_each_acting_episode():
    start = StartGate(reset_by_hand=True)
    assert start.holds(acting=True) and not start.holds(acting=False)
    start.ask()
    assert not start.holds(acting=True)
    start.begun()
    start.ended()
    assert start.holds(acting=True)


@given(st.booleans(), st.lists(st.sampled_from(EVENTS), max_size=12))
def test_no_episode_begins_between_an_end_by_hand_and_the_next_start(by_hand, events):
    start, closed = StartGate(by_hand), False
    for event in events:
        getattr(start, event)()
        closed = event == 'close' or (closed and event != 'ask')
        if closed:
            assert start.holds(acting=True) and start.holds(acting=False)
