# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The tick record on the wire: exact both ways, and readable in later versions."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onboard_contract import make_contract

from world_model_ros.onboard.tick.observation import NO_CHECKSUM, MessageId, StreamSample
from world_model_ros.onboard.tick.tick_record import (
    FLAGS,
    SOURCES,
    TICK_SCHEMA,
    TickRecord,
    TickRecordError,
    tick_names,
)
from world_model_ros.wire.cdr import JOINT_STATE, decode

FIXTURES = Path(__file__).parents[1] / 'fixtures'
FLOATS = st.floats(allow_nan=True)


STAMPS, NUMBERS = st.integers(0, 2**31 * 10**9 - 1), st.integers(0, 2**32 - 1)


def samples(parts=0):
    return st.builds(
        StreamSample,
        STAMPS,
        NUMBERS,
        st.booleans(),
        st.floats(0, 1e3),
        st.just(True),
        st.just(''),
        parts=st.lists(st.builds(MessageId, STAMPS, NUMBERS), max_size=parts).map(tuple),
    )


RECORDS = st.builds(
    TickRecord,
    episode=st.uuids().map(str),
    t_ns=st.integers(0, 2**61),
    tick=st.integers(0, 2**40),
    **{flag: st.booleans() for flag in FLAGS},
    source=st.sampled_from(SOURCES),
    release=st.integers(0, 2**31),
    iterations=st.integers(0, 99),
    noise_key=st.integers(0, 2**64 - 1),
    reward=FLOATS,
    lateness=FLOATS,
    surprise=FLOATS,
    value=FLOATS,
    skipped=st.integers(0, 2**31),
    obs_crc=st.integers(-1, 2**32 - 1),
    joints=st.just(('shoulder', 'wrist')),
    asked=st.lists(st.floats(-9, 9), min_size=2, max_size=2).map(np.array),
    sent=st.lists(st.floats(-9, 9), min_size=2, max_size=2).map(np.array),
    streams=st.tuples(samples(), samples()).map(
        lambda pair: {'camera': pair[0], 'joints': pair[1]}
    ),
)


def read_back(record):
    return TickRecord.from_doubles(
        record.names(), record.to_doubles(), record.t_ns, record.frame_id
    )


IN_PARTS = RECORDS.flatmap(
    lambda record: samples(parts=3).map(
        lambda sample: dataclasses.replace(
            record, streams={**record.streams, 'joints': sample}, schema=2
        )
    )
)


@given(st.one_of(RECORDS, IN_PARTS))
def test_a_record_survives_the_wire_exactly(record):
    got = read_back(record)
    for field in dataclasses.fields(TickRecord):
        np.testing.assert_equal(getattr(got, field.name), getattr(record, field.name))


@given(RECORDS)
def test_names_and_numbers_match_and_follow_from_the_contract(record):
    assert record.names() == tick_names(make_contract())
    assert len(set(record.names())) == len(record.names()) == len(record.to_doubles())
    assert all(isinstance(value, float) for value in record.to_doubles())


def example():
    return TickRecord(
        '2f1c6b1e-0000-4000-8000-000000000000',
        10**18 + 1,
        7,
        joints=('a',),
        asked=np.zeros(1),
        sent=np.zeros(1),
        streams={'cam': StreamSample(0, NO_CHECKSUM, False, 1e3, False, '')},
    )


def test_a_stream_without_a_message_comes_back_as_such():
    sample = read_back(example()).streams['cam']
    assert sample.checksum == NO_CHECKSUM and not sample.valid


def test_missing_numbers_are_nan_never_zero():
    record = read_back(example())
    assert all(math.isnan(v) for v in (record.reward, record.surprise, record.value))


@pytest.mark.parametrize('schema', [0.0, TICK_SCHEMA + 1.0, math.nan])
def test_another_schema_is_refused_by_name(schema):
    record = example()
    values = record.to_doubles()
    values[0] = schema
    with pytest.raises(TickRecordError, match='schema'):
        TickRecord.from_doubles(record.names(), values, 0, record.frame_id)


def test_a_record_that_lacks_names_is_refused_with_all_of_them():
    record = example()
    kept = [
        (n, v)
        for n, v in zip(record.names(), record.to_doubles(), strict=True)
        if n not in ('reward', 'cam.age')
    ]
    with pytest.raises(TickRecordError, match=r"'reward', 'cam\.age'"):
        TickRecord.from_doubles([n for n, _ in kept], [v for _, v in kept], 0, record.frame_id)


def test_names_of_the_future_are_left_alone():
    record = example()
    got = TickRecord.from_doubles(
        [*record.names(), 'new'], [*record.to_doubles(), 1.0], record.t_ns, record.frame_id
    )
    assert got.tick == record.tick


def test_damaged_messages_are_refused():
    record = example()
    with pytest.raises(TickRecordError, match='damaged'):
        TickRecord.from_doubles(record.names(), record.to_doubles()[:-1], 0, record.frame_id)
    values = record.to_doubles()
    values[record.names().index('source')] = len(SOURCES)
    with pytest.raises(TickRecordError, match='source code'):
        TickRecord.from_doubles(record.names(), values, 0, record.frame_id)


@pytest.mark.parametrize('schema', [1, 2])
def test_the_stored_records_are_still_read(schema):
    msg = decode(JOINT_STATE, (FIXTURES / f'tick_record_v{schema}.cdr').read_bytes())
    t_ns = msg.header.stamp.sec * 10**9 + msg.header.stamp.nanosec
    record = TickRecord.from_doubles(msg.name, msg.position, t_ns, msg.header.frame_id)
    expected = json.loads((FIXTURES / f'tick_record_v{schema}.json').read_text())
    assert list(msg.name) == expected.pop('names')
    expected = {'schema': 1, 'task': {}} | expected
    got = dataclasses.asdict(record)
    got.update(asked=record.asked.tolist(), sent=record.sent.tolist(), joints=list(record.joints))
    for name, sample in got['streams'].items():
        del sample['blamed']  # in memory only: it names a stream in texts
        sample['parts'] = [list(part) for part in sample['parts']]
        expected['streams'][name].setdefault('parts', [])
    assert got == expected


def test_the_page_for_readers_lists_every_name():
    page = (Path(__file__).parents[2] / 'docs' / 'reference' / 'tick_record.md').read_text()
    parts = [f'camera.partN.{item}' for item in ('stamp_sec', 'stamp_nanosec', 'checksum')]
    for name in [*tick_names(make_contract()), *parts]:
        shown = name.replace('camera.', 'STREAM.').replace('joints.', 'STREAM.')
        for joint in ('shoulder', 'wrist'):
            shown = shown.replace(f'.{joint}', '.JOINT')
        assert f'`{shown}`' in page, name
    assert all(f'{code} `{source}`' in page for code, source in enumerate(SOURCES))


@given(st.one_of(RECORDS, IN_PARTS), st.data())
def test_a_record_of_any_numbers_is_read_or_refused_in_words(record, data):
    values = record.to_doubles()
    for index in data.draw(st.lists(st.integers(0, len(values) - 1), max_size=3)):
        values[index] = data.draw(st.floats())
    try:
        TickRecord.from_doubles(record.names(), values, record.t_ns, record.frame_id)
    except TickRecordError as error:
        assert str(error)
