# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Messages to arrays, and refusals that name stream, expectation, arrival and remedy."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onboard_contract import make_stream
from onboard_messages import image_cdr, image_message, joints_cdr, joints_message

from world_model_ros.wire.cdr import (
    IMAGE,
    JOINT_STATE,
    MessageError,
    checksum,
    decode,
    has_header,
    header_stamp_ns,
)
from world_model_ros.wire.decode import StreamError, decode_stream
from world_model_ros.wire.kinds.image import decode_image
from world_model_ros.wire.kinds.joints import decode_joints

CAMERA = make_stream('image')
JOINTS = make_stream('joints')
RGB = np.arange(72, dtype=np.uint8).reshape(4, 6, 3)


def joints_of(msg, stream=JOINTS):
    return decode_joints(msg.name, msg.position, msg.velocity, msg.effort, stream)


@pytest.mark.parametrize(
    'encoding, wire',
    [
        ('rgb8', RGB),
        ('bgr8', RGB[..., ::-1]),
        ('rgba8', np.concatenate([RGB, np.full((4, 6, 1), 255, np.uint8)], 2)),
        ('bgra8', np.concatenate([RGB[..., ::-1], np.full((4, 6, 1), 9, np.uint8)], 2)),
    ],
)
@pytest.mark.parametrize('padding', [0, 5])
def test_every_wire_encoding_becomes_the_same_rgb_picture(encoding, wire, padding):
    picture = decode_image(image_message(picture=wire, encoding=encoding, padding=padding), CAMERA)
    assert picture.dtype == np.uint8 and picture.flags.c_contiguous
    assert np.array_equal(picture, RGB)


def test_grey_pictures_become_three_equal_channels():
    grey = RGB[..., :1]
    picture = decode_image(image_message(picture=grey, encoding='mono8'), CAMERA)
    assert np.array_equal(picture, np.repeat(grey, 3, 2))


def test_a_larger_picture_of_the_same_shape_is_averaged_down():
    large = np.repeat(np.repeat(RGB, 2, 0), 2, 1)
    assert np.array_equal(decode_image(image_message(picture=large), CAMERA), RGB)


def test_the_last_row_may_come_without_its_padding():
    msg = image_message(padding=5)
    msg.data = msg.data[:-5]
    assert np.array_equal(decode_image(msg, CAMERA), RGB)


@pytest.mark.parametrize(
    'changes, words',
    [
        ({'encoding': '16UC1'}, ['16UC1', 'rgb8', 'driver']),
        ({'encoding': ''}, ['encoding']),
        ({'step': 17}, ['step 17', 'step >= 18']),
        ({'step': 0}, ['step 0']),
        ({'data': np.zeros(71, np.uint8)}, ['72 bytes', '71', 'truncated']),
        ({'height': 0}, ['height 0']),
        ({'height': 1 << 31, 'width': 1 << 31}, ['height']),
        ({'width': 5, 'step': 15}, ['6x4', '5x4', 'crop']),
    ],
)
def test_a_picture_that_cannot_be_used_is_refused_with_its_remedy(changes, words):
    with pytest.raises(StreamError, match=r"stream 'camera': expected .*, got .*; ") as caught:
        decode_image(image_message(**changes), CAMERA)
    assert all(word in str(caught.value) for word in words)


def test_joints_are_matched_by_name_and_laid_out_by_field():
    msg = joints_message(
        names=('wrist', 'extra', 'shoulder'), position=(0.2, 9, 0.1), velocity=(2, 9, 1)
    )
    assert joints_of(msg).tolist() == np.array([0.1, 0.2, 1, 2], np.float32).tolist()


@pytest.mark.parametrize(
    'changes, words',
    [
        ({'names': ('wrist', 'elbow')}, ["['shoulder']", 'names']),
        ({'velocity': ()}, ['2 values of velocity', 'got 0', 'fields']),
        ({'position': (0.1,)}, ['position', 'got 1']),
        ({'position': (math.nan, 0)}, ["position of 'shoulder'", 'nan']),
        ({'velocity': (0, math.inf)}, ["velocity of 'wrist'", 'inf']),
        ({'velocity': (0, 1e300)}, ["velocity of 'wrist'"]),
    ],
)
def test_joints_that_cannot_be_used_are_refused_with_the_remedy(changes, words):
    with pytest.raises(StreamError, match=r"stream 'joints': expected .*, got .*; ") as caught:
        joints_of(joints_message(**changes))
    assert all(word in str(caught.value) for word in words)


def test_a_bad_value_of_a_field_that_is_not_used_does_not_matter():
    position = make_stream('joints', fields=('position',), shape=(2,))
    assert joints_of(joints_message(velocity=(math.nan, 0)), position).shape == (2,)


