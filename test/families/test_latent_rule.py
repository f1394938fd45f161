# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The rule of the belief: what old weights mean stays, and the new one is what it says."""

from pathlib import Path

import numpy as np
import pytest
import torch

from world_model_ros.bundle import load_bundle
from world_model_ros.contract import find_robot, load_contract
from world_model_ros.families.dreamer.family import FAMILY
from world_model_ros.families.dreamer.net import Dreamer, DreamerConfig
from world_model_ros.training.core.learner_file import SUFFIX, read_shipped

SHIPPED = Path(__file__).parents[2] / 'config' / 'bundles'
SMALL = {
    'deter': 32, 'groups': 4, 'classes': 4, 'hidden': 32, 'head': 32,
    'widths': (4, 4, 8), 'embed': 16,
}  # fmt: skip


def small(**rules) -> Dreamer:
    torch.manual_seed(0)
    contract = load_contract(find_robot('reacher'))
    return Dreamer(contract, DreamerConfig(**SMALL, **rules)).requires_grad_(False)


def observed(model: Dreamer, belief: torch.Tensor) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    seen = {
        'camera': torch.randint(0, 256, (len(belief), 64, 64, 3), generator=generator).byte(),
        'joints': torch.randn(len(belief), 4, generator=generator),
    }
    rest = torch.zeros(len(belief), 2)
    return model.observe(belief, rest, seen, rest, torch.zeros(len(belief), 1))[0]


def test_sizes_of_older_versions_mean_what_they_meant():
    config = FAMILY.config_from_json({})
    assert (config.observe_rule, config.value_code) == ('mode', 'symexp')
    # In the hash of every filter since hashes are written.
    assert str(config) == (
        'DreamerConfig(deter=192, groups=16, classes=12, hidden=192, head=128, embed=128, '
        "widths=(16, 32, 64), imagine_rule='expected')"
    )
    assert set(FAMILY.config_to_json(config)) == {
        'deter', 'groups', 'classes', 'hidden', 'head', 'embed', 'widths', 'imagine_rule',
    }  # fmt: skip


def test_another_rule_is_named_in_files_and_in_the_hash_of_the_filter():
    config = DreamerConfig(observe_rule='expected', value_code='scaled')
    values = FAMILY.config_to_json(config)
    assert (values['observe_rule'], values['value_code']) == ('expected', 'scaled')
    assert FAMILY.config_from_json(values) == config
    assert str(config) != str(DreamerConfig())
    # What values are made of changes no belief.
    assert str(DreamerConfig(value_code='scaled')) == str(DreamerConfig())


@pytest.mark.parametrize('name', ['observe_rule', 'imagine_rule', 'value_code'])
def test_a_rule_that_is_none_is_refused_by_name(name):
    with pytest.raises(ValueError, match=f"{name} is 'mood'; expected one of"):
        FAMILY.config_from_json({name: 'mood'})


def test_expected_latents_are_the_probabilities_of_all_classes():
    model = small(observe_rule='expected')
    _, latent = model.split(observed(model, torch.zeros(3, model.belief_dim)))
    probabilities = latent.reshape(3, 4, 4)
    torch.testing.assert_close(probabilities.sum(-1), torch.ones(3, 4))
    assert ((probabilities > 0) & (probabilities < 1)).all()
    # The likeliest classes are those of the other rule.
    _, hard = small().split(observed(small(), torch.zeros(3, model.belief_dim)))
    assert (probabilities.argmax(-1) == hard.reshape(3, 4, 4).argmax(-1)).all()


def test_beliefs_with_nearly_the_same_past_stay_near_under_expected_latents():
    """A class that flips is a jump that need not heal; probabilities move a little."""
    pasts = torch.randn(256, 48, generator=torch.Generator().manual_seed(2))
    nudged = pasts + 0.03
    soft, hard = small(observe_rule='expected'), small()
    moved = (observed(soft, pasts) - observed(soft, nudged)).abs().amax(-1)
    jumped = (observed(hard, pasts) - observed(hard, nudged)).abs().amax(-1)
    assert moved.max() < 0.1 and jumped.max() == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize('robot', ['cartpole', 'reacher'])
def test_shipped_weights_answer_as_when_they_were_shipped(robot):
    """Their files are from before there was a choice: golden vectors of that time are met."""
    contract = load_contract(find_robot(robot))
    model = read_shipped(SHIPPED / f'{robot}{SUFFIX}', contract).build(contract)
    load_bundle(SHIPPED / robot, contract, graphs=())  # whole
    with np.load(SHIPPED / robot / 'golden.npz') as golden:
        rows = {k: torch.from_numpy(golden[k]) for k in golden.files if k.startswith('observe/')}
        imagined = {k: torch.from_numpy(golden[k]) for k in golden.files if 'imagine/' in k}
    for case in range(len(rows['observe/in/belief'])):
        given = {k[11:]: v[case] for k, v in rows.items() if k.startswith('observe/in/')}
        seen = {k[4:]: v for k, v in given.items() if k.startswith('obs_')}
        belief, _ = model.observe(
            given['belief'], given['action_sent'], seen, given['ages'], given['is_first']
        )
        want = rows['observe/out/belief_out'][case]
        torch.testing.assert_close(belief, want, atol=1e-4, rtol=1e-4)
    belief, action = imagined['imagine/in/belief'], imagined['imagine/in/action']
    found = model.imagine(belief.flatten(0, 1), action.flatten(0, 1))
    want = imagined['imagine/out/belief_out'].flatten(0, 1)
    torch.testing.assert_close(found, want, atol=1e-4, rtol=1e-4)
