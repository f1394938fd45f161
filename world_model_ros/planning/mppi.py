# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One iteration of sampling-based planning in imagination, as a module that exports to ONNX.

Model predictive path integral control (Williams 2017) over latent rollouts, seeded by the policy
and bootstrapped by the value (TD-MPC2). No random numbers inside: noise is an input. Written over
the models' protocol; knows no family.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import torch
from torch import nn

from world_model_ros.families.protocol import DecodesVectors, WorldModel

# Rows of the candidate batch that are always there, in this order; sampled rows follow.
POLICY, PREVIOUS, SAFE, MEAN, FIXED = 0, 1, 2, 3, 4


@dataclass(frozen=True)
class PlannerConfig:
    """Defaults shipped in a bundle; names as nav2_mppi_controller where the meaning is the same.

    Standard deviations are shares of half the action range.
    """

    horizon: int = 5  # ticks imagined (nav2: time_steps)
    batch_size: int = 48  # sampled candidates per iteration
    iteration_count: int = 2
    num_elites: int = 8
    temperature: float = 0.1  # in units of the return scale
    min_std: float = 0.05
    max_std: float = 0.3  # wider searches find the errors of the model, not better plans
    gamma: float = 0.99
    # What a plan must promise beyond the policy's own rollout, in units of the return scale: less
    # than the model's error is no reason to leave what was learned over thousands of episodes.
    policy_margin: float = 0.03

    def as_dict(self) -> dict[str, float]:
        """Return the settings for the manifest."""
        return asdict(self)


@dataclass(frozen=True)
class JointLimits:
    """Which joints must not be predicted outside of the action box."""

    # Stream -> (action, place in the stream's array): joints whose command is their position.
    joints: Mapping[str, Sequence[tuple[int, int]]]
    tolerance: float | Sequence[float]  # in the unit of the action; of each action
    rejected: float  # added to the value of a candidate that leaves them, far below any return


