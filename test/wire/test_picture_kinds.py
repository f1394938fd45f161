# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures of colours and of distances: encodings, transports, and what is refused."""

from __future__ import annotations

import struct

import cv2
import kind_robot
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from world_model_ros.contract.kinds import stream_kind
from world_model_ros.wire.cdr import COMPRESSED_IMAGE, IMAGE, blank, encode, typestore
from world_model_ros.wire.decode import StreamError, decode_stream

ROBOT = kind_robot.ROBOT
CAMERA, PACKED = ROBOT.stream('camera'), ROBOT.stream('packed')
DEPTH, PACKED_DEPTH = ROBOT.stream('depth'), ROBOT.stream('packed_depth')
COLOURS = {'red': (255, 0, 0), 'green': (0, 255, 0), 'blue': (0, 0, 255), 'white': (255,) * 3}
GREY_16 = np.zeros((32, 32), np.uint16)
T0_NS = 1_700_000_000_000_000_000


def image(data, encoding, height=32, width=32, step=0, big=False):
    """An Image of rows [h, bytes]."""
    message = blank(IMAGE)
    rows = np.ascontiguousarray(data).reshape(height, -1).view(np.uint8)
    message.height, message.width, message.encoding = height, width, encoding
    message.step, message.is_bigendian = step or rows.shape[1], int(big)
    message.data = rows.reshape(-1)
    return encode(IMAGE, message)


def compressed(content, text='rgb8; jpeg compressed bgr8'):
    message = blank(COMPRESSED_IMAGE)
    message.format, message.data = text, np.frombuffer(bytes(content), np.uint8)
    return encode(COMPRESSED_IMAGE, message)


def file_of(ending, picture, *flags):
    return cv2.imencode(ending, picture, list(flags))[1].tobytes()


def yuv_of(colour):
    """Y, U, V of BT.601 in the range of video, by its own formula."""
    red, green, blue = (value / 255.0 for value in colour)
    y = 16 + 65.481 * red + 128.553 * green + 24.966 * blue
    u = 128 - 37.797 * red - 74.203 * green + 112.0 * blue
    v = 128 + 112.0 * red - 93.786 * green - 18.214 * blue
    return round(y), round(u), round(v)


@pytest.mark.parametrize('colour', COLOURS)
@pytest.mark.parametrize(
    ('encoding', 'order'),
    [('yuv422_yuy2', 'yuyv'), ('yuyv', 'yuyv'), ('yuv422', 'uyvy'), ('uyvy', 'uyvy')],
)
def test_pictures_in_yuv_show_their_colours(encoding, order, colour):
    y, u, v = yuv_of(COLOURS[colour])
    pair = {'yuyv': [y, u, y, v], 'uyvy': [u, y, v, y]}[order]
    seen = decode_stream(CAMERA, image(np.tile(np.uint8(pair), (32, 16)), encoding))
    assert np.abs(seen.astype(int) - COLOURS[colour]).max() <= 2


@pytest.mark.parametrize('colour', COLOURS)
@pytest.mark.parametrize('pattern', ['rggb', 'bggr', 'gbrg', 'grbg'])
def test_pictures_behind_a_colour_filter_show_their_colours(pattern, colour):
    cell = np.uint8([COLOURS[colour]['rgb'.index(letter)] for letter in pattern]).reshape(2, 2)
    seen = decode_stream(CAMERA, image(np.tile(cell, (16, 16)), f'bayer_{pattern}8'))
    assert np.array_equal(seen[4:-4, 4:-4], np.broadcast_to(COLOURS[colour], (24, 24, 3)))


@pytest.mark.parametrize('big', [False, True])
def test_grey_of_16_bits_keeps_its_high_byte(big):
    grey = np.full((32, 32), 0x1234, '>u2' if big else '<u2')
    assert set(decode_stream(CAMERA, image(grey, 'mono16', big=big)).ravel()) == {0x12}


