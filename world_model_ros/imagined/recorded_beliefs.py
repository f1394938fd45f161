# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From a recorded episode to the beliefs that a bundle has in it, tick by tick.

Owns how a place in a recording is written (EPISODE@T), and which recordings are refused. The ticks
are those that the agent had (experience.to_arrays); what filters them is the bundle's `observe`.
Must not import ROS or torch.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from world_model_ros.bundle import Bundle
from world_model_ros.contract import Contract, interface_diff
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.experience import EpisodeError, EpisodeReader, list_episodes, to_arrays
from world_model_ros.experience.bag import ACTIVE_SUFFIX
from world_model_ros.experience.read.describe import imagined_words
from world_model_ros.onboard.policy.capabilities import Graphs
from world_model_ros.user_path import user_path

# Filtered of one episode: some ten seconds of a core. A belief forgets sooner what came before.
MOST_TICKS = 2_000
# A tick number, or seconds since the first tick.
_PLACE = re.compile(r'(?P<episode>.+)@(?P<tick>\d+)(?P<seconds>(?:\.\d+)?s)?')


class ImaginedError(ValueError):
    """The imagined world cannot begin, or cannot go on; the text says why and what to do."""


@dataclass(frozen=True)
class Recorded:
    """A recorded episode and what a bundle believed in it; T ticks."""

    path: Path
    uuid: str
    robot_id: str
    arrays: Mapping[str, np.ndarray]  # of experience.to_arrays
    beliefs: np.ndarray  # float32 [T, B]; NaN where there is none, or none was asked for


@dataclass(frozen=True)
class Place:
    """A place in a recording, as a person wrote it."""

    episode: Path
    tick: int | None = None
    seconds: float | None = None  # since the first tick


def read_place(text: str) -> Place:
    """Read EPISODE, EPISODE@TICK or EPISODE@SECONDSs; a folder means its newest episode.

    Raises:
        ImaginedError: there is no such episode.
    """
    match = None if user_path(text).exists() else _PLACE.fullmatch(text)
    if match is None:
        return Place(_episode(text))
    episode = _episode(match['episode'])
    if match['seconds'] is None:
        return Place(episode, tick=int(match['tick']))
    return Place(episode, seconds=float(match['tick'] + match['seconds'][:-1]))


def _episode(text: str) -> Path:
    path = user_path(text)
    if not path.exists():
        raise ImaginedError(
            f'{text}: no such episode; expected the folder of one, or a folder of them, and '
            'perhaps a tick: EPISODE@120, or EPISODE@4.8s. See: world-model episodes list FOLDER'
        )
    if path.is_file() or list(path.glob('*.mcap')):
        return path
    episodes = list_episodes(path, active=True)
    if not episodes:
        raise ImaginedError(f'{text}: no episode below this folder')
    return episodes[-1]


def find_start(text: str, bundle: Bundle) -> tuple[Recorded, int]:
    """The episode of a place, with the beliefs of the bundle around it, and the row to begin at.

    Without a tick: the middle of a sealed episode, the newest tick of one that is still recorded.

    Raises:
        ImaginedError: no such episode or tick, or one of another robot.
    """
    place = read_place(text)
    uuid, robot_id, arrays = _read(place.episode, bundle)
    row = _row(place, arrays, bundle.contract.period_s)
    window = range(max(0, row - MOST_TICKS // 2), min(len(arrays['tick']), row + MOST_TICKS // 2))
    beliefs = _filtered(arrays, bundle, window)
    if not np.isfinite(beliefs[row]).all():
        raise ImaginedError(
            f'{place.episode}: nothing was observed up to tick {arrays["tick"][row]}, so there is '
            'no belief; give a later tick behind @'
        )
    return Recorded(place.episode, uuid, robot_id, arrays, beliefs), row


def _row(place: Place, arrays: Mapping[str, np.ndarray], period_s: float) -> int:
    ticks = arrays['tick']
    if place.tick is None and place.seconds is None:
        seen = np.flatnonzero(arrays['observed'])
        if not len(seen):
            raise ImaginedError(f'{place.episode}: none of its ticks was observed; give another')
        live = place.episode.name.endswith(ACTIVE_SUFFIX)
        return int(seen[-1] if live else seen[len(seen) // 2])
    if place.seconds is None:
        tick = place.tick
    else:
        tick = int(ticks[0]) + round(place.seconds / period_s)
    found = np.flatnonzero(ticks == tick)
    if not len(found):
        raise ImaginedError(
            f'{place.episode}: tick {tick} is not in this episode: it has {len(ticks)} ticks, '
            f'{ticks[0]} to {ticks[-1]}; give one of these behind @'
        )
    return int(found[0])


def believe(path: Path, bundle: Bundle) -> Recorded:
    """Filter a recorded episode by a bundle, with the actions that were executed.

    Of a long episode the first MOST_TICKS.

    Raises:
        ImaginedError: it cannot be read, or is of another robot or interface.
    """
    uuid, robot_id, arrays = _read(path, bundle)
    window = range(min(len(arrays['tick']), MOST_TICKS))
    return Recorded(Path(path), uuid, robot_id, arrays, _filtered(arrays, bundle, window))


def _read(path: Path, bundle: Bundle) -> tuple[str, str, Mapping[str, np.ndarray]]:
    """Uuid, robot and arrays of an episode."""
    try:
        reader = EpisodeReader(path)
        _check_serves(reader, bundle)
        return reader.info.uuid, reader.info.robot_id, to_arrays(reader, bundle.contract)
    except EpisodeError as error:
        raise ImaginedError(str(error)) from error


def _check_serves(reader: EpisodeReader, bundle: Bundle) -> None:
    if reader.imagined:
        raise ImaginedError(
            f'{reader.file}: {imagined_words(reader.imagined)}; expected an episode of a robot: '
            'begin at that one'
        )
    recorded, wanted = reader.contract, bundle.contract
    different = interface_diff(recorded, wanted)
    if different:
        raise ImaginedError(
            f'{reader.file}: recorded with robot {recorded.name!r} ({reader.info.robot_id}), the '
            f'bundle {bundle.name} is of robot {wanted.name!r}; they differ in '
            f'{"; ".join(different)}: give an episode of this robot, or a bundle of that one'
        )


def _filtered(arrays: Mapping[str, np.ndarray], bundle: Bundle, window: range) -> np.ndarray:
    """Beliefs [T, B] in a window, as an agent with this bundle would have had them; else NaN."""
    graphs = Graphs(bundle)
    names = [stream.name for stream in bundle.contract.streams]
    count = len(arrays['tick'])
    beliefs: np.ndarray = np.full((count, bundle.belief_dim), np.nan, np.float32)
    belief: np.ndarray | None = None
    for k in window:
        sent, first = arrays['action_sent'][k], belief is None or bool(arrays['is_first'][k])
        first = first or bool(arrays['gap'][k])
        if arrays['observed'][k]:
            seen = {name: arrays[f'obs_{name}'][k] for name in names}
            before = bundle.initial_belief if first or belief is None else belief
            belief = graphs.observe(before, sent, first, seen, arrays['ages'][k]).belief
        elif first:
            belief = None  # what follows is not known to go on from here
        elif belief is not None:
            belief = graphs.imagine(belief, sent)
        if belief is not None:
            beliefs[k] = belief[0]
    return beliefs


def pictures_of(contract: Contract) -> list[str]:
    """Names of the streams that people can look at."""
    return [s.name for s in contract.streams if stream_kind(s.kind).form == 'picture']
