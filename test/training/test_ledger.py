# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The ledger: which side an episode goes to, and that it stays there."""

from __future__ import annotations

import uuid
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from world_model_ros.training.data.ledger import COPY_SUFFIX, Entry, Ledger
from world_model_ros.training.data.sides import (
    INGESTED_BEFORE_HELD_OUT,
    KEY_FILE,
    content_of,
    in_turns,
    is_held_out,
    newest,
    secret_of,
    side,
)

FIXTURES = Path(__file__).parents[1] / 'fixtures'
SHARE = 0.1
KEY = (86).to_bytes(32, 'big')  # of the first five one must be held out: the fifth
NAMES = [str(uuid.UUID(int=k * 7919 + 1, version=4)) for k in range(4000)]
# If the hash had its way.
LEARNED = [name for name in NAMES if not is_held_out(KEY, 'r1', name, SHARE)]
JUDGED = [name for name in NAMES if is_held_out(KEY, 'r1', name, SHARE)]


def settle(ledger: Ledger, *names: str, share: float = SHARE) -> list[str]:
    """Settle episodes where the ledger says; which side each one went to."""
    sides = []
    for name in names:
        sides.append(side(ledger, KEY, 'r1', name, share))
        ledger.settle(Entry(name, sides[-1], 'r1', 40))
    return sides


def test_the_side_is_near_its_share_and_nobody_can_tell_it_without_the_key():
    sides = [is_held_out(KEY, 'r1', name, 0.1) for name in NAMES]
    assert 0.08 < np.mean(sides) < 0.12
    assert [is_held_out(KEY, 'r1', f'{name}-2', 0.1) for name in NAMES] == sides
    assert not any(is_held_out(KEY, 'r1', name, 0.0) for name in NAMES)
    for other in ((b'another', 'r1'), (KEY, 'r2')):  # no more in common than by chance
        theirs = [is_held_out(*other, name, 0.1) for name in NAMES]
        assert 0.8 < np.mean(np.equal(sides, theirs)) < 0.84


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
    parts = [f'{first}-{number}' for number in range(2, 6)] + [f'{first}-2.0123456789ab']
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
    with pytest.raises(ValueError, match='ledger format 7, expected 1 or 2'):
        Ledger(tmp_path / 'ledger.jsonl')


def test_a_ledger_of_format_1_is_read_and_keeps_its_sides(tmp_path):
    path = tmp_path / 'ledger.jsonl'
    path.write_bytes((FIXTURES / 'ledger_format1.jsonl').read_bytes())
    ledger = Ledger(path)
    assert not ledger.damaged
    assert [(e.uuid, e.state, e.robot_id, e.ticks) for e in ledger.entries.values()] == [
        ('00000001-0000-4000-8000-00000000000a', 'ingested', 'r1', 40),
        ('00000002-0000-4000-8000-00000000000a', 'held_out', 'r1', 38),
        ('bogus', 'refused', 'r2', 0),
    ]
    assert side(ledger, KEY, 'r1', '00000002-0000-4000-8000-00000000000a-2', SHARE) == 'held_out'
    assert Ledger(path).entries == ledger.entries and path.read_bytes() == ledger.copy.read_bytes()


def test_two_robots_may_use_one_uuid(tmp_path):
    ledger = Ledger(tmp_path / 'ledger.jsonl')
    ledger.settle(Entry('u', 'ingested', 'r1', 40))
    ledger.settle(Entry('u', 'refused', 'r2', 0, 'no'))
    assert list(Ledger(ledger.path).entries) == ['r1/u', 'r2/u']


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damage_to_one_copy_of_the_ledger_loses_nothing(tmp_path_factory, data):
    path = tmp_path_factory.mktemp('ledger') / 'ledger.jsonl'
    ledger = Ledger(path)
    settle(ledger, *NAMES[:4])
    victim = path.with_name(path.name + data.draw(st.sampled_from(['', COPY_SUFFIX])))
    raw = bytearray(victim.read_bytes())
    if data.draw(st.booleans()):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] ^= data.draw(st.integers(1, 255))
    else:
        del raw[data.draw(st.integers(0, len(raw))) :]
    victim.write_bytes(raw)
    again = Ledger(path)
    assert set(again.entries) == set(ledger.entries)
    assert Ledger(path).entries == again.entries and not Ledger(path).damaged
    settle(again, NAMES[4])
    assert set(Ledger(path).entries) == set(again.entries)


def test_the_secret_is_made_once_and_nobody_elses(tmp_path):
    key, problem = secret_of(tmp_path)
    assert len(key) == 32 and not problem
    assert secret_of(tmp_path) == (key, '')
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600
    (tmp_path / KEY_FILE).write_text('damaged')
    other, problem = secret_of(tmp_path)
    assert other != key and 'damaged' in problem
    assert secret_of(tmp_path) == (other, '')


def test_robots_take_turns_and_one_that_floods_gets_its_share():
    items = [('a', k) for k in range(100)] + [('b', 0), ('c', 0), ('b', 1)]
    turns = in_turns(items, lambda item: item[0], 3)
    assert turns == [('a', 0), ('b', 0), ('c', 0), ('a', 1), ('b', 1), ('a', 2)]


def test_the_gate_sees_the_newest_of_every_robot():
    entries = [Entry(f'{k}', 'held_out', 'calm', 1) for k in range(3)]
    entries += [Entry(f'{k}', 'held_out', 'flood', 1) for k in range(100)]
    chosen = newest(entries, 8)
    assert [e.robot_id for e in chosen] == ['calm'] * 3 + ['flood'] * 5
    assert chosen[-1].uuid == '99' and newest(entries, 0) == []
    assert set(newest(entries, 4)) <= set(chosen)


def test_the_content_of_an_episode_is_its_life_not_its_pictures():
    rows = {'t_ns': np.arange(3), 'reward': np.ones(3, np.float32), 'obs_eye': np.zeros((3, 2))}
    first = content_of(rows, ['eye'])
    assert content_of({**rows, 'obs_eye': np.ones((3, 2))}, ['eye']) == first
    assert content_of({**rows, 't_ns': np.arange(1, 4)}, ['eye']) != first
