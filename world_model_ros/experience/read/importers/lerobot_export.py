# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Episodes as a LeRobot v3.0 dataset: what the model sees and what was done, without loss.

Owns the way out. Frame i holds the observation of a tick, the action over the interval that
follows it, and the reward of that interval. Pictures are PNG inside of the parquet files. Needs
pyarrow (extra `lerobot`). Must not import ROS or torch.
"""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow
import pyarrow.parquet as parquet

from world_model_ros.contract import Contract, interface_diff, interface_hash
from world_model_ros.experience.read.arrays import to_arrays
from world_model_ros.experience.read.describe import imagined_words
from world_model_ros.experience.read.importers.arrived import ImportRefused
from world_model_ros.experience.read.importers.lerobot_columns import (
    ACTION,
    CAMERAS,
    REWARD,
    STATE,
    TERMINATED,
)
from world_model_ros.experience.read.importers.lerobot_schema import (
    DATA_FILE_MB,
    DATA_PATH,
    DONE,
    FILES_PER_CHUNK,
    VERSION,
    VIDEO_FILE_MB,
    VIDEO_PATH,
    features,
    frames_per_second,
    other_vectors,
    state_streams,
    task_table,
)
from world_model_ros.experience.read.importers.lerobot_stats import Stats
from world_model_ros.experience.read.labels import read_label
from world_model_ros.experience.read.reader import EpisodeReader
from world_model_ros.experience.read.rebuild import read_ticks

FOLDER_MODE = 0o755  # datasets are shared

Rows = dict[str, np.ndarray]


def export_lerobot(
    episodes: Sequence[Path], target: Path, contract: Contract | None = None, task: str = ''
) -> dict[str, Any]:
    """Write episodes into the new folder `target`; returns how much it became.

    Ticks that nobody observed are left out: what lies on their two sides are two episodes of the
    dataset.

    Raises:
        ImportRefused: nothing can be exported, or the folder is there.
        EpisodeError: an episode cannot be read.
    """
    if not episodes:
        raise ImportRefused('expected episodes to export, found none')
    if target.exists():
        raise ImportRefused(f'{target}: is there already: name a new folder')
    target.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(dir=target.parent, prefix=f'.{target.name}.'))
    try:
        dataset = _Dataset(work, contract, task, any(map(_rewarded, episodes)))
        for path in episodes:
            dataset.add(path)
        figures = dataset.finish()
        work.chmod(FOLDER_MODE)
        work.rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return figures


class _Dataset:
    """A dataset while it is written."""

    def __init__(self, root: Path, contract: Contract | None, task: str, rewarded: bool) -> None:
        self._root, self._contract, self._task = root, contract, task
        self._rewarded = rewarded
        self._rows: list[dict[str, Any]] = []  # of meta/episodes
        self._frames = self._file = self._bytes = 0
        self._writer: parquet.ParquetWriter | None = None
        self._stats: dict[str, Stats] = {}

    def add(self, path: Path) -> None:
        """One of our episodes: as many of the dataset's as it has unbroken pieces."""
        reader = EpisodeReader(path)
        if reader.imagined:
            raise ImportRefused(
                f'{path}: {imagined_words(reader.imagined)}; nobody who reads a dataset could '
                'tell: leave it out'
            )
        self._contract = self._contract or reader.contract
        if interface_hash(reader.contract) != interface_hash(self._contract):
            differences = '; '.join(interface_diff(self._contract, reader.contract)[:3])
            raise ImportRefused(
                f'{path}: recorded under another interface ({differences}): a dataset has one; '
                'export these episodes into another folder'
            )
        arrays = to_arrays(reader, self._contract)
        for piece in _pieces(arrays):
            self._write(arrays, piece, self._contract)

    def finish(self) -> dict[str, Any]:
        """Write what stands in meta/."""
        if self._writer is not None:
            self._writer.close()
        contract = self._contract
        if contract is None or not self._rows:
            raise ImportRefused('no two neighbouring ticks were observed: nothing to export')
        meta = self._root / 'meta'
        (meta / 'episodes/chunk-000').mkdir(parents=True)
        rows = pyarrow.Table.from_pylist(self._rows)
        parquet.write_table(rows, meta / 'episodes/chunk-000/file-000.parquet')
        parquet.write_table(task_table(self._task), meta / 'tasks.parquet')
        stats = {name: stats.as_dict() for name, stats in self._stats.items()}
        (meta / 'stats.json').write_text(json.dumps(stats, indent=4))
        (meta / 'info.json').write_text(json.dumps(self._info(contract), indent=4))
        return {'episodes': len(self._rows), 'frames': self._frames}

    def _info(self, contract: Contract) -> dict[str, Any]:
        return {
            'codebase_version': VERSION,
            'robot_type': contract.name,
            'total_episodes': len(self._rows),
            'total_frames': self._frames,
            'total_tasks': 1,
            'chunks_size': FILES_PER_CHUNK,
            'data_files_size_in_mb': DATA_FILE_MB,
            'video_files_size_in_mb': VIDEO_FILE_MB,
            'fps': frames_per_second(contract),
            'splits': {'train': f'0:{len(self._rows)}'},
            'data_path': DATA_PATH,
            'video_path': VIDEO_PATH,
            'features': features(contract, self._rewarded),
        }

    def _write(self, arrays: Rows, piece: range, contract: Contract) -> None:
        columns: dict[str, Any] = {}
        for stream in contract.image_streams:
            pixels = arrays[f'obs_{stream.name}'][piece.start : piece.stop]
            columns[CAMERAS + stream.name] = _pictures(pixels)
            self._note(CAMERAS + stream.name, pixels.transpose(0, 3, 1, 2) / np.float32(255))
        vectors = _vectors(arrays, piece, contract)
        for name, values in vectors.items():
            kind = pyarrow.list_(pyarrow.float32(), values.shape[1])
            columns[name] = pyarrow.array(values.tolist(), kind)
            self._note(name, values)
        size, after = len(piece), slice(piece.start + 1, piece.stop + 1)
        start, index = self._frames, len(self._rows)
        last = np.arange(size) == size - 1
        rewards: Rows = {REWARD: arrays['reward'][after].astype(np.float32)}
        scalars = (rewards if self._rewarded else {}) | {
            DONE: last,
            TERMINATED: arrays['terminal'][after],
            'timestamp': (np.arange(size) / frames_per_second(contract)).astype(np.float32),
            'frame_index': np.arange(size, dtype=np.int64),
            'episode_index': np.full(size, index, np.int64),
            'index': np.arange(start, start + size, dtype=np.int64),
            'task_index': np.zeros(size, np.int64),
        }
        columns |= {name: pyarrow.array(values) for name, values in scalars.items()}
        table = pyarrow.table(columns)
        self._row(table, size, start, index)
        self._frames += size

    def _row(self, table: Any, size: int, start: int, index: int) -> None:
        """Append to the data file, or to the next one if it is full."""
        if self._writer is not None and self._bytes > DATA_FILE_MB << 20:
            self._writer.close()
            self._writer, self._bytes, self._file = None, 0, self._file + 1
        chunk, file = divmod(self._file, FILES_PER_CHUNK)
        if self._writer is None:
            path = self._root / DATA_PATH.format(chunk_index=chunk, file_index=file)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._writer = parquet.ParquetWriter(path, table.schema, compression='snappy')
        self._writer.write_table(table)
        self._bytes += table.nbytes
        self._rows.append(
            {
                'episode_index': index,
                'tasks': [self._task],
                'length': size,
                'data/chunk_index': chunk,
                'data/file_index': file,
                'dataset_from_index': start,
                'dataset_to_index': start + size,
                'meta/episodes/chunk_index': 0,
                'meta/episodes/file_index': 0,
            }
        )

    def _note(self, name: str, values: np.ndarray) -> None:
        self._stats.setdefault(name, Stats()).add(values)


