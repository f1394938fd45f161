# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Learning with the robot's own belief: contexts, forgetting the past, stretches unseen."""

import math

import pytest
import torch
from small_learner import SMALL, batch, learner

from world_model_ros.families.dreamer.algorithm import Learner, LearnerConfig
from world_model_ros.families.dreamer.family import FAMILY
from world_model_ros.families.dreamer.filtering import embed_windows, filter_windows
from world_model_ros.families.dreamer.layers import SCALED_BINS, SCALED_LIMIT, TwoHot
from world_model_ros.families.dreamer.net import Dreamer
from world_model_ros.families.dreamer.pasts import distance_of_pasts, unseen_ticks
from world_model_ros.families.dreamer.recipe import recipe_of
from world_model_ros.families.protocol import Recipes, Remembers

QUICK = {'batch': 4, 'length': 8, 'starts': 16, 'horizon': 3, 'bf16': False}
LONG = {
    'latents': 'deployed', 'context': True, 'agree_scale': 1.0, 'agree_after': 3,
    'agree_ticks': 8, 'open_loop_share': 0.25,
}  # fmt: skip


def long_learner(**settings) -> Learner:
    torch.manual_seed(0)
    contract = learner().model.contract
    sizes = {**FAMILY.config_to_json(SMALL), 'observe_rule': 'expected', 'value_code': 'scaled'}
    model = Dreamer(contract, FAMILY.config_from_json(sizes))
    return Learner(model, LearnerConfig(**{**QUICK, **LONG, **settings}))


def with_context(it: Learner) -> dict[str, torch.Tensor]:
    """Windows in the middle of episodes, after pasts that have nothing in common."""
    data = batch()
    data['is_first'][:] = False
    generator = torch.Generator().manual_seed(5)
    data['context'] = torch.rand(4, it.model.belief_dim, generator=generator)
    return data


def test_a_window_goes_on_from_its_context():
    it = long_learner()
    data = batch()
    embedded = embed_windows(it.model, data)
    whole = filter_windows(it.model, data, embedded, sampled=False).beliefs
    rest = {key: value[:, 5:] for key, value in data.items()} | {'context': whole[:, 4]}
    again = filter_windows(it.model, rest, embedded[:, 5:], sampled=False).beliefs
    torch.testing.assert_close(again, whole[:, 5:])


def test_a_tick_that_begins_an_episode_forgets_the_context():
    it = long_learner()
    data = with_context(it)
    data['is_first'][:, 0] = True
    embedded = embed_windows(it.model, data)
    one = filter_windows(it.model, data, embedded, sampled=False).beliefs
    data['context'] = data['context'] + 1.0
    torch.testing.assert_close(one, filter_windows(it.model, data, embedded, False).beliefs)


def test_whatever_is_shown_in_an_unseen_stretch_changes_no_belief_in_it():
    it = long_learner()
    data = batch()
    unseen = torch.zeros(4, 8, dtype=torch.bool)
    unseen[:, 3:6] = True
    embedded = embed_windows(it.model, data)
    one = filter_windows(it.model, data, embedded, False, unseen).beliefs
    other = torch.where(unseen[..., None], embedded + 3.0, embedded)
    two = filter_windows(it.model, data, other, False, unseen).beliefs
    torch.testing.assert_close(one, two)
    shown = filter_windows(it.model, data, embedded, False).beliefs
    assert (shown[:, 3:6] - one[:, 3:6]).abs().max() > 1e-3


@pytest.mark.parametrize(
    ('length', 'share', 'ticks'), [(64, 0.25, 16), (8, 0.25, 2), (20, 0.1, 2)]
)
def test_one_stretch_of_each_window_is_unseen_but_no_beginning(length, share, ticks):
    torch.manual_seed(0)
    first = torch.zeros(200, length, dtype=torch.bool)
    mask = unseen_ticks(first, share)
    assert (mask.sum(1) == ticks).all()
    assert not mask[:, : min(4, length - ticks)].any()
    begins = mask & ~torch.nn.functional.pad(mask, (1, 0))[:, :-1]
    assert (begins.sum(1) == 1).all() and len(set(begins.int().argmax(1).tolist())) > 1
    assert not unseen_ticks(~first, share).any()
    assert unseen_ticks(first, 0.0) is None


def test_beliefs_with_one_past_are_not_compared():
    it = long_learner()
    data = with_context(it)
    embedded = embed_windows(it.model, data)
    filtered = filter_windows(it.model, data, embedded, sampled=False)
    apart = distance_of_pasts(it.model, data, embedded, filtered, 3, 8, False)
    assert apart > 0
    data['is_first'][:, 2] = True
    filtered = filter_windows(it.model, data, embedded, sampled=False)
    assert distance_of_pasts(it.model, data, embedded, filtered, 3, 8, False) == 0


