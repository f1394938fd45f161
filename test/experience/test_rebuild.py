# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the agent saw comes back from the bag bit for bit, or is counted as lost."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import counter
import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from world_model_ros.experience import (
    EpisodeError,
    EpisodeReader,
    EpisodeWriter,
    check_episode,
    export_video,
    load_arrays,
    parity,
    rebuild,
    save_arrays,
    to_arrays,
)
from world_model_ros.experience.bag import EPISODE_FORMAT

FIXTURE = Path(__file__).parents[1] / 'fixtures' / 'episode_v1'


def record(
    root: Path,
    ticks: int,
    keep: Callable[[int, SimpleNamespace], bool] = lambda number, message: True,
    order: Callable[[list[SimpleNamespace]], list[SimpleNamespace]] = lambda messages: messages,
) -> Path:
    writer = EpisodeWriter(root, counter.info(), min_free_bytes=0)
    for number, message in enumerate(order(list(counter.run(ticks)))):
        if keep(number, message):
            writer.write(counter.TOPICS[message.role], message.cdr, message.t_ns)
    writer.close()
    assert writer.join(20) and writer.sealed, writer.error
    return writer.path


def test_every_tick_is_rebuilt_in_another_process(tmp_path: Path) -> None:
    path = record(tmp_path, 50)
    code = (
        'import sys; from dataclasses import asdict;'
        'from world_model_ros.experience import parity;'
        'print(asdict(parity(sys.argv[1])))'
    )
    out = subprocess.run(
        [sys.executable, '-c', code, str(path)], capture_output=True, text=True, check=True
    )
    report = asdict(parity(path))
    assert out.stdout.strip() == str(report)
    assert (report['ticks'], report['rebuilt'], report['different']) == (50, 50, 0)


def test_neither_ros_nor_torch_is_needed_to_read(tmp_path: Path) -> None:
    code = (
        'import sys; import world_model_ros.experience;'
        'assert not {"rclpy", "torch", "onnxruntime"} & set(sys.modules), "too much imported"'
    )
    subprocess.run([sys.executable, '-c', code], check=True)


def test_arrival_order_does_not_matter(tmp_path: Path) -> None:
    def shuffled(messages: list[SimpleNamespace]) -> list[SimpleNamespace]:
        order = np.random.default_rng(3).permutation(len(messages))
        return [messages[i] for i in order]

    report = parity(record(tmp_path, 30, order=shuffled))
    assert (report.ticks, report.rebuilt, report.lost_ticks) == (30, 30, 0)


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(lost=st.sets(st.integers(0, 39), max_size=20), role=st.sampled_from(['camera', 'joints']))
def test_a_tick_whose_message_is_lost_is_counted_and_never_wrong(
    tmp_path: Path, lost: set[int], role: str
) -> None:
    def keep(number: int, message: SimpleNamespace) -> bool:
        tick = round((message.t_ns - counter.T0_NS) / 40e6)
        at_tick = message.t_ns == counter.T0_NS + tick * 40 * counter.MS
        return not (message.role == f'stream.{role}' and at_tick and tick in lost)

    path = record(tmp_path, 40, keep)
    ticks = list(rebuild(path))
    assert {t.record.tick for t in ticks if t.status == 'unrebuilt'} == lost
    assert all(t.observation is None for t in ticks if t.record.tick in lost)
    for tick in ticks:
        if tick.status != 'unrebuilt':
            assert tick.status == 'rebuilt' and tick.observation is not None
            assert tick.observation.arrays['joints'][0] == tick.record.tick
    assert parity(path).unrebuilt == len(lost)


def test_lost_tick_records_are_counted_and_marked_as_gaps(tmp_path: Path) -> None:
    def keep(number: int, message: SimpleNamespace) -> bool:
        tick = round((message.t_ns - 5e6 - counter.T0_NS) / 40e6)
        return message.role != 'tick' or tick not in (7, 8, 20)

    path = record(tmp_path, 30, keep)
    assert parity(path).lost_ticks == 3
    assert '3 tick records are missing' in ' '.join(check_episode(path))
    assert to_arrays(path)['tick'][to_arrays(path)['gap']].tolist() == [9, 21]


