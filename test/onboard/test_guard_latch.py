# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A stop is remembered through everything that can happen to its file."""

import pytest

from world_model_ros.durable import DurableState
from world_model_ros.onboard.guard.latch import Latch, Latched, latch_name

NAME = latch_name('/left', 'arm_07')


@pytest.fixture
def opened(tmp_path):
    """Open latches that are closed again, as a process does that ends."""
    latches = []

    def open_latch(folder=tmp_path / 'state'):
        for latch in latches:
            latch.close()
        latches.append(Latch(str(folder), NAME))
        return latches[-1]

    yield open_latch
    for latch in latches:
        latch.close()


def files(tmp_path):
    return sorted((tmp_path / 'state').glob(f'{NAME}.*.json'))


def test_a_first_start_makes_the_folder_and_is_not_stopped(opened, tmp_path):
    latch = opened()
    assert latch.state == Latched() and not latch.problem
    assert len(files(tmp_path)) == 2


def test_what_is_latched_comes_back(opened):
    assert opened().save_now(Latched('button', enabled=False)) == ''
    assert opened().state == Latched('button', enabled=False)


def test_a_stop_that_nobody_waited_for_comes_back(opened):
    opened().save_soon(Latched('button'))
    assert opened().state.stop_reason == 'button'


@pytest.mark.parametrize('damage', [b'', b'{', b'{"format": 1}', bytes(range(190, 254))])
@pytest.mark.parametrize('which', [(0,), (1,), (0, 1)])
def test_damage_means_stopped_until_a_person_releases_it(opened, tmp_path, damage, which):
    opened().close()
    for number in which:
        files(tmp_path)[number].write_bytes(damage)
    latch = opened()
    assert 'cannot be read' in latch.state.stop_reason
    assert 'cannot be read' in opened().state.stop_reason  # also after another restart
    assert opened().save_now(Latched()) == ''
    assert opened().state == Latched()


def test_another_format_means_stopped(opened, tmp_path):
    latch = opened()
    latch.close()
    latch._durable.save({'format': 2, 'stop_reason': '', 'enabled': True})
    assert 'format 1' in opened().state.stop_reason


def test_a_folder_that_cannot_be_made_means_stopped_and_no_release(opened, tmp_path):
    (tmp_path / 'state').write_text('a file is in the way')
    latch = opened()
    assert 'Not a directory' in latch.state.stop_reason
    refused = latch.save_now(Latched())
    assert 'state_directory' in refused
    # The way is free: what was refused is not granted afterwards by itself.
    (tmp_path / 'state').unlink()
    assert latch.save_now(latch.state) == ''
    assert 'Not a directory' in opened().state.stop_reason


def test_a_full_disk_keeps_the_stop(opened, monkeypatch):
    latch = opened()
    latch.save_now(Latched('button'))

    def full(value):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(latch._durable, 'save', full)
    assert 'No space left' in latch.save_now(Latched())
    assert opened().state.stop_reason == 'button'


@pytest.mark.parametrize(
    ('one', 'other'),
    [(('/a', 'b/c'), ('/a/b', 'c')), (('', 'x y'), ('', 'x_20_y')), (('', 'ä'), ('', 'a'))],
)
def test_no_two_robots_share_a_name(one, other):
    assert latch_name(*one) != latch_name(*other)
    for name in (latch_name(*one), latch_name(*other)):
        assert name.isascii() and '/' not in name


def test_a_disk_that_is_full_at_a_later_start_means_stopped(opened, tmp_path, monkeypatch):
    opened().close()

    def full(self, value):
        raise OSError(28, 'No space left on device')

    with monkeypatch.context() as patch:
        patch.setattr(DurableState, 'save', full)
        latch = opened()
        assert 'No space left' in latch.state.stop_reason
        assert 'No space left' in latch.save_now(Latched())
        latch.close()
    assert opened().state == Latched()  # nobody had stopped it, and a stop can be kept again


@pytest.mark.parametrize('number', [0, 1])
def test_damage_of_one_copy_keeps_what_the_other_one_holds(opened, tmp_path, number):
    opened().save_now(Latched('button', enabled=False))
    opened().close()
    files(tmp_path)[number].write_bytes(b'{')
    state = opened().state
    assert 'button' in state.stop_reason and 'cannot be read' in state.stop_reason
    assert not state.enabled


@pytest.mark.parametrize('number', [0, 1])
def test_a_release_that_was_refused_is_not_on_disk(opened, tmp_path, number):
    latch = opened()
    assert latch.save_now(Latched('button')) == ''
    path = files(tmp_path)[number]
    (path.parent / f'{path.name}.partial').mkdir()  # this copy cannot be written any more
    assert latch.save_now(Latched())
    latch.close()
    (path.parent / f'{path.name}.partial').rmdir()
    assert 'button' in opened().state.stop_reason


def test_an_error_that_nobody_thought_of_ends_no_writing(opened, monkeypatch):
    latch = opened()
    with monkeypatch.context() as patch:
        patch.setattr(latch._durable, 'save', lambda value: 1 / 0)
        assert 'ZeroDivisionError' in latch.save_now(Latched('button'))
    assert latch.save_now(Latched('button')) == ''
    assert opened().state.stop_reason == 'button'
