# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Weights meet a changed camera: what changed is found, taught to the picture nets, and kept."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

pytest.importorskip('mujoco')
from small_learner import batch, learner

from world_model_ros.contract import find_robot, load_contract
from world_model_ros.families.dreamer import alignment, shift_fit
from world_model_ros.families.dreamer.alignment import AlignConfig, align
from world_model_ros.families.dreamer.camera import CameraShift
from world_model_ros.families.dreamer.motors import MotorGains
from world_model_ros.families.dreamer.shift_fit import FitConfig, find_shifts
from world_model_ros.families.dreamer.shift_search import (
    Guess,
    SearchConfig,
    Windows,
    as_bytes,
    as_floats,
)
from world_model_ros.training.core import checkpoint
from world_model_ros.training.core.collect import Lanes
from world_model_ros.training.core.learner_file import find_shipped, read_shipped
from world_model_ros.training.data.replay import Replay

TURN, DIM, WEAK = 0.3, 0.6, 0.4
FEW = Windows(6, 4)
FIT = FitConfig(
    turns=(0.0, 0.25, -0.25), try_steps=12, tries=FEW, steps=60, best=FEW, motor_steps=60,
    search=SearchConfig(judged=2),
)  # fmt: skip
QUICK = AlignConfig(fit=FIT, retrain_steps=60, batch=4, length=4, pictures=32)
TICKS = 120


@pytest.fixture(autouse=True)
def same_draws():
    torch.manual_seed(0)


@pytest.fixture(scope='module')
def shipped():
    """The shipped reacher."""
    contract = load_contract(find_robot('reacher'))
    path, reason = find_shipped(contract)
    assert path is not None, reason
    return read_shipped(path, contract).build(contract)


@pytest.fixture(scope='module')
def lived(shipped, tmp_path_factory):
    """What four simulated reachers lived with the shipped weights."""
    torch.manual_seed(0)
    lanes = Lanes(shipped.contract, 4, seed=3, episode_ticks=30)
    replay = Replay(tmp_path_factory.mktemp('lived'), shipped.contract, 4, TICKS)
    for _ in range(TICKS):
        replay.add(lanes.ticks())
        lanes.act(shipped)
    return replay


def shifted() -> CameraShift:
    shift = CameraShift(TURN).requires_grad_(False)
    shift.colour[:, :3] = (DIM - 1.0) * torch.eye(3)
    return shift


def drawing(replay, seed: int, shift: CameraShift | None = None, gain: float = 1.0):
    """Draw windows of what was lived, as another camera would have seen it, weaker motors done."""
    rng = np.random.default_rng(seed)

    def draw(count: int, length: int) -> dict[str, torch.Tensor]:
        rows = {k: torch.from_numpy(v) for k, v in replay.sample(rng, count, length).items()}
        rows['action_sent'] = rows['action_sent'] / gain
        if shift is not None:
            pictures = shift.apply_to(as_floats(rows['obs_camera'].flatten(0, 1)))
            seen = as_bytes(pictures).round().to(torch.uint8)
            rows['obs_camera'] = seen.unflatten(0, (count, length))
        return rows

    return draw


def pictures(replay, count: int = 64) -> torch.Tensor:
    return as_floats(drawing(replay, 9)(count, 1)['obs_camera'].flatten(0, 1))


def run(steps) -> tuple[list[str], object]:
    done = []
    while True:
        try:
            done.append(next(steps))
        except StopIteration as end:
            return done, end.value


def test_a_shift_is_undone_and_nothing_is_no_shift(lived):
    before = pictures(lived, 4)
    assert torch.allclose(CameraShift().undo(before), before, atol=1e-5)
    shift = shifted()
    shift.geometry[1:] = torch.tensor([0.05, 0.1, -0.05, 0.02, 0.01])
    now = shift.apply_to(before)
    inside = (..., slice(20, 44), slice(20, 44))  # resampled twice, thin lines blur
    error = (shift.undo(now) - before)[inside].abs().mean()
    assert error < 0.3 * (now - before)[inside].abs().mean()


def test_a_turned_and_dimmed_camera_and_weak_motors_are_found_and_named(shipped, lived):
    said, (found, understood) = told_of(shipped, drawing(lived, 2, shifted(), WEAK))
    assert understood and list(said) == ['camera_shifted', 'motors_shifted']
    fields = said['camera_shifted']
    assert fields['camera'] == 'camera'
    assert fields['turned_rad'] == pytest.approx(TURN, abs=0.06)
    assert fields['brightness'] == pytest.approx(DIM, abs=0.15)
    assert fields['error_after'] < 0.5 * fields['error_before']
    assert list(found.cameras) == ['camera']
    check_gains(found, said['motors_shifted'])