def test_pasts_are_forgotten_where_that_is_learned():
    """The burn-in loss of the same windows goes down, and far less without it."""
    left = {}
    for scale in (1.0, 0.0):
        it = long_learner(agree_scale=scale, warmup_updates=1, model_lr=2e-3)
        data = with_context(it)

        def apart(it=it, data=data) -> float:
            with torch.no_grad():
                embedded = embed_windows(it.model, data)
                filtered = filter_windows(it.model, data, embedded, sampled=False)
                return float(distance_of_pasts(it.model, data, embedded, filtered, 3, 8, False))

        before = apart()
        for _ in range(40):
            it.update(data)
        left[scale] = apart() / before
    assert left[1.0] < 0.3 and left[1.0] < 0.5 * left[0.0]


def test_an_update_tells_the_new_losses_and_gives_back_what_to_store():
    it = long_learner()
    assert isinstance(it, Remembers) and it.remembers and not learner().remembers
    figures = it.update(with_context(it))
    assert figures['loss/agree'] > 0 and all(math.isfinite(v) for v in figures.values())
    beliefs, use = it.recent_beliefs()
    assert beliefs.shape == (4, 8, it.model.belief_dim) and not beliefs.requires_grad
    assert (use.sum(1) == 6).all()  # two of eight ticks were not corrected


def test_default_recipe_learns_as_it_did():
    it = learner()
    figures = it.update(batch())
    assert 'loss/agree' not in figures and it.recent_beliefs()[1].all()
    assert 'value_code.unit' not in it.model.state_dict()


def test_one_batch_is_overfitted_with_the_belief_of_the_robot():
    it = long_learner(warmup_updates=1, model_lr=2e-3, decode_share=1.0, open_loop_share=0.0)
    data = with_context(it)
    data['obs_camera'][:] = 0
    data['obs_camera'][:, :, 20:40, 10:30] = 220
    first = it.update(data)
    for _ in range(60):
        last = it.update(data)
    assert last['loss/picture_camera'] < 0.2 * first['loss/picture_camera']
    assert last['loss/vector'] < first['loss/vector']


@pytest.mark.parametrize('unit', [0.5, 40.0])
@pytest.mark.parametrize('value', [-3.0, 0.0, 0.02, 1.0, 1.03])
def test_scaled_code_tells_returns_apart_that_a_planner_compares(unit, value):
    code = TwoHot(SCALED_LIMIT, SCALED_BINS, scaled=True)
    code.unit.fill_(unit)
    logits = torch.zeros(1, code.count, requires_grad=True)
    optimiser = torch.optim.Adam([logits], 0.3)
    for _ in range(300):
        optimiser.zero_grad()
        code.loss(logits, torch.tensor([value * unit])).backward()
        optimiser.step()
    assert code.mean(logits).item() == pytest.approx(value * unit, abs=0.02 * unit)
    widths = (code.bins[1:] - code.bins[:-1])[code.bins[1:].abs() < 1.1]
    assert widths.max() < 0.045  # of the unit; the first code has 0.22 at a return of 150


def test_unit_of_values_follows_the_spread_of_returns_slowly_and_is_kept():
    it = long_learner()
    code = it.model.value_code
    code.follow(torch.tensor(100.0))
    assert 1.0 < code.unit.item() < 1.01
    for _ in range(20_000):
        code.follow(torch.tensor(100.0))
    assert code.unit.item() == pytest.approx(100.0, rel=1e-3)
    other = long_learner()
    other.load_state_dict(it.state_dict())
    assert other.model.value_code.unit.item() == code.unit.item()


@pytest.mark.parametrize(
    ('values', 'words'),
    [
        ({'lenght': 64}, "no setting 'lenght'"),
        ({'length': '64'}, "length is '64'; expected int"),
        ({'length': True}, 'length is True; expected int'),
        ({'latents': 'soft'}, 'expected sampled or deployed'),
        ({'agree_scale': 1.0, 'length': 64}, 'needs context'),
        ({'agree_scale': 1, 'context': True, 'agree_ticks': 30}, 'agree_ticks <= length'),
        ({'open_loop_share': 0.9}, 'expected 0 to 0.5'),
        ({'clip': math.nan}, 'clip is nan; expected a number of at least 0'),
        ({'batch': 0}, 'batch is 0; expected a number of at least 1'),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(values, words):
    with pytest.raises(ValueError, match=words):
        recipe_of(values)


def test_recipe_is_the_default_one_but_for_what_is_named():
    assert isinstance(FAMILY, Recipes)
    assert FAMILY.recipe_from_json({}) == LearnerConfig()
    assert FAMILY.recipe_from_json({'clip': 5}).clip == 5
