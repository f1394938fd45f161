# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Seals what a crash, a kill or a full disk left behind, as incomplete episodes.

Owns leftover `.active` directories. What is readable stays, byte for byte; damaged parts are
stepped over (salvage.py), the torn end goes. What cannot be sealed is set aside in `unreadable/`
with a text that says why, never deleted. Each leftover settles by itself and is locked meanwhile.
Must not import ROS or torch.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mcap.records import Channel

from world_model_ros.experience.bag import (
    ACTIVE_SUFFIX,
    BEGIN_RECORD,
    DAMAGE_RECORD,
    END_RECORD,
    METADATA_FILE,
    ROSBAG2_RECORD,
    EpisodeEnd,
    EpisodeError,
    EpisodeInfo,
    Topic,
    bag_information,
    custom_data,
    find_mcap,
    information_text,
    metadata_text,
    read_qos,
)
from world_model_ros.experience.read.scan import Contents, scan
from world_model_ros.experience.record.closing import close_in_place
from world_model_ros.experience.record.salvage import salvage
from world_model_ros.experience.record.salvaged import Region, Salvaged, close_gaps, put_right
from world_model_ros.experience.record.sink import (
    FOLDER_MODE,
    NEW_SUFFIX,
    RESERVE_FILE,
    UNREADABLE_FOLDER,
    Locked,
    free_name,
    hold,
    plain_names,
    remove_own,
    sync_directory,
    write_metadata,
    write_new,
)

log = logging.getLogger(__name__)

DIED = 'recovered after the recorder died'
WHY_SUFFIX = '.why.txt'
# A recording that begins is `.new` for milliseconds; one of a recorder that died stays so.
NEW_IS_DEAD_SEC = 600.0


@dataclass
class Recovered:
    """What became of the leftovers of a folder."""

    sealed: list[Path] = field(default_factory=list)  # episodes
    removed: list[Path] = field(default_factory=list)  # ours, and nothing was recorded in them
    set_aside: dict[Path, str] = field(default_factory=dict)  # where to, and why
    left: dict[Path, str] = field(default_factory=dict)  # untouched, and why


def recover_leftovers(root: Path) -> Recovered:
    """Settle every `.active` directory that no living process writes; never raises for one."""
    result = Recovered()
    for active in sorted(root.glob(f'*{ACTIVE_SUFFIX}')):
        try:
            _recover(root, active, result)
        except Locked:
            continue  # a living recorder's
        except Exception as error:  # whatever it is, the next leftover is settled
            log.exception('%s cannot be recovered', active)
            _set_aside(active, f'{type(error).__name__}: {error}', result)
    for new in sorted(root.glob(f'*{NEW_SUFFIX}')):
        try:
            _remove_dead(new, result)
        except (Locked, OSError) as error:
            log.debug('%s is left: %s', new, error)
    return result


def _recover(root: Path, active: Path, result: Recovered) -> None:
    if active.is_symlink() or not active.is_dir():
        result.left[active] = 'a link or a file, not a recording'
        return
    if remove_own(active, {RESERVE_FILE}):  # begun, and nothing was written
        result.removed.append(active)
        return
    try:
        file = find_mcap(active)
    except EpisodeError as error:
        result.left[active] = f'not a recording of ours: {error}'
        log.warning('%s is left alone: %s', active, error)
        return
    name = active.name.removesuffix(ACTIVE_SUFFIX)
    if file.name not in plain_names(active):
        result.left[active] = f'not a recording of ours: {file} is no plain file'
        return
    with hold(file):
        if os.path.lexists(root / name):
            name = free_name(root, name)
        try:
            sealed = _seal(active, file, root / name, DIED, {})
        except OSError as error:  # the disk's doing: the next start tries again
            result.left[active] = str(error)
            log.error('%s cannot be sealed now: %s', active, error)
            return
        except Exception as error:  # noqa: BLE001 - named, kept, and not tried for ever
            _set_aside(active, f'{type(error).__name__}: {error}', result)
            return
    if sealed:
        result.sealed.append(root / name)
    else:
        result.removed.append(active)


def seal_truncated(
    active: Path, final: Path, reason: str, dropped: Mapping[str, int] | None = None
) -> bool:
    """Close the recording in `active` in place and rename it; False if nothing was recorded in it.

    A file that was already whole (the writer died between sealing and renaming) keeps its status.

    Raises:
        EpisodeError: it cannot be sealed, and is left as it is.
        Locked: another process is at work on it.
        OSError: the disk refuses.
    """
    file = find_mcap(active)
    with hold(file):
        return _seal(active, file, final, reason, dropped or {})


