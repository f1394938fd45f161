# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A bundle says the same as torch: golden vectors, parity over a recurrent sequence."""

import copy
import itertools
import json
import math
import shutil

import numpy as np
import onnx
import pytest
import torch
from safetensors.torch import load_file
from small_learner import SMALL

from world_model_ros.bundle import check_bundle, load_bundle
from world_model_ros.contract import find_robot, load_contract
from world_model_ros.families.dreamer.algorithm import Learner, LearnerConfig
from world_model_ros.families.dreamer.net import Dreamer
from world_model_ros.onboard.policy.planner import Planner
from world_model_ros.planning.mppi import PlannerConfig
from world_model_ros.training.core.learner_file import SUFFIX, LearnerFileError, read_shipped
from world_model_ros.training.export.export_again import export_again
from world_model_ros.training.export.export_bundle import export_bundle, filter_hash
from world_model_ros.training.export.graph_modules import Graph, bundle_graphs
from world_model_ros.training.export.onnx_cache import Traced, trace_graph


@pytest.fixture(scope='module')
def traced() -> Traced:
    """Tracing takes most of an export: once for all tests here."""
    return Traced()


@pytest.fixture(scope='module')
def exported(tmp_path_factory, traced):
    torch.manual_seed(0)
    contract = load_contract(find_robot('reacher'))
    model = Dreamer(contract, SMALL)
    with torch.no_grad():  # heads start at zero, where everything ties
        for head in (model.reward_head, model.value_head, model.policy_head):
            head.out.weight.normal_(0.0, 0.3)
    learner = Learner(model, LearnerConfig())
    with torch.no_grad():  # what still learns has gone elsewhere since
        for parameter in model.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    planner = PlannerConfig(horizon=3, batch_size=8, num_elites=3)
    folder = export_bundle(learner, tmp_path_factory.mktemp('b') / 'small', {}, planner, traced)
    return folder, learner, contract


def test_bundle_is_whole_and_names_no_path_of_the_exporter(exported):
    folder, _, contract = exported
    assert check_bundle(folder, contract) == []
    for graph in folder.glob('*.onnx'):
        assert b'site-packages' not in graph.read_bytes()
        assert b'.py' not in graph.read_bytes()


def test_each_weight_is_stored_once(exported):
    folder, learner, _ = exported
    places: dict[tuple[int, int], int] = {}
    for path in folder.glob('*.onnx'):
        graph = onnx.load(path, load_external_data=False).graph
        for tensor in graph.initializer:
            place = {e.key: e.value for e in tensor.external_data}
            if place:
                key = (int(place['offset']), int(place['length']))
                places[key] = places.get(key, 0) + 1
    assert max(places.values()) > 1  # shared between graphs
    ends = sorted(places)
    assert all(a + n <= b for (a, n), (b, _) in itertools.pairwise(ends))
    assert (folder / 'weights.bin').stat().st_size < 1.3 * 4 * sum(
        p.numel() for p in learner.average.parameters()
    )


def test_recurrent_sequence_agrees_with_torch(exported):
    folder, learner, contract = exported
    model = learner.average.eval()
    bundle = load_bundle(folder, contract)
    rng = np.random.default_rng(0)
    ours = bundle.initial_belief
    theirs = torch.from_numpy(ours)
    for tick in range(16):
        feeds = {
            'belief': ours,
            'action_sent': rng.uniform(-0.05, 0.05, (1, 2)).astype(np.float32),
            'is_first': np.full((1, 1), float(tick == 0), np.float32),
            'obs_camera': rng.integers(0, 256, (1, 64, 64, 3), dtype=np.uint8),
            'obs_joints': rng.normal(size=(1, 4)).astype(np.float32),
            'ages': np.zeros((1, 2), np.float32),
        }
        out = bundle.run('observe', feeds) | bundle.run(
            'value', {'belief': bundle.run('observe', feeds)['belief_out']}
        )
        seen = {'camera': torch.from_numpy(feeds['obs_camera'])}
        seen['joints'] = torch.from_numpy(feeds['obs_joints'])
        with torch.no_grad():
            theirs, surprise = model.observe(
                theirs,
                torch.from_numpy(feeds['action_sent']),
                seen,
                torch.zeros(1, 2),
                torch.from_numpy(feeds['is_first']),
            )
            value = model.value(theirs)
        ours = out['belief_out']
        np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-4)
        np.testing.assert_allclose(out['surprise'], surprise.numpy(), atol=1e-4)
        np.testing.assert_allclose(out['value'], value.numpy(), atol=1e-3)


