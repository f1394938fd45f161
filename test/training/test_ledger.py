# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The ledger: which side an episode goes to, and that it stays there."""

from __future__ import annotations

import uuid

import numpy as np
import pytest

from world_model_ros.training.ledger import (
    INGESTED_BEFORE_HELD_OUT,
    Entry,
    Ledger,
    is_held_out,
)

SHARE = 0.1
NAMES = [str(uuid.UUID(int=k * 7919 + 1, version=4)) for k in range(4000)]
LEARNED = [name for name in NAMES if not is_held_out(name, SHARE)]  # if the hash had its way
JUDGED = [name for name in NAMES if is_held_out(name, SHARE)]


def settle(ledger: Ledger, *names: str, share: float = SHARE) -> list[str]:
    """Settle episodes where the ledger says; which side each one went to."""
    sides = []
    for name in names:
        sides.append(ledger.side(name, share))
        ledger.settle(Entry(name, sides[-1], 'r1', 40))
    return sides


def test_held_out_is_a_pure_function_of_the_uuid_near_its_share():
    sides = [is_held_out(name, 0.1) for name in NAMES]
    assert 0.08 < np.mean(sides) < 0.12
    assert sides == [is_held_out(name, 0.1) for name in NAMES]
    assert [is_held_out(f'{name}-2', 0.1) for name in NAMES] == sides
    assert not any(is_held_out(name, 0.0) for name in NAMES)


def test_with_nothing_held_out_the_fifth_episode_is_and_then_the_hash_decides_again(tmp_path):
    ledger = Ledger(tmp_path / 'ledger.jsonl')
    assert settle(ledger, *LEARNED[:4]) == ['ingested'] * INGESTED_BEFORE_HELD_OUT
    assert settle(ledger, LEARNED[4]) == ['held_out']
    assert settle(ledger, *LEARNED[5:15], JUDGED[0]) == ['ingested'] * 10 + ['held_out']


def test_what_the_hash_held_out_is_enough(tmp_path):
    ledger = Ledger(tmp_path / 'ledger.jsonl')
    assert settle(ledger, JUDGED[0], *LEARNED[:10]) == ['held_out'] + ['ingested'] * 10


def test_refused_episodes_count_for_neither_side(tmp_path):
    ledger = Ledger(tmp_path / 'ledger.jsonl')
    for name in JUDGED[:5]:
        ledger.settle(Entry(name, 'refused', 'r1', 0, 'of another robot'))
    assert settle(ledger, *LEARNED[:5]) == ['ingested'] * 4 + ['held_out']


def test_parts_go_where_the_first_one_went_and_count_as_one_episode(tmp_path):
    ledger = Ledger(tmp_path / 'ledger.jsonl')
    first = LEARNED[0]
    parts = [f'{first}-{number}' for number in range(2, 7)]
    assert settle(ledger, first, *parts) == ['ingested'] * 6
    assert settle(ledger, *LEARNED[1:5]) == ['ingested'] * 3 + ['held_out']
    assert settle(ledger, f'{LEARNED[4]}-2', f'{LEARNED[3]}-2') == ['held_out', 'ingested']
    # Also when the part with a number came first, and whatever the hash would have said.
    assert settle(ledger, f'{JUDGED[0]}-2', JUDGED[0]) == ['held_out', 'held_out']


def test_a_share_of_zero_holds_nothing_out(tmp_path):
    ledger = Ledger(tmp_path / 'ledger.jsonl')
    assert set(settle(ledger, *NAMES[:50], share=0.0)) == {'ingested'}


def test_a_restart_changes_no_side(tmp_path):
    path = tmp_path / 'ledger.jsonl'
    ledger = Ledger(path)
    settle(ledger, *LEARNED[:5])
    again = Ledger(path)
    assert again.entries == ledger.entries
    assert settle(again, f'{LEARNED[4]}-2', LEARNED[5]) == ['held_out', 'ingested']
    # A ledger of before this rule, with nothing held out yet, holds the next one out.
    old = Ledger(tmp_path / 'old.jsonl')
    for name in LEARNED[:20]:
        old.settle(Entry(name, 'ingested', 'r1', 40))
    assert settle(Ledger(old.path), *LEARNED[20:22]) == ['held_out', 'ingested']


def test_a_ledger_of_another_format_is_refused(tmp_path):
    (tmp_path / 'ledger.jsonl').write_text('{"format": 7}\n')
    with pytest.raises(ValueError, match='ledger format 7, expected 1'):
        Ledger(tmp_path / 'ledger.jsonl')
