# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the updater remembers survives damage; what is lost makes it more careful, never less."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip('onnxruntime')

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from updater_fleet import PASS, take

from world_model_ros.fleet.slot import SlotsError
from world_model_ros.fleet.updater_state import (
    MAX_BAD,
    MAX_REASON,
    Slot,
    State,
    StateError,
    Times,
    parse_state,
    short,
)
from world_model_ros.fleet.verdict import Verdict
from world_model_ros.store.keys import latest_key, record_key, to_json

FIXTURES = Path(__file__).parents[1] / 'fixtures'
STATES = ('updater.0.json', 'updater.1.json')


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[:-9])


def empty(path):
    path.write_bytes(b'')


DAMAGE = [flip_a_bit, cut, empty, Path.unlink]


@pytest.fixture
def lived(fleet):
    """A robot that acts on release 3, has 1 behind it, found 2 to be bad; pinned to 1."""
    fleet.verdict = PASS
    updater = fleet.updater(preflight=lambda bundle: fleet.verdict)
    fleet.first = take(fleet, updater, 0)
    fleet.verdict = Verdict(['action is not finite'])
    fleet.bad = fleet.publish(1)
    assert updater.poll().state == 'refused'
    fleet.verdict = PASS
    fleet.third = take(fleet, updater, 2)
    updater.rollback()
    updater.close()
    return fleet


def point(fleet, number):
    fleet.store.put(latest_key(fleet.interface), to_json({'format': 1, 'number': number}))


@pytest.mark.parametrize('name', STATES)
@pytest.mark.parametrize('damage', DAMAGE)
def test_one_damaged_copy_loses_neither_bad_list_nor_pin_nor_number(lived, damage, name):
    damage(lived.slots / name)
    updater = lived.updater()
    assert name in updater.notice
    assert set(updater.state.bad) == {lived.bad.bundle_sha, lived.third.bundle_sha}
    assert updater.state.pinned and updater.offered.bundle_sha == lived.first.bundle_sha
    assert updater.state.newest[lived.interface].release == 3
    updater.close()
    assert lived.kept() == updater.state  # both copies are whole again


@pytest.mark.parametrize('damage', DAMAGE)
def test_with_both_copies_lost_nothing_is_offered_until_the_operator_says_so(lived, damage):
    for name in STATES:
        damage(lived.slots / name)
    before = {path.name for path in lived.slots.iterdir() if path.is_dir()}
    updater = lived.updater()
    assert 'start_over' in updater.notice
    status = updater.poll()
    assert status.state == 'refused' and 'start_over' in status.reason and status.wrong
    assert updater.offered is None
    updater.swapped(lived.third.bundle_sha)  # the agent's word changes nothing
    updater.acts_on_nothing()
    updater.rolled_back(lived.third.bundle_sha, 'x')
    with pytest.raises(SlotsError, match='start_over'):
        updater.rollback()
    assert updater.offered is None and lived.folders() == before
    updater.close()

    updater = lived.updater()  # nor does another start
    assert updater.poll().state == 'refused' and updater.offered is None
    assert 'empty bad list' in updater.start_over()
    assert updater.notice == ''
    point(lived, 1)  # the slots themselves remember the newest number
    status = updater.poll()
    assert status.state == 'refused' and 'older than release 3' in status.reason
    point(lived, 3)
    assert updater.poll().state == 'ready'
    updater.close()
    assert lived.updater().notice == ''


def test_the_newest_number_never_goes_back(lived):
    updater = lived.updater()
    updater.swapped(lived.first.bundle_sha)
    fourth = take(lived, updater, 3)
    point(lived, 2)
    assert updater.poll().state == 'refused'  # known to be bad
    shutil.copy(
        lived.store.folder / record_key(lived.interface, 1),
        lived.store.folder / record_key(lived.interface, 2),
    )
    record = json.loads(lived.store.get(record_key(lived.interface, 2)))
    lived.store.put(record_key(lived.interface, 2), to_json({**record, 'number': 2}))
    status = updater.poll()
    assert status.state == 'refused' and 'older than release 4' in status.reason
    updater.close()
    updater = lived.updater()
    assert 'older than release 4' in updater.poll().reason
    assert updater.state.acting.bundle_sha == fourth.bundle_sha
    assert updater.offered is None


def test_another_bundle_under_a_known_number_is_refused(lived):
    updater = lived.updater()
    updater.swapped(lived.first.bundle_sha)
    fourth = take(lived, updater, 3)
    other = json.loads(lived.store.get(record_key(lived.interface, 1)))
    lived.store.put(record_key(lived.interface, 4), to_json({**other, 'number': 4}))
    updater.rolled_back(fourth.bundle_sha, 'x')
    updater.acts_on_nothing()
    status = updater.poll()
    assert status.state == 'refused' and 'another bundle than release 4' in status.reason


def test_the_operator_may_begin_with_another_store(lived):
    updater = lived.updater()
    updater.swapped(lived.first.bundle_sha)
    point(lived, 1)
    take(lived, updater, 3)
    record = json.loads(lived.store.get(record_key(lived.interface, 2)))
    lived.store.put(record_key(lived.interface, 1), to_json({**record, 'number': 1}))
    point(lived, 1)
    assert 'newest was' in updater.start_over()
    status = updater.poll()
    assert status.state == 'refused' and status.reason == 'action is not finite'  # still bad