def test_bundle_acts_with_the_averaged_weights(exported):
    folder, learner, contract = exported
    belief = np.random.default_rng(1).normal(size=(1, learner.model.belief_dim))
    feeds = {'belief': belief.astype(np.float32)}
    shipped = load_bundle(folder, contract).run('policy', feeds)['action_mean']
    with torch.no_grad():
        average, _ = learner.average.policy(torch.from_numpy(feeds['belief']))
        newest, _ = learner.model.policy(torch.from_numpy(feeds['belief']))
    np.testing.assert_allclose(shipped, average.numpy(), atol=1e-6)
    assert np.abs(shipped - newest.numpy()).max() > 1e-3
    beside = load_file(folder.with_name('small.learner.safetensors'))
    for name, value in learner.average.named_parameters():
        assert torch.equal(beside[f'model.{name}'], value)


def test_plan_graph_holds_no_random_numbers(exported):
    folder, _, _ = exported
    for path in folder.glob('*.onnx'):
        kinds = {node.op_type for node in onnx.load(path, load_external_data=False).graph.node}
        assert not {k for k in kinds if k.startswith(('Random', 'Multinomial', 'Bernoulli'))}


def test_every_input_of_the_plan_has_an_effect_of_its_own(exported):
    folder, learner, contract = exported
    bundle = load_bundle(folder, contract)
    planner = PlannerConfig(horizon=3, batch_size=8, num_elites=3)
    graph = bundle_graphs(learner.average.eval(), contract, planner, 1.0)['plan']
    torch.manual_seed(0)
    given = {name: 0.03 * torch.randn_like(value) for name, value in graph.inputs.items()}
    given |= {'low': graph.inputs['low'], 'high': graph.inputs['high']}
    given |= {'previous_mask': torch.tensor([1.0, 1.0, 0.0]), 'noise': 30.0 * given['noise']}
    told = bundle.run('plan', {name: value.numpy() for name, value in given.items()})
    with torch.no_grad():
        values = graph.module(*given.values())[graph.outputs.index('values')]
    np.testing.assert_allclose(told['values'], values.numpy(), rtol=1e-3, atol=1e-4)
    for name in given:
        other = given | {name: 0.5 * given[name]}
        out = bundle.run('plan', {key: value.numpy() for key, value in other.items()})
        assert not np.array_equal(out['values'], told['values']), name


def test_a_search_after_a_reset_hangs_on_no_search_before(exported):
    folder, _, contract = exported
    bundle = load_bundle(folder, contract)
    pending = np.zeros((1, contract.action_dim), np.float32)
    used, sources = Planner(bundle, contract), set()
    for belief in bundle.golden['plan/in/belief']:
        used.reset()
        found = used.plan(belief, pending, math.inf, 0, 1)
        fresh = Planner(bundle, contract).plan(belief, pending, math.inf, 0, 1)
        np.testing.assert_array_equal(found.chunk, fresh.chunk)
        sources.add(found.source)
    assert 'plan' in sources


