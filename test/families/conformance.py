# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What every family of world models keeps to, as one check each: (family, contract) -> None."""

from __future__ import annotations

import copy
import json

import torch
from elsewhere import AWAY, away

from world_model_ros.families.protocol import Algorithm, Decodes, FamilyModel, Moves

SIZE, TICKS = 3, 6


def windows(contract, size=SIZE, ticks=TICKS, seed=0):
    """Random windows as replay gives them; one episode begins in the middle of a window."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(*shape):
        return torch.rand(size, ticks, *shape, generator=generator)

    batch = {}
    for stream in contract.streams:
        values = uniform(*stream.shape)
        pictures = stream.dtype.name == 'uint8'
        batch[f'obs_{stream.name}'] = (values * 255).to(torch.uint8) if pictures else values - 0.5
    low, high = torch.tensor(contract.action.low), torch.tensor(contract.action.high)
    batch['ages'] = uniform(len(contract.streams)) * contract.period_s
    batch['action_sent'] = low + (high - low) * uniform(contract.action_dim)
    batch['reward'] = uniform()
    batch['is_first'] = torch.zeros(size, ticks, dtype=torch.bool)
    batch['is_first'][:, 0] = batch['is_first'][0, ticks // 2] = True
    batch['reward'][batch['is_first']] = torch.nan
    batch['terminal'] = torch.zeros(size, ticks, dtype=torch.bool)
    return batch


def tick(batch, t):
    """The arguments of ``observe`` after the belief."""
    seen = {key[4:]: rows[:, t] for key, rows in batch.items() if key.startswith('obs_')}
    first = batch['is_first'][:, t : t + 1].float()
    return batch['action_sent'][:, t], seen, batch['ages'][:, t], first


@torch.enable_grad()
def learned(family, contract, updates=2):
    """An algorithm after some updates."""
    torch.manual_seed(0)
    algorithm = family.algorithm(family.build(contract))
    algorithm.normalise(vectors(windows(contract, seed=9)))
    figures = {}
    for seed in range(updates):
        figures = algorithm.update(windows(contract, seed=seed))
    return algorithm, figures


def vectors(batch):
    return {
        key[4:]: rows.flatten(0, 1)
        for key, rows in batch.items()
        if key.startswith('obs_') and rows.dim() == 3
    }


def answers(model, belief, *given):
    """All that a model says of one tick, as one list of tensors."""
    after, surprise = model.observe(belief, *given)
    ahead = model.imagine(after, given[0])
    said = [after, surprise, ahead, *model.outcomes(after, given[0], ahead), model.value(ahead)]
    said += model.policy(ahead)
    return said + list(model.decode(ahead).values()) if isinstance(model, Decodes) else said


@torch.no_grad()
def shapes_are_those_of_the_protocol(family, contract):
    model = family.build(contract).eval()
    assert isinstance(model, FamilyModel) and model.contract is contract
    belief, given = model.initial(SIZE), tick(windows(contract), 0)
    assert belief.shape == (SIZE, model.belief_dim)
    after, surprise = model.observe(belief, *given)
    assert after.shape == belief.shape and surprise.shape == (SIZE,)
    ahead = model.imagine(after, given[0])
    assert ahead.shape == belief.shape
    for row in (*model.outcomes(after, given[0], ahead), model.value(after)):
        assert row.shape == (SIZE,)
    for row in model.policy(after):
        assert row.shape == (SIZE, contract.action_dim) and model.action_dim == row.shape[1]
    if isinstance(model, Decodes):
        drawn = model.decode(after)
        for stream in contract.streams:
            assert drawn[stream.name].shape == (SIZE, *stream.shape)
            assert str(drawn[stream.name].dtype) == f'torch.{stream.dtype.name}'


@torch.no_grad()
def answers_are_finite_and_in_range(family, contract):
    model = learned(family, contract)[0].average.eval()
    given = tick(windows(contract), 0)
    said = answers(model, model.initial(SIZE), *given)
    assert all(torch.isfinite(part.float()).all() for part in said)
    after, surprise = model.observe(model.initial(SIZE), *given)
    _, continuation = model.outcomes(after, given[0], model.imagine(after, given[0]))
    assert ((continuation >= 0) & (continuation <= 1)).all() and (surprise > -1e-4).all()
    assert (model.policy(after)[1] > 0).all()


@torch.no_grad()
def without_noise_it_is_deterministic_and_rows_are_alone(family, contract):
    model = learned(family, contract)[0].average.eval()
    action, seen, ages, first = tick(windows(contract), 0)
    torch.manual_seed(1)
    one = answers(model, model.initial(SIZE), action, seen, ages, first)
    torch.manual_seed(2)
    two = answers(model, model.initial(SIZE), action, seen, ages, first)
    assert all(torch.equal(a, b) for a, b in zip(one, two, strict=True))
    last = {name: rows[-1:] for name, rows in seen.items()}
    alone = answers(model, model.initial(1), action[-1:], last, ages[-1:], first[-1:])
    for a, b in zip(one, alone, strict=True):
        grey = 1.5 if a.dtype == torch.uint8 else 1e-3
        torch.testing.assert_close(a[-1:].float(), b.float(), atol=grey, rtol=1e-3)


@torch.no_grad()
def the_first_tick_of_an_episode_forgets(family, contract):
    model = learned(family, contract)[0].average.eval()
    given = tick(windows(contract), 0)
    fresh, _ = model.observe(model.initial(SIZE), *given)
    other, _ = model.observe(torch.randn(SIZE, model.belief_dim), *given)
    torch.testing.assert_close(fresh, other)


def an_update_learns_and_stays_finite(family, contract):
    torch.manual_seed(0)
    algorithm = family.algorithm(family.build(contract))
    assert isinstance(algorithm, Algorithm) and algorithm.family == family.name
    assert algorithm.batch_size > 0 and algorithm.window_ticks > 1
    assert 0 < algorithm.discount < 1 and algorithm.return_scale.shape == ()
    json.dumps(algorithm.settings(), allow_nan=False)
    algorithm.normalise(vectors(windows(contract)))
    before = {k: v.clone() for k, v in algorithm.model.state_dict().items()}
    figures = algorithm.update(windows(contract))
    assert algorithm.updates == 1
    assert any(name.startswith('loss/') for name in figures)
    assert all(torch.isfinite(torch.tensor(value)) for value in figures.values()), figures
    after = algorithm.model.state_dict()
    assert any(not torch.equal(before[k], after[k]) for k in before)
    assert all(torch.isfinite(v).all() for v in algorithm.state_dict().values())


def windows_are_observed_tick_by_tick(family, contract):
    algorithm, _ = learned(family, contract)
    batch, model = windows(contract), algorithm.model
    beliefs = algorithm.observe_windows(batch)
    assert beliefs.shape == (SIZE, TICKS, model.belief_dim) and not beliefs.requires_grad
    belief = model.initial(SIZE)
    with torch.no_grad():
        for t in range(TICKS):
            belief, _ = model.observe(belief, *tick(batch, t))
            # A latent that is a choice may fall to the other side of a tie.
            near = ((beliefs[:, t] - belief).abs() < 1e-3).float().mean()
            assert near > 0.95, (t, near)


def learning_goes_on_from_its_state_as_if_it_had_not_stopped(family, contract):
    algorithm, _ = learned(family, contract)
    kept = {k: v.clone() for k, v in algorithm.state_dict().items()}
    again = family.algorithm(family.build(contract))
    again.load_state_dict(kept)
    again.updates = algorithm.updates
    assert all(torch.equal(v, kept[k]) for k, v in again.state_dict().items())
    copied = copy.deepcopy(algorithm)
    for one in (algorithm, again, copied):
        torch.manual_seed(3)
        one.update(windows(contract, seed=5))
    states = [one.state_dict() for one in (algorithm, again, copied)]
    for key, value in states[0].items():
        torch.testing.assert_close(states[1][key], value)
        torch.testing.assert_close(states[2][key], value)


def what_is_shipped_is_the_average_and_can_be_gone_on_from(family, contract):
    algorithm, _ = learned(family, contract)
    kept = algorithm.shipped()
    weights = {k[6:]: v for k, v in kept.items() if k.startswith('model.')}
    average = algorithm.average.state_dict()
    assert weights.keys() == average.keys() == family.build(contract).state_dict().keys()
    assert all(torch.equal(weights[k], average[k]) for k in average)
    again = family.algorithm(family.build(contract))
    again.load_state_dict(kept)
    figures = again.update(windows(contract))
    assert all(torch.isfinite(torch.tensor(value)) for value in figures.values())


def one_that_moves_learns_the_same_on_another_device(family, contract):
    here = family.algorithm(family.build(contract))
    if not isinstance(here, Moves):
        return  # it learns on the CPU alone
    here.normalise(vectors(windows(contract)))
    kept = {k: v.clone() for k, v in here.state_dict().items()}
    here.load_state_dict(kept)
    with away():
        there = family.algorithm(family.build(contract))
        there.to(AWAY)
        there.load_state_dict(kept)
        said = []
        for one in (here, there):
            torch.manual_seed(4)
            said.append(one.update(windows(contract)))
            assert one.model.initial(1).device == one.return_scale.device == one.device
        assert there.observe_windows(windows(contract)).device == AWAY
        learned_there = there.state_dict()
    for name, value in said[0].items():
        torch.testing.assert_close(said[1][name], value, rtol=1e-3, atol=1e-4)
    for name, rows in here.state_dict().items():
        torch.testing.assert_close(learned_there[name].cpu(), rows, rtol=1e-3, atol=1e-3)


def sizes_survive_json(family, contract):
    model = family.build(contract)
    values = json.loads(json.dumps(family.config_to_json(model.config), allow_nan=False))
    assert family.config_from_json(values) == model.config
    again = family.build(contract, family.config_from_json(values))
    shapes = [{k: v.shape for k, v in m.state_dict().items()} for m in (model, again)]
    assert shapes[0] == shapes[1]
    assert family.config_from_json({}) == model.config


class Everything(torch.nn.Module):
    """All that a robot asks of a model, as one graph."""

    def __init__(self, model, names):
        super().__init__()
        self.model, self.names = model, names

    def forward(self, belief, action, ages, first, *streams):
        seen = dict(zip(self.names, streams, strict=True))
        return answers(self.model, belief, action, seen, ages, first)


@torch.no_grad()
def a_graph_of_it_answers_as_it_does(family, contract):
    """Traced with one input and asked with another: values must not choose the way."""
    model = learned(family, contract)[0].average.eval()
    batch = windows(contract)

    def given(t):
        action, seen, ages, first = tick(batch, t)
        belief = torch.full((SIZE, model.belief_dim), 0.1 * t)
        return (belief, action, ages, first, *seen.values())

    names = list(tick(batch, 0)[1])
    module = Everything(model, names).eval()
    graph = torch.export.export(module, given(0), strict=False).module()
    for a, b in zip(graph(*given(1)), module(*given(1)), strict=True):
        grey = 1.5 if a.dtype == torch.uint8 else 1e-3
        torch.testing.assert_close(a.float(), b.float(), atol=grey, rtol=1e-3)


CHECKS = [
    shapes_are_those_of_the_protocol,
    answers_are_finite_and_in_range,
    without_noise_it_is_deterministic_and_rows_are_alone,
    the_first_tick_of_an_episode_forgets,
    an_update_learns_and_stays_finite,
    windows_are_observed_tick_by_tick,
    learning_goes_on_from_its_state_as_if_it_had_not_stopped,
    what_is_shipped_is_the_average_and_can_be_gone_on_from,
    one_that_moves_learns_the_same_on_another_device,
    sizes_survive_json,
    a_graph_of_it_answers_as_it_does,
]
