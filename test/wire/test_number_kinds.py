# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Kinds whose arrays are numbers: round trip, what is refused and with which remedy."""

from __future__ import annotations

import math

import kind_robot
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from world_model_ros.contract import ContractError, interface_dict, interface_hash
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.contract.meaning import meaning
from world_model_ros.onboard.tick.assembly import Assembler
from world_model_ros.wire.cdr import MessageError, blank, decode, encode, typestore
from world_model_ros.wire.decode import StreamError, decode_stream

ROBOT = kind_robot.ROBOT
NUMBERS = [s.name for s in ROBOT.vector_streams]
T0_NS = 1_700_000_000_123_456_789


def cdr_of(stream, **fields):
    """A message of the stream's type; keys are dotted paths with __ for the dots."""
    type_name = stream_kind(stream.kind).type_of(stream)
    message = blank(type_name)
    for path, value in fields.items():
        owner, *names = message, *path.split('__')
        for name in names[:-1]:
            owner = getattr(owner, name)
        setattr(owner, names[-1], value)
    return encode(type_name, message)


def drawn(stream, data):
    """An array that the stream's kind could have decoded."""
    finite = st.floats(-1e6, 1e6, width=32)
    labels = stream_kind(stream.kind).labels(stream)
    if stream.kind in ('laser_scan', 'range'):
        near, far = (float(np.float32(end)) for end in dict(stream.options)['range'])
        finite = st.one_of(st.just(0.0), st.floats(near, far, width=32))
    array = np.array([data.draw(finite) for _ in labels], np.float32)
    for i, label in enumerate(labels):
        if label == 'yaw':
            array[i] = data.draw(st.floats(-3.125, 3.125, width=32))
    if 'orientation.x' in labels:
        start = labels.index('orientation.x')
        unit = np.array([*(data.draw(st.floats(-1, 1)) for _ in range(3)), 1.0])
        array[start : start + 4] = unit / np.linalg.norm(unit)
    return array


@pytest.mark.parametrize('name', NUMBERS)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_what_is_encoded_is_decoded_again(name, data):
    stream = ROBOT.stream(name)
    kind = stream_kind(stream.kind)
    array = drawn(stream, data)
    cdr = kind.encode(stream, array, T0_NS)
    if stream.stamp == 'header':
        assert kind.stamp_ns(cdr) == T0_NS
    back = decode_stream(stream, cdr)
    assert back.dtype == np.float32 and back.shape == tuple(stream.shape)
    np.testing.assert_allclose(back, array, rtol=1e-6, atol=1e-6)
    np.testing.assert_array_equal(decode_stream(stream, kind.encode(stream, back, T0_NS)), back)


@pytest.mark.parametrize('name', [s.name for s in ROBOT.streams])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_damaged_bytes_of_any_kind_give_an_array_or_a_stream_error(name, data):
    stream = ROBOT.stream(name)
    kind = stream_kind(stream.kind)
    other = ROBOT.stream(data.draw(st.sampled_from([s.name for s in ROBOT.streams])))
    source = data.draw(st.sampled_from([stream, stream, other]))
    zero = np.zeros(source.shape, source.dtype)
    if 'orientation.w' in stream_kind(source.kind).labels(source):
        zero[3] = 1.0
    damaged = bytearray(stream_kind(source.kind).encode(source, zero, T0_NS))
    for _ in range(data.draw(st.integers(0, 6))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.just(len(damaged)), st.integers(0, len(damaged))))
    try:
        array = decode_stream(stream, bytes(damaged[:cut]))
    except StreamError as error:
        assert f"stream '{name}'" in str(error) and '; ' in str(error)
    else:
        assert array.shape == tuple(stream.shape) and array.dtype == kind.dtype
        assert np.isfinite(array).all()


@pytest.mark.parametrize('name', NUMBERS)
def test_big_endian_messages_are_read_like_little_endian_ones(name):
    stream = ROBOT.stream(name)
    kind = stream_kind(stream.kind)
    array = np.linspace(0.3, 0.9, stream.shape[0], dtype=np.float32)
    if stream.kind == 'imu':
        array[:4] = (0.0, 0.0, 0.6, 0.8)
    type_name = kind.type_of(stream)
    message = decode(type_name, kind.encode(stream, array, T0_NS))
    big = bytes(typestore().serialize_cdr(message, type_name, little_endian=False))
    np.testing.assert_allclose(decode_stream(stream, big), array, rtol=1e-6)


