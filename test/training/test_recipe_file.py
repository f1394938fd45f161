# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A recipe is read, tried and remembered; what cannot be meant is refused with its name."""

import json

import hypothesis.strategies as st
import pytest
import torch
import yaml
from hypothesis import given, settings

pytest.importorskip('mujoco')

from world_model_ros.contract import find_robot, load_contract
from world_model_ros.families.dreamer.recipe import LearnerConfig
from world_model_ros.families.family_registry import FamilyError
from world_model_ros.training.core.learner_file import (
    LearnerFileError,
    read_shipped,
    write_shipped,
)
from world_model_ros.training.core.recipe_file import RecipeError, parse_recipe, read_recipe
from world_model_ros.training.core.simulated import Source, expected, open_run

TINY = """
format: 1
model: {deter: 32, groups: 4, classes: 4, hidden: 32, head: 32, widths: [4, 4, 8], embed: 16,
        observe_rule: expected, value_code: scaled}
learner: {batch: 4, length: 8, starts: 8, horizon: 3, bf16: false, latents: deployed,
          context: true, agree_scale: 0.1, agree_after: 3, agree_ticks: 8, open_loop_share: 0.25}
"""
CARTPOLE = load_contract(find_robot('cartpole'))


def opened(folder, recipe=None, frames=1200, source=None, **options):
    source = source or Source.find(CARTPOLE, 'nominal', None, None)
    run = open_run(
        CARTPOLE, folder, source, frames=frames, seed=0, threads=1, decisions_per_update=40,
        recipe=recipe, **options,
    )  # fmt: skip
    return run


def test_shipped_recipe_is_one_and_trains_as_the_robot_runs():
    recipe = read_recipe('long_memory')
    family = opened_family(recipe)
    learner, model = recipe.recipe(family), recipe.sizes(family)
    assert (learner.latents, model.observe_rule) == ('deployed', 'expected')
    assert learner.length == 64 and learner.context and learner.agree_scale > 0
    # About as many replayed ticks in an update as before.
    default = LearnerConfig()
    assert learner.batch * learner.length == pytest.approx(default.batch * default.length, rel=0.1)


def opened_family(recipe):
    from world_model_ros.families.family_registry import find_family

    return find_family(recipe.family)


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('[1, 2]', 'expected a mapping with format: 1'),
        ('format: 2', 'expected a mapping with format: 1'),
        ('format: 1\nlearning: {}', 'unknown learning; there are: format, family'),
        ('format: 1\nlearner: [1]', 'learner must be a mapping'),
        ('format: 1\nfamily: 3', 'family must be a name'),
        ('format: 1\nlearner: {lenght: 3}', "learner: there is no setting 'lenght'"),
        ('format: 1\nmodel: {observe_rule: mood}', "model: observe_rule is 'mood'"),
        ('format: 1\nmodel: {depth: 3}', 'model: .*depth'),
        ('format: [', 'not YAML'),
    ],
)
def test_what_is_no_recipe_is_refused(text, words):
    with pytest.raises(RecipeError, match=words):
        parse_recipe(text)


def test_recipe_of_a_family_that_is_not_here_is_refused():
    with pytest.raises(FamilyError, match='nosuch'):
        parse_recipe('format: 1\nfamily: nosuch')


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
NAMES = st.sampled_from(['format', 'family', 'model', 'learner', 'length', 'widths', 'x'])


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=60)
    | st.dictionaries(NAMES, VALUES | st.dictionaries(NAMES, VALUES)).map(
        lambda found: yaml.safe_dump({'format': 1, **found})
    )
)
def test_whatever_a_file_holds_is_read_or_refused(text):
    try:
        recipe = parse_recipe(text)
    except (RecipeError, FamilyError):
        return
    assert recipe.as_json()['family'] == recipe.family


def test_a_run_learns_by_its_recipe_and_keeps_it_when_it_goes_on(tmp_path):
    run = opened(tmp_path, parse_recipe(TINY))
    run.config = run.config.__class__(**{**vars(run.config), 'prefill': 160})
    assert expected(run)['updates'] > 0
    assert all(step.is_first for step in run.lanes.steps)  # ticks of the trial are in no replay
    seen = []
    run.go(seen.append)
    assert run.learner.config.latents == 'deployed' and run.learner.updates > 2
    last = seen[-1]
    assert last['loss/agree'] >= 0 and 0 < last['replay/context_share'] <= 1
    again = opened(tmp_path, frames=2400)  # without naming it
    assert again.learner.config == run.learner.config
    assert again.model.config == run.model.config
    assert again.learner.updates == run.learner.updates
    for key, value in again.model.state_dict().items():
        torch.testing.assert_close(value, run.model.state_dict()[key], rtol=0, atol=0)
    with pytest.raises(RecipeError, match='another recipe; leave --recipe out'):
        opened(tmp_path, parse_recipe(TINY.replace('0.25', '0.5')))
    state = tmp_path / 'checkpoint' / 'state.json'
    older = {k: v for k, v in json.loads(state.read_text()).items() if k != 'recipe'}
    state.write_text(json.dumps(older))
    with pytest.raises(RecipeError, match='its own recipe; leave --recipe out'):
        opened(tmp_path, parse_recipe(TINY))
    # What it learned goes on from its file with the same rules.
    file = tmp_path / 'a.learner.safetensors'
    write_shipped(file, run.learner)
    shipped = read_shipped(file, CARTPOLE)
    assert shipped.model.observe_rule == 'expected'
    assert torch.isfinite(shipped.build(CARTPOLE).value(torch.zeros(1, 48))).all()


def test_weights_take_another_rule_but_no_other_sizes(tmp_path):
    source = Source.find(CARTPOLE, 'nominal', None, None)
    first = opened(tmp_path / 'a', parse_recipe(TINY.split('learner')[0]))
    file = tmp_path / 'a.learner.safetensors'
    write_shipped(file, first.learner)
    source = Source.find(CARTPOLE, 'nominal', None, file)
    other = parse_recipe('format: 1\nmodel: {observe_rule: mode}')
    run = opened(tmp_path / 'b', other, source=source)
    assert run.model.config.observe_rule == 'mode' and run.model.config.deter == 32
    run.recipe = None
    run.save()
    assert opened(tmp_path / 'b').model.config == run.model.config  # no weights named, same rule
    larger = parse_recipe('format: 1\nmodel: {deter: 64}')
    with pytest.raises(LearnerFileError, match='these weights do not fit'):
        opened(tmp_path / 'c', larger, source=source)


def test_recipe_of_another_family_than_asked_for_is_refused(tmp_path):
    with pytest.raises(RecipeError, match="asked for 'tdmpc'"):
        opened(tmp_path, parse_recipe(TINY), family='tdmpc')
