# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench circle` without the half hour: its arms' figures, its curve, its seeds side by side."""

import csv
import json

import pytest
from typer.testing import CliRunner

pytest.importorskip('mujoco')
pytest.importorskip('onnxruntime')

from world_model_ros.bench.circle import Arms, stock_arm
from world_model_ros.bench.circle_curve import FIELDS, curve_rows, write_curve
from world_model_ros.cli.bench import app

RECORDED = [
    {'time': 1000.0, 'return': 20.0, 'release': 0, 'eval': False},
    {'time': 1030.0, 'return': 300.0, 'release': 1, 'eval': True},
]


def test_arms_say_what_was_regained_and_forgotten_and_keep_every_return():
    arms = Arms('', 2, 1, print)
    arms.returns = {
        'frozen_nominal': [800.0, 820.0],
        'frozen': [100.0, 120.0],
        'adapted': [600.0, 580.0],
        'adapted_nominal': [780.0, 760.0],
        'randomised': [500.0, 520.0],
        'oracle': [700.0, 720.0],
    }
    figures = arms.figures()
    assert figures['regained'] == pytest.approx((590 - 110) / (710 - 110), abs=1e-3)
    assert figures['forgotten'] == 40.0 and figures['adapted_minus_randomised'] == 80.0
    assert figures['arm_returns']['adapted'] == [600.0, 580.0]
    del arms.returns['oracle']
    assert 'regained' not in arms.figures()


def test_curve_has_a_row_per_recorded_episode_and_a_picture_beside_it(tmp_path):
    path = tmp_path / 'new' / 'curve.csv'
    write_curve(path, curve_rows(RECORDED, seed=3), {'frozen': 20.0, 'oracle': 700.0})
    with path.open() as file:
        head, *rows = list(csv.reader(file))
    assert tuple(head) == FIELDS
    assert rows == [['3', '0.0', '20.0', '0', 'False'], ['3', '0.5', '300.0', '1', 'True']]
    assert path.with_suffix('.png').read_bytes().startswith(b'\x89PNG')
    write_curve(tmp_path / 'none.csv', curve_rows([], 0), {})
    assert not (tmp_path / 'none.png').exists()


def test_arm_without_a_bundle_in_the_checkout_is_none():
    assert stock_arm('counter', 'oracle') is None


def run(seed, adapted, **other):
    arms = {'frozen_nominal': [800.0, 820.0], 'frozen': [100.0, 120.0], 'oracle': [700.0, 720.0]}
    arms |= {'adapted': adapted, 'adapted_nominal': [780.0, 760.0]}
    measured = Arms('', 2, 1, print)
    measured.returns = arms
    figures = {
        'bench': 'circle',
        'robot': 'cartpole',
        'reality': 'shifted_cartpole',
        'minutes': 30.0,
        'from_scratch': False,
        'seed': seed,
        'returns': RECORDED,
        'late_ticks': seed,
        'late_share': seed / 1000,
        'releases': [{'number': 1}],
        'trainer': {'updates': 100 * seed},
    }
    return figures | measured.figures() | other


def written(tmp_path, *runs):
    files = [tmp_path / f'{n}.json' for n in range(len(runs))]
    for path, figures in zip(files, runs, strict=True):
        path.write_text(json.dumps(figures))
    return [str(path) for path in files]


def circles(*arguments):
    return CliRunner(env={'COLUMNS': '400'}).invoke(app, ['circles', *arguments])


def test_seeds_side_by_side_are_averaged_per_episode_and_each_is_told(tmp_path):
    files = written(tmp_path, run(1, [500.0, 700.0]), run(0, [700.0, 500.0]))
    picture = tmp_path / 'new' / 'seeds.png'
    done = circles(*files, '--curve', str(picture), '--json')
    assert done.exit_code == 0, done.output
    figures = json.loads(done.output.splitlines()[-1])
    assert figures['seeds'] == [0, 1] and figures['late_ticks_seeds'] == [0, 1]
    assert figures['adapted_seeds'] == [600.0, 600.0] and figures['adapted'] == 600.0
    # Over the seeds' mean every episode returns 600: nothing is left to resample but the others.
    assert figures['adapted_interval'] == [600.0, 600.0]
    assert figures['regained'] == pytest.approx((600 - 110) / (710 - 110), abs=1e-3)
    assert figures['nominal_kept_seeds'] == pytest.approx([770 / 810] * 2, abs=1e-3)
    assert figures['published_to_ready_p95_s_seeds'] == [None, None]
    assert picture.read_bytes().startswith(b'\x89PNG')


@pytest.mark.parametrize(
    ('second', 'words'),
    [
        ({'robot': 'reacher'}, "has robot 'reacher'"),
        ({'seed': 0}, 'each may count once'),
        ({'bench': 'tick'}, 'not the JSON object of'),
        ({'seed_list': 'retired'}, "has seed_list 'retired'"),
    ],
)
def test_runs_that_are_no_seeds_of_one_circle_are_refused(tmp_path, second, words):
    files = written(tmp_path, run(0, [600.0, 580.0]), run(1, [600.0, 580.0]) | second)
    done = circles(*files)
    assert done.exit_code == 2 and words in ' '.join(done.output.replace('│', ' ').split())


def test_a_file_that_is_not_there_or_no_json_is_named(tmp_path):
    (tmp_path / 'torn.json').write_text('{"bench": "cir')
    for name in ('torn.json', 'nosuch.json'):
        done = circles(str(tmp_path / name))
        assert done.exit_code == 2 and name in done.output.replace('│\n│', '')
