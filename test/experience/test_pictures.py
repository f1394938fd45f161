# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Pictures stored smaller or compressed: identical where nothing was lost, else counted apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import counter
import cv2
import numpy as np
import pytest

from world_model_ros.experience import (
    EpisodeReader,
    EpisodeWriter,
    Topic,
    check_episode,
    list_episodes,
    parity,
    rebuild,
    to_arrays,
)
from world_model_ros.experience.pictures import (
    COMPRESSED_IMAGE,
    decompressed,
    model_input,
)
from world_model_ros.experience.record.session import RecordingSession
from world_model_ros.wire.cdr import (
    IMAGE,
    MessageError,
    decode,
    encode,
    header_stamp_ns,
    typestore,
)
from world_model_ros.wire.decode import decode_stream

CAMERA = counter.contract().stream('camera')
MODEL_INPUT = counter.CAMERA_TOPICS['model_input']
COMPRESSED = counter.CAMERA_TOPICS['compressed']


def record(
    root: Path,
    ticks: int,
    topic: Topic,
    store: Callable[[SimpleNamespace, int], bytes | None],
) -> Path:
    """An episode whose camera is stored under `topic`, as `store` makes of message and tick."""
    topics = {**counter.TOPICS, 'stream.camera': topic}
    writer = EpisodeWriter(root, counter.info(topics=topics), min_free_bytes=0)
    for message in counter.run(ticks, draw=counter.scene):
        data: bytes | None = message.cdr
        if message.role == 'stream.camera':
            data = store(message, (message.t_ns - counter.T0_NS) // counter.contract().period_ns)
        if data is not None:
            writer.write(topics[message.role], data, message.t_ns)
    writer.close()
    assert writer.join(20) and writer.sealed, writer.error
    return writer.path


def compressed(suffix: str) -> Callable[[SimpleNamespace, int], bytes]:
    return lambda message, k: counter.compressed_image(message.t_ns, counter.scene(k), suffix)


def counts(path: Path) -> tuple[int, int, int, int]:
    report = parity(path)
    return report.rebuilt, report.approximate, report.different, report.unrebuilt


def test_model_input_recorded_by_a_session_is_rebuilt_bit_for_bit(tmp_path: Path) -> None:
    topics = {**counter.TOPICS, 'stream.camera': MODEL_INPUT}
    session = RecordingSession(
        tmp_path,
        topics,
        lambda info: EpisodeWriter(tmp_path, info, min_free_bytes=0),
        convert={'stream.camera': partial(model_input, CAMERA)},
    )
    session.on_message('episode', counter.announcement(), counter.T0_NS, counter.T0_NS, 0.0)
    sent = list(counter.run(20, draw=counter.scene))
    for message in sent:
        session.on_message(message.role, message.cdr, message.t_ns, message.t_ns, 0.0)
    session.close(10)
    [path] = list_episodes(tmp_path)
    assert counts(path) == (20, 0, 0, 0)
    assert check_episode(path, rebuilt=True) == []
    arrays = to_arrays(path)
    assert arrays['observed'].all() and not arrays['approximate'].any()
    for k in range(20):
        expected = cv2.resize(counter.scene(k), (64, 64), interpolation=cv2.INTER_AREA)
        np.testing.assert_array_equal(arrays['obs_camera'][k], expected)
    # What lies in the bag is an ordinary small picture with the camera's own header.
    stored = [m.data for m in EpisodeReader(path).messages({MODEL_INPUT.name})]
    received = [m.cdr for m in sent if m.role == 'stream.camera']
    assert [header_stamp_ns(data) for data in stored] == [header_stamp_ns(d) for d in received]
    picture = decode(IMAGE, stored[3])
    assert (picture.height, picture.width, picture.encoding, picture.step) == (64, 64, 'rgb8', 192)
    assert picture.header.frame_id == 'camera' and len(stored[3]) < len(received[3]) / 8


def test_a_stored_picture_that_was_changed_is_different(tmp_path: Path) -> None:
    def spoil(message: SimpleNamespace, k: int) -> bytes:
        data = bytearray(model_input(CAMERA, message.cdr))
        data[-1] ^= k == 4
        return bytes(data)

    path = record(tmp_path, 8, MODEL_INPUT, spoil)
    assert counts(path) == (7, 0, 1, 0)
    assert not to_arrays(path)['observed'][4]


@pytest.mark.parametrize(
    ('topic', 'store'),
    [
        (MODEL_INPUT, lambda message, k: model_input(CAMERA, message.cdr)),
        (COMPRESSED, compressed('.png')),
    ],
)
def test_a_lost_picture_is_unrebuilt_however_pictures_are_stored(tmp_path, topic, store) -> None:
    path = record(tmp_path, 10, topic, lambda message, k: None if k == 6 else store(message, k))
    assert counts(path) == (9, 0, 0, 1)
    assert [t.record.tick for t in rebuild(path) if t.status == 'unrebuilt'] == [6]


def test_two_pictures_of_one_stamp_are_not_guessed_between(tmp_path: Path) -> None:
    """The stamp alone names a stored picture: where it names two, none is taken."""
    at_2 = counter.T0_NS + 2 * counter.contract().period_ns

    def store(message: SimpleNamespace, k: int) -> bytes:
        return model_input(
            CAMERA, counter.image(at_2, counter.scene(3)) if k == 3 else message.cdr
        )

    path = record(tmp_path, 6, MODEL_INPUT, store)
    assert [t.record.tick for t in rebuild(path) if t.status == 'unrebuilt'] == [2, 3]


def test_compression_without_loss_is_rebuilt_bit_for_bit(tmp_path: Path) -> None:
    path = record(tmp_path, 10, COMPRESSED, compressed('.png'))
    assert counts(path) == (10, 0, 0, 0)
    assert not to_arrays(path)['approximate'].any()


def test_compression_with_loss_is_counted_apart_and_still_teaches(tmp_path: Path) -> None:
    path = record(tmp_path, 10, COMPRESSED, compressed('.jpg'))
    assert counts(path) == (0, 10, 0, 0)
    assert check_episode(path, rebuilt=True) == []  # what was asked for is no fault
    arrays = to_arrays(path)
    assert arrays['observed'].all() and arrays['approximate'].all()
    seen = np.stack(
        [cv2.resize(counter.scene(k), (64, 64), interpolation=cv2.INTER_AREA) for k in range(10)]
    )
    error = np.abs(arrays['obs_camera'].astype(int) - seen)
    assert 0 < error.mean() < 8
    # A neighbour's picture would be further off: the right one was taken.
    assert all(
        np.abs(arrays['obs_camera'][k].astype(int) - seen[k - 1]).mean() > 1.5 * error[k].mean()
        for k in range(1, 10)
    )


def test_lossy_pictures_of_one_colour_that_came_through_whole_are_rebuilt(tmp_path: Path) -> None:
    """The CRC of the arrays decides, not the name of the format."""
    grey = np.full((64, 64, 3), 128, np.uint8)
    writer = EpisodeWriter(
        tmp_path,
        counter.info(topics={**counter.TOPICS, 'stream.camera': COMPRESSED}),
        min_free_bytes=0,
    )
    for message in counter.run(4, draw=lambda k: grey):
        topic, data = counter.TOPICS[message.role], message.cdr
        if message.role == 'stream.camera':
            topic, data = COMPRESSED, counter.compressed_image(message.t_ns, grey, '.jpg')
        writer.write(topic, data, message.t_ns)
    writer.close()
    assert writer.join(10)
    assert counts(writer.path) == (4, 0, 0, 0)


def test_damaged_compressed_pictures_are_unrebuilt_not_raised(tmp_path: Path) -> None:
    def store(message: SimpleNamespace, k: int) -> bytes:
        whole = counter.compressed_image(message.t_ns, counter.scene(k), '.png')
        if k == 1:
            return whole[:400]
        if k == 2:
            kind = typestore().types[COMPRESSED_IMAGE]
            header = decode(COMPRESSED_IMAGE, whole).header
            return encode(COMPRESSED_IMAGE, kind(header, 'png', np.zeros(0, np.uint8)))
        return whole

    assert counts(record(tmp_path, 5, COMPRESSED, store)) == (3, 0, 0, 2)


@pytest.mark.parametrize('channels', [1, 3, 4])
def test_png_of_any_camera_decodes_as_its_raw_picture(channels: int) -> None:
    """mono8, bgr8 and bgra8: the same arrays from the raw and from the compressed message."""
    pixels = np.random.default_rng(channels).integers(0, 256, (128, 128, channels), np.uint8)
    encoding = {1: 'mono8', 3: 'bgr8', 4: 'bgra8'}[channels]
    raw_kind, kind = typestore().types[IMAGE], typestore().types[COMPRESSED_IMAGE]
    header = decode(IMAGE, counter.image(counter.T0_NS, counter.scene(0))).header
    raw = raw_kind(header, 128, 128, encoding, 0, 128 * channels, pixels.ravel())
    _, data = cv2.imencode('.png', pixels)
    cdr, lossless = decompressed(encode(COMPRESSED_IMAGE, kind(header, 'png', data.ravel())))
    assert lossless and header_stamp_ns(cdr) == counter.T0_NS
    np.testing.assert_array_equal(
        decode_stream(CAMERA, cdr), decode_stream(CAMERA, encode(IMAGE, raw))
    )


def test_sixteen_bits_a_channel_are_refused_with_what_came() -> None:
    header = decode(IMAGE, counter.image(0, counter.scene(0))).header
    _, data = cv2.imencode('.png', np.zeros((8, 8), np.uint16))
    kind = typestore().types[COMPRESSED_IMAGE]
    with pytest.raises(MessageError, match=r'8 bits.*16UC1; png'):
        decompressed(encode(COMPRESSED_IMAGE, kind(header, '16UC1; png', data.ravel())))


def test_a_picture_the_agent_cannot_decode_is_stored_as_it_came() -> None:
    odd = counter.image(counter.T0_NS, counter.scene(0)[:100])  # not the model's aspect
    assert model_input(CAMERA, odd) == odd
    assert model_input(CAMERA, b'no message') == b'no message'


def test_streams_are_found_in_bags_whose_roles_nobody_wrote(tmp_path: Path) -> None:
    path = record(tmp_path, 4, COMPRESSED, compressed('.png'))
    reader = EpisodeReader(path)
    reader.info = replace(reader.info, topics={'tick': '/agent/tick'})
    assert parity(reader).rebuilt == 4


@pytest.mark.parametrize(
    ('stored', 'expected'), [('model_input', (5, 0, 0, 0)), ('compressed', (0, 5, 0, 0))]
)
def test_stored_episodes_of_format_1_with_such_pictures_still_read(stored, expected) -> None:
    path = Path(__file__).parents[1] / 'fixtures' / f'episode_v1_{stored}'
    assert counts(path) == expected
    assert check_episode(path, rebuilt=True) == []
    assert to_arrays(path)['obs_camera'].std() > 30
