# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Predictions against baselines over time, with a model whose error is known."""

import numpy as np
import pytest
import torch

pytest.importorskip('mujoco')
import recorded

from world_model_ros.bench.horizon import stream_figures
from world_model_ros.contract import find_robot, load_contract
from world_model_ros.training.judge.error_curves import error_curves, parts_of
from world_model_ros.training.judge.horizon_ticks import first_better, useful_ticks

TICKS, STEPS, STARTS = 40, 12, range(5, 26, 10)


class Knowing:
    """The cart moves as it is told; the picture is as bright as the cart is far."""

    def __init__(self, drift: float = 0.0) -> None:
        self.drift = drift  # of each prediction, per tick

    def initial(self, rows):
        return torch.zeros(rows, 1)

    def observe(self, belief, sent, seen, ages, first):
        return seen['joints'], torch.zeros(len(belief))

    def imagine(self, belief, action, noise=None):
        return belief + action + self.drift

    def decode(self, belief):
        bright = belief.clamp(0.0, 255.0).round().to(torch.uint8)
        return {'joints': belief, 'camera': bright[:, :, None, None].expand(-1, 32, 32, 3)}


def episode(seed: int, speed: float | None = None) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    action = np.full((TICKS, 1), speed) if speed else rng.integers(-9, 10, (TICKS, 1)) * 1.0
    joints = np.clip(100.0 + np.cumsum(action, 0), 0, 255)
    action[1:] = np.diff(joints, axis=0)
    first = np.zeros(TICKS, bool)
    first[0] = True
    return {
        'obs_camera': np.broadcast_to(
            joints[:, :, None, None].astype(np.uint8), (TICKS, 32, 32, 3)
        ).copy(),
        'obs_joints': joints.astype(np.float32),
        'ages': np.zeros((TICKS, 2), np.float32),
        'action_sent': action.astype(np.float32),
        'reward': np.zeros(TICKS, np.float32),
        'is_first': first,
        'terminal': np.zeros(TICKS, bool),
    }


def curves(model, episodes, others):
    return error_curves(model, recorded.robot(), episodes, others, STEPS, STARTS)


def test_a_model_that_knows_makes_no_error_and_copying_does():
    found = curves(Knowing(), [episode(0), episode(1)], [episode(2)])
    for stream in ('joints', 'camera'):
        assert found[stream]['model'].shape == (2, STEPS)
        assert found[stream]['model'].max() < 1e-9 < found[stream]['copy'][:, -1].min()
    assert set(found['joints']) == {'model', 'copy', 'velocity', 'neighbour'}
    assert set(found['camera']) == {'model', 'copy', 'neighbour'}


def test_the_error_of_copying_is_what_came_minus_what_was_seen():
    rows = episode(0)
    found = curves(Knowing(), [rows, rows], [episode(2)])['joints']
    joints = rows['obs_joints'][:, 0]
    spread = np.concatenate([joints, joints]).std()
    want = np.mean([((joints[s + 3] - joints[s]) / spread) ** 2 for s in STARTS])
    np.testing.assert_allclose(found['copy'][:, 2], want, rtol=1e-5)


def test_a_constant_velocity_is_known_to_that_baseline():
    rows = [episode(0, speed=2.0), episode(1, speed=3.0)]
    found = curves(Knowing(), rows, [episode(2)])['joints']
    assert found['velocity'].max() < 1e-9 < found['copy'].min()


def test_what_happened_before_is_known_to_the_neighbour():
    rows = [episode(0), episode(1)]
    found = curves(Knowing(), rows, [episode(2), rows[1], rows[0]])
    assert found['joints']['neighbour'].max() == found['camera']['neighbour'].max() == 0.0
    with pytest.raises(ValueError, match='no other recording has 14 ticks'):
        curves(Knowing(), rows, [{k: v[:13] for k, v in rows[0].items()}])


def test_an_angle_that_wraps_goes_on_and_counts_the_short_way_round():
    contract = load_contract(find_robot('reacher'))
    assert [part.name for part in parts_of(contract)] == ['camera', 'joints', 'joints.position']
    [_, whole, positions] = parts_of(contract)
    squares = np.arange(8.0).reshape(2, 4)
    assert whole.of(squares).tolist() == [1.5, 5.5]
    assert positions.of(squares).tolist() == [0.5, 4.5]


@pytest.mark.parametrize(
    ('own', 'theirs', 'ticks'),
    [
        ([1, 2, 3, 4], [2, 3, 3, 5], 2),  # as good is not better
        ([3, 1, 1, 1], [2, 2, 2, 2], 0),  # better later on does not count
        ([1, 1, 1, 1], [2, 2, 2, 2], 4),
    ],
)
def test_useful_is_the_time_up_to_the_first_tick_at_which_the_baseline_is_better(
    own, theirs, ticks
):
    assert useful_ticks(np.array(own), np.array(theirs)) == ticks


@pytest.mark.parametrize(
    ('better', 'stretch'),
    [
        ([0, 1, 1, 0, 1], [0.5, 0.75]),
        ([1, 1, 1, 1, 1], [0.25, 1.25]),
        ([0, 0, 0, 0, 1], [1.25, 1.25]),
        ([0, 0, 0, 0, 0], None),
    ],
)
def test_the_first_stretch_in_which_the_model_is_better_is_named(better, stretch):
    assert first_better(np.array(better, bool), [0.25, 0.5, 0.75, 1.0, 1.25]) == stretch


def test_figures_say_horizon_interval_and_curve():
    rng = np.random.default_rng(0)
    model = np.linspace(0.0, 2.0, 250) + rng.normal(0, 0.05, (50, 250))
    figures = stream_figures({'model': model**2, 'copy': np.ones((50, 250))}, 0.04, True)
    row = figures['useful_horizon_s']['copy']
    low, high = row['interval']
    assert low <= row['seconds'] <= high and row['seconds'] == pytest.approx(5.0, abs=0.3)
    assert not row['to_the_end'] and row['better_share'] == pytest.approx(0.5, abs=0.03)
    assert len(figures['curve_s']) == 8 and figures['curve_s'][-1] == 10.0
    assert figures['curves']['copy'] == {'mean': [1.0] * 8, 'low': [1.0] * 8, 'high': [1.0] * 8}
    worse = stream_figures({'model': model**2 + 4, 'copy': np.ones((50, 250))}, 0.04, True)
    assert worse['useful_horizon_s']['copy']['seconds'] == 0.0


def test_a_drift_ends_the_useful_horizon_where_it_exceeds_copying():
    model, exact = Knowing(drift=1.0), Knowing()
    rows = [episode(seed) for seed in range(8)]
    found, best = curves(model, rows, [episode(9)]), curves(exact, rows, [episode(9)])
    np.testing.assert_allclose(found['joints']['copy'], best['joints']['copy'])
    steps = np.arange(1, STEPS + 1)
    ratio = found['joints']['model'] / steps**2
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :1], ratio.shape), rtol=1e-4)