@pytest.mark.parametrize(
    ('name', 'fields', 'words'),
    [
        ('imu', {'orientation__w': 0.0}, ['orientation on imu/data', 'length 0', 'fill in']),
        ('imu', {'orientation__w': math.nan}, ['orientation', 'nan']),
        (
            'imu',
            {'orientation__w': 1.0, 'angular_velocity__y': math.nan},
            ['finite number in angular_velocity.y on imu/data', 'got nan', 'sensor'],
        ),
        (
            'imu',
            {'orientation_covariance': np.array([-1.0, *[0.0] * 8])},
            ['-1 in orientation_covariance', 'take orientation out of fields'],
        ),
        ('odometry', {}, ['pose.pose.orientation on odom', 'length 0']),
        ('speed', {'twist__linear__x': math.inf}, ['linear.x on speed', 'inf']),
        ('wish', {'angular__z': 1e300}, ['angular.z on wish', '1e+300']),
        ('wrench', {'wrench__torque__z': math.nan}, ['torque.z on wrench', 'nan']),
        ('floats', {'data': np.array([1.0])}, ['2 numbers', 'got 1', 'names']),
        ('floats', {'data': np.array([1.0, math.nan])}, ['heading on floats', 'nan']),
        ('scan', {'angle_increment': 0.1}, ['at least 8 readings', '0 of 0', 'fewer beams']),
        (
            'scan',
            {'angle_increment': 0.1, 'angle_min': 2.0, 'ranges': np.ones(20, np.float32)},
            ['0 of 20 readings within angles', 'angles'],
        ),
        ('scan', {'ranges': np.ones(20, np.float32)}, ['angle_increment on scan', 'leave angles']),
        (
            'scan',
            {'angle_increment': math.nan, 'ranges': np.ones(20, np.float32)},
            ['angle_increment', 'nan'],
        ),
    ],
)  # fmt: skip
def test_a_message_that_cannot_be_used_is_refused_by_topic_field_and_remedy(name, fields, words):
    stream = ROBOT.stream(name)
    with pytest.raises(StreamError, match=rf"stream '{name}': expected .*, got .*; ") as caught:
        decode_stream(stream, cdr_of(stream, **fields))
    assert [word for word in words if word not in str(caught.value)] == [], str(caught.value)


def test_a_message_of_another_type_is_refused_by_topic():
    with pytest.raises(StreamError, match='whole message on imu/data'):
        decode_stream(ROBOT.stream('imu'), cdr_of(ROBOT.stream('floats')))


def test_a_quaternion_and_its_negative_are_one_orientation():
    imu = ROBOT.stream('imu')
    for sign in (1.0, -1.0):
        cdr = cdr_of(imu, orientation__z=0.6 * sign, orientation__w=0.8 * sign)
        np.testing.assert_allclose(decode_stream(imu, cdr)[:4], [0, 0, 0.6, 0.8], rtol=1e-6)


def test_yaw_is_an_angle_that_wraps():
    odometry, kind = ROBOT.stream('odometry'), stream_kind('odometry')
    cdr = cdr_of(
        odometry,
        pose__pose__orientation__z=math.sin(1.5),
        pose__pose__orientation__w=math.cos(1.5),
    )
    array = decode_stream(odometry, cdr)
    assert kind.labels(odometry) == ['position.x', 'position.y', 'yaw', 'linear.x', 'angular.z']
    assert array[2] == pytest.approx(3.0)
    assert kind.turning(odometry) == [2]
    error = kind.difference(
        odometry, np.float32([0, 0, -3.1, 0, 0]), np.float32([0, 0, 3.1, 0, 0])
    )
    assert abs(error[2]) < 0.1


