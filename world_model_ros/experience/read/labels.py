# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What people say of an episode afterwards: success, failure, or a reward for each tick.

Owns `label.json` beside a recorded file, which itself is never changed. A label holds numbers and
words, never code: a function is evaluated where the label is made, not where it is read. Must not
import ROS or torch.
"""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from world_model_ros.contract import Contract
from world_model_ros.durable import sync_folder
from world_model_ros.experience.bag import ACTIVE_SUFFIX, EpisodeError
from world_model_ros.experience.episode_limits import RECORD_BYTES, TICKS
from world_model_ros.reward_function import rewards
from world_model_ros.strict_json import strict_json

LABEL_FILE = 'label.json'
LABEL_FORMAT = 1
FILE_MODE = 0o640
SUCCESS_REWARD = 1.0  # at the last tick; every other tick of a labelled episode has 0
MAX_REWARD = 1e6  # as for every number that is learned from

Outcome = Literal['success', 'failure', 'rated']
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Label:
    """One label. `rated`: `rewards` has a number for each recorded tick, None where unknown."""

    episode: str  # uuid
    outcome: Outcome
    rewards: tuple[float | None, ...] = ()
    function: str = ''  # that gave the rewards; for people

    def to_json(self) -> str:
        """As the file holds it."""
        return json.dumps(
            {
                'format': LABEL_FORMAT,
                'episode': self.episode,
                'outcome': self.outcome,
                'rewards': list(self.rewards),
                'function': self.function,
                'at': datetime.now(timezone.utc).isoformat(timespec='seconds'),
            }
        )


def read_label(folder: Path) -> Label | None:
    """The label of an episode directory; None without one.

    Raises:
        EpisodeError: the file is damaged, or of a later version.
    """
    file = folder / LABEL_FILE
    try:
        with file.open('rb') as opened:
            content = opened.read(RECORD_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        return _parse(strict_json(content, RECORD_BYTES))
    except ValueError as error:
        reason = ' '.join(str(error).split())[:300]
        raise EpisodeError(
            f'{file}: the label cannot be read: {reason}: label the episode again, or remove the '
            'file'
        ) from error


def _parse(found: Any) -> Label:
    if not isinstance(found, dict) or found.get('format') != LABEL_FORMAT:
        got = found.get('format') if isinstance(found, dict) else found
        raise ValueError(f'expected label format {LABEL_FORMAT}, got {got!r:.60}')
    outcome: Any = found.get('outcome')
    given = found.get('rewards', [])
    if outcome not in get_args(Outcome):
        raise ValueError(f'expected success, failure or rated, got {outcome!r:.60}')
    if not isinstance(given, list) or len(given) > TICKS:
        raise ValueError(f'rewards: expected a list of at most {TICKS} numbers')
    for number in given:
        if number is None:
            continue
        sound = isinstance(number, (int, float)) and not isinstance(number, bool)
        if not sound or not abs(number) <= MAX_REWARD:  # also false for NaN
            raise ValueError(f'rewards: expected numbers up to {MAX_REWARD:g}, got {number!r:.60}')
    texts = [found.get(name, '') for name in ('episode', 'function')]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError('episode and function: expected texts')
    return Label(texts[0], outcome, tuple(given), texts[1])


def write_label(folder: Path, label: Label | None) -> None:
    """Put a label beside a recording, in the place of the one before; None removes it.

    Raises:
        EpisodeError: it is still being recorded.
        OSError: it cannot be written.
    """
    if folder.name.endswith(ACTIVE_SUFFIX):
        raise EpisodeError(f'{folder}: still recording: label it when it is sealed')
    if not folder.is_dir():
        raise EpisodeError(f'{folder}: expected the folder of an episode')
    file = folder / LABEL_FILE
    if label is None:
        file.unlink(missing_ok=True)
        sync_folder(folder)
        return
    part = folder / f'{LABEL_FILE}.part'
    part.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(part, flags, FILE_MODE), 'w', encoding='utf-8') as opened:
        opened.write(label.to_json())
        opened.flush()
        os.fsync(opened.fileno())
    os.replace(part, file)
    sync_folder(folder)


def rated(episode: str, function: str, arrays: Arrays, contract: Contract) -> Label:
    """A label with the rewards that a function gives; ticks that nobody observed have none.

    Raises:
        PluginError: the function fails, or returns something else.
        EpisodeError: no tick was observed, or a reward is too large.
    """
    seen = np.flatnonzero(arrays['observed'])
    if not seen.size:
        raise EpisodeError(f'episode {episode}: no tick was observed: there is nothing to rate')
    names = [f'obs_{stream.name}' for stream in contract.streams]
    rows = {name: arrays[name][seen] for name in (*names, 'action_sent', 'ages', 'is_first')}
    given = rewards(function, rows)
    if np.abs(np.nan_to_num(given)).max(initial=0.0) > MAX_REWARD:
        raise EpisodeError(f'{function}: expected rewards up to {MAX_REWARD:g}, got larger ones')
    found: list[float | None] = [None] * len(arrays['observed'])
    for row, reward in zip(seen.tolist(), given.tolist(), strict=True):
        found[row] = None if math.isnan(reward) else reward
    return Label(episode, 'rated', tuple(found), function)


def apply_label(arrays: Arrays, label: Label, where: str) -> None:
    """Give the arrays of an episode the label's rewards and end, in place.

    A success is a reward of 1 at the last tick, where the task ends; a failure has no reward, and
    ended by time. What was recorded of rewards is replaced.

    Raises:
        EpisodeError: the label is of another episode.
    """
    size = len(arrays['reward'])
    if label.outcome == 'rated':
        if len(label.rewards) != size:
            raise EpisodeError(
                f'{where}: a label of {len(label.rewards)} ticks, the episode has {size}: it is '
                'of another recording; label it again'
            )
        numbers = [math.nan if number is None else number for number in label.rewards]
        arrays['reward'] = np.array(numbers, np.float32)
        return
    arrays['reward'] = np.zeros(size, np.float32)
    if label.outcome == 'success':
        arrays['reward'][-1] = SUCCESS_REWARD
    arrays['terminal'][-1] = label.outcome == 'success'
    arrays['truncated'][-1] = label.outcome != 'success'