@settings(max_examples=80, deadline=None)
@given(
    encoding=st.sampled_from(
        ['rgb8', 'bgr8', 'mono8', 'rgba8', 'bgra8', 'mono16', 'yuyv', 'uyvy', 'bayer_rggb8',
         'bayer_grbg8']
    ),
    height=st.integers(1, 50),
    width=st.integers(1, 50),
    more=st.integers(0, 7),
    missing=st.integers(0, 9),
)  # fmt: skip
def test_every_encoding_of_any_size_and_step_is_seen_or_refused(
    encoding, height, width, more, missing
):
    pixel = {'mono8': 1, 'rgba8': 4, 'bgra8': 4, 'mono16': 2, 'yuyv': 2, 'uyvy': 2}.get(
        encoding, 1 if encoding.startswith('bayer') else 3
    )
    rows = np.full((height, width * pixel + more), 200, np.uint8)
    message = blank(IMAGE)
    message.height, message.width, message.encoding = height, width, encoding
    message.step, message.data = rows.shape[1], rows.ravel()[: rows.size - missing]
    try:
        seen = decode_stream(CAMERA, encode(IMAGE, message))
    except StreamError as error:
        odd = encoding in ('yuyv', 'uyvy') and width % 2
        small = encoding.startswith('bayer') and min(height, width) < 3
        assert missing > more or odd or small, error
    else:
        assert seen.shape == (32, 32, 3) and seen.dtype == np.uint8 and seen.min() >= 100


@pytest.mark.parametrize('encoding', ['8UC3', '8UC1', '16UC1', '32FC1', 'bayer_rggb16', ''])
def test_an_encoding_that_says_no_colours_is_refused_with_what_to_do(encoding):
    with pytest.raises(StreamError, match=r'let the driver convert.*kind: depth'):
        decode_stream(CAMERA, image(np.zeros((32, 96), np.uint8), encoding))


RAMP = np.tile(np.uint8(np.arange(32) * 8)[:, None, None], (1, 32, 3))
RAMP[..., 1] = RAMP[..., 1].T
RAMP[..., 2] = 255 - RAMP[..., 0]


def test_a_png_is_seen_as_it_is_and_a_jpeg_nearly():
    seen = decode_stream(PACKED, compressed(file_of('.png', RAMP[..., ::-1])))
    assert np.array_equal(seen, RAMP)
    seen = decode_stream(PACKED, compressed(file_of('.jpg', RAMP[..., ::-1])))
    assert np.abs(seen.astype(int) - RAMP).mean() < 6
    grey = decode_stream(
        PACKED, compressed(file_of('.jpg', RAMP[..., 1]), 'mono8; jpeg compressed')
    )
    assert np.abs(grey.astype(int) - RAMP[..., 1:2]).max() < 20


def test_a_large_jpeg_is_seen_like_a_small_one():
    large = cv2.resize(RAMP[..., ::-1], (512, 512), interpolation=cv2.INTER_NEAREST)
    seen = decode_stream(PACKED, compressed(file_of('.jpg', large)))
    assert np.abs(seen.astype(int) - RAMP).mean() < 3
    odd = cv2.resize(RAMP[..., ::-1], (513, 513), interpolation=cv2.INTER_NEAREST)
    as_odd = decode_stream(PACKED, compressed(file_of('.jpg', odd)))
    assert np.abs(as_odd.astype(int) - seen).mean() < 4


def test_a_mosaic_may_come_in_a_png():
    mosaic = np.tile(np.uint8([[255, 0], [0, 0]]), (16, 16))
    cdr = compressed(file_of('.png', mosaic), 'bayer_rggb8; png compressed ')
    assert decode_stream(PACKED, cdr)[16, 16].tolist() == [255, 0, 0]


def test_a_camera_that_fills_up_with_zeros_is_believed():
    seen = decode_stream(PACKED, compressed(file_of('.jpg', RAMP) + bytes(500)))
    assert seen.shape == (32, 32, 3)


@pytest.mark.parametrize('ending', ['.jpg', '.png'])
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_a_cut_or_damaged_file_is_refused_or_is_a_picture(ending, data):
    whole = bytearray(file_of(ending, RAMP))
    cut = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(StreamError, match='; '):
        decode_stream(PACKED, compressed(whole[:cut]))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert decode_stream(PACKED, compressed(whole)).shape == (32, 32, 3)
    except StreamError as error:
        assert "stream 'packed'" in str(error)


