# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What an exported LeRobot v3.0 dataset says of itself: paths, features, tasks.

Must not import ROS or torch.
"""

from __future__ import annotations

import json
from typing import Any

import pyarrow

from world_model_ros.contract import Contract, Stream
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.experience.read.importers.lerobot_columns import (
    ACTION,
    CAMERAS,
    ENDINGS,
    REWARD,
    STATE,
    TERMINATED,
    field_of,
)

VERSION = 'v3.0'
DONE = 'next.done'
FILES_PER_CHUNK, DATA_FILE_MB, VIDEO_FILE_MB = 1000, 100, 200  # LeRobot's own defaults
DATA_PATH = 'data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet'
VIDEO_PATH = 'videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4'
WHOLE_RATE = 1e-3  # relative; a period of 0.0333 s are 30 frames per second


def frames_per_second(contract: Contract) -> int | float:
    """The rate of the frames; a whole number where the period is as good as one."""
    rate = 1.0 / contract.period_s
    whole = round(rate)
    return whole if whole and abs(rate - whole) <= WHOLE_RATE * rate else rate


def state_streams(contract: Contract) -> list[Stream]:
    """Return the streams that make observation.state, in its order."""
    return [s for s in contract.vector_streams if stream_kind(s.kind).joints]


def other_vectors(contract: Contract) -> list[Stream]:
    """Return the streams of numbers that have a feature each."""
    return [s for s in contract.vector_streams if not stream_kind(s.kind).joints]


def features(contract: Contract, rewarded: bool) -> dict[str, Any]:
    """Return the table `features` of info.json."""
    found: dict[str, Any] = {}
    for stream in contract.image_streams:
        names = ['height', 'width', 'channels']
        found[CAMERAS + stream.name] = _feature('image', list(stream.shape), names)
    state = [
        f'{joint}{ENDINGS[field][0]}'
        for stream in state_streams(contract)
        for field in stream.fields
        for joint in stream.names
    ]
    if state:
        found[STATE] = _feature('float32', [len(state)], state)
    for stream in other_vectors(contract):
        names = stream_kind(stream.kind).labels(stream)
        found[f'observation.{stream.name}'] = _feature('float32', [len(names)], names)
    kinds = zip(contract.action.names, contract.action.kinds, strict=True)
    actions = [f'{name}{ENDINGS[field_of(kind)][0]}' for name, kind in kinds]
    found[ACTION] = _feature('float32', [len(actions)], actions)
    plain = {REWARD: 'float32'} if rewarded else {}
    plain |= {DONE: 'bool', TERMINATED: 'bool', 'timestamp': 'float32'}
    plain |= dict.fromkeys(('frame_index', 'episode_index', 'index', 'task_index'), 'int64')
    return found | {name: _feature(dtype, [1], None) for name, dtype in plain.items()}


def _feature(dtype: str, shape: list[int], names: list[str] | None) -> dict[str, Any]:
    return {'dtype': dtype, 'shape': shape, 'names': names}


def task_table(task: str) -> Any:
    """meta/tasks.parquet: a table of pandas whose index are the tasks."""
    columns = [
        {'name': name, 'field_name': name, 'pandas_type': kind, 'numpy_type': numpy_type,
         'metadata': None}
        for name, kind, numpy_type in (
            ('task_index', 'int64', 'int64'), ('task', 'unicode', 'object')
        )
    ]  # fmt: skip
    about = {
        'index_columns': ['task'],
        'column_indexes': [],
        'columns': columns,
        'pandas_version': '2.2.3',
    }
    table = pyarrow.table({'task_index': pyarrow.array([0], pyarrow.int64()), 'task': [task]})
    return table.replace_schema_metadata({'pandas': json.dumps(about)})