def test_a_beam_is_the_nearest_reading_of_its_part():
    scan = ROBOT.stream('scan')
    ranges = np.full(64, 2.0, np.float32)
    ranges[0:8] = [math.nan, 0.0, -1.0, 0.04, math.nan, math.nan, math.nan, math.nan]  # nothing
    ranges[8:10] = [math.inf, math.nan]  # free as far as it sees
    ranges[10:16] = math.inf
    ranges[17] = 0.5
    ranges[25] = -math.inf  # too near to measure
    ranges[33] = 99.0  # above range_max
    cdr = cdr_of(
        scan, angle_min=-1.575, angle_increment=0.05, range_min=0.05, range_max=30.0, ranges=ranges
    )
    beams = decode_stream(scan, cdr).tolist()
    assert beams == pytest.approx([0.0, 5.0, 0.5, 0.1, 2.0, 2.0, 2.0, 2.0])


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(8, 400),
    start=st.floats(-7.0, 7.0),
    upside_down=st.booleans(),
    at=st.floats(-1.55, 1.55),
)
def test_an_obstacle_is_seen_in_the_beam_of_its_angle_however_the_scanner_counts(
    count, start, upside_down, at
):
    scan = ROBOT.stream('scan')
    step = 2 * math.pi / count * (-1 if upside_down else 1)
    angles = np.float32(start) + np.float32(step) * np.arange(count)
    away = np.abs((angles - at + math.pi) % (2 * math.pi) - math.pi)
    ranges = np.full(count, 4.0, np.float32)
    nearest = int(np.argmin(away))
    ranges[nearest] = 1.0
    cdr = cdr_of(scan, angle_min=start, angle_increment=step, range_max=9.0, ranges=ranges)
    try:
        beams = decode_stream(scan, cdr)
    except StreamError as error:  # so coarse that no eight readings lie within
        assert 'readings' in str(error) and count < 24
        return
    angle = (angles[nearest] + 1.6) % (2 * math.pi)
    near = [i for i, value in enumerate(beams) if value == 1.0]
    if 0.001 < angle < 3.199:  # inside, not on an edge
        assert len(near) == 1 and abs(near[0] - int(angle / 0.4)) <= 1


def test_a_whole_scan_needs_no_angles():
    robot = kind_robot.robot((',\n         angles: [-1.6, 1.6]', ''))
    ranges = np.repeat(np.arange(1, 9, dtype=np.float32) * 0.5, 5)
    beams = decode_stream(robot.stream('scan'), cdr_of(robot.stream('scan'), ranges=ranges))
    assert beams.tolist() == (np.arange(1, 9) * 0.5).tolist()


@pytest.mark.parametrize(
    ('reading', 'expected'),
    [(1.0, 1.0), (0.01, 0.0), (9.0, 3.0), (math.inf, 3.0), (-math.inf, 0.1), (math.nan, 0.0),
     (0.06, 0.1)],
)  # fmt: skip
def test_a_distance_is_clipped_and_nothing_is_zero(reading, expected):
    sonar = ROBOT.stream('sonar')
    cdr = cdr_of(sonar, min_range=0.05, max_range=5.0, range=reading)
    assert decode_stream(sonar, cdr)[0] == pytest.approx(expected)


def test_a_driver_that_leaves_its_limits_out_is_believed():
    sonar = ROBOT.stream('sonar')
    assert decode_stream(sonar, cdr_of(sonar, range=1.0))[0] == 1.0


def test_an_offset_in_the_layout_is_skipped():
    floats = ROBOT.stream('floats')
    cdr = cdr_of(floats, data=np.array([9.0, 1.0, 2.0]), layout__data_offset=1)
    assert decode_stream(floats, cdr).tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    ('old', 'new', 'words'),
    [
        ('stamp: receive, fields: [linear.x', 'fields: [linear.x', 'receive for geometry_msgs/'),
        ('stamp: receive,\n           names', 'names', 'receive for std_msgs/msg/Float64Multi'),
        ('linear_acceleration.z]', 'linear_acceleration.w]', 'fields among orientation'),
        ('linear_acceleration.z]', 'liner_acceleration]', "did you mean 'linear_acceleration'"),
        ('linear_acceleration.z]', 'orientation.x]', 'fields among orientation'),
        ('linear_acceleration.z]', 'angular_velocity.z]', 'second angular_velocity.z'),
        ('fields: [position, yaw]', 'fields: [yaw, orientation]', 'second yaw'),
        ('beams: 8', 'beams: 0', 'an integer of at least 1'),
        ('beams: 8', 'beams: 5000', 'at most 4096'),
        ('range: [0.1, 5.0]', 'range: [5.0, 0.1]', 'write the smaller first'),
        ('range: [0.1, 5.0]', 'range: [.nan, 0.1]', 'metres'),
        ('range: [0.1, 5.0]', 'range: 5.0', 'metres'),
        ('angles: [-1.6, 1.6]', 'angles: [-4.0, 4.0]', 'at most one turn'),
        ('wrap: [heading]', 'wrap: [bearing]', 'a name among pressure, heading'),
        ('range: [0.25, 4.0]', 'range: [0.25, 4.0], record: compressed', 'raw for depth'),
        ('topic: front/', 'record: model_input, topic: front/', 'raw for transport: compressed'),
    ],
)  # fmt: skip
def test_keys_of_a_kind_are_checked(old, new, words):
    with pytest.raises(ContractError) as caught:
        kind_robot.robot((old, new))
    assert words in str(caught.value)