def _rewarded(path: Path) -> bool:
    """Whether an episode, or its label, says what any tick earned."""
    reader = EpisodeReader(path)
    if read_label(reader.directory) is not None:
        return True
    # The first tick of every episode has 0, whether anything is measured or not.
    return any(math.isfinite(tick.reward) for tick in read_ticks(reader) if not tick.first)


def _pieces(arrays: Rows) -> Iterator[range]:
    """Rows that can be frames: observed, and with the action that followed."""
    follows = ~(arrays['is_first'] | arrays['gap']) & np.isfinite(arrays['action_sent']).all(1)
    good = arrays['observed'][:-1] & follows[1:]
    start = None
    for row, usable in enumerate([*good.tolist(), False]):
        if usable and start is None:
            start = row
        elif not usable and start is not None:
            yield range(start, row)
            start = None


def _vectors(arrays: Rows, piece: range, contract: Contract) -> Rows:
    rows = slice(piece.start, piece.stop)
    found: Rows = {}
    state = [arrays[f'obs_{s.name}'][rows] for s in state_streams(contract)]
    if state:
        found[STATE] = np.concatenate(state, axis=1)
    for stream in other_vectors(contract):
        found[f'observation.{stream.name}'] = arrays[f'obs_{stream.name}'][rows]
    found[ACTION] = arrays['action_sent'][piece.start + 1 : piece.stop + 1]
    return found


def _pictures(pixels: np.ndarray) -> Any:
    """RGB [T, h, w, 3] as a column of PNG."""
    rows = []
    for number, picture in enumerate(pixels):
        done, data = cv2.imencode('.png', picture[:, :, ::-1])
        if not done:
            raise ImportRefused(f'picture {number} cannot be stored as PNG')
        rows.append({'bytes': data.tobytes(), 'path': f'frame-{number:06d}.png'})
    fields = [('bytes', pyarrow.binary()), ('path', pyarrow.string())]
    return pyarrow.array(rows, pyarrow.struct(fields))