def test_weak_motors_alone_are_no_shift_of_the_camera(shipped, lived):
    said, (found, understood) = told_of(shipped, drawing(lived, 2, None, WEAK))
    assert understood and list(said) == ['camera_unchanged', 'motors_shifted']
    assert not found.cameras
    check_gains(found, said['motors_shifted'])


def told_of(model, draw):
    said = {}
    steps = find_shifts(model, draw, FIT, lambda event, **fields: said.update({event: fields}))
    return said, run(steps)[1]


def check_gains(found: Guess, fields: dict) -> None:
    gains = fields['gains']
    assert list(gains) == list(found.motors.names)
    # Few short windows: the direction counts, not the second digit.
    assert all(0.5 * WEAK < gain < 1.6 * WEAK for gain in gains.values()), gains
    assert found.motors.gains().tolist() == pytest.approx(list(gains.values()), abs=1e-3)


def test_folded_gains_foresee_what_arrives_and_ask_for_more(shipped):
    motors, model = MotorGains(shipped.contract), copy.deepcopy(shipped)
    with torch.no_grad():
        motors.log_gains.copy_(torch.tensor([0.5, 2.0]).log())
    motors.fold_into(model)
    belief, unit = torch.rand(8, shipped.belief_dim), torch.rand(8, 2) - 0.5
    with torch.no_grad():
        there = shipped.imagine_unit(belief, unit * motors.gains())
        assert torch.allclose(model.imagine_unit(belief, unit), there, atol=1e-5)
        asked, before = model.unit_policy(belief)[0], shipped.unit_policy(belief)[0]
        want = torch.atanh(before.clamp(-0.9999, 0.9999)) / motors.gains()
    assert torch.allclose(asked, torch.tanh(want), atol=0.02)


def test_a_position_command_and_one_that_is_not_centred_have_no_gain():
    contract = load_contract(find_robot('reacher'))
    tilted = replace(contract.groups[0], low=(-1.0, -0.5), high=(1.0, 1.0))
    motors = MotorGains(replace(contract, groups=(tilted,)))
    assert motors.known and motors.free.tolist() == [1.0, 0.0]
    with torch.no_grad():
        motors.log_gains.fill_(1.0)
    assert motors.gains().tolist() == pytest.approx([math.e, 1.0])
    position = replace(contract, groups=(replace(contract.groups[0], kind='position'),))
    assert not MotorGains(position).known


def test_a_camera_that_did_not_change_is_left_alone(shipped, lived):
    said, model = [], copy.deepcopy(shipped)
    say = lambda event, **fields: said.append((event, fields))  # noqa: E731
    _, understood = run(align(model, drawing(lived, 2), lambda count: None, QUICK, say))
    events = [event for event, _ in said]
    assert understood and events == ['camera_unchanged', 'motors_unchanged'], said
    theirs = shipped.state_dict()
    assert all(torch.equal(theirs[k], v) for k, v in model.state_dict().items())


@pytest.mark.parametrize('shows', [0, 255, 'noise'])
def test_a_camera_that_shows_something_else_is_named_and_not_held_on_to(shipped, lived, shows):
    said, plain = [], drawing(lived, 2)

    def draw(count, length):
        rows = plain(count, length)
        noise = torch.randint(0, 256, rows['obs_camera'].shape, dtype=torch.uint8)
        rows['obs_camera'] = noise if shows == 'noise' else torch.full_like(noise, shows)
        return rows

    model = copy.deepcopy(shipped)
    size = Windows(4, 2)
    fit = FitConfig(turns=(0.0,), try_steps=2, tries=size, steps=4, best=size)
    short = AlignConfig(fit=fit)
    _, understood = run(
        align(model, draw, lambda count: None, short, lambda e, **f: said.append((e, f)))
    )
    [(event, fields)] = said
    assert not understood and event == 'camera_not_understood'
    assert 'learned again from scratch' in fields['reason']
    theirs = shipped.state_dict()
    assert all(torch.equal(theirs[k], v) for k, v in model.state_dict().items())


