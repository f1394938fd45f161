# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A LeRobot dataset on disk, v2.1 or v3.0: its features, episodes and files.

Owns the published layouts of both versions. Everything in a dataset is untrusted: texts that name
files are filled in by our own rule, and no file outside of the dataset is opened. Needs pyarrow
(extra `lerobot`). Must not import ROS or torch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow
import pyarrow.parquet as parquet

from world_model_ros.experience.episode_limits import TICKS, check_limit
from world_model_ros.experience.read.importers.arrived import ImportRefused
from world_model_ros.strict_json import strict_json

VERSIONS = ('v2.1', 'v3.0')
INFO = 'meta/info.json'
EPISODES = 100_000
FEATURES = 1_000
DIMENSIONS = 4_096  # numbers of one feature
JSON_BYTES = 8 << 20  # of info.json, or one line of episodes.jsonl
_FIELD = re.compile(r'\{(\w+)(?::0(\d)d)?\}')


@dataclass(frozen=True)
class Feature:
    """A column of the dataset."""

    name: str
    dtype: str  # float32, int64, bool, image, video, ...
    shape: tuple[int, ...]
    names: tuple[str, ...]  # of its numbers; empty where the dataset gives none

    @property
    def picture(self) -> bool:
        """Whether it is a camera's."""
        return self.dtype in ('image', 'video')


@dataclass(frozen=True)
class Clip:
    """Where the film of one camera and episode is."""

    path: Path
    from_s: float = 0.0  # in the film


@dataclass(frozen=True)
class LeRobotEpisode:
    """Where one episode is."""

    index: int
    length: int  # frames
    data: Path  # parquet; may hold other episodes, too
    clips: Mapping[str, Clip] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class LeRobotDataset:
    """What its metadata say."""

    root: Path
    version: str
    fps: float
    features: Mapping[str, Feature]
    episodes: tuple[LeRobotEpisode, ...]


def is_lerobot(path: Path) -> bool:
    """Whether a folder is a dataset."""
    return (path / INFO).is_file()


def open_dataset(root: Path) -> LeRobotDataset:
    """Read the metadata of a dataset.

    Raises:
        ImportRefused: with the file and what is wrong in it.
    """
    file = root / INFO
    info = _json_table(_text(file), str(file))
    version = info.get('codebase_version')
    if version not in VERSIONS:
        raise ImportRefused(
            f'{file}: expected codebase_version {" or ".join(VERSIONS)}, got {version!r:.40}: '
            'convert the dataset with the scripts of LeRobot first'
        )
    fps = info.get('fps')
    if isinstance(fps, bool) or not isinstance(fps, (int, float)) or not 0.01 <= fps <= 1e4:
        raise ImportRefused(f'{file}: fps: expected frames per second, got {fps!r:.40}')
    features = _features(info.get('features'), file)
    read = _episodes_v21 if version == 'v2.1' else _episodes_v30
    try:
        episodes = tuple(read(root, info, features))
    except (pyarrow.ArrowException, KeyError, TypeError, ValueError) as error:
        if isinstance(error, ImportRefused):
            raise
        reason = ' '.join(f'{type(error).__name__}: {error}'.split())[:300]
        raise ImportRefused(
            f'{root}/meta: the list of episodes cannot be read ({reason}): the dataset is damaged '
            f'or not complete for {version}; download it again'
        ) from error
    if not episodes:
        raise ImportRefused(f'{root}: expected episodes, its metadata list none')
    return LeRobotDataset(root, version, float(fps), features, episodes)


def inside(root: Path, text: Any, file: Path, key: str, **values: int | str) -> Path:
    """A file of the dataset by a path template of its info.json.

    Only whole fields are filled in; a path that leads out of the dataset is refused.
    """
    if not isinstance(text, str):
        raise ImportRefused(f'{file}: {key}: expected a path, got {text!r:.80}')

    def fill(match: re.Match[str]) -> str:
        value = values.get(match[1])
        if value is None:
            raise ImportRefused(
                f'{file}: {key}: unknown field {match[1]!r:.40}, there are {", ".join(values)}'
            )
        return f'{value:0{match[2]}d}' if match[2] and isinstance(value, int) else str(value)

    name = _FIELD.sub(fill, text)
    path = root / name
    if Path(name).is_absolute() or not path.resolve().is_relative_to(root.resolve()):
        raise ImportRefused(f'{file}: {key}: {name[:200]!r} leads out of the dataset')
    return path


