# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Joints of several publishers on one topic: the newest value of each, and the tick made again."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onboard_messages import joints_cdr

from world_model_ros.contract import parse_contract
from world_model_ros.onboard.tick.assembly import Assembler
from world_model_ros.onboard.tick.observation import NO_CHECKSUM, MessageId, StreamSample
from world_model_ros.onboard.tick.rings import MAX_PARTS
from world_model_ros.onboard.tick.tick_record import (
    TICK_SCHEMA,
    TickRecord,
    TickRecordError,
    tick_names,
    tick_schema,
)
from world_model_ros.wire.cdr import checksum

MS = 1_000_000
T = 1_000_000 * MS
ROBOT = parse_contract("""
format: 2
name: arm_and_finger
control: {period: 0.04, tick: {source: timer}, command_rate: 25, command_timeout: 0.2}
streams:
  joints:
    kind: joints
    topic: joint_states
    rate: 50
    max_age: 0.06
    names: [j1, j2, finger]
    fields: [position, velocity]
actions:
  arm:
    topic: command
    kind: velocity
    names: [j1, j2]
    low: [-1, -1]
    high: [1, 1]
    limits: {acceleration: [9, 9]}
    safe: zero
episode: {reset: manual}
""")


def part(t_ns, names, position, velocity=None):
    return joints_cdr(t_ns, names, position, velocity or [10.0 * p for p in position])


def store(assembler, cdr, t_ns):
    assembler.store('joints', cdr, t_ns)


def array(observation):
    return observation.arrays['joints'].tolist()


def test_arm_and_finger_that_share_a_topic_make_one_valid_tick():
    # Field report: such a robot had no valid tick at all.
    assembler = Assembler(ROBOT)
    arm, finger = part(T - 5 * MS, ['j1', 'j2'], [1, 2]), part(T - 20 * MS, ['finger'], [3])
    store(assembler, finger, T - 19 * MS)
    store(assembler, arm, T - 4 * MS)
    seen = assembler.assemble(T)
    assert seen.valid
    assert array(seen) == [1, 2, 3, 10, 20, 30]  # field-major, in the order of the contract
    assert seen.ages.tolist() == pytest.approx([0.020])  # of the part that is furthest behind
    assert seen.samples['joints'].messages == (
        MessageId(T - 5 * MS, checksum(arm)),
        MessageId(T - 20 * MS, checksum(finger)),
    )


def test_of_a_joint_in_two_messages_the_newest_value_counts():
    assembler = Assembler(ROBOT)
    store(assembler, part(T - 30 * MS, ['j1', 'j2', 'finger'], [1, 2, 3]), T)
    store(assembler, part(T - 10 * MS, ['finger', 'other'], [9, 0]), T)
    assert array(assembler.assemble(T))[:3] == [1, 2, 9]
    store(assembler, part(T - 5 * MS, ['j2', 'finger', 'j1'], [5, 6, 4]), T)
    seen = assembler.assemble(T)
    assert array(seen)[:3] == [4, 5, 6] and seen.samples['joints'].parts == ()


