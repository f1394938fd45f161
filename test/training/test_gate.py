# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What passes the gate and what does not, judged on recorded episodes that were held out."""

from __future__ import annotations

import copy
import json
import math

import numpy as np
import pytest
import torch

pytest.importorskip('mujoco')
import recorded
from PIL import Image

from world_model_ros.experience import EpisodeReader, to_arrays
from world_model_ros.families.dreamer.algorithm import Learner
from world_model_ros.families.dreamer.net import Dreamer
from world_model_ros.training.data.segments import learnable
from world_model_ros.training.judge.gate import GateConfig, append_verdict, judge
from world_model_ros.training.judge.open_loop import (
    HORIZONS,
    believe,
    calibration_figures,
    discounted,
    open_loop_figures,
)
from world_model_ros.training.judge.release_film import LINE_PX, draw_film
from world_model_ros.training.judge.strips import CONTEXT, KEPT, draw_strip, imagine_strip

UPDATES = 200
DISCOUNT = 0.95
CONFIG = GateConfig()


@pytest.fixture(scope='module')
def episodes(tmp_path_factory) -> list[dict[str, np.ndarray]]:
    """Two to learn from, two held out; learnable rows."""
    root, found = tmp_path_factory.mktemp('bags'), []
    for seed in range(4):
        reader = EpisodeReader(recorded.record(root, f'e{seed}', 60, seed))
        found.append(learnable(to_arrays(reader), reader, recorded.robot()))
    return found


@pytest.fixture(scope='module')
def held_out(episodes):
    return episodes[2:]


@pytest.fixture(scope='module')
def trained(episodes) -> Dreamer:
    """A small model that knows this robot a little."""
    torch.manual_seed(0)
    model = Dreamer(recorded.robot(), recorded.SMALL)
    rows = {k: np.concatenate([e[k] for e in episodes[:2]]) for k in episodes[0]}
    model.mean_joints.copy_(torch.from_numpy(rows['obs_joints'].mean(0)))
    model.scale_joints.copy_(torch.from_numpy(rows['obs_joints'].std(0)))
    learner = Learner(model, recorded.QUICK)
    rng, length = np.random.default_rng(0), 16
    for _ in range(UPDATES):
        at = rng.integers(0, len(rows['reward']) - length, 4)[:, None] + np.arange(length)
        batch = {k: torch.from_numpy(v[at]) for k, v in rows.items()}
        batch['is_first'][:, 0] = True
        learner.update(batch)
    return copy.deepcopy(model).requires_grad_(False)


def ask(candidate, acting, held_out, config=CONFIG):
    return judge(candidate, acting, recorded.robot(), held_out, DISCOUNT, 1.0, 7, config, 'abc')


def shaken(model: Dreamer, names: str, by: float) -> Dreamer:
    """The model with noise on the weights whose names begin so."""
    torch.manual_seed(1)
    other = copy.deepcopy(model)
    for name, weight in other.named_parameters():
        if name.startswith(names):
            weight.add_(by * torch.randn_like(weight))
    return other


# ---- verdicts -----------------------------------------------------------------------------------


def test_the_same_weights_pass_with_every_ratio_one(trained, held_out):
    verdict = ask(trained, copy.deepcopy(trained), held_out)
    assert verdict.passed and verdict.reasons == () and verdict.against == 'abc'
    ratios = {k: v for k, v in verdict.figures.items() if k.startswith('ratio_')}
    assert {'ratio_1', 'ratio_5', 'ratio_15', 'ratio_reward', 'ratio_value'} <= set(ratios)
    assert all(value == pytest.approx(1.0) for value in ratios.values())


def test_worse_dynamics_are_refused_by_the_horizon_and_better_ones_pass(trained, held_out):
    worse = shaken(trained, 'gru', 1.0)
    refused = ask(worse, trained, held_out)
    assert not refused.passed
    assert any(reason.startswith('15-step error') for reason in refused.reasons)
    back = ask(trained, worse, held_out)
    assert not [r for r in back.reasons if 'step error' in r]


