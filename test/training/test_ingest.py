# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every complete episode once, held-out ones never, and nothing learned that was not lived."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('mujoco')
import recorded
from served import TICKS

from world_model_ros.contract import load_contract, parse_contract
from world_model_ros.experience import to_arrays
from world_model_ros.training.data.ingest import Ingest
from world_model_ros.training.data.ledger import Ledger

CAPACITY = 1_000


class Events(list):
    """What the ingest said."""

    def __call__(self, event, **fields):
        self.append({'event': event, **fields})

    def of(self, event):
        return [fields for fields in self if fields['event'] == event]


def make(tmp_path, contract=None, capacity=CAPACITY, **more) -> tuple[Ingest, Events]:
    events = Events()
    recorded.keep_secret(tmp_path / 'out')
    ingest = Ingest(
        contract or recorded.robot(),
        tmp_path / 'out',
        capacity,
        events,
        clock=lambda: ingest_now[0],
        **more,
    )
    return ingest, events


ingest_now = [0.0]


def settle_all(ingest: Ingest, store) -> None:
    ingest.look(store)
    while ingest.waiting:
        ingest.take(store)


# ---- once ----------------------------------------


def test_each_complete_episode_is_ingested_once_and_one_side_is_never_trained_on(
    tmp_path, bags, store
):
    for name in (*recorded.TRAINED[:3], recorded.HELD_OUT):
        recorded.upload(store, bags[name])
    ingest, _ = make(tmp_path)
    settle_all(ingest, store)
    settle_all(ingest, store)
    assert [e.uuid for e in ingest.ledger.of('ingested')] == recorded.TRAINED[:3]
    assert [e.uuid for e in ingest.ledger.of('held_out')] == [recorded.HELD_OUT]
    assert ingest.ticks == 3 * TICKS
    [held_out] = ingest.held_out(8)
    assert len(held_out['reward']) == TICKS
    rewards = held_out['reward'][1:]
    assert not np.isin(rewards, ingest.replay.arrays['reward'][0, : ingest.ticks]).all()


def test_replay_holds_what_was_recorded_each_episode_beginning_as_first(tmp_path, bags, store):
    first, second = recorded.TRAINED[:2]
    for name in (first, second):
        recorded.upload(store, bags[name])
    ingest, _ = make(tmp_path)
    settle_all(ingest, store)
    arrays = ingest.replay.arrays
    assert np.flatnonzero(arrays['is_first'][0, : 2 * TICKS]).tolist() == [0, TICKS]
    for at, name in ((0, first), (TICKS, second)):
        want = to_arrays(bags[name])
        for key in ('obs_camera', 'obs_joints', 'action_sent', 'reward'):
            np.testing.assert_array_equal(arrays[key][0, at : at + TICKS], want[key], key)


def test_who_imitates_sees_no_reward_of_what_is_learned_from_nor_of_what_is_held_out(
    tmp_path, bags, store
):
    for name in (recorded.TRAINED[0], recorded.HELD_OUT):
        recorded.upload(store, bags[name])
    ingest, _ = make(tmp_path, imitate=True)
    settle_all(ingest, store)
    arrays, want = ingest.replay.arrays, to_arrays(bags[recorded.TRAINED[0]])
    assert np.isnan(arrays['reward'][0, :TICKS]).all() and np.isfinite(want['reward'][1:]).any()
    np.testing.assert_array_equal(arrays['action_sent'][0, :TICKS], want['action_sent'])
    [held_out] = ingest.held_out(8)
    assert np.isnan(held_out['reward']).all()


def test_a_restarted_ingest_goes_on_where_it_was(tmp_path, bags, store):
    recorded.upload(store, bags[recorded.TRAINED[0]])
    settle_all(make(tmp_path)[0], store)
    recorded.upload(store, bags[recorded.TRAINED[1]])
    again, events = make(tmp_path)
    settle_all(again, store)
    assert [e['uuid'] for e in events.of('ingested')] == [recorded.TRAINED[1]]
    assert again.ticks == 2 * TICKS


