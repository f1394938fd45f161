# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Folders of slots of format 1: state.json without a checksum, bundles directly in SHA/.

Read once: what is whole moves into slots of format 2, state.json stays where it is and is never
read again. Must not import ROS or torch.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from world_model_ros.durable import read_regular, sync_folder, write_atomic
from world_model_ros.fleet.slot import (
    BUNDLE,
    SLOT_MARKER,
    SlotsError,
    is_folder,
    marker,
    slot_problems,
)
from world_model_ros.fleet.updater_state import (
    MAX_HISTORY,
    STATE_FORMAT,
    Newest,
    Slot,
    State,
    StateError,
    parse_state,
)
from world_model_ros.store.keys import is_sha256
from world_model_ros.strict_json import strict_json

FORMAT1_FILE = 'state.json'
ADOPTED_SUFFIX = '.adopt'  # while a slot moves
_FIELDS = ('acting', 'previous', 'candidate', 'pinned', 'bad', 'history')


def read_format1(root: Path) -> dict[str, Any] | None:
    """What an older version kept in a folder; None if none worked here.

    Raises:
        SlotsError: damaged, or of another format.
    """
    path = root / FORMAT1_FILE
    if not os.path.lexists(path):
        return None
    remedy = (
        'if bundles of an older version are here, move this file away and call '
        'updater/start_over; else name an empty folder in parameter slots'
    )
    try:
        content = strict_json(read_regular(path, 1 << 20))
    except (OSError, ValueError) as error:
        raise SlotsError(f'{path}: damaged, or not ours ({error}); {remedy}') from None
    number = content.get('format') if isinstance(content, dict) else None
    if number != 1 or isinstance(number, bool):
        raise SlotsError(
            f'{path}: format {str(number)[:20]}: this version reads format 1; {remedy}'
        )
    try:
        parse_state(_as_format2(content))
    except (StateError, KeyError, TypeError) as error:
        raise SlotsError(f'{path}: damaged, or not ours ({error}); {remedy}') from None
    return content


def adopt(root: Path, content: dict[str, Any], interface: str) -> State:
    """Move what is whole into slots of format 2; the state that follows from it.

    Raises:
        OSError: the disk fails; call it again.
    """
    state = parse_state(_as_format2(content))
    for name in ('acting', 'previous', 'candidate'):
        slot = getattr(state, name)
        if slot is not None:
            setattr(state, name, _moved(root, slot, name == 'acting'))
    state.pinned = state.pinned and state.candidate is not None
    known = [(entry.release, entry.bundle_sha) for entry in state.history]
    known += [(slot.release, slot.bundle_sha) for slot in state.slots()]
    if known and max(known)[0] > 0:
        state.newest[interface] = Newest(*max(known))
    return state


def _moved(root: Path, slot: Slot, acting: bool) -> Slot | None:
    sha, staging = slot.bundle_sha, root / f'{slot.bundle_sha}{ADOPTED_SUFFIX}'
    whole = slot.release > 0 and not slot_problems(root / sha, sha)
    if whole:
        staging.mkdir(exist_ok=True)
        write_atomic(staging / SLOT_MARKER, marker(sha, True, slot.release))
        os.rename(root / sha, staging / BUNDLE)
    if not os.path.lexists(root / sha) and is_folder(staging):  # now, or before a kill
        os.rename(staging, root / sha)
        sync_folder(root)
    bundle = root / sha / BUNDLE
    if slot.release > 0 and not slot_problems(bundle, sha):
        return Slot(sha, slot.release, str(bundle))
    return Slot(sha, slot.release, '') if acting and slot.release == 0 else None


def _as_format2(content: dict[str, Any]) -> dict[str, Any]:
    state = {name: content[name] for name in _FIELDS}
    state['history'] = [entry for entry in content['history'] if is_sha256(entry['bundle_sha'])]
    state['history'] = state['history'][-MAX_HISTORY:]
    state['bad'] = {sha: reason for sha, reason in content['bad'].items() if is_sha256(sha)}
    return {**state, 'newest': {}, 'format': STATE_FORMAT}