def test_a_fast_publisher_pushes_no_slow_one_out():
    assembler = Assembler(ROBOT)
    store(assembler, part(T - 50 * MS, ['finger'], [3]), T)
    for i in range(100):
        store(assembler, part(T - 50 * MS + i * MS // 2, ['j1', 'j2'], [i, i]), T)
    assert assembler.assemble(T).valid


def test_a_joint_that_nobody_publishes_is_named():
    assembler = Assembler(ROBOT)
    store(assembler, part(T - 5 * MS, ['j1', 'j2'], [1, 2]), T)
    seen = assembler.assemble(T)
    assert not seen.valid and seen.samples['joints'].checksum == NO_CHECKSUM
    assert "joints ['finger'] on joint_states" in seen.samples['joints'].error
    assert 'finger' in assembler.absence('joints')
    assert assembler.newest_stamp_ns('joints') is None


def test_a_publisher_that_falls_silent_makes_the_tick_invalid_and_is_named():
    assembler = Assembler(ROBOT)
    store(assembler, part(T - 90 * MS, ['finger'], [3]), T - 90 * MS)
    store(assembler, part(T - 5 * MS, ['j1', 'j2'], [1, 2]), T - 5 * MS)
    seen = assembler.assemble(T)
    assert not seen.valid and 'finger is late' in seen.samples['joints'].error
    assert assembler.newest_stamp_ns('joints') == T - 90 * MS  # the age that gives a chunk up


def test_freshness_wants_news_of_every_part():
    assembler = Assembler(ROBOT)
    store(assembler, part(T - 5 * MS, ['finger'], [3]), T)
    store(assembler, part(T - 5 * MS, ['j1', 'j2'], [1, 2]), T)
    assert assembler.assemble(T).samples['joints'].fresh
    store(assembler, part(T + 5 * MS, ['j1', 'j2'], [1, 2]), T)
    assert not assembler.assemble(T + 10 * MS).samples['joints'].fresh


def test_lockstep_waits_for_every_part():
    assembler = Assembler(ROBOT)
    store(assembler, part(T, ['j1', 'j2'], [1, 2]), T)
    assert not assembler.has_stamp('joints', T)
    store(assembler, part(T - MS, ['finger'], [3]), T)
    assert not assembler.has_stamp('joints', T)
    store(assembler, part(T, ['finger'], [3]), T)
    assert assembler.has_stamp('joints', T)


def test_ever_other_sets_of_joints_take_no_more_memory():
    many = ROBOT.streams[0]
    names = tuple(f'j{i}' for i in range(MAX_PARTS + 20))
    stream = dataclasses.replace(many, names=names, shape=(2 * len(names),))
    assembler = Assembler(dataclasses.replace(ROBOT, streams=(stream,)))
    for i, name in enumerate(names):
        store(assembler, part(T - 30 * MS + i, [name], [1]), T)
    assert len(assembler._parts['joints']._rings) == MAX_PARTS


def record_of(seen):
    return TickRecord(
        '2f1c6b1e-0000-4000-8000-000000000000',
        seen.t_ns,
        7,
        valid=seen.valid,
        obs_crc=seen.crc,
        joints=ROBOT.action.names,
        asked=np.zeros(2),
        sent=np.zeros(2),
        streams=seen.samples,
        schema=tick_schema(ROBOT),
    )


def read_back(record):
    return TickRecord.from_doubles(
        record.names(), record.to_doubles(), record.t_ns, record.frame_id
    )


def test_a_record_names_every_message_of_a_tick():
    assembler = Assembler(ROBOT)
    store(assembler, part(T - 20 * MS, ['finger'], [3]), T)
    store(assembler, part(T - 5 * MS, ['j1', 'j2'], [1, 2]), T)
    record = record_of(assembler.assemble(T))
    assert record.schema == TICK_SCHEMA == 2 and record.frame_id.endswith('/2')
    extra = set(record.names()) - set(tick_names(ROBOT))
    assert extra == {f'joints.part1.{item}' for item in ('stamp_sec', 'stamp_nanosec', 'checksum')}
    assert read_back(record).streams['joints'].messages == record.streams['joints'].messages


def test_a_robot_of_format_1_writes_what_it_always_wrote():
    assert tick_schema(dataclasses.replace(ROBOT, format=1)) == 1


def test_too_many_parts_are_no_record():
    sample = StreamSample(T, 1, True, 0.0, True, '', parts=(MessageId(T, 2),) * 300)
    record = TickRecord('x', T, 0, streams={'joints': sample}, schema=2)
    with pytest.raises(TickRecordError, match='300 parts'):
        read_back(record)


MESSAGES = st.lists(
    st.tuples(
        st.integers(-80, 20),  # ms from T
        st.lists(st.sampled_from(['j1', 'j2', 'finger', 'other']), max_size=4),
        st.sampled_from([0.5, -0.25, math.nan, 1e300]),
        st.booleans(),  # damaged
    ),
    max_size=25,
)


@settings(max_examples=200, deadline=None)
@given(MESSAGES)
def test_every_tick_is_made_again_bit_for_bit_from_its_record(messages):
    live, offline, bag = Assembler(ROBOT), Assembler(ROBOT), {}
    for step, (at, names, number, damaged) in enumerate(messages):
        stamp_ns = T + at * MS
        cdr = part(stamp_ns, names, [number + step if i == 0 else i for i in range(len(names))])
        cdr = cdr[: len(cdr) * 2 // 3] if damaged else cdr
        store(live, cdr, stamp_ns)
        bag[MessageId(stamp_ns, checksum(cdr))] = cdr
        seen = live.assemble(T + step * MS)
        record = read_back(record_of(seen))
        again = offline.assemble_exact(
            seen.t_ns,
            {name: sample.messages for name, sample in record.streams.items()},
            lambda _, stamp, number: bag.get(MessageId(stamp, number)),
        )
        assert (again.valid, again.crc) == (seen.valid, record.obs_crc)
        assert again.ages.tobytes() == seen.ages.tobytes()
        for name, array in seen.arrays.items():
            assert again.arrays[name].tobytes() == array.tobytes()