def test_one_part_is_not_given_up_for_the_others(trained, held_out):
    blind = shaken(trained, 'decoders', 0.3)
    verdict = ask(blind, trained, held_out)
    assert any('error of picture' in reason for reason in verdict.reasons)
    assert not any('error of joints' in reason for reason in verdict.reasons)


def test_values_that_ran_away_are_refused_by_name(trained, held_out):
    proud = copy.deepcopy(trained)
    proud.value_head.out.bias[-1] += 20.0  # the highest return there is, everywhere
    verdict = ask(proud, trained, held_out)
    assert verdict.reasons and all(r.startswith('value calibration') for r in verdict.reasons)
    assert verdict.figures['value_bias'] > verdict.figures['acting_value_bias'] + 1


def test_what_a_release_that_sees_nothing_promises_is_no_bar(trained, held_out):
    proud = copy.deepcopy(trained)
    proud.value_head.out.bias[-1] += 20.0
    sightless = shaken(trained, 'decoders', 3.0)
    verdict = ask(proud, sightless, held_out)
    assert verdict.passed and verdict.figures['acting_is_blind'] == 1.0
    assert verdict.figures['ratio_value'] > CONFIG.calibration
    # One that is as blind itself is judged like any other.
    assert not ask(shaken(proud, 'decoders', 3.0), sightless, held_out).passed
    assert ask(trained, trained, held_out).figures['acting_is_blind'] == 0.0


@pytest.mark.parametrize('where', ['gru.weight', 'mean_joints'])
def test_weights_that_are_not_finite_are_refused(trained, held_out, where):
    broken = copy.deepcopy(trained)
    broken.state_dict()[where].flatten()[0] = math.nan
    verdict = ask(broken, trained, held_out)
    assert not verdict.passed and where in verdict.reasons[0]


def test_figures_that_are_not_finite_are_refused_and_stay_json(trained, held_out, tmp_path):
    broken = copy.deepcopy(trained)
    broken.reward_head.out.weight.fill_(1e38)  # finite weights, infinite logits
    verdict = ask(broken, trained, held_out)
    assert 'not finite on held-out episodes: reward' in verdict.reasons[0]
    append_verdict(tmp_path / 'gate.jsonl', verdict)
    append_verdict(tmp_path / 'gate.jsonl', ask(trained, trained, held_out))
    lines = (tmp_path / 'gate.jsonl').read_text().splitlines()
    first, second = (json.loads(line, parse_constant=pytest.fail) for line in lines)
    assert (first['passed'], second['passed']) == (False, True)
    assert first['figures']['reward_1'] is None


def test_an_acting_release_that_is_broken_is_no_bar(trained, held_out):
    broken = copy.deepcopy(trained)
    broken.reward_head.out.weight.fill_(math.nan)
    assert ask(trained, broken, held_out).passed


def test_without_held_out_episodes_nothing_is_published(trained):
    verdict = ask(trained, trained, [])
    assert verdict.reasons == ('no held-out episode yet',)


def test_held_out_pieces_that_are_too_short_judge_nothing(trained, held_out):
    short = {key: rows[:10] for key, rows in held_out[0].items()}
    assert ask(trained, trained, [short]).reasons == ('no held-out piece of 15 ticks and more',)


def test_the_first_release_must_foretell_better_than_copying(trained, held_out):
    torch.manual_seed(0)
    empty = Dreamer(recorded.robot(), recorded.SMALL).requires_grad_(False)
    refused = ask(empty, None, held_out)
    assert refused.against == 'copy-last' and 'no better than copying' in refused.reasons[0]
    assert ask(trained, None, held_out).passed


# ---- figures ------------------------------------------------------------------------------------


def test_copying_what_was_seen_last_is_scored_from_the_recording_alone(trained, held_out):
    contract = recorded.robot()
    figures = open_loop_figures(trained, contract, believe(trained, held_out), 1.0)
    joints = np.concatenate([rows['obs_joints'] for rows in held_out])
    for horizon in HORIZONS:
        moved = [
            rows['obs_joints'][s + horizon] - rows['obs_joints'][s]
            for rows in held_out
            for s in range(4, 60 - 15)
        ]
        want = np.sqrt(np.mean(np.square(np.array(moved) / joints.std(0))))
        assert figures[f'last_joints_{horizon}'] == pytest.approx(want, rel=1e-5)
    assert figures['last_joints_1'] < figures['last_joints_15']


