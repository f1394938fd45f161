# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Says whether an episode is whole, and what is wrong with it if not.

Owns the list of what must hold of a sealed episode. Must not import ROS or torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml
from mcap.exceptions import McapError

from world_model_ros.experience.bag import (
    ACTIVE_SUFFIX,
    METADATA_FILE,
    ROSBAG2_VERSION,
    EpisodeError,
)
from world_model_ros.experience.episode_limits import METADATA_BYTES
from world_model_ros.experience.read.reader import EpisodeReader
from world_model_ros.experience.read.rebuild import lost_records, parity, read_ticks


def check_episode(path: Path | str, *, rebuilt: bool = False) -> list[str]:
    """What is wrong with an episode; an empty list means that it is whole.

    Every chunk's CRC, the footer, the counts per topic against the writer's own and metadata.yaml,
    and the run of ticks. With `rebuilt` every tick is also made again and compared.
    """
    path = Path(path)
    try:
        reader = EpisodeReader(path)
    except (EpisodeError, OSError) as error:
        return [str(error)]
    problems = []
    if path.name.endswith(ACTIVE_SUFFIX):
        problems.append(f'{path}: still recording, or its recorder died: the next start seals it')
    if reader.contents.damage:
        problems.append(f'{reader.file}: {reader.contents.damage}')
    try:
        end = reader.end
    except EpisodeError as error:
        return [*problems, str(error)]
    if end.status == 'incomplete':
        problems.append(f'{path}: incomplete: {end.reason}')
    if end.dropped:
        problems.append(f'{path}: dropped by the recorder: {_listed(end.dropped)}')
    if end.lost:
        problems.append(f'{path}: lost on the way: {_listed(end.lost)}')
    problems += _check_counts(reader)
    if path.is_dir():
        problems += _check_metadata(reader)
    problems += _check_ticks(reader, rebuilt)
    return problems


def _listed(counts: Mapping[str, int]) -> str:
    return ', '.join(f'{count} of {topic}' for topic, count in sorted(counts.items()))


def _check_counts(reader: EpisodeReader) -> list[str]:
    said, found = reader.end.counts, reader.contents.topic_counts()
    if reader.end.status == 'unsealed' or said == found:
        return []
    return [f'{reader.file}: {found} messages in the file, {said} were written']


def _check_metadata(reader: EpisodeReader) -> list[str]:
    file = reader.directory / METADATA_FILE
    try:
        loaded = yaml.safe_load(_text(file))
        information = loaded['rosbag2_bagfile_information']
        said = {
            entry['topic_metadata']['name']: entry['message_count']
            for entry in information['topics_with_message_count']
        }
        version = information['version']
    except OSError as error:
        return [f'{file}: {error}']
    except (yaml.YAMLError, ValueError, LookupError, TypeError, RecursionError) as error:
        return [f'{file}: not a rosbag2 metadata file: {error!r}'[:500]]
    problems = []
    if version != ROSBAG2_VERSION:
        problems.append(f'{file}: version {version}, expected {ROSBAG2_VERSION}')
    if said != reader.contents.topic_counts():
        problems.append(f'{file}: counts {said}, the file holds {reader.contents.topic_counts()}')
    return problems


def _text(file: Path) -> str:
    with file.open('rb') as opened:
        content = opened.read(METADATA_BYTES + 1)
    if len(content) > METADATA_BYTES:
        raise ValueError(f'more than {METADATA_BYTES} bytes')
    return content.decode()


def _check_ticks(reader: EpisodeReader, rebuilt: bool) -> list[str]:
    try:
        ticks = read_ticks(reader)
    except (EpisodeError, McapError, ValueError, LookupError) as error:
        return [f'{reader.file}: {error}'[:500]]
    if not ticks:
        return [f'{reader.file}: no tick record of episode {reader.info.uuid}']
    problems = []
    gaps = lost_records(reader, ticks)
    if gaps:
        problems.append(f'{reader.file}: {gaps} tick records are missing')
    if not ticks[-1].last and reader.end.status == 'whole' and not reader.end.reason:
        problems.append(f'{reader.file}: sealed as whole without a last tick')
    if rebuilt:
        report = parity(reader)
        if report.different or report.unrebuilt:
            problems.append(
                f'{reader.file}: of {report.ticks} ticks {report.different} differ and '
                f'{report.unrebuilt} cannot be rebuilt: {report.first_problem}'
            )
    return problems
