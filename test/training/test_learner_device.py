# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""All of training on another device: no tensors of two devices meet, and it learns the same.

`elsewhere` is as strict as a GPU and computes on the CPU, so that results can be compared. Where
there is a GPU all of this runs on it too; it draws other noise, so that less can be compared.
"""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip('torch')
pytest.importorskip('mujoco')

import recorded
from elsewhere import AWAY, away
from served import QUIET, TICKS, Told, fill, serve
from small_learner import SMALL, batch, learner

from world_model_ros.contract import parse_contract
from world_model_ros.experience import EpisodeReader, to_arrays
from world_model_ros.families.device import CPU, Chosen, DeviceError, device_of
from world_model_ros.families.dreamer.alignment import AlignConfig
from world_model_ros.families.dreamer.net import Dreamer
from world_model_ros.families.dreamer.shift_fit import FitConfig
from world_model_ros.families.dreamer.shift_search import SearchConfig, Windows
from world_model_ros.training.core import checkpoint
from world_model_ros.training.core.begin import placed
from world_model_ros.training.core.collect import evaluate
from world_model_ros.training.core.run import Run, RunConfig
from world_model_ros.training.core.trainer_state import Start, TrainerState
from world_model_ros.training.data.segments import learnable
from world_model_ros.training.export.export_bundle import export_bundle
from world_model_ros.training.judge.gate import GateConfig, judge
from world_model_ros.training.judge.strips import imagine_strip

TINY = Windows(2, 2)
GPU = torch.device('cuda', 0)
on_each_device = pytest.mark.parametrize(
    'device',
    [
        pytest.param(AWAY, id='elsewhere'),
        pytest.param(
            GPU, id='gpu', marks=pytest.mark.skipif(not torch.cuda.is_available(), reason='no GPU')
        ),
    ],
)


@pytest.fixture(autouse=True)
def elsewhere():
    with away():
        yield


def updated(ours, updates=2):
    """Figures of the last of some updates; noise is the same on every device."""
    for seed in range(updates):
        torch.manual_seed(seed)
        figures = ours.update(batch())
    return figures


def test_the_device_of_these_tests_is_strict():
    numbers = torch.ones(3).to(AWAY)
    assert float((numbers * 2.0).sum()) == 6.0 and numbers.device == AWAY
    with pytest.raises(RuntimeError, match='two devices meet'):
        numbers + torch.ones(3)
    with pytest.raises(RuntimeError):
        numbers.numpy()


@on_each_device
@pytest.mark.parametrize('anchored', [False, True])
def test_a_learner_learns_the_same_on_every_device(device, anchored):
    here, there = learner(), learner()
    there.to(device)
    for one in (here, there):
        one.normalise({'joints': batch()['obs_joints'].flatten(0, 1)})
        if anchored:
            torch.manual_seed(5)
            one.anchor(Dreamer(one.model.contract, SMALL).to(one.device))
    beliefs = there.observe_windows(batch())
    assert beliefs.device == there.device == there.return_scale.device == device
    near = (beliefs.to(CPU) - here.observe_windows(batch())).abs() < 1e-3
    assert near.float().mean() > 0.95  # a latent that is a choice may fall to the other side

    figures, expected = updated(there), updated(here)

    assert figures.keys() == expected.keys() and np.isfinite(list(figures.values())).all()
    if device == AWAY:
        assert figures == pytest.approx(expected, rel=1e-5)
    assert {p.device for p in there.average.parameters()} == {device}


@on_each_device
def test_checkpoints_move_between_devices(device, tmp_path):
    here, there = learner(), learner()
    there.to(device)
    updated(there)
    checkpoint.save(tmp_path / 'there', there, {})
    checkpoint.load(tmp_path / 'there', here)
    kept = there.state_dict()
    assert all(torch.equal(rows, kept[name]) for name, rows in here.state_dict().items())

    figures = updated(here)
    again = learner()
    again.to(device)
    checkpoint.load(tmp_path / 'there', again)
    assert again.updates == 2 and again.device == device
    gone_on = updated(again)
    if device == AWAY:
        assert gone_on == pytest.approx(figures, rel=1e-5)


@on_each_device
def test_a_run_in_simulation_lives_learns_and_scores_there(device, tmp_path):
    contract = parse_contract(recorded.robot().text.replace('max_ticks: 250', 'max_ticks: 12'))
    config = RunConfig(
        frames=50 * contract.frames_per_tick, lanes=2, decisions_per_update=2, prefill=44,
        episode_ticks=20, evaluate_every=10**9, checkpoint_every_sec=1e9, threads=1,
    )  # fmt: skip
    here, there = (
        Run(contract, tmp_path / str(at), config, SMALL, recorded.QUICK, chosen=Chosen(at))
        for at in (CPU, device)
    )
    for run in (here, there):
        torch.manual_seed(1)
        run.go()
        assert run.summary()['device'] == str(run.learner.device)
        assert json.loads((run.folder / 'config.json').read_text())['device'] == str(
            run.chosen.device
        )
    assert there.learner.device == device and there.learner.updates == here.learner.updates > 0
    if device == AWAY:
        theirs = there.learner.state_dict()
        for name, rows in here.learner.state_dict().items():
            torch.testing.assert_close(theirs[name], rows, rtol=1e-4, atol=1e-5)
    here.learner.load_state_dict(there.learner.state_dict())
    returns = [evaluate(run.learner.average, contract, [10_000]) for run in (here, there)]
    assert returns[1] == pytest.approx(returns[0], rel=0.05)


@on_each_device
def test_a_model_is_judged_where_it_is(device, bags):
    reader = EpisodeReader(bags[recorded.HELD_OUT])
    rows = learnable(to_arrays(reader), reader, recorded.robot())
    torch.manual_seed(0)
    here = Dreamer(recorded.robot(), recorded.SMALL)
    there = copy.deepcopy(here).to(device)

    def figures(candidate, acting):
        given = (recorded.robot(), [rows], 0.95, 1.0, 0, GateConfig())
        return judge(candidate, acting, *given).figures

    expected = figures(here, here)
    assert figures(there, there) == pytest.approx(expected, rel=1e-2)
    assert figures(there, here) == pytest.approx(expected, rel=1e-2)
    for ours, theirs in zip(imagine_strip(here, rows), imagine_strip(there, rows), strict=True):
        for name in ours:
            np.testing.assert_allclose(
                theirs[name], ours[name], atol=1.5 if name == 'camera' else 1e-2
            )


@on_each_device
def test_the_service_aligns_learns_and_judges_there(device, tmp_path, bags, store, learner_file):
    fit = FitConfig(
        turns=(0.0,), try_steps=1, tries=TINY, steps=1, best=TINY, motor_steps=1,
        search=SearchConfig(judged=1),
    )  # fmt: skip
    align = AlignConfig(ticks=TICKS, fit=fit, batch=2, length=4, pictures=4, retrain_steps=1)
    strict = GateConfig(1, 0.0)  # nothing passes: an export would take the time of all this
    config = replace(
        QUIET, align=align, publish_updates=2, poll_s=0.01, start_ticks=10, gate=strict
    )
    fill(store, bags, *recorded.TRAINED[:2], recorded.HELD_OUT)
    told = Told(lambda service, status: service.verdict and service.learner.updates)
    service = serve(store.url, tmp_path / 'out', learner_file, told, config, chosen=Chosen(device))
    service.run()
    assert told.of('device') == [{'event': 'device', 'device': str(device)}]
    assert told.statuses[-1]['device'] == str(device) and service.learner.device == device
    assert told.of('gate') and device_of(service.state.acting()[0]) == device

    state = TrainerState(
        recorded.robot(), tmp_path / 'out', Start(), told.say, recipe=recorded.QUICK,
        chosen=Chosen(device),
    )  # fmt: skip
    assert state.learner.device == device and state.learner.updates == service.learner.updates
    state.go_back('a test')
    assert state.learner.device == device


@on_each_device
def test_what_is_exported_is_a_copy_on_the_cpu(device, tmp_path):
    class Seen(Exception):
        """Tracing would take seconds."""

    class Watched:
        def to_onnx(self, name, graph, shape):
            tensors = [*graph.module.state_dict().values(), *graph.inputs.values()]
            assert {tensor.device for tensor in tensors} == {CPU}
            raise Seen

    there = learner()
    there.to(device)
    with pytest.raises(Seen):
        export_bundle(there, tmp_path / 'bundle', {}, traced=Watched())
    assert device_of(there.average) == device


@pytest.mark.parametrize('free', [True, False])
def test_a_family_that_cannot_move_learns_on_the_cpu_or_is_refused(free):
    algorithm = SimpleNamespace(family='toy')
    assert placed(algorithm, Chosen(CPU)) == Chosen(CPU)
    if free:
        found = placed(algorithm, Chosen(torch.device('cuda', 0), free=True))
        assert (
            found.text == "cpu (family 'toy' learns on the CPU alone, its algorithm has no `to`)"
        )
        return
    with pytest.raises(DeviceError, match=r"cuda:0 cannot be used: family 'toy'.*auto or cpu"):
        placed(algorithm, Chosen(torch.device('cuda', 0)))
