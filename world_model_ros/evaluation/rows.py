# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The raw CSV of results: one row per evaluation episode, append-only, every table's only source.

Owns the columns and where their values come from. Must not import torch, nodes or rclpy.
"""

from __future__ import annotations

import csv
import io
import os
import platform
import shutil
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, NamedTuple

from world_model_ros.contract import Contract, contract_hash
from world_model_ros.evaluation.seeds import seed_list

SOURCE = Path(__file__).resolve().parents[2]  # the checkout that runs, where it is one


class RowsError(ValueError):
    """A CSV that is not what this protocol writes, or rows that carry no claim."""


@dataclass(frozen=True)
class Row:
    """One evaluation episode; the fields are the columns."""

    family: str
    task: str  # robot, or the task's name
    obs: str  # streams, joined by +
    reality: str  # name@first 12 digits of its hash
    arm: str
    train_seed: int | str
    eval_seed: int
    frames: int | str  # training frames behind the weights
    decisions: int | str
    updates: int | str
    replay_ratio: float | str
    wall_s: float
    machine: str
    commit: str
    dirty: bool
    config_hash: str
    bundle_sha: str
    planner: str
    episode_return: float  # column name: return
    length: int


class GitState(NamedTuple):
    """Which code ran. Taken when an evaluation starts: by its end the tree may have moved on."""

    commit: str
    dirty: bool


COLUMNS = tuple('return' if f.name == 'episode_return' else f.name for f in fields(Row))


def append_rows(path: Path, rows: Iterable[Row]) -> None:
    """Append rows in one write; a file with other columns is refused and left alone."""
    exists = check_rows(path)
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    if not exists:
        writer.writerow(COLUMNS)
    writer.writerows(asdict(row).values() for row in rows)
    with path.open('a', encoding='utf-8', newline='') as file:
        file.write(text.getvalue())


def check_rows(path: Path) -> bool:
    """Refuse a file that rows could not be appended to; whether it holds some.

    Raises:
        RowsError: its columns are others, or it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open('a', encoding='utf-8'):
            pass
    except OSError as error:
        raise RowsError(f'{path}: cannot be written: {error}') from error
    exists = path.stat().st_size > 0
    if exists:
        _check_header(path)
    return exists


def read_rows(path: Path, *, allow_dirty: bool = False) -> list[dict[str, str]]:
    """Read rows for a table; rows from a dirty tree are refused unless asked for.

    Beside the columns each row has `seed_list`: which list of the protocol its `eval_seed` is of.
    A table says so of rows of the `retired` one.

    Raises:
        RowsError: other columns, a row that is not whole, or one of a dirty tree.
    """
    _check_header(path)
    with path.open(encoding='utf-8', newline='') as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise RowsError(f'{path}:{number}: expected {len(COLUMNS)} columns')
        if row['dirty'] != 'False' and not allow_dirty:
            raise RowsError(f'{path}:{number}: made from a dirty tree; commit and run it again')
        if not row['eval_seed'].isdecimal():
            raise RowsError(f'{path}:{number}: eval_seed is {row["eval_seed"]!r}, no number')
        row['seed_list'] = seed_list([int(row['eval_seed'])])
    return rows


def _check_header(path: Path) -> None:
    with path.open(encoding='utf-8', newline='') as file:
        header = next(csv.reader(file), [])
    if tuple(header) != COLUMNS:
        differ = set(header) ^ set(COLUMNS)
        what = f'columns {sorted(differ)} differ' if differ else 'columns are in another order'
        raise RowsError(f'{path}: {what}; write to a new file')


def git_state(root: Path | None = None) -> GitState:
    """Return the state of the running source; ('unknown', True) outside of git."""
    root = root or SOURCE
    git = shutil.which('git')
    if git is None or not (root / '.git').exists():
        return GitState('unknown', True)
    commit = _git(git, root, 'rev-parse', 'HEAD')
    # Results themselves may change: rows are appended to files that are tracked.
    changes = _git(
        git,
        root,
        'status',
        '--porcelain',
        '--untracked-files=no',
        '--',
        '.',
        ':!benchmarks/results',
    )
    return GitState(commit or 'unknown', bool(changes) or not commit)


def _git(git: str, root: Path, *args: str) -> str:
    done = subprocess.run(
        [git, '-C', str(root), *args], capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def machine() -> str:
    """Say what kind of machine this is, without its name."""
    model = ''
    info = Path('/proc/cpuinfo')
    if info.is_file():
        lines = (line for line in info.read_text().splitlines() if line.startswith('model name'))
        model = next(lines, ':').partition(':')[2].strip()
    return f'{os.cpu_count()}x {model or platform.machine()}'


def describe_planner(settings: Mapping[str, Any], iteration_count: int | None) -> str:
    """One word per setting that matters: iterations, candidates, horizon."""
    count = settings['iteration_count'] if iteration_count is None else iteration_count
    return f'mppi i{count} n{settings["batch_size"]} h{settings["horizon"]}'


def make_rows(
    results: Sequence[Any],
    contract: Contract,
    reality: Any,
    manifest: Mapping[str, Any],
    bundle_sha: str,
    source: GitState,
    iteration_count: int | None = None,
) -> list[Row]:
    """Turn EpisodeResults into rows; what the manifest does not say stays empty.

    `source` is what `git_state` said before the first episode ran.
    """
    made = manifest.get('provenance', {})
    planner = describe_planner(manifest['planner'], iteration_count) if manifest else ''
    common: dict[str, Any] = {
        'task': contract.name,
        'obs': '+'.join(stream.name for stream in contract.streams),
        'reality': f'{reality.name}@{reality.sha256[:12]}',
        'machine': machine(),
        'commit': source.commit,
        'dirty': source.dirty,
        'config_hash': contract_hash(contract),
    }
    learned: dict[str, Any] = {
        'family': manifest.get('family', ''),
        'train_seed': made.get('seed', ''),
        'frames': made.get('frames', ''),
        'decisions': made.get('decisions', ''),
        'updates': made.get('updates', ''),
        'replay_ratio': made.get('replay_ratio', ''),
        'bundle_sha': bundle_sha,
    }
    nothing: dict[str, Any] = {
        'family': 'none',
        'train_seed': '',
        'frames': 0,
        'decisions': 0,
        'updates': 0,
        'replay_ratio': 0,
        'bundle_sha': '',
    }
    return [
        Row(
            **common,
            **(nothing if result.arm == 'random' else learned),
            arm=result.arm,
            eval_seed=result.seed,
            wall_s=round(result.wall_s, 3),
            planner='' if result.arm in ('random', 'policy') else planner,
            episode_return=result.episode_return,
            length=result.length,
        )
        for result in results
    ]
