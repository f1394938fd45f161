# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which episode went where: a ledger of JSON lines, and which side the next one goes to.

One line per episode, appended and synced; a line that a kill tore is dropped at the next start.
Must not import torch, ROS or a simulator.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

FORMAT = 1
State = Literal['ingested', 'held_out', 'refused']
Side = Literal['ingested', 'held_out']
# With so many episodes to learn from, one must be there to judge by: of ten, the hash alone holds
# none out in 35 % of the cases, and without any nothing is ever published.
INGESTED_BEFORE_HELD_OUT = 4
# A recorder that was restarted within an episode writes UUID-2 beside UUID.
_PART = re.compile(r'^([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})-\d+$')


@dataclass(frozen=True)
class Entry:
    """One settled episode."""

    uuid: str
    state: State
    robot_id: str = ''
    ticks: int = 0  # learnable ones
    reason: str = ''  # of a refusal


class Ledger:
    """All settled episodes, in the order in which they were settled.

    Raises:
        ValueError: the file has another format.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.entries: dict[str, Entry] = {}
        if not path.exists():
            self._append({'format': FORMAT})
            return
        content = path.read_bytes()
        whole = content[: content.rfind(b'\n') + 1]
        lines = [json.loads(line) for line in whole.splitlines()]
        if not lines:  # killed before the first line was whole
            path.unlink()
            self._append({'format': FORMAT})
            return
        if lines[0].get('format') != FORMAT:
            raise ValueError(
                f'{path}: ledger format {lines[0].get("format")!r}, expected {FORMAT}; use the '
                'version that wrote it, or a new --out'
            )
        if len(whole) < len(content):
            os.truncate(path, len(whole))
        for line in lines[1:]:
            self.entries[line['uuid']] = Entry(**line)

    def settle(self, entry: Entry) -> None:
        """Write an episode down, for good; once."""
        if entry.uuid in self.entries:
            raise ValueError(f'{self.path}: episode {entry.uuid} is settled already')
        self._append(asdict(entry))
        self.entries[entry.uuid] = entry

    def of(self, state: State) -> list[Entry]:
        """Return the entries of one state, oldest first."""
        return [entry for entry in self.entries.values() if entry.state == state]

    def side(self, uuid: str, share: float) -> Side:
        """Tell where the next episode goes; what is settled stays where it is.

        Parts of one episode go where its first settled part went. Else its hash decides, except
        that the fifth episode is held out if none is yet; a share of 0 holds nothing out.
        """
        settled: dict[str, Side] = {}
        for entry in self.entries.values():
            if entry.state != 'refused':
                settled.setdefault(whole_episode(entry.uuid), entry.state)
        whole = whole_episode(uuid)
        if whole in settled:
            return settled[whole]
        if is_held_out(uuid, share):
            return 'held_out'
        overdue = len(settled) >= INGESTED_BEFORE_HELD_OUT and 'held_out' not in settled.values()
        return 'held_out' if share > 0 and overdue else 'ingested'

    def _append(self, line: dict[str, object]) -> None:
        size = self.path.stat().st_size if self.path.exists() else 0
        try:
            with self.path.open('a') as file:
                file.write(json.dumps(line) + '\n')
                file.flush()
                os.fsync(file.fileno())
        except OSError:  # a full disk must not leave half a line before the next one
            if self.path.exists():
                os.truncate(self.path, size)
            raise


def whole_episode(uuid: str) -> str:
    """Return the uuid that the parts of one episode (UUID, UUID-2) share."""
    match = _PART.match(uuid)
    return (match.group(1) if match else uuid).lower()


def is_held_out(uuid: str, share: float) -> bool:
    """Tell what the hash says: a pure function of the uuid, one for all parts of an episode."""
    digest = hashlib.sha256(whole_episode(uuid).encode()).hexdigest()
    return int(digest[:8], 16) < share * 2**32