class Affine(torch.nn.Module):
    """The smallest graph with weights and two inputs."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(size, size)

    def forward(self, mean: torch.Tensor, previous: torch.Tensor) -> torch.Tensor:
        return self.layer(mean) + previous


def affine(size: int = 3) -> Graph:
    inputs = {name: torch.randn(1, size) for name in ('mean', 'previous')}
    return Graph(Affine(size), inputs, ('out',))


def test_a_graph_that_ignores_an_input_is_not_exported():
    graph = affine()
    graph.inputs['previous'] = graph.inputs['mean']
    with pytest.raises(ValueError, match=r'plan.*does not use (mean|previous)'):
        Traced().to_onnx('plan', graph, 1)


def test_the_table_of_operators_is_built_once_for_all_graphs(monkeypatch):
    registration = pytest.importorskip('torch.onnx._internal.exporter._registration')
    real, built = registration.ONNXRegistry.from_torchlib, []
    monkeypatch.setattr(
        registration.ONNXRegistry,
        'from_torchlib',
        lambda **settings: built.append(settings) or real(**settings),
    )
    ours = registration.ONNXRegistry.from_torchlib
    for size in (2, 3):
        trace_graph(affine(size))
    assert len(built) == 1
    assert registration.ONNXRegistry.from_torchlib is ours  # others find torch as it was


def test_learner_artifact_lies_beside_the_bundle_not_in_it(exported):
    folder, _, _ = exported
    assert folder.with_name('small.learner.safetensors').is_file()
    listed = json.loads((folder / 'manifest.json').read_text())['files']
    assert not [name for name in listed if 'learner' in name]


def test_a_second_export_from_the_same_traces_says_what_torch_says_now(exported, traced, tmp_path):
    _, learner, contract = exported
    learner = copy.deepcopy(learner)
    planner = PlannerConfig(horizon=3, batch_size=8, num_elites=3)
    before = load_bundle(export_bundle(learner, tmp_path / 'a', {}, planner, traced), contract)
    with torch.no_grad():
        for tensor in learner.average.parameters():
            tensor.add_(0.05 * torch.randn_like(tensor))
        learner.average.mean_joints.add_(1.0)
        learner.average.scale_joints.mul_(2.0)
        learner.return_scale.fill_(7.0)
    after = load_bundle(export_bundle(learner, tmp_path / 'b', {}, planner, traced), contract)
    for name, graph in bundle_graphs(learner.average.eval(), contract, planner, 7.0).items():
        inputs = dict(graph.inputs)
        for key in inputs.keys() & {'belief', 'noise', 'obs_joints'}:
            inputs[key] = torch.randn_like(inputs[key])
        with torch.no_grad():
            told = graph.module(*inputs.values())
        told = told if isinstance(told, tuple) else (told,)
        feeds = {key: value.numpy() for key, value in inputs.items()}
        now, then = after.run(name, feeds), before.run(name, feeds)
        assert any(np.abs(now[key] - then[key]).max() > 1e-3 for key in now)
        for key, value in zip(graph.outputs, told, strict=True):
            close = {'atol': 1} if value.dtype == torch.uint8 else {'rtol': 1e-3, 'atol': 1e-4}
            np.testing.assert_allclose(
                now[key].astype(np.float64), value.double().numpy(), **close, err_msg=name
            )


def test_another_shape_is_traced_again_and_the_same_is_not():
    made = []
    traced = Traced(lambda name, graph, shape: made.append(shape) or trace_graph(graph))
    for size in (2, 2, 3):
        [mean, _] = traced.to_onnx('plan', affine(size), size).graph.input
        assert mean.type.tensor_type.shape.dim[1].dim_value == size
    assert made == [2, 3]


def test_releases_of_an_anchored_learner_filter_alike_and_say_so(exported):
    folder, learner, contract = exported
    assert load_bundle(folder, contract).filter_hash == filter_hash(learner.average)
    model = copy.deepcopy(learner.average)
    with torch.no_grad():
        for net in (model.prior_out, model.reward_head, model.policy_head, model.decoders):
            for parameter in net.parameters():
                parameter.add_(1.0)
    assert filter_hash(model) == filter_hash(learner.average)
    for name in ('gru', 'encoders', 'post_out'):
        changed = copy.deepcopy(learner.average)
        with torch.no_grad():
            next(getattr(changed, name).parameters()).add_(1e-3)
        assert filter_hash(changed) != filter_hash(model), name
    moved = copy.deepcopy(learner.average)
    moved.mean_joints.add_(1e-3)
    assert filter_hash(moved) != filter_hash(model)


def test_weights_are_exported_again_with_another_rule_and_the_rest_as_it_was(exported, tmp_path):
    folder, learner, contract = exported
    weights = folder.with_name(folder.name + SUFFIX)
    again = export_again(weights, contract, tmp_path / 'soft', {'observe_rule': 'expected'})
    old, new = (json.loads((f / 'manifest.json').read_text()) for f in (folder, again))
    assert check_bundle(again, contract) == []
    assert 'observe_rule' not in old['provenance']['model']  # the rule of always
    assert new['provenance']['model']['observe_rule'] == 'expected'
    assert new['provenance']['changes'] == {'observe_rule': 'expected'}
    assert new['planner'] == old['planner'] and new['return_scale'] == old['return_scale']
    assert new['provenance']['filter_sha256'] != old['provenance']['filter_sha256']
    assert read_shipped(again.with_name(again.name + SUFFIX), contract).model.observe_rule == (
        'expected'
    )
    bundle = load_bundle(again, contract)
    belief = bundle.run('observe', first_tick(contract))['belief_out'][0]
    latent = belief[learner.model.config.deter :].reshape(4, 4)
    np.testing.assert_allclose(latent.sum(-1), 1.0, rtol=1e-5)
    assert latent.max() < 1.0
    hard = load_bundle(folder, contract).run('observe', first_tick(contract))['belief_out'][0]
    assert set(hard[learner.model.config.deter :]) == {0.0, 1.0}


def test_weights_are_not_exported_with_what_needs_other_weights(exported, tmp_path):
    folder, _, contract = exported
    weights = folder.with_name(folder.name + SUFFIX)
    for changes in ({'deter': 64}, {'value_code': 'scaled'}, {'mood': 'good'}, {'deter': 'x'}):
        with pytest.raises(LearnerFileError, match='cannot be exported with'):
            export_again(weights, contract, tmp_path / 'other', changes)
    with pytest.raises(FileExistsError, match='is there already'):
        export_again(weights, contract, folder, {})
    assert not (tmp_path / 'other').exists()


def first_tick(contract) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {
        'belief': np.zeros((1, 48), np.float32),
        'action_sent': np.zeros((1, 2), np.float32),
        'is_first': np.ones((1, 1), np.float32),
        'obs_camera': generator.integers(0, 256, (1, 64, 64, 3)).astype(np.uint8),
        'obs_joints': np.zeros((1, 4), np.float32),
        'ages': np.zeros((1, 2), np.float32),
    }


def test_a_bundle_from_before_filters_had_names_has_none(exported, tmp_path):
    folder, _, contract = exported
    older = shutil.copytree(folder, tmp_path / 'older')
    manifest = json.loads((older / 'manifest.json').read_text())
    del manifest['provenance']['filter_sha256']
    (older / 'manifest.json').write_text(json.dumps(manifest))
    assert load_bundle(older, contract, graphs=[]).filter_hash == ''


def test_a_folder_that_is_no_bundle_is_refused_and_untouched(exported, tmp_path):
    learner = exported[1]
    folder = tmp_path / 'recordings'
    folder.mkdir()
    (folder / 'episode.mcap').write_text('mine')
    with pytest.raises(FileExistsError, match=r"'episode\.mcap', which would be lost"):
        export_bundle(learner, folder, {}, PlannerConfig(horizon=2, batch_size=4))
    assert (folder / 'episode.mcap').read_text() == 'mine'
    assert [path.name for path in tmp_path.iterdir()] == ['recordings']