def test_what_the_network_sees_is_part_of_the_interface_and_what_the_driver_sends_is_not():
    whole = interface_hash(ROBOT)
    for old, new in [
        ('angles: [-1.6, 1.6]', 'angles: [-1.5, 1.6]'),
        ('range: [0.1, 3.0]', 'range: [0.1, 4.0]'),
        ('fields: [linear.x, angular.z]', 'fields: [angular.z, linear.x]'),
        ('wrap: [heading]', 'wrap: []'),
    ]:
        assert interface_hash(kind_robot.robot((old, new))) != whole, new
    for old, new in [
        ('front/image_raw/compressed', 'front/image_raw'),
        ('depth/image_raw/compressedDepth', 'depth/image_raw'),
        ('range: [0.25, 4.0]', 'range: [0.25, 4.0], unit: mm'),
    ]:
        assert interface_hash(kind_robot.robot((old, new))) == whole, new
    streams = {s['name']: s for s in interface_dict(ROBOT)['streams']}
    assert streams['scan'] == {
        'name': 'scan', 'kind': 'laser_scan', 'shape': [8], 'units': 'SI', 'range': [0.1, 5.0],
        'angles': [-1.6, 1.6],
    }  # fmt: skip


def test_every_kind_has_words_and_a_label_for_each_number():
    text = ' '.join(words for _, words in meaning(ROBOT))
    for stream in ROBOT.vector_streams:
        labels = stream_kind(stream.kind).labels(stream)
        assert len(labels) == len(set(labels)) == stream.shape[0]
        assert stream_kind(stream.kind).words(stream) in text


def test_ticks_are_assembled_from_every_kind_at_once():
    assembler = Assembler(ROBOT)
    for stream in ROBOT.streams:
        array = np.full(stream.shape, 1, stream.dtype)
        if stream.kind == 'imu':
            array[:4] = (0.0, 0.0, 0.0, 1.0)
        cdr = stream_kind(stream.kind).encode(stream, array, T0_NS)
        assembler.store(stream.name, cdr, T0_NS)
    observation = assembler.assemble(T0_NS)
    errors = [sample.error for sample in observation.samples.values() if sample.error]
    assert observation.valid, errors
    assert list(observation.arrays) == [stream.name for stream in ROBOT.streams]


def test_joints_of_a_bag_that_rclpy_wrote_may_have_bytes_behind_them():
    joints = ROBOT.stream('joints')
    cdr = stream_kind('joints').encode(joints, np.float32([1, 2, 3, 4]), T0_NS)
    assert decode_stream(joints, cdr + bytes(8)).tolist() == [1, 2, 3, 4]
    with pytest.raises((StreamError, MessageError)):
        decode_stream(joints, cdr + bytes(20))


@pytest.mark.parametrize('order', [[0, 1], [1, 0]])
def test_joints_of_any_name_are_found_in_any_order_and_a_bad_one_is_named(order):
    names = ['arm.joint::1', 'größe 名']
    robot = kind_robot.robot(('names: [left, right],', f'names: {names},'.replace("'", '"')))
    joints, kind = robot.stream('joints'), 'sensor_msgs/msg/JointState'
    message = blank(kind)
    message.name = [names[i] for i in order]
    message.position = np.array([1.0, 2.0])[order]
    message.velocity = np.array([3.0, 4.0])[order]
    assert decode_stream(joints, encode(kind, message)).tolist() == [1.0, 2.0, 3.0, 4.0]
    message.velocity[order.index(1)] = math.nan
    with pytest.raises(StreamError, match="velocity of 'größe 名'"):
        decode_stream(joints, encode(kind, message))