def _features(found: Any, file: Path) -> dict[str, Feature]:
    if not isinstance(found, dict) or not 0 < len(found) <= FEATURES:
        raise ImportRefused(f'{file}: features: expected a table of up to {FEATURES}')
    features = {}
    for name, about in found.items():
        try:
            shape = tuple(about['shape'])
            sound = all(isinstance(n, int) and 0 <= n <= 1 << 16 for n in shape)
            dtype = about['dtype']
            if not sound or not isinstance(dtype, str) or '/' in name:
                raise ValueError('no shape, type or name')
        except (KeyError, TypeError, ValueError) as error:
            raise ImportRefused(
                f'{file}: feature {name[:80]!r}: expected dtype and shape, got {about!r:.120}'
            ) from error
        features[name] = Feature(name, dtype, shape, _names(about.get('names')))
    return features


def _names(found: Any) -> tuple[str, ...]:
    """Names of a feature's numbers: a list, or a table of lists such as {motors: [...]}."""
    if isinstance(found, dict):
        lists = [value for value in found.values() if isinstance(value, list)]
        found = [name for value in lists for name in value]
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        return ()
    return tuple(found[:DIMENSIONS])


def _episodes_v21(
    root: Path, info: dict[str, Any], features: Mapping[str, Feature]
) -> Iterator[LeRobotEpisode]:
    file = root / INFO
    per_chunk = info.get('chunks_size', 1000)
    if isinstance(per_chunk, bool) or not isinstance(per_chunk, int) or per_chunk < 1:
        raise ImportRefused(f'{file}: chunks_size: expected a whole number, got {per_chunk!r:.40}')
    listed = root / 'meta/episodes.jsonl'
    with listed.open(encoding='utf-8') as lines:
        for number, line in enumerate(lines):
            check_limit('episodes', number + 1, EPISODES)
            about = _json_table(line, f'{listed}, line {number + 1}')
            index, length = int(about['episode_index']), int(about['length'])
            check_limit('frames of an episode', length, TICKS)
            at: dict[str, int | str] = {
                'episode_index': index,
                'episode_chunk': index // per_chunk,
            }
            clips = {
                name: Clip(
                    inside(root, info.get('video_path'), file, 'video_path', video_key=name, **at)
                )
                for name, feature in features.items()
                if feature.dtype == 'video'
            }
            data = inside(root, info.get('data_path'), file, 'data_path', **at)
            yield LeRobotEpisode(index, length, data, clips)


def _episodes_v30(
    root: Path, info: dict[str, Any], features: Mapping[str, Feature]
) -> Iterator[LeRobotEpisode]:
    file = root / INFO
    videos = [name for name, feature in features.items() if feature.dtype == 'video']
    wanted = ['episode_index', 'length', 'data/chunk_index', 'data/file_index']
    for name in videos:
        wanted += [f'videos/{name}/{k}' for k in ('chunk_index', 'file_index', 'from_timestamp')]
    rows: list[dict[str, Any]] = []
    for path in sorted((root / 'meta/episodes').glob('*/*.parquet')):
        with parquet.ParquetFile(path) as opened:
            check_limit('episodes', len(rows) + opened.metadata.num_rows, EPISODES)
            missing = [name for name in wanted if name not in opened.schema_arrow.names]
            if missing:
                raise ImportRefused(
                    f'{path}: expected the columns of v3.0, {missing[0]!r} is missing: the '
                    'dataset is damaged; download it again'
                )
            rows += opened.read(columns=wanted).to_pylist()
    rows.sort(key=lambda row: int(row['episode_index']))
    for row in rows:
        data = inside(
            root, info.get('data_path'), file, 'data_path',
            chunk_index=int(row['data/chunk_index']), file_index=int(row['data/file_index']),
        )  # fmt: skip
        length = int(row['length'])
        check_limit('frames of an episode', length, TICKS)
        clips = {}
        for name in videos:
            path = inside(
                root, info.get('video_path'), file, 'video_path', video_key=name,
                chunk_index=int(row[f'videos/{name}/chunk_index']),
                file_index=int(row[f'videos/{name}/file_index']),
            )  # fmt: skip
            clips[name] = Clip(path, float(row[f'videos/{name}/from_timestamp']))
        yield LeRobotEpisode(int(row['episode_index']), length, data, clips)


def _text(file: Path) -> str:
    with file.open('rb') as opened:
        content = opened.read(JSON_BYTES + 1)
    if len(content) > JSON_BYTES:
        raise ImportRefused(f'{file}: more than {JSON_BYTES} bytes')
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ImportRefused(f'{file}: expected JSON in UTF-8: {error}') from error


def _json_table(text: str, where: str) -> dict[str, Any]:
    try:
        found = strict_json(text, JSON_BYTES)
    except ValueError as error:
        raise ImportRefused(
            f'{where}: expected JSON, got none: {" ".join(str(error).split())[:200]}'
        ) from error
    if not isinstance(found, dict):
        raise ImportRefused(f'{where}: expected a JSON object')
    return found
