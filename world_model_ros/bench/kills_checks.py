# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What `bench kills` checks: that nothing sealed is lost and that only verified models act.

Each function looks at files alone, on the robot's disk, in the store or in the trainer's folder,
and says what is wrong with them. Imports neither rclpy nor torch.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from world_model_ros.bundle import check_bundle
from world_model_ros.contract import Contract
from world_model_ros.experience import EpisodeError, EpisodeReader, check_episode
from world_model_ros.experience.bag import ACTIVE_SUFFIX, METADATA_FILE
from world_model_ros.experience.read.rebuild import read_ticks
from world_model_ros.releases import fetch_release, latest_release, releases
from world_model_ros.store import Store, StoreError, complete_episodes, download_episode
from world_model_ros.training.data.ledger import read_entries
from world_model_ros.wire.cdr import JOINT_STATE, decode

RECOVERED = 'recovered after the recorder died'
ROUNDING = 1e-6  # of half the action range: limits are float32, messages doubles
# What `check_episode` says of an episode that is readable, but of which a kill cost some part:
# honest, and no loss of what was sealed.
_INCOMPLETE = (': incomplete: ', ': dropped by the recorder: ', ': lost on the way: ')
_INCOMPLETE_TICKS = (' tick records are missing', ': no tick record of episode ')


@dataclass
class Sealed:
    """Every episode that was seen sealed on the robot's disk or complete in the store."""

    folder: Path
    store: Store
    on_disk: set[str] = field(default_factory=set)
    stored: set[str] = field(default_factory=set)

    def look(self) -> None:
        """Note what is there now."""
        self.on_disk |= sealed_on_disk(self.folder)
        self.stored |= {ref.uuid for ref in complete_episodes(self.store)}

    def lost(self) -> dict[str, str]:
        """Name to what is wrong, of what was seen and is now gone from both places or damaged.

        What was seen in the store must still be there, on disk or not.
        """
        wrong = {}
        disk = sealed_on_disk(self.folder)
        refs = {ref.uuid: ref for ref in complete_episodes(self.store)}
        for name in sorted(self.on_disk | self.stored):
            problems = damage(self.folder / name) if name in disk else []
            if name in refs:
                with tempfile.TemporaryDirectory(prefix='world_model_kills_') as folder:
                    try:
                        problems += damage(download_episode(self.store, refs[name], folder))
                    except StoreError as error:
                        problems.append(str(error))
            elif name in self.stored:
                problems.append(f'{name}: was complete in the store and is not any more')
            elif name not in disk:
                problems.append(f'{name}: was sealed on disk and is neither there nor stored')
            if problems:
                wrong[name] = '; '.join(problems)
        return wrong


def sealed_on_disk(folder: Path) -> set[str]:
    """Names of the sealed episodes in a folder."""
    if not folder.is_dir():
        return set()
    return {
        path.name
        for path in folder.iterdir()
        if not path.name.endswith(ACTIVE_SUFFIX) and (path / METADATA_FILE).is_file()
    }


def damage(episode: Path) -> list[str]:
    """What `episodes check` says of an episode, but for what a kill honestly cost it."""
    return [
        problem
        for problem in check_episode(episode)
        if not any(mark in problem for mark in (*_INCOMPLETE, *_INCOMPLETE_TICKS))
    ]


def episode_figures(episodes: Iterable[Path], contract: Contract) -> dict[str, Any]:
    """Counts over recorded episodes: how they ended, releases in their ticks, commands sent.

    `outside_contract` counts guard messages with a value beyond the contract's limits.
    """
    ended: Counter[str] = Counter()
    ticks = sent = outside = recovered = 0
    acted: set[int] = set()
    margin = ROUNDING * (contract.high - contract.low)
    for path in episodes:
        try:
            reader = EpisodeReader(path)
        except EpisodeError:
            ended['unreadable'] += 1
            continue
        ended[reader.end.status] += 1
        recovered += RECOVERED in reader.end.reason
        records = read_ticks(reader)
        ticks += len(records)
        acted |= {record.release for record in records}
        for message in reader.messages({reader.topic('sent')}):
            values = np.asarray(decode(JOINT_STATE, message.data).position[: contract.action_dim])
            sent += 1
            inside = (values >= contract.low - margin) & (values <= contract.high + margin)
            outside += not bool(inside.all())
    return {
        'episodes': sum(ended.values()),
        'ended': dict(ended),
        'recovered': recovered,
        'recorded_ticks': ticks,
        'releases_in_ticks': sorted(acted),
        'sent': sent,
        'outside_contract': outside,
    }


def bundle_sha(bundle: Path) -> str:
    """What names a bundle: the sha256 of its manifest."""
    return hashlib.sha256((bundle / 'manifest.json').read_bytes()).hexdigest()


def pointer_problem(store: Store, interface: str) -> str:
    """Why the store's pointer names something that is not a whole release; '' if it does not."""
    try:
        release = latest_release(store, interface)
        if release is not None:
            with tempfile.TemporaryDirectory(prefix='world_model_kills_') as folder:
                fetch_release(store, release, Path(folder) / 'bundle')
    except StoreError as error:
        return str(error)
    return ''


def unverified(
    acting: Iterable[str], numbers: Iterable[int], first: str, store: Store, interface: str
) -> list[str]:
    """What acted without being the first bundle or a published, whole release.

    Args:
        acting: every bundle_sha that the agent named as acting.
        numbers: every release number in recorded ticks; 0 is the first bundle.
        first: bundle_sha that the run began with.
        store: that releases came from.
        interface: hash of the robot's contract.
    """
    published = {release.bundle_sha: release for release in releases(store, interface)}
    known = {release.number for release in published.values()} | {0}
    wrong = [f'ticks of release {n}, which is not in the store' for n in set(numbers) - known]
    for sha in sorted(set(acting) - {first}):
        if sha not in published:
            wrong.append(f'{sha}: acted and was never published')
            continue
        with tempfile.TemporaryDirectory(prefix='world_model_kills_') as folder:
            try:
                bundle = fetch_release(store, published[sha], Path(folder) / 'bundle')
                wrong += [f'{sha}: {problem}' for problem in check_bundle(bundle)]
            except StoreError as error:
                wrong.append(f'{sha}: {error}')
    return wrong


def ledger_problems(trainer: Path, stored: set[str]) -> list[str]:
    """What is wrong with what the trainer ingested: twice, unknown, or not what replay holds."""
    ledger = trainer / 'ledger.jsonl'
    if not ledger.is_file():
        return []
    # A line that a kill tore is dropped at the next start.
    rows, damage = read_entries(ledger)
    counts = Counter(row.uuid for row in rows)
    problems = damage + [f'{uuid}: {n} lines in {ledger}' for uuid, n in counts.items() if n > 1]
    problems += [
        f'{uuid}: ingested, never complete in the store' for uuid in counts.keys() - stored
    ]
    ticks = sum(row.ticks for row in rows if row.state == 'ingested')
    file = trainer / 'replay' / 'replay.json'
    replay: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {'written': 0}
    note = json.loads(replay.get('note') or '{}')
    if note and note['uuid'] not in counts:  # saved, and killed before the ledger had it
        ticks += note['ticks']
    if replay['written'] != ticks:
        problems.append(f'{file}: {replay["written"]} ticks written, the ledger has {ticks}')
    return problems