def test_the_picture_does_not_depend_on_the_bytes_after_decoding():
    msg = image_message()
    picture = decode_image(msg, CAMERA)
    msg.data[:] = 0
    assert np.array_equal(picture, RGB)


def test_image_data_is_decoded_as_a_view():
    data = decode(IMAGE, image_cdr()).data
    assert isinstance(data, np.ndarray) and not data.flags.owndata


def test_the_stamp_is_read_without_decoding():
    assert header_stamp_ns(image_cdr(1_700_000_000_123_456_789)) == 1_700_000_000_123_456_789
    with pytest.raises(MessageError, match='header'):
        header_stamp_ns(b'\x00\x01')


def test_the_checksum_tells_messages_apart():
    assert checksum(joints_cdr(1)) != checksum(joints_cdr(2))


def test_bytes_of_another_type_are_refused():
    with pytest.raises(StreamError, match='camera/image_raw'):
        decode_stream(CAMERA, joints_cdr())


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_damaged_bytes_raise_nothing_but_stream_errors(data):
    stream, cdr = data.draw(st.sampled_from([(CAMERA, image_cdr()), (JOINTS, joints_cdr())]))
    damaged = bytearray(cdr)
    for _ in range(data.draw(st.integers(0, 4))):
        damaged[data.draw(st.integers(0, len(cdr) - 1))] = data.draw(st.integers(0, 255))
    damaged = bytes(damaged[: data.draw(st.integers(0, len(cdr)))])
    try:
        array = decode_stream(stream, damaged)
    except StreamError as error:
        assert f"stream '{stream.name}'" in str(error)
    else:
        assert array.shape == tuple(stream.shape) and np.isfinite(array).all()


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_decode_or_raise_a_message_error(cdr):
    for type_name in (IMAGE, JOINT_STATE):
        try:
            decode(type_name, cdr)
        except MessageError as error:
            assert type_name in str(error)


WIDE = np.zeros((48, 64, 3), np.uint8)
WIDE[:, 8:56] = 200  # the middle square; left and right of it black
WIDE[:, :8, 0] = 90


def test_a_wide_picture_is_cropped_to_its_middle():
    square = make_stream('image', shape=(24, 24, 3), fit='crop')
    picture = decode_image(image_message(picture=WIDE), square)
    assert picture.shape == (24, 24, 3) and (picture == 200).all()


def test_a_wide_picture_is_padded_with_black_and_seen_whole():
    square = make_stream('image', shape=(32, 32, 3), fit='pad')
    picture = decode_image(image_message(picture=WIDE), square)
    assert (picture[:4] == 0).all() and (picture[28:] == 0).all()
    assert (picture[4:28, 4:28] == 200).all() and (picture[4:28, :4, 0] == 90).all()


@pytest.mark.parametrize('fit', ['crop', 'pad'])
def test_a_picture_of_the_right_aspect_is_the_same_with_and_without_fit(fit):
    large = image_message(picture=np.repeat(np.repeat(RGB, 2, 0), 2, 1))
    assert np.array_equal(decode_image(large, make_stream('image', fit=fit)), RGB)


def test_another_aspect_is_refused_with_the_key_that_takes_it():
    with pytest.raises(StreamError, match=r'fit: crop .* or fit: pad'):
        decode_image(image_message(picture=WIDE), CAMERA)


@settings(max_examples=100, deadline=None)
@given(
    rows=st.integers(1, 60),
    columns=st.integers(1, 60),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 40), st.just(3)),
    fit=st.sampled_from(['crop', 'pad']),
    encoding=st.sampled_from(['rgb8', 'bgr8', 'mono8', 'rgba8']),
)
def test_every_size_fits_and_a_white_picture_has_no_grey(rows, columns, shape, fit, encoding):
    channels = {'mono8': 1, 'rgba8': 4}.get(encoding, 3)
    white = np.full((rows, columns, channels), 255, np.uint8)
    stream = make_stream('image', shape=shape, fit=fit)
    picture = decode_image(image_message(picture=white, encoding=encoding), stream)
    assert picture.shape == shape and picture.dtype == np.uint8
    assert set(np.unique(picture)) <= ({255} if fit == 'crop' else {0, 255})
    assert 255 in picture


@pytest.mark.parametrize(
    ('type_name', 'stamped'),
    [
        (IMAGE, True),
        ('sensor_msgs/msg/Temperature', True),
        ('std_msgs/msg/String', False),
        ('std_msgs/msg/Empty', False),
        ('my_robot_msgs/msg/Own', False),
    ],
)
def test_a_type_with_a_header_is_known_by_its_definition(type_name, stamped):
    assert has_header(type_name) is stamped