@pytest.mark.parametrize('simulator', [True, False], ids=['simulator', 'no_simulator'])
def test_the_picture_nets_learn_the_new_view_keep_the_old_one_and_only_commands_move_else(
    shipped, lived, simulator, monkeypatch
):
    def told(model, draw, config, say):
        yield 'estimating the camera shift'
        motors = MotorGains(model.contract).requires_grad_(False)
        motors.log_gains.fill_(math.log(WEAK))
        return Guess(motors, {'camera': shifted()}), True

    monkeypatch.setattr(alignment, 'find_shifts', told)
    model = copy.deepcopy(shipped).requires_grad_(True)
    plain = drawing(lived, 5)
    known = lambda count: plain(count, 1) if simulator else None  # noqa: E731
    steps = align(model, drawing(lived, 4, shifted()), known, QUICK, lambda *a, **k: None)
    done, understood = run(steps)
    assert (
        understood and done[0] == 'estimating the camera shift' and done[-1] == 'aligning pictures'
    )
    was = pictures(lived)
    now = shifted().apply_to(was)

    def apart(mine, seen: torch.Tensor) -> float:
        with torch.no_grad():
            want = shipped.encoders['camera'](as_bytes(was))
            return float((mine.encoders['camera'](as_bytes(seen)) - want).square().mean())

    assert apart(model, now) < 0.4 * apart(shipped, now)
    assert apart(model, was) < 0.4 * apart(shipped, now)
    ours, theirs = model.state_dict(), shipped.state_dict()
    moved = {k.split('.')[0] for k in ours if not torch.equal(ours[k], theirs[k])}
    assert moved == {'encoders', 'decoders', 'gru_in', 'policy_head'}


def test_pictures_become_what_an_encoder_takes_and_back():
    shown = batch()['obs_camera'].flatten(0, 1)
    assert torch.equal(as_bytes(as_floats(shown)).round().to(torch.uint8), shown)


def test_a_quarter_turn_and_upside_down_are_tried():
    assert {math.pi / 2, -math.pi / 2, math.pi} <= set(shift_fit.TURNS)


def anchored():
    it = learner(warmup_updates=1)
    it.anchor(copy.deepcopy(it.model).requires_grad_(False))
    return it


def test_what_beliefs_mean_is_kept_and_what_follows_from_them_learns():
    it = anchored()
    before, belief = copy.deepcopy(it.model.state_dict()), seen(it.model)
    for _ in range(3):
        figures = it.update(batch())
    assert figures['policy/from_teacher'] >= 0.0
    after = it.model.state_dict()
    moved = {k.split('.')[0] for k in before if not torch.equal(before[k], after[k])}
    assert {'decoders', 'reward_head', 'value_head', 'policy_head'} <= moved
    assert torch.equal(seen(it.model), belief)


def seen(model) -> torch.Tensor:
    """The belief after one observation."""
    rows = {name: array[:, 0] for name, array in batch().items()}
    observation = {s.name: rows[f'obs_{s.name}'] for s in model.contract.streams}
    first = torch.zeros(4, 1)
    with torch.no_grad():
        start = torch.full((4, model.belief_dim), 0.1)
        return model.observe(start, rows['action_sent'], observation, rows['ages'], first)[0]


def test_a_policy_is_pulled_to_its_teacher():
    def away(imitation: float, later: float = 0.0, settle: int = 1000) -> float:
        it = learner(
            warmup_updates=1, policy_lr=3e-3, entropy=0.0, imitation=imitation,
            imitation_later=later, settle_updates=settle,
        )  # fmt: skip
        teacher = copy.deepcopy(it.model).requires_grad_(False)
        torch.nn.init.normal_(teacher.policy_head.out.weight, std=0.3)
        it.anchor(teacher)
        return [it.update(batch())['policy/from_teacher'] for _ in range(40)][-1]

    free = away(0.0)
    assert away(10.0) < 0.5 * free
    assert away(0.0, later=10.0, settle=10) < 0.5 * free


def test_an_anchored_learner_goes_on_from_its_checkpoint(tmp_path):
    it = anchored()
    for _ in range(2):
        it.update(batch())
    checkpoint.save(tmp_path / 'checkpoint', it, {})
    again = anchored()
    checkpoint.load(tmp_path / 'checkpoint', again)
    assert again.updates == 2
    torch.manual_seed(5)
    first = it.update(batch())
    torch.manual_seed(5)
    assert again.update(batch()) == pytest.approx(first, rel=1e-4)
