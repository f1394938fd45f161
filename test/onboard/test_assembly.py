# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which messages make a tick, live and offline."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onboard_contract import make_contract, make_stream
from onboard_messages import image_cdr, joints_cdr

from world_model_ros.onboard.tick.assembly import Assembler
from world_model_ros.onboard.tick.observation import NO_CHECKSUM
from world_model_ros.wire.cdr import checksum

MS = 1_000_000
T = 1_000_000 * MS


def filled(contract=None, t_ns=T):
    assembler = Assembler(contract or make_contract())
    assembler.store('camera', image_cdr(t_ns - 10 * MS), t_ns)
    assembler.store('joints', joints_cdr(t_ns - 5 * MS), t_ns)
    return assembler


def test_the_newest_messages_make_a_valid_observation():
    observation = filled().assemble(T)
    assert observation.valid and list(observation.arrays) == ['camera', 'joints']
    assert observation.ages.tolist() == pytest.approx([0.010, 0.005])
    assert observation.samples['camera'].stamp_ns == T - 10 * MS


def test_a_message_of_the_future_is_not_used():
    assembler = filled()
    assembler.store('joints', joints_cdr(T + 1, position=(9, 9)), T + 1)
    assert assembler.assemble(T).samples['joints'].stamp_ns == T - 5 * MS


def test_the_newest_stamp_wins_whatever_the_order_of_arrival():
    assembler = filled()
    assembler.store('joints', joints_cdr(T - 8 * MS, position=(9, 9)), T)
    assert assembler.assemble(T).samples['joints'].stamp_ns == T - 5 * MS


def test_only_future_messages_are_explained_by_clocks():
    assembler = Assembler(make_contract())
    assembler.store('camera', image_cdr(T + 5 * MS), T)
    assert 'clocks' in assembler.assemble(T).samples['camera'].error


def test_freshness_tells_a_message_used_twice():
    assembler = filled()
    assert assembler.assemble(T).samples['camera'].fresh
    assembler.store('joints', joints_cdr(T + 5 * MS), T)
    second = assembler.assemble(T + 10 * MS)
    assert not second.samples['camera'].fresh and second.samples['joints'].fresh


@pytest.mark.parametrize(
    'changes, later_ms, valid',
    [
        ({'sampling': 'hold'}, 80, True),
        ({'sampling': 'hold'}, 100, False),
        ({'sampling': 'asof'}, 0, True),
        ({'sampling': 'asof'}, 5, False),
        ({'sampling': 'drop'}, 0, True),
        ({'sampling': 'drop'}, 100, False),
    ],
)
def test_a_message_counts_as_long_as_its_sampling_allows(changes, later_ms, valid):
    contract = make_contract(streams=(make_stream('image', **changes),))
    assembler = Assembler(contract)
    assembler.store('camera', image_cdr(T - 10 * MS), T)
    assert assembler.assemble(T + later_ms * MS).valid == valid


def test_drop_wants_a_new_message_at_each_tick():
    assembler = Assembler(make_contract(streams=(make_stream('image', sampling='drop'),)))
    assembler.store('camera', image_cdr(T), T)
    assert assembler.assemble(T).valid
    again = assembler.assemble(T + 40 * MS)
    assert not again.valid and 'new message' in again.samples['camera'].error


@pytest.mark.parametrize(
    'cdr, words',
    [
        (joints_cdr(T, position=(math.nan, 0)), 'finite position'),
        (joints_cdr(T, names=('a', 'b')), 'names'),
        (joints_cdr(T, velocity=()), 'values of velocity'),
        (joints_cdr(T)[:40], 'whole message'),
        (b'', 'serialised message'),
        (joints_cdr(T - 300 * MS), 'older than'),
    ],
)
def test_what_is_wrong_with_a_stream_makes_the_tick_invalid_and_is_told(cdr, words):
    assembler = Assembler(make_contract())
    assembler.store('camera', image_cdr(T), T)
    assembler.store('joints', cdr, T)
    observation = assembler.assemble(T)
    assert not observation.valid and observation.samples['camera'].valid
    error = observation.samples['joints'].error
    assert words in error and "stream 'joints': expected" in error and ', got ' in error