def test_of_episodes_that_the_hash_would_all_learn_from_the_fifth_is_held_out_for_good(
    tmp_path, bags, store
):
    for name in recorded.TRAINED[:6]:
        recorded.upload(store, bags[name])
    ingest, events = make(tmp_path)
    settle_all(ingest, store)
    fifth = recorded.TRAINED[4]
    assert [e['uuid'] for e in events.of('held_out')] == [fifth]
    assert len(ingest.held_out(8)[0]['reward']) == TICKS and ingest.ticks == 5 * TICKS
    again, events = make(tmp_path)
    settle_all(again, store)
    assert not events and [e.uuid for e in again.ledger.of('held_out')] == [fifth]


# Kills itself where the name says; the parent looks at what is left.
DYING = """
import os, sys
import numpy as np, recorded
from pathlib import Path
from world_model_ros.store import open_store
from world_model_ros.training.data import ingest, ledger, replay
store, out = open_store(sys.argv[2]), Path(sys.argv[3])
capacity, where = int(sys.argv[4]), sys.argv[5]
it = ingest.Ingest(recorded.robot(), out, capacity, lambda event, **fields: None)
def die(*args, **kwargs):
    os.kill(os.getpid(), 9)
it.look(store)
if where == 'before the ledger':
    it.ledger.settle = die
elif where == 'before the replay counts':
    it.replay.save = die
elif where == 'half an episode written':
    class Dying(dict):
        def items(self):
            for number, pair in enumerate(super().items()):
                if number == 2:
                    die()
                yield pair
    it.replay.arrays = Dying(it.replay.arrays)
while it.waiting:
    it.take(store)
"""


