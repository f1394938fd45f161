# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Durable state: one damaged file loses nothing, two are said, and nothing raises."""

import json
import os
import shutil

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import world_model_ros.durable as durable
from world_model_ros.durable import MAX_BYTES, DurableState

OLD, NEW = {'stopped': False, 'count': 1}, {'stopped': True, 'count': 2}


@pytest.fixture
def state(tmp_path):
    state = DurableState(tmp_path, 'latch')
    assert state.save(OLD) == ''
    assert state.save(NEW) == ''
    return state


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[:-20])


def empty(path):
    path.write_bytes(b'')


def make_huge(path):
    path.write_bytes(b' ' * (MAX_BYTES + 1))


def nest_deep(path):
    path.write_bytes(b'[' * 200_000)


def change_value(path):
    record = json.loads(path.read_text())
    record['value']['stopped'] = not record['value']['stopped']
    path.write_text(json.dumps(record))


def change_counter(path):
    record = json.loads(path.read_text())
    record['counter'] += 1000
    path.write_text(json.dumps(record))


def newer_format(path):
    path.write_text(json.dumps({**json.loads(path.read_text()), 'format': 2}))


def replace_by_link(path):
    moved = path.with_name('elsewhere')
    path.rename(moved)
    path.symlink_to(moved)


def replace_by_pipe(path):
    path.unlink()
    os.mkfifo(path)


def replace_by_folder(path):
    path.unlink()
    path.mkdir()


def copy_of_another(path):
    other = DurableState(path.parent, 'other')
    other.save(OLD)
    shutil.copy(other.paths[0], path)


DAMAGE = [
    flip_a_bit,
    cut,
    empty,
    make_huge,
    nest_deep,
    change_value,
    change_counter,
    newer_format,
    replace_by_link,
    replace_by_pipe,
    replace_by_folder,
    copy_of_another,
]


def test_nothing_saved_is_no_problem(tmp_path):
    assert DurableState(tmp_path, 'latch').load() == (None, '')


def test_what_was_saved_is_loaded(state):
    assert state.load() == (NEW, '')


@pytest.mark.parametrize('number', [0, 1])
@pytest.mark.parametrize('damage', [*DAMAGE, os.unlink])
def test_one_damaged_copy_loses_nothing_and_is_said(state, damage, number):
    damage(state.paths[number])
    value, problem = state.load()
    assert value == NEW
    assert state.paths[number].name in problem
    assert state.save(OLD) == ''
    assert state.load() == (OLD, '')


@pytest.mark.parametrize('damage', DAMAGE)
def test_two_damaged_copies_are_a_problem_without_a_value(state, damage):
    for path in state.paths:
        damage(path)
        if damage is replace_by_link:
            path.unlink()
            path.symlink_to(path.with_name('elsewhere'))
    value, problem = state.load()
    assert value is None
    assert all(path.name in problem for path in state.paths)
    assert state.save(OLD) == ''
    assert state.load() == (OLD, '')


def test_a_swapped_old_copy_does_not_win(tmp_path):
    state = DurableState(tmp_path, 'latch')
    state.save(OLD)
    old = state.paths[0].read_bytes()
    state.save(OLD)
    state.save(NEW)
    for path in state.paths:
        whole = path.read_bytes()
        path.write_bytes(old)
        value, problem = state.load()
        assert value == NEW
        assert 'old copy' in problem
        path.write_bytes(whole)


def test_damaged_copies_are_set_aside_not_overwritten(state):
    flip_a_bit(state.paths[0])
    damaged = state.paths[0].read_bytes()
    state.save(OLD)
    aside = state.paths[0].with_name(state.paths[0].name + '.damaged')
    assert aside.read_bytes() == damaged


def test_a_link_is_never_written_through(state, tmp_path):
    victim = tmp_path / 'victim'
    victim.write_text('mine')
    for path in state.paths:
        path.unlink()
        path.symlink_to(victim)
    state.save(OLD)
    assert victim.read_text() == 'mine'
    assert state.load() == (OLD, '')


def test_a_link_in_place_of_the_temporary_file_is_never_written_through(state, tmp_path):
    victim = tmp_path / 'victim'
    victim.write_text('mine')
    for path in state.paths:
        path.with_name(path.name + '.partial').symlink_to(victim)
    state.save(OLD)
    assert victim.read_text() == 'mine'
    assert state.load() == (OLD, '')


@pytest.mark.parametrize('writes', [0, 1])
def test_killed_between_the_copies_leaves_a_whole_one(state, monkeypatch, writes):
    class Killed(BaseException):
        pass

    done, real = [], durable.write_atomic

    def killed(path, content):
        if len(done) == writes:
            raise Killed
        done.append(path)
        real(path, content)

    monkeypatch.setattr(durable, 'write_atomic', killed)
    with pytest.raises(Killed):
        state.save(OLD)
    assert state.load() == ((NEW, OLD)[writes], '')


def test_a_full_disk_leaves_what_was_there(state, monkeypatch):
    def full(path, content):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(durable, 'write_atomic', full)
    with pytest.raises(OSError, match='No space'):
        state.save(OLD)
    assert state.load() == (NEW, '')


def test_a_second_copy_that_fails_is_said(state, monkeypatch):
    done, real = [], durable.write_atomic

    def full(path, content):
        if done:
            raise OSError(28, 'No space left on device')
        done.append(path)
        real(path, content)

    monkeypatch.setattr(durable, 'write_atomic', full)
    assert 'No space' in state.save(OLD)
    assert state.load() == (OLD, '')


@pytest.mark.parametrize('value', [float('nan'), {1: object()}, '\ud800', 'x' * MAX_BYTES])
def test_what_cannot_be_stored_changes_nothing(state, value):
    with pytest.raises(OSError, match='cannot be stored'):
        state.save(value)
    assert state.load() == (NEW, '')


def test_deep_values_change_nothing(state):
    deep = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(OSError, match='cannot be stored'):
        state.save(deep)
    assert state.load() == (NEW, '')


def test_a_missing_folder_is_not_made(tmp_path):
    state = DurableState(tmp_path / 'gone', 'latch')
    assert state.load() == (None, '')
    with pytest.raises(FileNotFoundError):
        state.save(NEW)
    assert not (tmp_path / 'gone').exists()


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(first=st.binary(max_size=300), second=st.binary(max_size=300))
def test_any_content_is_taken(tmp_path, first, second):
    state = DurableState(tmp_path, 'latch')
    for path, content in zip(state.paths, (first, second), strict=True):
        path.write_bytes(content)
    value, problem = state.load()
    assert value is None
    assert problem


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(value=VALUES)
def test_any_json_value_comes_back(tmp_path, value):
    state = DurableState(tmp_path, 'latch')
    state.save(value)
    assert state.load() == (value, '')
