# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A value from elsewhere is held against what is earned, and forgotten where it promised more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from small_learner import batch, learner

from world_model_ros.training.promise import Promise, promise_of, prove
from world_model_ros.training.replay import Replay

TICKS, WORTH_BIN = 12, 60  # bins[60] = symexp(4)


def promising(it) -> float:
    """Make the learner's value one number everywhere; return it."""
    for head in (it.model.value_head, it.average.value_head, it.slow_value):
        with torch.no_grad():
            head.out.bias[WORTH_BIN] = 50.0
    return float(it.model.two_hot.bins[WORTH_BIN])


def lived(reward: float, terminal: bool = False) -> dict[str, np.ndarray]:
    """Rows of one piece that earned the same at every tick."""
    rows = {key: np.concatenate(list(v.numpy())) for key, v in batch(2, TICKS // 2).items()}
    rows['reward'] = np.full(TICKS, reward, np.float32)
    rows['reward'][0] = np.nan
    rows['is_first'] = np.arange(TICKS) == 0
    rows['terminal'][-1] = terminal
    return rows


def test_what_is_promised_is_the_value_less_what_it_leaves_at_the_end():
    it = learner()
    value, g = promising(it), it.discount
    left = np.array([g ** (TICKS - 1 - t) for t in range(TICKS - 1)])
    promise = promise_of(it.model, [lived(1.0)], g)
    assert promise.promised == pytest.approx(float((value * (1.0 - left)).mean()), rel=1e-4)
    assert promise.earned == pytest.approx(float(((1.0 - left) / (1.0 - g)).mean()), rel=1e-4)
    ended = promise_of(it.model, [lived(1.0, terminal=True)], g)
    assert ended.promised == pytest.approx(value, rel=1e-4)  # nothing is left after an end


def test_a_missing_reward_ends_what_is_compared():
    it = learner()
    promising(it)
    rows = lived(0.5)
    rows['reward'][6] = np.nan
    cut = [{key: value[part] for key, value in rows.items()} for part in (slice(6), slice(6, 12))]
    cut[1]['is_first'] = np.arange(6) == 0
    whole, parts = (
        promise_of(it.model, [rows], it.discount),
        promise_of(it.model, cut, it.discount),
    )
    assert whole.promised == pytest.approx(parts.promised, rel=1e-4)
    assert whole.earned == pytest.approx(parts.earned, rel=1e-4)


@pytest.mark.parametrize(
    ('promised', 'earned', 'broken'),
    [
        (60.0, 58.0, False), (60.0, 31.0, False), (60.0, 29.0, True), (60.0, 0.0, True),
        (0.0, 0.0, False), (0.0, 5.0, False), (-5.0, -6.0, False), (-5.0, -20.0, True),
    ],
)  # fmt: skip
def test_a_promise_is_broken_when_half_of_it_is_missing(promised, earned, broken):
    assert Promise(promised, earned).broken is broken


def test_a_value_that_held_is_kept_and_one_without_rewards_is_not_judged():
    it = learner()
    value = promising(it)
    assert prove(it, [lived(value * (1.0 - it.discount))]).broken is False
    assert prove(it, [lived(np.nan)]) is None
    assert it.model.value(torch.zeros(1, it.model.belief_dim)).item() == pytest.approx(value, 1e-3)


def test_forgetting_leaves_everything_but_the_value_and_learning_goes_on():
    it = learner(warmup_updates=1)
    it.update(batch())
    promising(it)
    kept = {k: v.clone() for k, v in it.model.state_dict().items() if 'value_head' not in k}
    assert prove(it, [lived(0.0)]).broken
    belief = torch.randn(5, it.model.belief_dim)
    for head in (it.model.value_head, it.average.value_head, it.slow_value):
        torch.testing.assert_close(it.model.two_hot.mean(head(belief)), torch.zeros(5))
    now = it.model.state_dict()
    assert all(torch.equal(now[key], value) for key, value in kept.items())
    assert float(it.return_scale) == 1.0
    figures = it.update(batch())
    assert all(np.isfinite(value) for value in figures.values())
    assert it.model.value(belief).abs().max() > 0.0


def test_the_newest_ticks_come_as_copies_lane_by_lane_across_the_end(tmp_path):
    pytest.importorskip('mujoco')
    import recorded

    contract = recorded.robot()
    replay = Replay(tmp_path / 'replay', contract, 2, 10)
    tick = {key: array[0, 0].copy() for key, array in replay.arrays.items()}
    for number in range(13):
        replay.add([tick | {'reward': np.float32(100 * lane + number)} for lane in range(2)])
    lanes = replay.newest(4)
    assert [rows['reward'].tolist() for rows in lanes] == [
        [9.0, 10.0, 11.0, 12.0],
        [109.0, 110.0, 111.0, 112.0],
    ]
    assert lanes[0]['is_first'].tolist() == [True, False, False, False]
    assert not replay.arrays['is_first'].any()
    assert len(replay.newest(99)[0]['reward']) == 10


def test_the_trainer_judges_a_shipped_value_once_also_across_a_restart(tmp_path, bags, store):
    pytest.importorskip('mujoco')
    import recorded
    from served import QUIET, Told, fill, reach, serve

    from world_model_ros.models.dreamer import Dreamer
    from world_model_ros.training.learner import Learner
    from world_model_ros.training.shipped import write_shipped

    torch.manual_seed(0)
    proud = Learner(Dreamer(recorded.robot(), recorded.SMALL), recorded.QUICK)
    promising(proud)
    file = tmp_path / 'proud.learner.safetensors'
    write_shipped(file, proud)
    fill(store, bags, *recorded.TRAINED[:3])
    config = replace(QUIET, prove_ticks=60)
    told = Told(reach(3))
    service = serve(store.url, tmp_path / 'out', file, told, config)
    service.run()
    service._lock.close()  # as its process would
    [event] = told.of('value_forgotten')
    assert event['promised'] > 2 * event['earned']
    tensors = load_file(tmp_path / 'out' / 'checkpoint' / 'learner.safetensors')
    assert tensors['slow_value.out.bias'][WORTH_BIN] < 1.0
    again = Told(reach(6))
    serve(store.url, tmp_path / 'out', file, again, config).run()
    assert not again.of('value_forgotten') and not again.of('value_kept')