class PlanIteration(nn.Module):
    """Score candidates by imagined return and refit the sampling distribution."""

    return_scale: torch.Tensor

    def __init__(
        self,
        model: WorldModel,
        config: PlannerConfig,
        return_scale: float,
        limits: JointLimits | None = None,
    ) -> None:
        """Plan with a model that, where there are limits, is one of ``DecodesVectors``."""
        super().__init__()
        self.model, self.config = model, config
        self.limits = limits
        # A buffer: it changes from release to release like the weights.
        self.register_buffer('return_scale', torch.tensor(return_scale))

    def forward(
        self,
        belief: torch.Tensor,
        mean: torch.Tensor,
        std: torch.Tensor,
        noise: torch.Tensor,
        previous: torch.Tensor,
        previous_mask: torch.Tensor,
        low: torch.Tensor,
        high: torch.Tensor,
        safe: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        """Run one iteration; every action is in SI units and inside the box.

        Args:
            belief: [1, B], where the plan starts.
            mean: [H, A] and std [H, A], the sampling distribution.
            std: see mean.
            noise: [N, H, A], standard normal.
            previous: [H, A], the previous plan shifted by the ticks that passed.
            previous_mask: [H], 0 where it has no action: there the policy decides.
            low: [A], the action box.
            high: [A], the action box.
            safe: [A], the contract's safe action.

        Returns:
            mean_out [H, A], std_out [H, A], best [H, A], best_value [1], best_index [1],
            policy_plan [H, A], policy_value [1], values [N + 4] over the return scale.
        """
        c = self.config
        half = (high - low) / 2.0  # [A]
        sampled = torch.minimum(torch.maximum(mean + std * noise, low), high)  # [N, H, A]
        inside = torch.minimum(torch.maximum(mean, low), high).unsqueeze(0)  # [1, H, A]
        held = safe.expand(1, c.horizon, safe.shape[0])  # [1, H, A]
        free = torch.cat([held, inside, sampled])  # [N + 2, H, A]
        count = c.batch_size + FIXED
        state = belief.expand(count, belief.shape[1])  # [N + 4, B]
        known = previous_mask.reshape(-1, 1)  # [H, 1]
        kept = torch.minimum(torch.maximum(previous, low), high) * known  # [H, A]
        # Row 0 is the policy's everywhere, row 1 only where the previous plan has no action.
        kept = torch.stack([torch.zeros_like(kept), kept], 1)  # [H, 2, A]
        ours = torch.stack([torch.ones_like(known), 1.0 - known], 1)  # [H, 2, 1]
        actions, states = [], [state]
        for h in range(c.horizon):
            own = self.model.policy(state[:2])[0]  # [2, A]
            own = torch.minimum(torch.maximum(own, low), high)
            action = torch.cat([kept[h] + own * ours[h], free[:, h]])  # [N + 4, A]
            state = self.model.imagine(state, action)
            actions.append(action)
            states.append(state)
        plans = torch.stack(actions, 1)  # [N + 4, H, A]
        values = self._returns(states, actions) / self.return_scale  # [N + 4]
        if self.limits is not None:
            values = values + self._rejected(self.limits, states[1:], low, high)

        favoured = torch.cat([values[:PREVIOUS] + c.policy_margin, values[PREVIOUS:]])
        top, index = torch.topk(favoured, c.num_elites)
        elites = plans.index_select(0, index)  # [E, H, A]
        weight = torch.softmax(top / c.temperature, 0).reshape(-1, 1, 1)
        mean_out = (weight * elites).sum(0)
        variance = (weight * (elites - mean_out).square()).sum(0)
        std_out = torch.sqrt(variance + 1e-12)
        std_out = torch.minimum(torch.maximum(std_out, c.min_std * half), c.max_std * half)
        best = index[:1]
        return (
            mean_out,
            std_out,
            plans.index_select(0, best).squeeze(0),
            values.index_select(0, best),
            best,
            plans[POLICY],
            values[POLICY : POLICY + 1],
            values,
        )

    def _rejected(
        self,
        limits: JointLimits,
        states: list[torch.Tensor],
        low: torch.Tensor,
        high: torch.Tensor,
    ) -> torch.Tensor:
        """Return 0 for a candidate whose predicted joints stay in the box, else far less, [N + 4].

        The further they leave it, the less: where all do, the one that leaves it least is best.
        """
        assert isinstance(self.model, DecodesVectors)
        count = states[0].shape[0]
        predicted = self.model.decode_vectors(torch.cat(states))  # [H * (N + 4), n] each
        here = low.device
        beyond = torch.zeros(len(states) * count, device=here)
        for name, rows in limits.joints.items():
            actions = torch.tensor([action for action, _ in rows], device=here)
            places = torch.tensor([place for _, place in rows], device=here)
            at = predicted[name].index_select(-1, places)
            tolerance: float | torch.Tensor
            if isinstance(limits.tolerance, float):
                tolerance = limits.tolerance
            else:
                each = [limits.tolerance[action] for action, _ in rows]
                tolerance = torch.tensor(each, device=here)
            least = low.index_select(0, actions) - tolerance
            most = high.index_select(0, actions) + tolerance
            beyond = beyond + (torch.relu(least - at) + torch.relu(at - most)).sum(-1)
        beyond = beyond.reshape(len(states), count).sum(0)
        rejected = limits.rejected * (1.0 + beyond)
        return torch.where(beyond > 0.0, rejected, torch.zeros_like(beyond))

    def _returns(self, states: list[torch.Tensor], actions: list[torch.Tensor]) -> torch.Tensor:
        """Return discounted imagined returns [N + 4] of H + 1 states [N + 4, B] and H actions."""
        c = self.config
        count = states[0].shape[0]
        reward, alive = self.model.outcomes(
            torch.cat(states[:-1]), torch.cat(actions), torch.cat(states[1:])
        )
        reward, alive = reward.reshape(c.horizon, count), alive.reshape(c.horizon, count)
        value = self.model.value(states[-1])
        total, discount = reward[0], alive[0] * c.gamma
        for h in range(1, c.horizon):
            total = total + discount * reward[h]
            discount = discount * alive[h] * c.gamma
        return total + discount * value