def test_what_comes_after_a_tick_does_not_change_what_is_foretold(trained, held_out):
    rows = held_out[0]
    _, told = imagine_strip(trained, rows)
    changed = {key: value.copy() for key, value in rows.items()}
    bar = (60 - 20) // 2 + CONTEXT
    changed['obs_camera'][bar:] = 0
    changed['obs_joints'][bar:] += 5.0
    came, again = imagine_strip(trained, changed)
    assert (came['camera'][CONTEXT:] == 0).all()
    np.testing.assert_array_equal(told['camera'], again['camera'])
    np.testing.assert_array_equal(told['joints'], again['joints'])


def test_recorded_returns_are_bootstrapped_only_where_they_must_be():
    value = np.array([100.0, 100.0, 100.0, 100.0, 8.0])
    reward = np.array([math.nan, 1.0, 2.0, 3.0, 4.0])
    ends = np.array([False] * 4 + [True])
    cut = np.zeros(5, bool)
    terminal = discounted(reward, ends, value, 0.5)
    assert terminal.tolist() == [1 + 0.5 * (2 + 0.5 * (3 + 0.5 * 4)), 2 + 0.5 * 5, 5.0, 4.0, 0.0]
    assert discounted(reward, cut, value, 0.5)[3] == 4 + 0.5 * 8
    reward[2] = math.nan  # nobody knows what was earned there
    assert discounted(reward, ends, value, 0.5)[:2].tolist() == [1 + 0.5 * 100, 100.0]


def test_a_robot_without_reward_is_judged_without_it(trained, held_out):
    silent = [{**rows, 'reward': np.full_like(rows['reward'], np.nan)} for rows in held_out]
    assert calibration_figures(trained, believe(trained, silent), DISCOUNT, 1.0) == {}
    verdict = ask(trained, copy.deepcopy(trained), silent)
    assert verdict.passed and 'reward_15' not in verdict.figures


def test_a_split_episode_is_filtered_anew_behind_the_cut(trained, held_out):
    rows = {key: value.copy() for key, value in held_out[0].items()}
    rows['is_first'][30] = True
    first, second = believe(trained, [rows])
    assert (len(first.beliefs), len(second.beliefs)) == (30, 30)
    alone = {key: value[30:] for key, value in rows.items()}
    torch.testing.assert_close(second.beliefs, believe(trained, [alone])[0].beliefs)


def test_a_strip_is_drawn_for_pictures_and_joints(trained, held_out, tmp_path):
    target = tmp_path / 'strips' / '1.png'
    assert draw_strip(trained, recorded.robot(), held_out[0], target, 'cartpole')
    assert target.read_bytes().startswith(b'\x89PNG')
    short = {key: rows[:10] for key, rows in held_out[0].items()}
    assert not draw_strip(trained, recorded.robot(), short, tmp_path / 'no.png', 'cartpole')


def test_a_film_shows_recorded_beside_predicted_in_the_robots_time(trained, held_out, tmp_path):
    target = tmp_path / 'strips' / '00000001.webp'
    assert draw_film(trained, recorded.robot(), held_out[0], target)
    with Image.open(target) as film:
        assert film.size == (32 + LINE_PX + 32, 32)
        assert 50 < film.n_frames <= 60  # of 2.4 s: all that there is; equal frames are one
        film.seek(film.n_frames - 1)
        film.load()
        assert film.info['duration'] == 40
        line = np.asarray(film.convert('RGB'))[:, 32 + LINE_PX // 2].mean(0)
        assert line[0] > 150 > 100 > line[1]  # red: the model sees no more
    short = {key: rows[:10] for key, rows in held_out[0].items()}
    assert not draw_film(trained, recorded.robot(), short, target.with_name('00000002.webp'))
    for number in range(3, 30):
        target.with_name(f'{number:08d}.webp').write_bytes(b'')
    draw_film(trained, recorded.robot(), held_out[0], target.with_name('00000030.webp'))
    kept = sorted(path.name for path in target.parent.iterdir())
    assert len(kept) == KEPT and kept[-1] == '00000030.webp'