def test_a_stream_without_messages_has_no_array():
    observation = Assembler(make_contract()).assemble(T)
    assert observation.arrays == {} and not observation.valid
    assert np.isfinite(observation.ages).all()
    assert observation.samples['camera'].checksum == NO_CHECKSUM


def test_after_a_reset_only_newer_messages_count():
    assembler = filled()
    assembler.clear(after_ns=T)
    assembler.store('camera', image_cdr(T), T)
    assert not assembler.assemble(T + MS).arrays
    assembler.store('camera', image_cdr(T + MS), T)
    assert 'camera' in assembler.assemble(T + MS).arrays


def test_memory_is_bounded_and_a_late_tick_still_finds_its_message():
    contract = make_contract(streams=(make_stream('joints', rate_hz=1000.0),))
    assembler = Assembler(contract)
    for i in range(1000):
        assembler.store('joints', joints_cdr(T + i * MS), T)
    assert len(assembler._rings['joints'].slots) == 82
    assert assembler.assemble(T + 930 * MS).samples['joints'].age_s == 0.0


def test_receive_stamps_take_the_place_of_header_stamps():
    contract = make_contract(streams=(make_stream('joints', stamp='receive'),))
    assembler = Assembler(contract)
    assembler.store('joints', joints_cdr(0), T)
    assert assembler.assemble(T).samples['joints'].stamp_ns == T


def test_lockstep_can_ask_for_the_message_of_a_time():
    assembler = filled()
    assert assembler.has_stamp('camera', T - 10 * MS)
    assert not assembler.has_stamp('camera', T)
    assert assembler.newest_stamp_ns('joints') == T - 5 * MS


@settings(max_examples=60, deadline=None)
@given(
    messages=st.lists(
        st.tuples(st.sampled_from(['camera', 'joints']), st.integers(0, 300), st.integers(0, 255)),
        max_size=30,
    ),
    ticks=st.lists(st.integers(0, 320), min_size=1, max_size=8),
)
def test_offline_arrays_are_the_live_ones_bit_for_bit(messages, ticks):
    contract = make_contract()
    live, offline = Assembler(contract), Assembler(contract)
    bag = {}
    arriving = sorted(messages, key=lambda m: m[1])
    for t in sorted(ticks):
        while arriving and arriving[0][1] <= t:
            name, at, content = arriving.pop(0)
            stamp = T + at * MS
            cdr = (
                image_cdr(stamp, np.full((4, 6, 3), content, np.uint8))
                if name == 'camera'
                else joints_cdr(stamp, position=(content, math.nan if content == 7 else 0))
            )
            live.store(name, cdr, stamp)
            bag[name, checksum(cdr)] = cdr
        seen = live.assemble(T + t * MS)
        again = offline.assemble_exact(
            seen.t_ns,
            {n: s.messages for n, s in seen.samples.items()},
            lambda name, stamp, crc: bag.get((name, crc)),
        )
        assert again.valid == seen.valid and again.crc == seen.crc
        assert again.ages.tobytes() == seen.ages.tobytes()
        for name, sample in seen.samples.items():
            other = again.samples[name]
            assert (other.fresh, other.valid) == (sample.fresh, sample.valid)


def test_a_message_lost_by_the_recorder_marks_the_tick_and_no_other_one_is_used():
    seen = filled().assemble(T)
    other = {'camera': image_cdr(T - 10 * MS, np.zeros((4, 6, 3), np.uint8))}
    again = Assembler(make_contract()).assemble_exact(
        T,
        {n: s.messages for n, s in seen.samples.items()},
        lambda name, *_: other.get(name),
    )
    assert not again.valid and again.arrays == {}
    assert 'lost' in again.samples['camera'].error
