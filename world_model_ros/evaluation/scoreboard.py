# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Our returns beside published ones, per task and step budget, and where ours are behind.

Input: raw rows of evaluation episodes (rows.py) and a CSV of published scores. Output: entries and
comparisons; scoreboard_files.py writes them. Must not import ROS or torch.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from world_model_ros.evaluation.rows import RowsError, read_rows
from world_model_ros.evaluation.statistics import mean_interval

# Robots of ours whose task is one of dm_control, seen through a camera and joints.
TASKS = {'cartpole': 'cartpole_swingup', 'reacher': 'reacher_easy'}
# Tasks that are compared first, from proprioception, without a command offset.
ANCHORS = ('walker_walk', 'reacher_easy', 'pendulum_swingup', 'cheetah_run')
ANCHOR_STEPS = 100_000
VARIANTS = ('plan', 'policy')
PUBLISHED_COLUMNS = ('task', 'obs', 'method', 'env_steps', 'mean_return', 'seeds', 'source')


@dataclass(frozen=True)
class Entry:
    """One line of the board; what is not known is ''."""

    family: str  # a published method has its name here
    task: str
    obs: str
    env_steps: int
    mean_return: float
    seeds: int
    source: str
    low: float | str = ''  # ours: 95 % bootstrap over episodes; published: the worst seed
    high: float | str = ''  # published: the best seed
    episodes: int | str = ''
    variant: str = ''  # plan | policy
    offset_ticks: int | str = 0  # between a tick and its command
    eval_wall_s: float | str = ''  # of all evaluation episodes
    machine: str = ''
    commit: str = ''
    note: str = ''

    @property
    def ours(self) -> bool:
        """Whether it was measured here."""
        return bool(self.commit)


@dataclass(frozen=True)
class Comparison:
    """Our best entry of a task beside the best published one at no smaller budget."""

    ours: Entry
    best: Entry

    @property
    def behind(self) -> float:
        """By how much the return is below the published one; negative: above."""
        return self.best.mean_return - self.ours.mean_return


def read_cells(folder: Path) -> list[dict[str, str]]:
    """All rows of a folder of raw CSVs, in the order of the files' names.

    Raises:
        RowsError: there is none, or one cannot be read, or one is of a dirty tree.
    """
    files = sorted(folder.glob('*.csv'))
    if not files:
        raise RowsError(f'{folder}: expected CSV files of evaluation episodes, found none')
    return [row for file in files for row in read_rows(file)]


def read_published(path: Path) -> list[Entry]:
    """Published scores.

    Raises:
        RowsError: a column is missing, or a number is none.
    """
    with path.open(encoding='utf-8', newline='') as file:
        reader = csv.DictReader(file)
        missing = set(PUBLISHED_COLUMNS) - set(reader.fieldnames or ())
        if missing:
            raise RowsError(f'{path}: expected the columns {sorted(missing)} as well')
        rows = list(reader)
    entries = []
    for number, row in enumerate(rows, start=2):
        try:
            entries.append(_published(row))
        except (TypeError, ValueError) as error:
            raise RowsError(f'{path}:{number}: {error}') from error
    return entries


def _published(row: Mapping[str, str]) -> Entry:
    return Entry(
        family=row['method'],
        task=row['task'],
        obs=row['obs'],
        env_steps=int(row['env_steps']),
        mean_return=float(row['mean_return']),
        seeds=int(row['seeds']),
        source=row['source'],
        low=float(row['min_seed']) if row.get('min_seed') else '',
        high=float(row['max_seed']) if row.get('max_seed') else '',
        note=row.get('note', ''),
    )


def our_entries(
    rows: Iterable[Mapping[str, str]], offset_ticks: Callable[[str], int | str]
) -> list[Entry]:
    """One entry for each variant of each trained bundle, newest of its training seed.

    Only unchanged robots, and only seeds that are reported; a bundle of a task that nobody has
    published is left out.

    Args:
        rows: of read_cells.
        offset_ticks: of a robot's name.
    """
    groups: dict[tuple[str, ...], list[Mapping[str, str]]] = {}
    newest: dict[tuple[str, ...], str] = {}
    for row in rows:
        reported = row['seed_list'] in ('report', 'retired')
        nominal = row['reality'].startswith('nominal@')
        if row['task'] not in TASKS or row['arm'] not in VARIANTS or not (reported and nominal):
            continue
        made = (row['family'], row['task'], row['obs'], row['arm'], row['train_seed'])
        newest[made] = row['bundle_sha']
        groups.setdefault((*made, row['bundle_sha']), []).append(row)
    return [
        _our_entry(group, offset_ticks(group[0]['task']))
        for key, group in groups.items()
        if newest[key[:-1]] == key[-1]
    ]


def _our_entry(group: Sequence[Mapping[str, str]], offset: int | str) -> Entry:
    first, last = group[0], group[-1]
    lists = {row['seed_list'] for row in group}
    # The same episode measured again counts once, with its newest row.
    episodes = {row['eval_seed']: row for row in group}
    interval = mean_interval([float(row['return']) for row in episodes.values()])
    notes = [f'training seed {first["train_seed"]}: one seed, a smoke figure']
    if 'retired' in lists:
        notes.append('evaluation seeds of the retired list')
    return Entry(
        family=first['family'],
        task=TASKS[first['task']],
        obs=first['obs'],
        env_steps=int(first['frames']),
        mean_return=round(interval.mean, 1),
        seeds=1,
        source=f'bundle {first["bundle_sha"][:12]}',
        low=round(interval.low, 1),
        high=round(interval.high, 1),
        episodes=len(episodes),
        variant=first['arm'],
        offset_ticks=offset,
        eval_wall_s=round(sum(float(row['wall_s']) for row in episodes.values()), 1),
        machine=last['machine'],
        commit=last['commit'][:7],
        note='; '.join(notes),
    )


def compare(ours: Sequence[Entry], published: Sequence[Entry]) -> list[Comparison]:
    """For each task of ours: our best entry, and the best published one at a fair budget.

    Fair is the smallest published number of steps that is not below ours, whatever the method
    sees. So the published method never had less experience.
    """
    found = []
    for task in sorted({entry.task for entry in ours}):
        best = max((e for e in ours if e.task == task), key=lambda e: e.mean_return)
        others = [e for e in published if e.task == task and e.env_steps >= best.env_steps]
        if others:
            steps = min(e.env_steps for e in others)
            at_budget = [e for e in others if e.env_steps == steps]
            found.append(Comparison(best, max(at_budget, key=lambda e: e.mean_return)))
    return found


def not_run(ours: Sequence[Entry]) -> list[str]:
    """Tasks of the anchor that no entry of ours has from proprioception without an offset."""
    done = {e.task for e in ours if e.obs == 'proprio' and not e.offset_ticks}
    return [task for task in ANCHORS if task not in done]
