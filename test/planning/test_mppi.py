# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One planner iteration: right on a problem with a known answer, and never outside the box."""

import dataclasses

import pytest
import torch

from world_model_ros.planning.mppi import (
    FIXED,
    MEAN,
    POLICY,
    PREVIOUS,
    SAFE,
    JointLimits,
    PlanIteration,
    PlannerConfig,
)

GAMMA = 0.97
A, B, Q, R = 1.05, 0.4, 1.0, 0.3


class Linear:
    """x' = A x + B u with quadratic cost; the reward is one of state and action, r(x, u)."""

    belief_dim, action_dim = 1, 1

    def __init__(self, scale: float = 1.0) -> None:
        self.scale = scale
        cost = 1.0
        for _ in range(500):  # discounted Riccati recursion
            gain = GAMMA * A * B * cost / (R + GAMMA * B * B * cost)
            cost = Q + GAMMA * A * A * cost - GAMMA * A * B * cost * gain
        self.cost, self.gain = cost, gain

    def imagine(self, belief, action, noise=None):
        return A * belief + B * action

    def outcomes(self, belief, action, next_belief):
        cost = Q * belief[:, 0] ** 2 + R * action[:, 0] ** 2
        return -self.scale * cost, torch.ones(belief.shape[0])

    def value(self, belief):
        return -self.scale * self.cost * belief[:, 0] ** 2

    def policy(self, belief):
        return torch.zeros(belief.shape[0], 1), torch.ones(belief.shape[0], 1)


CONFIG = PlannerConfig(
    horizon=5,
    batch_size=256,
    num_elites=16,
    temperature=0.02,
    min_std=0.005,
    gamma=GAMMA,
    policy_margin=0.0,
)


def run(
    model,
    x: float,
    iterations: int,
    scale: float = 1.0,
    previous=None,
    mask=None,
    config=CONFIG,
    limits=None,
):
    torch.manual_seed(0)
    step = PlanIteration(model, config, scale, limits)
    box = torch.tensor([2.0])
    mean, std = torch.zeros(CONFIG.horizon, 1), torch.ones(CONFIG.horizon, 1)
    previous = torch.zeros(CONFIG.horizon, 1) if previous is None else previous
    mask = torch.ones(CONFIG.horizon) if mask is None else mask
    for _ in range(iterations):
        noise = torch.randn(CONFIG.batch_size, CONFIG.horizon, 1)
        out = step(torch.tensor([[x]]), mean, std, noise, previous, mask, -box, box, 0 * box)
        mean, std = out[0], out[1]
    return out


def test_planner_on_the_true_model_comes_within_five_percent_of_riccati():
    model = Linear()

    def cost_of(controller) -> float:
        x, total = 1.5, 0.0
        for t in range(40):
            u = controller(x)
            total += GAMMA**t * (Q * x * x + R * u * u)
            x = A * x + B * u
        return total

    best = cost_of(lambda x: max(-2.0, min(2.0, -model.gain * x)))
    planned = cost_of(lambda x: float(run(model, x, 10)[2][0]))
    assert planned <= 1.05 * best


def test_rewards_times_a_hundred_give_the_same_plan():
    small = run(Linear(), 1.0, 2, scale=1.0)
    large = run(Linear(100.0), 1.0, 2, scale=100.0)
    torch.testing.assert_close(small[2], large[2], rtol=1e-4, atol=1e-5)


def test_every_plan_stays_inside_the_action_box():
    out = run(Linear(), 50.0, 3)
    assert out[0].abs().max() <= 2.0 and out[2].abs().max() <= 2.0


def test_best_is_the_highest_value_and_fixed_candidates_are_scored():
    out = run(Linear(), 1.0, 1)
    values = out[7]
    assert values.shape == (CONFIG.batch_size + FIXED,)
    assert float(out[3]) == pytest.approx(float(values.max()))
    assert int(out[4]) == int(values.argmax())
    # At the start policy, previous plan, safe action and mean are all zeros: one value.
    torch.testing.assert_close(values[[PREVIOUS, SAFE, MEAN]], values[:1].expand(3))


def test_masked_tail_of_the_previous_plan_is_filled_by_the_policy():
    previous = torch.full((CONFIG.horizon, 1), -0.5)
    full = run(Linear(), 1.0, 1, previous=previous)[7][PREVIOUS]
    mask = torch.ones(CONFIG.horizon)
    mask[-1] = 0.0
    filled = run(Linear(), 1.0, 1, previous=previous, mask=mask)[7][PREVIOUS]
    explicit = previous.clone()
    explicit[-1] = 0.0  # what this policy answers everywhere
    wanted = run(Linear(), 1.0, 1, previous=explicit)[7][PREVIOUS]
    assert float(filled) == pytest.approx(float(wanted))
    assert float(filled) != pytest.approx(float(full))


def test_policy_is_left_only_for_more_than_the_margin():
    free = run(Linear(), 1.0, 1)
    gain = float(free[3] - free[6])
    assert gain > 0 and int(free[4]) != POLICY
    wary = dataclasses.replace(CONFIG, policy_margin=1.01 * gain)
    held = run(Linear(), 1.0, 1, config=wary)
    assert int(held[4]) == POLICY
    torch.testing.assert_close(held[3], held[6])  # the margin is no part of the value


LIMITS = JointLimits({'joints': [(0, 0)]}, tolerance=0.02, rejected=-1000.0)


class Seen(Linear):
    """Says where its joint is: the belief itself. Its policy drives outwards."""

    def decode_vectors(self, belief):
        return {'joints': belief}

    def policy(self, belief):
        return torch.full((belief.shape[0], 1), 2.0), torch.ones(belief.shape[0], 1)

    def outcomes(self, belief, action, next_belief):
        return next_belief[:, 0], torch.ones(belief.shape[0])  # further out is better

    def value(self, belief):
        return 10.0 * belief[:, 0]


def path(plan, x):
    """Where a plan [H, 1] takes the joint."""
    places = []
    for action in plan[:, 0].tolist():
        x = A * x + B * action
        places.append(x)
    return places


def test_a_candidate_whose_predicted_joint_leaves_the_limits_is_rejected():
    free = run(Seen(), 1.8, 3)
    assert max(path(free[2], 1.8)) > 2.5
    held = run(Seen(), 1.8, 3, limits=LIMITS)
    assert float(held[3]) > LIMITS.rejected / 2
    assert max(path(held[2], 1.8)) <= 2.0 + 0.02
    assert float(held[7][POLICY]) < LIMITS.rejected / 2


def test_where_every_candidate_is_rejected_the_one_that_leaves_least_is_best():
    out = run(Seen(), 5.0, 1, limits=LIMITS)
    assert float(out[3]) < LIMITS.rejected / 2
    assert path(out[2], 5.0)[0] < 5.0
