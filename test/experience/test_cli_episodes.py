# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`world-model episodes` and `bench parity`, as a user calls them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from world_model_ros.bench.chaos import episode_parts
from world_model_ros.bench.parity import rebuild_elsewhere, thin
from world_model_ros.cli.episodes import app

FIXTURE = Path(__file__).parents[1] / 'fixtures' / 'episode_v1'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(FIXTURE, tmp_path / 'episode_v1')
    return tmp_path


def run(*line: object, columns: int = 400) -> tuple[int, str]:
    result = CliRunner(env={'COLUMNS': str(columns)}).invoke(app, [str(part) for part in line])
    return result.exit_code, result.output


def test_list_shows_ticks_return_and_state(folder: Path) -> None:
    code, out = run('list', folder, '--json')
    [row] = json.loads(out)['episodes']
    assert code == 0 and (row['ticks'], row['state'], row['robot_id']) == (
        10,
        'whole',
        'counter-1',
    )
    # Executed at tick k: (k - 1) * 1e-4; the reward repeats it.
    assert row['return'] == pytest.approx(sum(range(1, 9)) * 1e-4)
    assert 'episode_v1' in run('list', folder)[1]


def test_the_table_holds_whole_words_for_whoever_reads_through_a_pipe(folder: Path) -> None:
    uuid = '1aab5e54-ff39-4103-98c1-9ffebf9b560c'
    (folder / 'episode_v1').rename(folder / uuid)
    out = run('list', folder, columns=60)[1]
    [line] = [line for line in out.splitlines() if line.startswith(uuid)]
    assert line.endswith('whole')


def test_check_says_what_is_wrong_and_exits_1(folder: Path) -> None:
    assert run('check', folder, '--rebuild')[0] == 0
    file = folder / 'episode_v1' / 'episode_v1.mcap'
    file.write_bytes(file.read_bytes()[:-100])
    code, out = run('check', folder)
    assert code == 1 and 'without a footer' in out
    assert run('check', folder / 'nothing')[0] == 1


def test_an_unreadable_episode_does_not_hide_the_others(folder: Path) -> None:
    (folder / 'broken').mkdir()
    (folder / 'broken' / 'broken.mcap').write_bytes(b'not an mcap')
    code, out = run('list', folder, '--json')
    states = {row['name']: row['state'] for row in json.loads(out)['episodes']}
    assert code == 0 and states['episode_v1'] == 'whole' and 'unreadable' in states['broken']


def test_recordings_that_are_sealed_or_deleted_while_listing_do_not_end_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    active = folder / 'episode_v1.active'
    (folder / 'episode_v1').rename(active)
    gone = folder / 'gone.active'

    def listed(_root: Path, active: bool) -> list[Path]:
        assert active
        (folder / 'episode_v1.active').rename(folder / 'episode_v1')
        return [folder / 'episode_v1.active', gone]

    monkeypatch.setattr('world_model_ros.experience.read.describe.list_episodes', listed)
    code, out = run('list', folder, '--json')
    assert code == 0
    assert [(row['name'], row['state']) for row in json.loads(out)['episodes']] == [
        ('episode_v1', 'whole')
    ]


def test_export_video_names_the_streams_there_are(folder: Path) -> None:
    film = folder / 'film.mp4'
    assert run('export-video', folder / 'episode_v1', film)[0] == 0 and film.stat().st_size
    code, out = run('export-video', folder / 'episode_v1', film, '--stream', 'depth')
    assert code == 1 and 'there is camera' in out


def test_thinned_episodes_have_unrebuilt_ticks_and_no_different_one(tmp_path: Path) -> None:
    for seed in range(3):
        thin(FIXTURE, tmp_path, 0.3, seed)
    figures = rebuild_elsewhere(tmp_path)
    assert (figures['episodes'], figures['ticks'], figures['different']) == (3, 30, 0)
    assert 0 < figures['unrebuilt'] < 30 and figures['rebuilt'] + figures['unrebuilt'] == 30


def test_an_episode_that_is_anything_is_one_row_and_the_others_are_there(folder: Path) -> None:
    parts = episode_parts.take_apart(FIXTURE)
    parts.begin['started_ns'] = '-1'
    episode_parts.put_together(parts, folder, 'no_start')
    parts = episode_parts.take_apart(FIXTURE)
    parts.end = {'status': 'whole'}
    episode_parts.put_together(parts, folder, 'no_end')
    parts = episode_parts.take_apart(FIXTURE)
    parts.begin['contract'] = '['
    episode_parts.put_together(parts, folder, 'no_contract')
    code, out = run('list', folder, '--json')
    rows = {row['name']: row['state'] for row in json.loads(out)['episodes']}
    assert code == 0 and rows.pop('episode_v1') == 'whole'
    assert rows['no_start'].startswith('unreadable') and rows['no_end'].startswith('unreadable')
    code, out = run('check', '--rebuild', folder, '--json')
    checked = json.loads(out)
    assert code == 1 and checked['checked'] == 4
    assert {Path(path).name for path in checked['wrong']} == {'no_start', 'no_end', 'no_contract'}