def test_a_picture_that_announces_gigabytes_takes_no_memory():
    whole = bytearray(file_of('.png', RAMP))
    struct.pack_into('>II', whole, 16, 1 << 15, 1 << 15)
    with pytest.raises(StreamError, match=r'at most .* pixels.*got 1073741824'):  # before the CRC
        decode_stream(PACKED, compressed(whole))


@pytest.mark.parametrize('content', [b'', b'GIF89a', bytes(100)])
def test_what_is_no_picture_is_refused_with_its_format(content):
    with pytest.raises(StreamError, match=r"a PNG or JPEG picture in data on front.*'h264'"):
        decode_stream(PACKED, compressed(content, 'h264'))


@pytest.mark.parametrize('name', ['camera', 'packed', 'depth', 'packed_depth'])
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1 << 30))
def test_a_simulated_picture_comes_back_as_it_was(name, seed):
    stream = ROBOT.stream(name)
    array = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), np.uint8)
    if stream.kind == 'depth':
        array = np.repeat(array[..., :1], 3, 2)
    cdr = stream_kind(stream.kind).encode(stream, array, T0_NS)
    assert stream_kind(stream.kind).stamp_ns(cdr) == T0_NS
    assert np.array_equal(decode_stream(stream, cdr), array)


def test_the_name_of_the_topic_or_a_key_says_how_pictures_travel():
    assert [stream_kind(s.kind).type_of(s) for s in ROBOT.image_streams] == [
        IMAGE, COMPRESSED_IMAGE, IMAGE, COMPRESSED_IMAGE,
    ]  # fmt: skip
    robot = kind_robot.robot(
        ('camera/image_raw, rate', 'camera/mjpeg, transport: compressed, rate'),
        ('front/image_raw/compressed,', 'front/image_raw/compressed, transport: raw,'),
    )
    types = [stream_kind(s.kind).type_of(s) for s in robot.image_streams]
    assert types[:2] == [COMPRESSED_IMAGE, IMAGE]
    assert stream_kind('image').companions(PACKED)[0].topic == 'front/camera_info'
    assert stream_kind('depth').companions(PACKED_DEPTH)[0].topic == 'depth/camera_info'


# ---- distances -------------------------------------------------------------------------------

METRES = np.full((32, 32), 2.125)
METRES[0, :6] = [np.nan, 0.0, -1.0, np.inf, -np.inf, 0.25]
METRES[1, :3] = [0.1, 4.0, 9.0]
GREY = [0, 0, 0, 255, 1, 1], [1, 255, 255]


def check_grey(seen):
    assert seen.shape == (32, 32, 3) and seen.dtype == np.uint8
    assert (seen[..., 0] == seen[..., 1]).all() and (seen[..., 0] == seen[..., 2]).all()
    assert seen[0, :6, 0].tolist() == GREY[0] and seen[1, :3, 0].tolist() == GREY[1]
    assert set(seen[2:, :, 0].ravel()) == {128}


@pytest.mark.parametrize('big', [False, True])
def test_metres_become_grey_between_the_ends_of_the_range(big):
    check_grey(
        decode_stream(DEPTH, image(METRES.astype('>f4' if big else '<f4'), '32FC1', big=big))
    )


def millimetres(scale=1000.0):
    return np.nan_to_num(METRES * scale, nan=0, posinf=65535, neginf=1).clip(0, 65535)


@pytest.mark.parametrize('big', [False, True])
@pytest.mark.parametrize('encoding', ['16UC1', 'mono16'])
def test_millimetres_become_the_same_grey(encoding, big):
    data = millimetres().astype('>u2' if big else '<u2')
    check_grey(decode_stream(DEPTH, image(data, encoding, big=big)))


def test_a_unit_that_is_written_wins():
    robot = kind_robot.robot(
        ('range: [0.25, 4.0]}\n  packed_depth', 'range: [0.25, 4.0], unit: mm}\n  packed_depth')
    )
    data = (METRES * 1000).astype('<f4')
    check_grey(decode_stream(robot.stream('depth'), image(data, '32FC1')))