def test_ticks_lost_before_the_first_recorded_one_are_counted(tmp_path: Path) -> None:
    info = replace(counter.info(), announced=json.dumps({'first_tick': 0}))
    writer = EpisodeWriter(tmp_path, info, min_free_bytes=0)
    for message in counter.run(10):
        if message.role != 'tick' or message.t_ns > counter.T0_NS + 130 * counter.MS:
            writer.write(counter.TOPICS[message.role], message.cdr, message.t_ns)
    writer.close()
    assert writer.join(10)
    assert parity(writer.path).lost_ticks == 4


def test_a_changed_message_is_different_not_rebuilt(tmp_path: Path) -> None:
    """The agent's own CRC over the arrays convicts an assembly that changed since."""
    path = record(tmp_path, 5)
    reader = EpisodeReader(path)
    robot = reader.contract
    camera = replace(robot.stream('camera'), shape=(32, 32, 3))
    smaller = replace(robot, streams=(camera, robot.stream('joints')))
    report = parity(reader, smaller)
    assert (report.different, report.rebuilt) == (5, 0)
    assert 'CRC' in report.first_problem


def test_the_counter_has_no_off_by_one(tmp_path: Path) -> None:
    arrays = to_arrays(record(tmp_path, 12))
    ticks = np.arange(12)
    assert arrays['tick'].tolist() == ticks.tolist()
    assert arrays['obs_joints'][:, 0].tolist() == ticks.tolist()
    assert arrays['obs_camera'][:, 32, 32, 1].tolist() == ticks.tolist()
    # Asked at tick k is k + 1, in force one period later, so reported executed at k + 2.
    executed = np.array([0, 0, *range(1, 11)]) * 1e-4
    np.testing.assert_allclose(arrays['action_sent'][:, 0], executed, atol=1e-9)
    assert np.isnan(arrays['reward'][0])
    np.testing.assert_array_equal(arrays['reward'][1:], arrays['action_sent'][1:, 0])
    assert np.flatnonzero(arrays['is_first']).tolist() == [0]
    assert np.flatnonzero(arrays['truncated']).tolist() == [11]
    assert not arrays['terminal'].any() and not arrays['gap'].any()
    assert arrays['observed'].all()


def test_a_recording_that_broke_off_ends_truncated(tmp_path: Path) -> None:
    def keep(number: int, message: SimpleNamespace) -> bool:
        return message.t_ns < counter.T0_NS + 6 * 40 * counter.MS

    arrays = to_arrays(record(tmp_path, 12, keep))
    assert arrays['truncated'].tolist() == [False] * 5 + [True]


def test_arrays_are_stored_without_pickle(tmp_path: Path) -> None:
    arrays = to_arrays(record(tmp_path, 5))
    save_arrays(tmp_path / 'a.npz', arrays)
    again = load_arrays(tmp_path / 'a.npz')
    assert all(np.array_equal(again[k], arrays[k], equal_nan=k == 'reward') for k in arrays)
    with pytest.raises(EpisodeError, match='Python objects'):
        save_arrays(tmp_path / 'b.npz', {'x': np.array([{}])})


def test_a_missing_stream_is_named(tmp_path: Path) -> None:
    reader = EpisodeReader(record(tmp_path, 5))
    reader.info.topics.pop('stream.camera')  # type: ignore[attr-defined]
    reader.topics.pop('/camera/image_raw')
    with pytest.raises(EpisodeError, match="stream 'camera'"):
        list(rebuild(reader))


@pytest.mark.parametrize('suffix', ['mp4', 'avi'])
def test_a_video_has_one_frame_per_tick(tmp_path: Path, suffix: str) -> None:
    path = record(tmp_path, 25, lambda number, message: number != 22)
    film = tmp_path / f'film.{suffix}'
    assert export_video(path, film) == 25
    capture = cv2.VideoCapture(str(film))
    shown = []
    while True:
        more, frame = capture.read()
        if not more:
            break
        shown.append(int(frame[200, 200].mean()))
    assert len(shown) == 25
    assert abs(shown[24] - 24) < 8  # the picture of tick k is all k


def test_a_stored_episode_of_format_1_still_reads() -> None:
    assert EPISODE_FORMAT == 1, 'a new format: keep this fixture and add one'
    assert check_episode(FIXTURE, rebuilt=True) == []
    arrays = to_arrays(FIXTURE)
    assert arrays['obs_joints'][:, 0].tolist() == list(range(10))
    reader = EpisodeReader(FIXTURE)
    assert (reader.info.robot_id, reader.end.status) == ('counter-1', 'whole')