def test_a_swapped_old_copy_of_the_state_is_told_and_does_not_win(lived):
    old = (lived.slots / STATES[0]).read_bytes()
    updater = lived.updater()
    updater.swapped(lived.first.bundle_sha)
    take(lived, updater, 3)
    updater.close()
    state = lived.kept()
    (lived.slots / STATES[1]).write_bytes(old)
    updater = lived.updater()
    assert 'old copy' in updater.notice and updater.state == state


@pytest.mark.parametrize('damage', [flip_a_bit, cut, empty])
def test_a_damaged_marker_of_the_folder_is_written_anew(lived, damage):
    damage(lived.slots / 'slots.json')
    updater = lived.updater()
    assert updater.offered.bundle_sha == lived.first.bundle_sha


@pytest.mark.parametrize('damage', DAMAGE)
def test_a_slot_whose_marker_is_damaged_is_not_offered_and_set_aside(lived, damage):
    folder = lived.slots / lived.third.bundle_sha
    damage(folder / 'slot.json')
    updater = lived.updater()
    assert 'acting slot' in updater.notice
    assert updater.state.acting is None
    updater.swapped(lived.first.bundle_sha)
    updater.start_over()
    state = updater.state
    assert lived.third.bundle_sha in state.bad
    updater.close()
    assert (folder / 'bundle' / 'weights.bin').is_file()


def test_a_fetched_slot_in_whose_place_something_foreign_lies_sets_that_aside(fleet):
    fleet.updater().close()
    release = fleet.publish(0)
    foreign = fleet.slots / release.bundle_sha
    foreign.mkdir()
    (foreign / 'mine.txt').write_text('mine')
    updater = fleet.updater()
    assert updater.poll().state == 'ready'
    updater.swapped(release.bundle_sha)
    aside = foreign.with_name(f'{release.bundle_sha}.aside')
    assert (aside / 'mine.txt').read_text() == 'mine'


def test_slots_of_format_1_are_taken_over_whole(fleet):
    release, second = fleet.publish(0), fleet.publish(1)
    fleet.slots.mkdir()
    old = json.loads((FIXTURES / 'slots_format1' / 'state.json').read_text())
    assert old['format'] == 1
    text = json.dumps(old).replace('A' * 64, release.bundle_sha).replace('B' * 64, 'b' * 64)
    (fleet.slots / 'state.json').write_text(text.replace('/slots', str(fleet.slots)))
    shutil.copytree(fleet.bundles[0], fleet.slots / release.bundle_sha)
    updater = fleet.updater()
    assert updater.notice == ''
    slot = Slot(release.bundle_sha, 1, str(fleet.bundle(release)))
    assert updater.state.acting == slot and updater.state.bad == {'b' * 64: 'action is not finite'}
    assert updater.state.newest[fleet.interface].release == 1
    assert updater.poll().bundle_sha == second.bundle_sha
    updater.close()
    assert fleet.updater().state.acting == slot  # state.json is not read again


@pytest.mark.parametrize(
    'content', ['', '{', '[]', '{"format": 1}', '{"format": 1, "bad": []}', '{"format": 2}']
)
def test_a_state_of_format_1_that_is_damaged_is_refused_by_name(fleet, content):
    fleet.slots.mkdir()
    (fleet.slots / 'state.json').write_text(content)
    with pytest.raises(SlotsError, match=r'state\.json'):
        fleet.updater()
    assert (fleet.slots / 'state.json').read_text() == content


def test_a_newer_format_of_the_slots_is_refused_by_name(fleet):
    fleet.updater().close()
    (fleet.slots / 'slots.json').write_text('{"format": 3}')
    with pytest.raises(SlotsError, match=r'slots\.json: format 3: this version reads format 2'):
        fleet.updater()


def test_a_stored_state_of_format_2_is_read(fleet):
    state = parse_state(json.loads((FIXTURES / 'slots_format2.json').read_text()))
    assert state == State(
        acting=Slot('a' * 64, 7, '/slots/a/bundle'),
        previous=None,
        candidate=Slot('b' * 64, 6, '/slots/b/bundle'),
        pinned=True,
        bad={'c' * 64: 'action is not finite'},
        history=[Times(7, 'a' * 64, 1, 2, 3)],
        newest={'d' * 64: state.newest['d' * 64]},
    )
    assert parse_state(json.loads(json.dumps(state.to_json()))) == state


def test_a_full_bad_list_forgets_nothing_and_takes_nothing_new(fleet):
    state = State(bad={f'{number:064x}': 'x' for number in range(MAX_BAD)})
    state.left('e' * 64, 'one more')
    assert len(state.bad) == MAX_BAD and f'{0:064x}' in state.bad
    updater = fleet.updater()
    updater._memory.save(state)
    fleet.publish(0)
    status = updater.poll()
    assert status.state == 'refused' and 'start_over' in status.reason
    assert fleet.folders() == set()


@given(text=st.text(max_size=3000))
def test_a_reason_is_short_and_printable(text):
    assert len(short(text)) <= MAX_REASON
    assert short(text).isascii() and (short(text).isprintable() or not short(text))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = sorted(State().to_json())


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(changes=st.dictionaries(st.sampled_from(KEYS), JSON, max_size=3))
def test_a_state_of_any_content_is_read_or_refused(changes):
    try:
        state = parse_state({**State().to_json(), **changes})
    except StateError:
        return
    assert parse_state(state.to_json()) == state
