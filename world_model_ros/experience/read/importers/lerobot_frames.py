# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The frames of one episode of a LeRobot dataset: columns of numbers, and pictures one by one.

Owns what is read of the data files: parquet columns, pictures inside of them, films. Needs pyarrow
and, for films only, av (extra `lerobot`). Must not import ROS or torch.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet as parquet

from world_model_ros.experience.episode_limits import (
    ARRAYS_BYTES,
    CHUNK_BYTES,
    PICTURE_PIXELS,
    check_limit,
)
from world_model_ros.experience.pictures import unpacked_picture
from world_model_ros.experience.read.importers.arrived import ImportRefused
from world_model_ros.experience.read.importers.lerobot_dataset import (
    Feature,
    LeRobotDataset,
    LeRobotEpisode,
)
from world_model_ros.wire.cdr import MessageError

ROWS_AT_ONCE = 64
_INDEX = 'episode_index'


class Frames:
    """One episode's data file.

    Raises:
        ImportRefused: it is not what the metadata say; with file, column, expected and got.
    """

    def __init__(self, dataset: LeRobotDataset, episode: LeRobotEpisode) -> None:
        self.dataset, self.episode = dataset, episode
        self._where = f'{episode.data}: episode {episode.index}'
        index = _index_of(episode.data)
        rows = np.flatnonzero(index == episode.index)
        count = len(rows)
        if count != episode.length or (count and rows[-1] - rows[0] != count - 1):
            raise ImportRefused(
                f'{self._where}: expected {episode.length} frames in a row, found {count}: the '
                'file and the metadata are of different versions; download the dataset again'
            )
        self._first = int(rows[0]) if count else 0

    def numbers(self, feature: Feature) -> np.ndarray:
        """A column, float64 [T, n]; NaN where the dataset has no value."""
        width = max(1, math.prod(feature.shape))
        check_limit(f'bytes of {feature.name}', self.episode.length * width * 8, ARRAYS_BYTES)
        parts = [_as_array(column) for column in self._batches(feature.name)]
        flat = np.concatenate(parts) if parts else np.zeros(0)
        if flat.size != self.episode.length * width:
            raise ImportRefused(
                f'{self._where}: column {feature.name!r}: expected {width} numbers in each frame, '
                f'got {flat.size} in {self.episode.length} frames: the dataset is damaged'
            )
        return flat.reshape(-1, width)

    def pictures(self, feature: Feature) -> Iterator[np.ndarray]:
        """The pictures of a camera one by one, uint8 [h, w, 3] in RGB."""
        if feature.dtype == 'video':
            return self._film(feature)
        return self._stills(feature)

    def _stills(self, feature: Feature) -> Iterator[np.ndarray]:
        number = 0
        for column in self._batches(feature.name):
            for value in column:
                found = value.as_py()
                data = found.get('bytes') if isinstance(found, dict) else found
                if not isinstance(data, bytes):
                    raise ImportRefused(
                        f'{self._where}: frame {number} of {feature.name!r}: expected a picture '
                        'inside of the parquet file, got none: save the dataset with its pictures'
                    )
                check_limit(f'bytes of a picture of {feature.name}', len(data), CHUNK_BYTES)
                try:
                    yield _rgb(unpacked_picture(np.frombuffer(data, np.uint8), 'another kind'))
                except MessageError as error:
                    raise ImportRefused(
                        f'{self._where}: frame {number} of {feature.name!r}: {error}'
                    ) from error
                number += 1

    def _film(self, feature: Feature) -> Iterator[np.ndarray]:
        import av  # only where there are films

        clip, fps, length = self.episode.clips[feature.name], self.dataset.fps, self.episode.length
        where = f'{clip.path}: episode {self.episode.index}'
        number = 0
        try:
            with clip.path.open('rb') as file, av.open(file, format='mp4') as film:
                stream = film.streams.video[0]
                check_limit('pixels of a film', stream.width * stream.height, PICTURE_PIXELS)
                stream.codec_context.thread_count = 1
                base = stream.time_base
                if base is None:
                    raise ImportRefused(f'{where}: the film has no clock')
                if clip.from_s > 0.0:
                    film.seek(max(0, int((clip.from_s - 1.0 / fps) / base)), stream=stream)
                for picture in film.decode(stream):
                    if picture.pts is None or number == length:
                        continue
                    at = round((float(picture.pts * base) - clip.from_s) * fps)
                    if at < number:
                        continue  # of the episode before
                    if at > number:
                        break
                    yield picture.to_ndarray(format='rgb24')
                    number += 1
                    if number == length:
                        return
        except (av.FFmpegError, IndexError, ValueError) as error:
            if isinstance(error, ImportRefused):
                raise
            raise ImportRefused(
                f'{where}: the film cannot be decoded ({error}): download it again'
            ) from error
        if number < length:
            raise ImportRefused(
                f'{where}: expected {length} pictures at {fps:g} per second from '
                f'{clip.from_s:.3f} s on, number {number} is missing: the film is cut off or of '
                'another version; download it again'
            )

    def _batches(self, name: str) -> Iterator[Any]:
        """The episode's rows of one column."""
        first, last = self._first, self._first + self.episode.length
        try:
            with parquet.ParquetFile(self.episode.data) as file:
                if name not in file.schema_arrow.names:
                    raise ImportRefused(
                        f'{self._where}: column {name!r} is missing, there are '
                        f'{", ".join(file.schema_arrow.names[:20])}: the dataset is damaged'
                    )
                groups: list[int] = []
                row = start = 0
                for group in range(file.metadata.num_row_groups):
                    rows = file.metadata.row_group(group).num_rows
                    if row < last and row + rows > first:
                        start = row if not groups else start
                        groups.append(group)
                    row += rows
                at = start
                for batch in file.iter_batches(ROWS_AT_ONCE, row_groups=groups, columns=[name]):
                    low, high = max(first - at, 0), min(last - at, batch.num_rows)
                    at += batch.num_rows
                    if high > low:
                        yield batch.column(0).slice(low, high - low)
        except pyarrow.ArrowException as error:
            raise _damaged(self.episode.data, error) from error


