# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a store tells of its robots: episodes in figures, releases, strips, and what is damaged.

Nothing that lies in the store can stop the gathering: what cannot be read is named in `troubles`.
Only a store that cannot be listed is an error. Imports neither ROS nor torch.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from world_model_ros.experience import EpisodeError
from world_model_ros.experience.read.figures import EpisodeFigures, episode_figures
from world_model_ros.experience.record.began import FIRST_UTC_NS
from world_model_ros.releases import Release, latest_release, read_release
from world_model_ros.report.sane import drawable, label, release_trouble
from world_model_ros.store import (
    EpisodeRef,
    Store,
    StoreError,
    complete_episodes,
    download_episode,
)
from world_model_ros.store.episode_store import list_episodes
from world_model_ros.store.keys import (
    COMPLETE,
    RELEASES,
    record_number,
    releases_prefix,
)
from world_model_ros.store.read_limits import PICTURE_BYTES

REASON = 500  # characters
PNG_MAGIC = b'\x89PNG\r\n\x1a\n'
WEBP_MAGIC, WEBP_AT = b'WEBP', 8  # behind RIFF and the length
FILMS = 3  # of the newest releases: a page must not grow with every release


class Trouble(NamedTuple):
    """Something in the store that could not be used."""

    what: str  # damaged, half-copied, unreadable, release, strip, film
    key: str
    reason: str


@dataclass
class Life:
    """All robots of one interface."""

    interface: str
    episodes: list[EpisodeFigures] = field(default_factory=list)  # in the order of time
    releases: list[Release] = field(default_factory=list)  # oldest first
    strips: dict[int, bytes] = field(default_factory=dict)  # release number -> PNG
    films: dict[int, bytes] = field(default_factory=dict)  # the same -> WebP
    troubles: list[Trouble] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The robot type, from the newest episode that says."""
        return next((e.contract for e in reversed(self.episodes) if e.contract), 'robot')

    @property
    def on_utc(self) -> bool:
        """Whether the robots' clocks tell the time of day, as published releases do."""
        return all(episode.t_ns >= FIRST_UTC_NS for episode in self.episodes)


def find_episodes(store: Store, interface: str | None = None) -> list[EpisodeRef]:
    """What `gather` will read.

    Raises:
        StoreError: the store cannot be listed.
    """
    return complete_episodes(store, interface)


def gather(
    store: Store,
    refs: Iterable[EpisodeRef],
    interface: str | None = None,
    done: Callable[[], None] = lambda: None,
) -> list[Life]:
    """Read episodes and releases, of one interface or of all.

    Args:
        store: where from.
        refs: the episodes, from find_episodes.
        interface: whose releases; None: all.
        done: called after each episode.

    Raises:
        StoreError: the store cannot be listed.
    """
    lives: dict[str, Life] = {}

    def life(of: str) -> Life:
        return lives.setdefault(of, Life(of))

    for ref in list_episodes(store, interface)[1]:
        reason = f'no {COMPLETE}: still going up, or its upload was cut off'
        life(ref.interface_hash).troubles.append(Trouble('half-copied', ref.key, reason))
    when: dict[str, tuple[str, int]] = {}
    with tempfile.TemporaryDirectory(prefix='world_model_report_') as folder:
        for ref in refs:
            here = life(ref.interface_hash)
            episode = _episode(store, ref, Path(folder), here.troubles)
            if episode is not None:
                here.episodes.append(episode)
                when[episode.uuid] = (ref.date, episode.t_ns)
            done()
    released = sorted({entry.key.split('/')[1] for entry in store.list(RELEASES)})
    for each in released:
        if interface in (None, each):
            life(each)
    for here in lives.values():
        utc = here.on_utc
        # A clock that begins at zero begins again with every run: the day of the seal comes first.
        here.episodes.sort(key=lambda e: ('', e.t_ns) if utc else when[e.uuid])
        here.releases = _releases(store, here.interface, here.troubles)
        here.strips, here.films = _strips(store, here), _films(store, here)
    return sorted(lives.values(), key=lambda each: each.interface)


def _episode(
    store: Store, ref: EpisodeRef, folder: Path, troubles: list[Trouble]
) -> EpisodeFigures | None:
    try:
        path = download_episode(store, ref, folder)
    except StoreError as error:
        troubles.append(Trouble('damaged', error.key or ref.key, error.reason))
        return None
    try:
        return replace(
            drawable(episode_figures(path)), uuid=ref.uuid, robot_id=label(ref.robot_id)
        )
    except EpisodeError as error:
        # A folder that is gone names nothing.
        reason = label(str(error).replace(f'{folder}/', ''), REASON)
        troubles.append(Trouble('unreadable', ref.key, reason))
        return None
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _releases(store: Store, interface: str, troubles: list[Trouble]) -> list[Release]:
    damaged: dict[str, str] = {}
    newest = None
    try:
        latest = latest_release(store, interface)
        newest = 0 if latest is None else latest.number
    except StoreError as error:
        damaged[error.key] = error.reason
    # One damaged record, or the pointer, must not hide the others.
    found = []
    for entry in store.list(releases_prefix(interface)):
        number = record_number(entry.key)
        if number is None or (newest is not None and number > newest):
            continue
        try:
            release = read_release(store, interface, number)
        except StoreError as error:
            damaged[error.key] = error.reason
            continue
        wrong = release_trouble(release)
        if wrong:
            damaged[entry.key] = wrong
        else:
            found.append(replace(release, note=label(release.note, REASON)))
    troubles += [Trouble('release', key, reason) for key, reason in damaged.items()]
    return found


def _strips(store: Store, life: Life) -> dict[int, bytes]:
    strips: dict[int, bytes] = {}
    for release in life.releases:
        key = store.layout.strip_key(life.interface, release.number)
        content = _picture(store, key, 'strip', life.troubles)
        if content.startswith(PNG_MAGIC):
            strips[release.number] = content
        elif content:
            life.troubles.append(Trouble('strip', key, 'not a PNG'))
    return strips


def _films(store: Store, life: Life) -> dict[int, bytes]:
    films: dict[int, bytes] = {}
    for release in life.releases[-FILMS:]:
        key = store.layout.film_key(life.interface, release.number)
        content = _picture(store, key, 'film', life.troubles)
        if content[WEBP_AT:].startswith(WEBP_MAGIC):
            films[release.number] = content
        elif content:
            life.troubles.append(Trouble('film', key, 'not a WebP'))
    return films


def _picture(store: Store, key: str, what: str, troubles: list[Trouble]) -> bytes:
    """The content of a picture; empty where there is none, or none that can be read."""
    try:
        return store.get(key, PICTURE_BYTES) if store.exists(key) else b''
    except StoreError as error:
        troubles.append(Trouble(what, key, error.reason))
        return b''