def test_a_smaller_picture_mixes_no_distances():
    large = np.where(np.indices((128, 128)).sum(0) % 8 < 4, 0.5, 3.5).astype('<f4')
    large[:, ::3] = np.nan
    seen = decode_stream(DEPTH, image(large, '32FC1', 128, 128))
    grey = [1 + round(254 * (metres - 0.25) / 3.75) for metres in (0.5, 3.5)]
    assert set(seen.ravel()) == {0, *grey}


@pytest.mark.parametrize('fit', ['crop', 'pad'])
def test_distances_of_another_aspect_are_cropped_or_padded_with_nothing(fit):
    robot = kind_robot.robot(('depth/image_raw,', f'depth/image_raw, fit: {fit},'))
    seen = decode_stream(
        robot.stream('depth'), image(np.full((48, 64), 2.125, '<f4'), '32FC1', 48, 64)
    )
    assert set(seen.ravel()) == ({128} if fit == 'crop' else {0, 128})


def test_compressed_depth_in_millimetres():
    before = struct.pack('<iff', 0, 0.0, 0.0)
    png = file_of('.png', millimetres().astype(np.uint16))
    for text in ('16UC1; compressedDepth', '16UC1; compressedDepth png'):
        check_grey(decode_stream(PACKED_DEPTH, compressed(before + png, text)))
    check_grey(decode_stream(PACKED_DEPTH, compressed(png, '16UC1; png compressed ')))


def test_compressed_depth_in_metres_is_inverse_depth():
    a, b = 100.0, 20.0  # of the header: metres = a / (number - b)
    with np.errstate(all='ignore'):
        numbers = np.where(METRES > 0, a / METRES + b, 0.0)
    numbers[0, 3:5] = [b, 65535]  # infinitely far, very near
    content = struct.pack('<iff', 0, a, b) + file_of('.png', np.rint(numbers).astype(np.uint16))
    seen = decode_stream(PACKED_DEPTH, compressed(content, '32FC1; compressedDepth png'))
    assert seen[0, :6, 0].tolist() == GREY[0]
    assert np.abs(seen[2:].astype(int) - 128).max() <= 2


@pytest.mark.parametrize(
    ('content', 'text', 'words'),
    [
        (b'12345', '16UC1; compressedDepth', 'header of 12 bytes'),
        (bytes(12) + b'rvl rvl', '16UC1; compressedDepth rvl', 'a PNG or JPEG'),
        (bytes(12) + file_of('.jpg', RAMP), '16UC1; compressedDepth', 'one channel of 16 bits'),
        (file_of('.png', GREY_16), '32FC1; png compressed', '/compressedDepth'),
        (b'', 'rgb8; jpeg compressed bgr8', 'one of 16UC1, mono16, 32FC1'),
    ],
)  # fmt: skip
def test_distances_that_cannot_be_read_are_refused_with_the_remedy(content, text, words):
    with pytest.raises(
        StreamError, match=r"stream 'packed_depth': expected .*, got .*; "
    ) as caught:
        decode_stream(PACKED_DEPTH, compressed(content, text))
    assert words in str(caught.value)


def test_colours_on_a_topic_of_distances_are_named():
    with pytest.raises(StreamError, match=r"encoding on depth/image_raw.*'rgb8'.*kind: image"):
        decode_stream(DEPTH, image(RAMP, 'rgb8'))


@pytest.mark.parametrize('name', ['camera', 'depth', 'packed', 'packed_depth'])
def test_the_bytes_of_the_message_are_not_kept(name):
    stream = ROBOT.stream(name)
    kind = stream_kind(stream.kind)
    cdr = bytearray(kind.encode(stream, np.full((32, 32, 3), 9, np.uint8), T0_NS))
    message = typestore().deserialize_cdr(cdr, kind.type_of(stream))
    seen = kind.array(stream, message)
    cdr[100:] = bytes(len(cdr) - 100)
    assert set(seen.ravel()) == {9} and seen.flags.c_contiguous