def content_of_file(path: Path) -> str:
    """The sha256 of a data file."""
    return _content_of(path, path.stat().st_size)


@functools.lru_cache(maxsize=4)
def _content_of(path: Path, size: int) -> str:
    with path.open('rb') as file:
        digest = hashlib.sha256()
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


@functools.lru_cache(maxsize=2)
def _index_of(path: Path) -> np.ndarray:
    """To which episode each row of a file belongs, int64 [rows]."""
    try:
        with parquet.ParquetFile(path) as file:
            check_limit('rows of a data file', file.metadata.num_rows, ARRAYS_BYTES >> 3)
            if _INDEX not in file.schema_arrow.names:
                raise ImportRefused(f'{path}: column {_INDEX!r} is missing: no file of LeRobot')
            column = file.read(columns=[_INDEX]).column(0)
            if not pyarrow.types.is_integer(column.type):
                raise ImportRefused(f'{path}: {_INDEX}: expected whole numbers, {column.type}')
            return np.asarray(column.to_numpy(), np.int64)
    except (pyarrow.ArrowException, ValueError) as error:
        if isinstance(error, ImportRefused):
            raise
        raise _damaged(path, error) from error


def _as_array(column: Any) -> np.ndarray:
    """A column of numbers, or of lists of numbers of one length, flat."""
    while hasattr(column.type, 'storage_type'):
        column = column.storage
    while (
        pyarrow.types.is_list(column.type)
        or pyarrow.types.is_large_list(column.type)
        or pyarrow.types.is_fixed_size_list(column.type)
    ):
        column = column.flatten()
    kind = column.type
    if pyarrow.types.is_boolean(kind):
        column = column.cast(pyarrow.uint8())
    elif not (pyarrow.types.is_integer(kind) or pyarrow.types.is_floating(kind)):
        raise ImportRefused(f'expected a column of numbers, got {kind}')
    return np.asarray(column.to_numpy(zero_copy_only=False), np.float64)


def _rgb(pixels: np.ndarray) -> np.ndarray:
    """OpenCV's channels as three in RGB; what is transparent is not."""
    if pixels.shape[2] == 1:
        return np.repeat(pixels, 3, axis=2)
    return np.ascontiguousarray(pixels[:, :, 2::-1])


def _damaged(path: Path, error: Exception) -> ImportRefused:
    reason = ' '.join(str(error).split())[:200]
    return ImportRefused(
        f'{path}: expected a parquet file, it cannot be read ({reason}): it is cut off or '
        'damaged; download the dataset again'
    )
