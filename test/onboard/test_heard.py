# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Messages that come and cannot be used: the words name the clock, the joints or the cable."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onboard_contract import make_contract, make_stream
from onboard_messages import image_cdr, joints_cdr

from world_model_ros.onboard.tick.assembly import Assembler
from world_model_ros.wire.cdr import MAX_JOINTS, MessageError, joint_names

MS = 1_000_000
NOW = 1_790_000_000_000 * MS  # in 2026
HOUR = 3_600_000 * MS


@pytest.mark.parametrize(
    'stamp_ns, words',
    [
        (0, 'stamped 0 (the driver does not set it)'),
        (81_500 * MS, 'stamped 81.500 s (counted from the start of a device'),
        (NOW - 3 * HOUR, '3.0 h before they arrive'),
    ],
)
def test_stamps_of_another_clock_are_named_with_their_remedy_before_the_first_tick(
    stamp_ns, words
):
    assembler = Assembler(make_contract())
    assembler.clear(after_ns=NOW)
    for k in range(3):
        assembler.store('camera', image_cdr(stamp_ns), NOW + k * 40 * MS)
    said = assembler.absence('camera')
    assert words in said and '(3 of them)' in said and 'stamp: receive' in said
    assert 'synchronise' in said and 'QoS' not in said
    assert said == assembler.assemble(NOW + 100 * MS).samples['camera'].error
    assert 'got none' in assembler.absence('joints')


def test_clock_that_goes_wrong_on_the_way_is_blamed_not_the_rate():
    assembler = Assembler(make_contract())
    for k in range(20):
        t_ns = NOW + k * 40 * MS
        assembler.store('camera', image_cdr(t_ns if k < 5 else t_ns - 3 * HOUR), t_ns)
    error = assembler.assemble(NOW + 770 * MS).samples['camera'].error
    assert '3.0 h before they arrive' in error and 'stamp: receive' in error
    # The cable is pulled: now the stamps are not what is wrong.
    error = assembler.assemble(NOW + 770 * MS + 100_000 * MS).samples['camera'].error
    assert 'check that camera/image_raw runs' in error


def test_camera_ahead_of_time_is_blamed_for_the_joints_that_seem_old():
    contract = make_contract(tick_source='stream', tick_stream='camera')
    assembler = Assembler(contract)
    assembler.store('joints', joints_cdr(NOW - 5 * MS), NOW - 4 * MS)
    assembler.store('camera', image_cdr(NOW + 500 * MS), NOW)
    sample = assembler.assemble(NOW + 500 * MS).samples['joints']
    error = sample.error
    assert (
        sample.blamed == 'camera'
        and error.startswith("stream 'camera'")
        and '0.500 s after it' in error
    )
    assert 'joints seems 0.505 s old' in error and 'stamp: receive' in error


def test_camera_on_time_is_not_blamed_for_joints_that_stopped():
    assembler = Assembler(make_contract(tick_source='stream', tick_stream='camera'))
    assembler.store('joints', joints_cdr(NOW - 300 * MS), NOW - 299 * MS)
    assembler.store('camera', image_cdr(NOW), NOW + 5 * MS)
    error = assembler.assemble(NOW).samples['joints'].error
    assert error.startswith("stream 'joints'") and 'check that joint_states runs' in error


def test_joints_of_another_publisher_on_the_topic_are_passed_over_and_counted():
    assembler = Assembler(make_contract())
    assembler.store('camera', image_cdr(NOW), NOW)
    for k in range(50):  # more than the ring holds
        others = joints_cdr(NOW + k, names=('finger',), position=(0.5,), velocity=(0.0,))
        assembler.store('joints', joints_cdr(NOW) if k == 0 else others, NOW)
    observation = assembler.assemble(NOW + 10 * MS)
    assert observation.valid and observation.samples['joints'].stamp_ns == NOW
    assert assembler.ignored('joints') == 49
    assert assembler.newest_stamp_ns('joints') == NOW


def test_only_other_joints_on_the_topic_are_named():
    assembler = Assembler(make_contract())
    assembler.store('joints', joints_cdr(NOW, names=('j1', 'j2')), NOW)
    said = assembler.absence('joints')
    assert "expected joints ['shoulder', 'wrist']" in said and "joints ['j1', 'j2']" in said


def test_a_message_with_some_of_the_joints_names_the_remedy():
    assembler = Assembler(make_contract(streams=(make_stream('joints'),)))
    assembler.store('joints', joints_cdr(NOW, names=('wrist', 'finger')), NOW)
    error = assembler.assemble(NOW).samples['joints'].error
    assert "without ['shoulder']" in error and 'takes them in parts' in error


NAMES = st.lists(
    st.text(st.characters(exclude_categories=['Cs'], exclude_characters='\0'), max_size=9),
    max_size=20,
)


@settings(max_examples=100, deadline=None)
@given(NAMES, st.text('ab/', max_size=7))
def test_names_read_from_the_bytes_are_those_of_the_message(names, frame):
    zeros = [0.0] * len(names)
    cdr = joints_cdr(5, names=names, position=zeros, velocity=zeros, frame=frame)
    assert list(joint_names(cdr)) == names


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=120), st.booleans())
def test_any_bytes_give_names_or_one_error(tail, little):
    cdr = (b'\x00\x01\x00\x00' if little else b'\x00\x00\x00\x00') + tail
    with contextlib.suppress(MessageError):
        assert len(list(joint_names(cdr))) <= MAX_JOINTS
    Assembler(make_contract()).store('joints', cdr, NOW)
