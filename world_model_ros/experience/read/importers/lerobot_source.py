# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A LeRobot dataset as messages, as a robot would have published them.

Owns the time of frames: frame i lies at i control periods where the dataset has the contract's
rate, so that a frame is a tick; its action is a command that is sent then, its reward arrives with
the next frame. Must not import ROS or torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from world_model_ros.contract import Contract, Stream
from world_model_ros.contract.kinds import command_kind, stream_kind
from world_model_ros.experience.bag import Topic, command_role
from world_model_ros.experience.pictures import COMPRESSED_IMAGE, COMPRESSED_SUFFIX, may_be_packed
from world_model_ros.experience.read.importers.arrived import (
    REWARD,
    STREAM,
    Arrived,
    ImportRefused,
    Recording,
)
from world_model_ros.experience.read.importers.import_map import ImportMap
from world_model_ros.experience.read.importers.lerobot_columns import (
    Columns,
    StreamColumns,
    action_of,
    camera_of,
    difference,
    known_flags,
    vector_of,
)
from world_model_ros.experience.read.importers.lerobot_dataset import (
    Feature,
    LeRobotDataset,
    LeRobotEpisode,
    open_dataset,
)
from world_model_ros.experience.read.importers.lerobot_frames import Frames, content_of_file
from world_model_ros.experience.read.importers.measured_action import MeasuredAction
from world_model_ros.wire.cdr import JOINT_STATE, encode, typestore
from world_model_ros.wire.kinds.stamped import optical_frame, stamped_header

T0_NS = 10_000_000_000  # a clock that began at zero: a dataset does not tell the date
SAME_RATE = 1e-3  # relative; 30 frames per second and a period of 0.0333 s are the same
PNG_EFFORT = 1  # of 9: twice the size of the smallest, at a tenth of the time


@dataclass(frozen=True)
class _Plan:
    """What of the dataset becomes which message."""

    dataset: LeRobotDataset
    contract: Contract
    cameras: tuple[tuple[Stream, Feature], ...]
    vectors: tuple[StreamColumns, ...]
    action: Columns | None
    flags: dict[str, Feature]
    topics: dict[str, Topic]
    step_ns: int


def open_lerobot(root: Path, contract: Contract, names: ImportMap) -> list[Recording]:
    """The episodes of a dataset as recordings.

    Raises:
        ImportRefused: it lacks what the contract needs; with the remedy.
    """
    dataset = open_dataset(root)
    plan = _plan(dataset, contract, names)
    recordings, frames = [], 0
    mapped = f'{names.streams}/{names.action}/{names.groups}/{names.reward}'
    for episode in dataset.episodes:
        t0_ns = T0_NS + frames * plan.step_ns
        frames += episode.length + 1  # no two episodes at one time: they would be the same life
        recordings.append(_recording(plan, episode, t0_ns, mapped))
    return recordings


def _plan(dataset: LeRobotDataset, contract: Contract, names: ImportMap) -> _Plan:
    cameras = tuple(
        (stream, camera_of(dataset, contract, names, stream.name))
        for stream in contract.image_streams
    )
    numbers = [stream for stream in contract.sensed if stream in contract.vector_streams]
    vectors = tuple(vector_of(dataset, names, stream) for stream in numbers)
    action = None if names.measured else action_of(dataset, names, contract)
    if action is None:
        MeasuredAction(contract, f'{dataset.root}: no feature action')
    step_ns = round(1e9 / dataset.fps)
    if abs(step_ns - contract.period_ns) <= SAME_RATE * contract.period_ns:
        step_ns = contract.period_ns
    flags = dict(known_flags(dataset, names))
    topics = {STREAM + stream.name: _topic_of(stream) for stream in contract.sensed}
    if action is not None:
        for group in contract.groups:
            topics[command_role(group)] = Topic(_absolute(group.topic), group.type)
    if flags:
        topics[REWARD] = Topic(_absolute(contract.reward.topic or 'reward'), JOINT_STATE)
    return _Plan(dataset, contract, cameras, vectors, action, flags, topics, step_ns)


def _recording(plan: _Plan, episode: LeRobotEpisode, t0_ns: int, names: str) -> Recording:
    dataset = plan.dataset
    if not episode.data.is_file():
        raise ImportRefused(
            f'{episode.data}: no such file, though the metadata list episode {episode.index}: '
            'download the dataset again'
        )
    return Recording(
        name=f'{dataset.root}/episode {episode.index}',
        identity=f'{content_of_file(episode.data)}/{episode.index}/{names}',
        origin=f'LeRobot {dataset.version}',
        actions='measured' if plan.action is None else 'recorded',
        rewarded='reward' in plan.flags,
        topics=plan.topics,
        messages=lambda: _messages(plan, episode, t0_ns),
        simulated=True,
        end_ns=t0_ns + episode.length * plan.step_ns,
    )