def _seal(active: Path, file: Path, final: Path, reason: str, dropped: Mapping[str, int]) -> bool:
    salvaged = salvage(file)
    contents = salvaged.contents
    begin = _begin(salvaged)
    if not contents.message_count:
        nothing = not salvaged.damaged and not salvaged.torn
        ours = {file.name, RESERVE_FILE, METADATA_FILE}
        if nothing and remove_own(active, ours):
            log.warning('%s holds no message; removed', active)
            return False
        raise EpisodeError(
            f'no message can be read: {contents.damage or "damaged"}'
            f'{_listed(salvaged)}, {salvaged.torn} bytes are cut off'
        )
    if salvaged.lost_channels:
        raise EpisodeError(
            f'{contents.message_count} messages can be read, and the definitions of the channels '
            f'{sorted(salvaged.lost_channels)} are lost{_listed(salvaged)}'
        )
    removed = close_gaps(salvaged)
    if removed:
        salvaged = salvage(file)
        contents = salvaged.contents
        contents.whole = False  # its summary names other places now
    end = _end_of(salvaged, reason, dropped)
    custom = custom_data(begin, end)
    counts = contents.topic_counts()
    information = bag_information(
        file.name, topics_of(contents), counts, contents.start_ns, contents.end_ns, custom
    )
    if not contents.whole:
        records = {
            END_RECORD: end.to_record(),
            ROSBAG2_RECORD: {'serialized_metadata': information_text(information)},
        }
        if salvaged.damaged:
            put_right(salvaged)
        if salvaged.damaged or removed:
            records = {DAMAGE_RECORD: _damage_record(salvaged, removed), **records}
        close_in_place(contents, records)
        _check(file, counts)
    write_metadata(active, metadata_text(information))
    if RESERVE_FILE in plain_names(active):
        (active / RESERVE_FILE).unlink()
    sync_directory(active)
    active.rename(final)
    sync_directory(final.parent)
    return True


def _begin(salvaged: Salvaged) -> dict[str, str]:
    begin = salvaged.contents.record(BEGIN_RECORD)
    if begin is None:
        raise EpisodeError(
            f'its first record cannot be read, so nobody knows whose it is; '
            f'{salvaged.contents.message_count} messages can be read{_listed(salvaged)}'
        )
    EpisodeInfo.from_record(begin, 'the first record')
    return begin


def _end_of(salvaged: Salvaged, reason: str, dropped: Mapping[str, int]) -> EpisodeEnd:
    contents = salvaged.contents
    sealed = contents.record(END_RECORD) if contents.whole else None
    if sealed is not None:
        return EpisodeEnd.from_record(sealed)
    return EpisodeEnd('incomplete', reason + _listed(salvaged), contents.topic_counts(), dropped)


def _listed(salvaged: Salvaged) -> str:
    """The damage in words, '' without any."""
    if not salvaged.damaged:
        return ''
    size = sum(region.size for region in salvaged.regions)
    return f'; damaged: {size} bytes in {len(salvaged.regions)} places cannot be read'


def _damage_record(salvaged: Salvaged, removed: list[Region]) -> dict[str, str]:
    """What was changed in the file, so that it can be undone."""
    return {
        'regions': json.dumps([vars(region) for region in salvaged.regions]),
        'removed': json.dumps([vars(region) for region in removed]),
        'patched': json.dumps([[offset, len(new)] for offset, new in salvaged.patches]),
    }


def _check(file: Path, counts: Mapping[str, int]) -> None:
    """What was sealed must be what was found; otherwise it is set aside."""
    found = scan(file)
    if not found.whole or found.damage or found.topic_counts() != counts:
        raise EpisodeError(
            f'after sealing {found.topic_counts()} messages were found, expected {dict(counts)}: '
            f'{found.damage or "no footer"}'
        )


def _set_aside(active: Path, reason: str, result: Recovered) -> None:
    """Move a leftover into `unreadable/`, with a text beside it that says why."""
    folder = active.parent / UNREADABLE_FOLDER
    try:
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        if folder.is_symlink():
            raise OSError(f'{folder} is a link')
        target = folder / free_name(folder, active.name)
        active.rename(target)
        sync_directory(active.parent)
    except OSError as error:
        result.left[active] = f'{reason}; not set aside: {error}'
        log.error('%s: %s; not set aside: %s', active, reason, error)
        return
    result.set_aside[target] = reason
    log.error('%s cannot be sealed and is set aside as %s: %s', active, target, reason)
    try:
        write_new(
            target.with_name(target.name + WHY_SUFFIX),
            f'{active.name} could not be sealed as an episode and was kept as it was found.\n'
            f'Reason: {reason}\n'
            'Its .mcap file may still be read in part, for instance with `mcap recover`.\n'
            'Nothing here is used or deleted by world_model_ros; remove it when you are done.\n',
        )
    except OSError as error:
        log.error('%s: %s', target, error)


def _remove_dead(new: Path, result: Recovered) -> None:
    """Remove what a recorder left that died while it began an episode."""
    if new.is_symlink() or not new.is_dir():
        return
    if abs(time.time() - new.stat().st_mtime) < NEW_IS_DEAD_SEC:
        return
    file = new / f'{new.name.removesuffix(NEW_SUFFIX)}.mcap'
    if plain_names(new) == {file.name}:
        with hold(file):
            if remove_own(new, {file.name}):
                result.removed.append(new)
    elif remove_own(new, set()):
        result.removed.append(new)


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