@pytest.mark.parametrize(
    'where', ['before the ledger', 'before the replay counts', 'half an episode written']
)
def test_kill_9_while_ingesting_neither_loses_nor_doubles(tmp_path, bags, store, where):
    old, new = recorded.TRAINED[:2]
    capacity = TICKS + TICKS // 2  # the second episode overwrites half of the first
    recorded.upload(store, bags[old])
    settle_all(make(tmp_path, capacity=capacity)[0], store)
    recorded.upload(store, bags[new])
    child = subprocess.run(
        [sys.executable, '-c', DYING, str(Path(__file__).parent), store.url,
         str(tmp_path / 'out'), str(capacity), where],
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert child.returncode == -signal.SIGKILL, child.stderr
    again, _ = make(tmp_path, capacity=capacity)
    torn = again.replay
    assert torn.held <= TICKS + TICKS // 2
    if torn.held >= 4:  # whatever is still called held is what was lived, in order
        recordings = [to_arrays(bags[name])['reward'][1:] for name in (old, new)]
        rows = torn.sample(np.random.default_rng(0), 32, 4)
        for window in rows['reward']:
            known = window[np.isfinite(window)]
            assert any(np.isin(known, r).all() for r in recordings) or np.isnan(window).any()
    settle_all(again, store)
    assert [e.uuid for e in again.ledger.of('ingested')] == [old, new]
    assert again.ticks == 2 * TICKS
    want = to_arrays(bags[new])['reward']
    places = (TICKS + np.arange(TICKS)) % capacity
    np.testing.assert_array_equal(again.replay.arrays['reward'][0, places], want)


def test_a_torn_last_line_of_the_ledger_is_dropped(tmp_path, bags, store):
    recorded.upload(store, bags[recorded.TRAINED[0]])
    ingest, _ = make(tmp_path)
    settle_all(ingest, store)
    with ingest.ledger.path.open('a') as file:
        file.write('{"uuid": "half')
    again = Ledger(ingest.ledger.path)
    assert list(again.entries) == [f'r1/{recorded.TRAINED[0]}']
    recorded.upload(store, bags[recorded.TRAINED[1]])
    ingest, _ = make(tmp_path)
    settle_all(ingest, store)
    assert len(Ledger(ingest.ledger.path).entries) == 2


def test_a_ledger_that_cannot_be_written_doubles_nothing(tmp_path, bags, store):
    name = recorded.TRAINED[0]
    recorded.upload(store, bags[name])
    ingest, events = make(tmp_path)
    path = ingest.ledger.path
    ingest.ledger.path = tmp_path / 'gone' / 'ledger.jsonl'
    settle_all(ingest, store)
    [failed] = events.of('not_fetched')
    assert 'gone' in failed['reason'] and not ingest.ledger.entries
    ingest.ledger.path = path
    ingest_now[0] += failed['retry_in_s']
    settle_all(ingest, store)
    assert ingest.ticks == TICKS and not ingest.failing
    assert list(Ledger(path).entries) == [f'r1/{name}']


# ---- refused, or tried again ----------------------------------------


def test_an_episode_without_a_stream_of_the_contract_is_refused_by_its_name(tmp_path, bags, store):
    recorded.upload(store, bags[recorded.TRAINED[0]])
    text = recorded.robot().text
    more = text.replace('  camera:\n', '  wrist_camera:\n', 1).replace(
        'stream: camera', 'stream: wrist_camera'
    )
    ingest, events = make(tmp_path, contract=parse_contract(more))
    settle_all(ingest, store)
    [refusal] = events.of('refused')
    assert "stream 'wrist_camera'" in refusal['reason'] and 'camera, joints' in refusal['reason']
    settle_all(ingest, store)
    assert len(events.of('refused')) == 1 and ingest.ticks == 0


def test_an_episode_of_another_robot_is_refused_by_its_actions(tmp_path, bags, store):
    recorded.upload(store, bags[recorded.TRAINED[0]])
    ingest, events = make(tmp_path, contract=load_contract('reacher'))
    settle_all(ingest, store)
    assert 'its actions are cart' in events.of('refused')[0]['reason']


def test_a_half_copied_episode_waits_until_it_is_complete(tmp_path, bags, store):
    name = recorded.TRAINED[0]
    recorded.upload(store, bags[name])
    complete = next(Path(store.url).rglob('complete.json'))
    complete.rename(tmp_path / 'complete.json')
    ingest, events = make(tmp_path)
    settle_all(ingest, store)
    assert not events and ingest.ticks == 0
    (tmp_path / 'complete.json').rename(complete)
    settle_all(ingest, store)
    assert ingest.ticks == TICKS


@pytest.mark.parametrize('fault', ['missing', 'damaged'])
def test_a_damaged_episode_is_named_and_tried_again_later(tmp_path, bags, store, fault):
    name = recorded.TRAINED[0]
    recorded.upload(store, bags[name])
    victim = next(Path(store.url).rglob('*.mcap'))
    whole = victim.read_bytes()
    if fault == 'missing':
        victim.unlink()
    else:
        victim.write_bytes(whole[:2000] + b'\0\0\0\0' + whole[2004:])
    ingest, events = make(tmp_path)
    settle_all(ingest, store)
    [damaged] = events.of('not_fetched')
    assert (
        victim.name in damaged['reason'] and ingest.failing[f'r1/{name}'][0] == damaged['reason']
    )
    victim.write_bytes(whole)
    settle_all(ingest, store)  # not yet due
    assert ingest.ticks == 0
    ingest_now[0] += damaged['retry_in_s']
    settle_all(ingest, store)
    assert ingest.ticks == TICKS and not ingest.failing


def test_a_whole_file_that_is_no_episode_is_refused_and_the_next_one_taken(tmp_path, bags, store):
    bogus = tmp_path / 'bogus'
    bogus.mkdir()
    (bogus / 'bogus.mcap').write_bytes(b'not a recording')
    recorded.upload(store, bogus)
    recorded.upload(store, bags[recorded.TRAINED[0]])
    ingest, events = make(tmp_path)
    settle_all(ingest, store)
    assert events.of('refused')[0]['uuid'] == 'bogus' and ingest.ticks == TICKS


def test_incoming_leftovers_of_a_kill_are_removed(tmp_path):
    ingest, _ = make(tmp_path)
    leftover = ingest.incoming / 'half.part'
    leftover.mkdir(parents=True)
    again, _ = make(tmp_path)
    assert not leftover.exists() and again.ledger.entries == {}
    shutil.rmtree(tmp_path / 'out')