def _messages(plan: _Plan, episode: LeRobotEpisode, t0_ns: int) -> Iterator[Arrived]:
    """All messages; of one time in this order: reward, numbers, pictures, command."""
    frames = Frames(plan.dataset, episode)
    vectors = [(found.stream, _rows(plan, frames, found)) for found in plan.vectors]
    # The stream that triggers ticks comes last: everything else of its time is there then.
    trigger = plan.contract.tick_stream
    vectors.sort(key=lambda row: row[0].name == trigger)
    films = sorted(
        ((stream, frames.pictures(feature)) for stream, feature in plan.cameras),
        key=lambda row: row[0].name == trigger,
    )
    commands = None if plan.action is None else _commands(plan, frames)
    rewards = _Rewards(plan, frames) if plan.flags else None
    pictures_last = not any(stream.name == trigger for stream, _ in vectors)
    for i in range(episode.length):
        t_ns = t0_ns + i * plan.step_ns
        if rewards is not None and i:
            yield rewards.message(i - 1, t_ns)
        numbers = [
            _arrived(plan, stream, stream_kind(stream.kind).encode(stream, rows[i], t_ns), t_ns)
            for stream, rows in vectors
        ]
        seen = [_picture(plan, stream, next(film), t_ns) for stream, film in films]
        yield from ([*numbers, *seen] if pictures_last else [*seen, *numbers])
        if commands is not None:
            for group, part in zip(plan.contract.groups, plan.contract.action.parts, strict=True):
                cdr = command_kind(group.kind).encode(group, t_ns, commands[i, part])
                role = command_role(group)
                yield Arrived((role,), plan.topics[role], cdr, cdr, t_ns)
    if rewards is not None:
        yield rewards.message(episode.length - 1, t0_ns + episode.length * plan.step_ns)


def _rows(plan: _Plan, frames: Frames, found: StreamColumns) -> np.ndarray:
    """The arrays of a vector stream, float32 [T, n]."""
    stream = found.stream
    taken = [None if c is None else c.take(frames.numbers(c.feature)) for c in found.fields]
    parts = []
    for values in taken:
        if values is None:  # velocities by difference
            positions = taken[stream.fields.index('position')]
            assert positions is not None  # lerobot_columns: a difference needs positions
            turning = [i for i, name in enumerate(stream.names) if name in stream.wrap]
            values = difference(positions, turning, plan.step_ns * 1e-9)
        parts.append(values)
    with np.errstate(over='ignore'):
        return np.concatenate(parts, axis=1).astype(np.float32)


def _commands(plan: _Plan, frames: Frames) -> np.ndarray:
    """The action of each frame, float64 [T, A]."""
    assert plan.action is not None
    values = plan.action.take(frames.numbers(plan.action.feature))
    bad = np.flatnonzero(~np.isfinite(values).all(1))
    if bad.size:
        raise ImportRefused(
            f'{frames.episode.data}: episode {frames.episode.index}: {plan.action.feature.name}: '
            f'expected finite numbers, got {values[bad[0]].tolist()} in frame {bad[0]}: repair '
            'the dataset, or leave this episode out'
        )
    return values


class _Rewards:
    """Reward samples of one episode."""

    def __init__(self, plan: _Plan, frames: Frames) -> None:
        self._topic = plan.topics[REWARD]
        self._columns = {
            what: frames.numbers(feature)[:, 0] for what, feature in plan.flags.items()
        }
        self._nan = np.full(frames.episode.length, np.nan)

    def message(self, frame: int, t_ns: int) -> Arrived:
        """What the action of a frame earned, as a sample of the time of the next one."""
        given = {what: bool(column[frame] > 0) for what, column in self._columns.items()}
        reward = float(self._columns.get('reward', self._nan)[frame])
        success = given.get('success', False)
        # next.done is also set where only the time was over: that is no end of the task.
        terminal = given.get('terminated', success) and frame == len(self._nan) - 1
        none: np.ndarray = np.zeros(0)
        message = typestore().types[JOINT_STATE](
            stamped_header(t_ns, ''),
            ['reward', 'terminal', 'success'],
            np.array([reward, float(terminal), float(success)]),
            none,
            none,
        )
        cdr = encode(JOINT_STATE, message)
        return Arrived((REWARD,), self._topic, cdr, cdr, t_ns)


def _picture(plan: _Plan, stream: Stream, rgb: np.ndarray, t_ns: int) -> Arrived:
    """A picture: stored as PNG, which loses nothing."""
    raw = stream_kind(stream.kind).encode(stream, rgb, t_ns)
    if not may_be_packed(stream):
        return _arrived(plan, stream, raw, t_ns)
    done, data = cv2.imencode('.png', rgb[:, :, ::-1], (cv2.IMWRITE_PNG_COMPRESSION, PNG_EFFORT))
    if not done:
        raise ImportRefused(f'stream {stream.name!r}: a picture cannot be stored as PNG')
    header = stamped_header(t_ns, optical_frame(stream))
    kind = typestore().types[COMPRESSED_IMAGE]
    stored = encode(COMPRESSED_IMAGE, kind(header, 'rgb8; png compressed bgr8', data.ravel()))
    return Arrived((STREAM + stream.name,), plan.topics[STREAM + stream.name], stored, raw, t_ns)


def _arrived(plan: _Plan, stream: Stream, cdr: bytes, t_ns: int) -> Arrived:
    role = STREAM + stream.name
    return Arrived((role,), plan.topics[role], cdr, cdr, t_ns)


def _topic_of(stream: Stream) -> Topic:
    name = _absolute(stream.topic)
    if may_be_packed(stream):
        return Topic(f'{name}{COMPRESSED_SUFFIX}', COMPRESSED_IMAGE)
    return Topic(name, stream_kind(stream.kind).type_of(stream))


def _absolute(topic: str) -> str:
    return f'/{topic.strip("/")}'
