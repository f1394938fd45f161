# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Our returns beside published ones: what is counted, what is compared, what is refused."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from world_model_ros.cli.main import app
from world_model_ros.evaluation.rows import COLUMNS, RowsError
from world_model_ros.evaluation.scoreboard import (
    compare,
    not_run,
    our_entries,
    read_cells,
    read_published,
)

ROOT = Path(__file__).resolve().parents[2]
ROW = {
    'family': 'dreamer', 'task': 'reacher', 'obs': 'camera+joints', 'reality': 'nominal@abc',
    'arm': 'plan', 'train_seed': 0, 'eval_seed': 21_000, 'frames': 100_000, 'decisions': 50_000,
    'updates': 9, 'replay_ratio': 96, 'wall_s': 2.0, 'machine': '2x', 'commit': 'a' * 40,
    'dirty': False, 'config_hash': 'c', 'bundle_sha': 'b' * 64, 'planner': 'mppi', 'return': 900,
    'length': 500,
}  # fmt: skip
THEIR = 'task,obs,method,env_steps,mean_return,min_seed,max_seed,seeds,source,note\n'


def cells(folder: Path, *changes: dict) -> Path:
    """A folder of raw rows, one for each change of ROW."""
    folder.mkdir(exist_ok=True)
    with (folder / 'some.csv').open('w', newline='') as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(ROW | change for change in changes)
    return folder


def entries(folder: Path, *changes: dict):
    return our_entries(read_cells(cells(folder, *changes)), lambda _: 1)


def test_only_reported_episodes_of_the_unchanged_robot_count(tmp_path):
    (entry,) = entries(
        tmp_path,
        {'return': 800},
        {'eval_seed': 21_001},
        {'eval_seed': 10_000, 'return': 0},  # a selection seed
        {'eval_seed': 21_002, 'return': 0, 'reality': 'shifted_reacher@abc'},
        {'eval_seed': 21_003, 'return': 0, 'arm': 'random', 'family': 'none'},
        {'eval_seed': 21_004, 'return': 0, 'task': 'diff_drive'},
    )
    assert (entry.mean_return, entry.episodes, entry.task) == (850.0, 2, 'reacher_easy')
    assert entry.low <= 850.0 <= entry.high and entry.offset_ticks == 1
    assert 'smoke' in entry.note and 'retired' not in entry.note


def test_the_newest_bundle_of_a_training_seed_counts_and_an_episode_only_once(tmp_path):
    (entry,) = entries(
        tmp_path,
        {'bundle_sha': 'old', 'return': 990},
        {'return': 100},
        {'return': 700},  # the same episode, measured again
    )
    assert (entry.mean_return, entry.episodes) == (700.0, 1)


def test_retired_seeds_are_labelled(tmp_path):
    (entry,) = entries(tmp_path, {'eval_seed': 20_000})
    assert 'retired' in entry.note


def test_the_published_budget_is_never_below_ours(tmp_path):
    path = tmp_path / 'published.csv'
    path.write_text(
        THEIR
        + 'reacher_easy,proprio,early,50000,999,,,3,s,\n'
        + 'reacher_easy,pixels,fair,200000,500,400,600,3,s,\n'
        + 'reacher_easy,proprio,fair and better,200000,950,,,3,s,\n'
        + 'reacher_easy,proprio,late,500000,999,,,3,s,\n'
    )
    ours = entries(tmp_path / 'cells', {}, {'arm': 'policy', 'return': 400})
    (found,) = compare(ours, read_published(path))
    assert (found.ours.variant, found.best.family) == ('plan', 'fair and better')
    assert found.behind == 50.0


def test_what_was_never_run_is_named(tmp_path):
    assert 'cheetah_run' in not_run(entries(tmp_path, {}))


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        ('task,obs\n', 'expected the columns'),
        (THEIR + 'reacher_easy,proprio,x,many,1,,,3,s,\n', 'published.csv:2: .*many'),
        (THEIR + 'reacher_easy,proprio,x\n', 'published.csv:2: '),
    ],
)
def test_a_damaged_file_of_published_scores_is_refused(tmp_path, text, message):
    path = tmp_path / 'published.csv'
    path.write_text(text)
    with pytest.raises(RowsError, match=message):
        read_published(path)


def test_rows_of_a_dirty_tree_and_an_empty_folder_are_refused(tmp_path):
    with pytest.raises(RowsError, match='dirty tree'):
        entries(tmp_path, {'dirty': True})
    with pytest.raises(RowsError, match='found none'):
        read_cells(tmp_path / 'nothing')


def test_the_committed_board_is_what_the_committed_rows_say(tmp_path):
    pytest.importorskip('matplotlib')
    shutil.copytree(ROOT / 'benchmarks' / 'results' / 'cells', tmp_path / 'cells')
    words = ['scoreboard', '--cells', str(tmp_path / 'cells'), '--out', str(tmp_path)]
    words += ['--published', str(ROOT / 'benchmarks' / 'published_scores.csv')]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    for name in ('scoreboard.csv', 'scoreboard.md'):
        committed = (ROOT / 'benchmarks' / name).read_text()
        assert (tmp_path / name).read_text() == committed, 'run `world-model scoreboard`'
    assert (tmp_path / 'scoreboard.png').stat().st_size > 10_000


def test_the_command_says_what_is_missing(tmp_path):
    done = CliRunner().invoke(app, ['scoreboard', '--cells', str(tmp_path / 'cells')])
    assert done.exit_code == 1 and 'found none' in done.output
