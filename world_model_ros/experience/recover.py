# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Seals what a crash, a kill or a full disk left behind, as truncated episodes.

Owns leftover `.active` directories. What was whole when the writer died stays, byte for byte; the
torn end goes. Must not import ROS or torch.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path

from mcap.exceptions import McapError
from mcap.records import Channel

from world_model_ros.experience.bag import (
    ACTIVE_SUFFIX,
    BEGIN_RECORD,
    END_RECORD,
    ROSBAG2_RECORD,
    EpisodeEnd,
    EpisodeError,
    Topic,
    bag_information,
    custom_data,
    find_mcap,
    information_text,
    metadata_text,
    read_qos,
)
from world_model_ros.experience.closing import close_in_place
from world_model_ros.experience.scan import Contents, scan
from world_model_ros.experience.sink import (
    RESERVE_FILE,
    free_name,
    is_locked,
    sync_directory,
    write_metadata,
)

log = logging.getLogger(__name__)


def recover_leftovers(root: Path) -> list[Path]:
    """Seal every `.active` directory that no living process writes; returns the episodes."""
    sealed = []
    for active in sorted(root.glob(f'*{ACTIVE_SUFFIX}')):
        try:
            file = find_mcap(active)
            if is_locked(file):
                continue
            name = active.name.removesuffix(ACTIVE_SUFFIX)
            if (root / name).exists():
                name = free_name(root, name)
            if seal_truncated(active, root / name, 'recovered after the recorder died'):
                sealed.append(root / name)
        except (OSError, McapError, EpisodeError) as error:
            # One unreadable leftover must not keep the robot from recording.
            log.error('%s cannot be recovered: %s', active, error)
    return sealed


def seal_truncated(
    active: Path, final: Path, reason: str, dropped: Mapping[str, int] | None = None
) -> bool:
    """Close the recording in `active` in place and rename it; False if it held no message.

    A file that was already whole (the writer died between sealing and renaming) keeps its status.
    """
    file = find_mcap(active)
    contents = scan(file)
    begin = contents.record(BEGIN_RECORD)
    if begin is None or not contents.message_count:
        log.warning('%s holds no message; removed', active)
        shutil.rmtree(active)
        return False
    sealed = contents.record(END_RECORD) if contents.whole else None
    counts = contents.topic_counts()
    if sealed is None:
        end = EpisodeEnd('truncated', reason, counts, dropped or {})
    else:
        end = EpisodeEnd.from_record(sealed)
    custom = custom_data(begin, end)
    information = bag_information(
        file.name, topics_of(contents), counts, contents.start_ns, contents.end_ns, custom
    )
    if not contents.whole:
        records = {
            END_RECORD: end.to_record(),
            ROSBAG2_RECORD: {'serialized_metadata': information_text(information)},
        }
        close_in_place(contents, records)
    write_metadata(active, metadata_text(information))
    (active / RESERVE_FILE).unlink(missing_ok=True)
    sync_directory(active)
    active.rename(final)
    sync_directory(final.parent)
    return True


def topics_of(contents: Contents) -> list[Topic]:
    """The recorded topics, with the QoS that was stored with them."""
    return [topic_of(contents, channel) for channel in contents.channels.values()]


def topic_of(contents: Contents, channel: Channel) -> Topic:
    """A channel as the topic that was recorded on it.

    Raises:
        EpisodeError: its type or its QoS cannot be read.
    """
    schema = contents.schemas.get(channel.schema_id)
    if schema is None:
        raise EpisodeError(f'topic {ascii(channel.topic)[:100]}: no type was recorded with it')
    try:
        qos = read_qos(channel.metadata.get('offered_qos_profiles', ''))
    except ValueError as error:
        reason = f'topic {ascii(channel.topic)[:100]}: its QoS cannot be read: {error}'
        raise EpisodeError(reason) from error
    return Topic(channel.topic, schema.name, qos)
