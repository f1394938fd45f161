# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One update of world model, value and policy: the Dreamer recipe at robot size.

Owns losses and optimisers; knows no environment and no disk. Sources: world-model loss from
DreamerV3 (free nats, KL scales, two-hot reward), policy by gradients through imagined dynamics
from DreamerV1/V2 with DreamerV3's return scale, replay value loss from DreamerV3, averaged weights
from Polyak (1992).
"""

from __future__ import annotations

import copy
import functools
import operator
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import torch
import torch.nn.functional as F

from world_model_ros.families.device import has_bf16, mixed_precision, moved
from world_model_ros.families.dreamer.filtering import embed_windows, filter_windows
from world_model_ros.families.dreamer.imitation import demonstration_loss, imitation_loss
from world_model_ros.families.dreamer.net import Dreamer
from world_model_ros.families.dreamer.pasts import distance_of_pasts, unseen_ticks
from world_model_ros.families.dreamer.recipe import LearnerConfig
from world_model_ros.families.dreamer.returns import lambda_returns, replay_returns
from world_model_ros.families.dreamer.weights import (
    learner_tensors,
    restore_learner,
    shipped_tensors,
)
from world_model_ros.families.protocol import Batch

# Where a contract sets no end: long enough for the largest discount.
ENDLESS_TICKS = 1000


def _untimed(part: str) -> None:
    """Nobody measures."""


class Learner:
    """Holds model, slow value and optimisers; ``update`` takes one batch of windows.

    ``model`` explores and learns; ``average`` trails it and is what gets scored and shipped: one
    late bad step of the policy does not reach a robot.
    """

    family = 'dreamer'
    imitates = True

    def __init__(self, model: Dreamer, config: LearnerConfig) -> None:
        self.model, self.config = model, config
        episode = model.contract.episode
        ticks = episode.max_ticks or episode.segment_ticks or ENDLESS_TICKS
        # TD-MPC2's rule for the discount, from the length of an episode in ticks.
        self.discount = min(max((ticks / 5 - 1) / (ticks / 5), 0.95), 0.995)
        self.average = copy.deepcopy(model).requires_grad_(False)
        self.slow_value = copy.deepcopy(model.value_head)
        self.slow_value.requires_grad_(False)
        self.value_params = list(model.value_head.parameters())
        self.policy_params = list(model.policy_head.parameters())
        apart = {id(p) for p in self.value_params + self.policy_params}
        self.model_params = [p for p in model.parameters() if id(p) not in apart]
        self.optimisers = [
            torch.optim.Adam(self.model_params, config.model_lr, eps=1e-8),
            torch.optim.Adam(self.value_params, config.value_lr, eps=1e-6),
            torch.optim.Adam(self.policy_params, config.policy_lr, eps=1e-6),
        ]
        self.rates = [config.model_lr, config.value_lr, config.policy_lr]
        self.return_scale = torch.tensor(1.0, device=self.device)
        self.teacher: Dreamer | None = None
        self.sampled = config.latents == 'sampled'
        self._recent: tuple[torch.Tensor, torch.Tensor | None] | None = None
        self.updates = 0
        self.mark: Callable[[str], None] = _untimed
        self._choose_precision()

    @property
    def device(self) -> torch.device:
        """Return where the model learns."""
        return self.model.device

    def to(self, device: torch.device) -> None:
        """Go on learning on another device; windows may come from anywhere."""
        for net in (self.model, self.average, self.slow_value, self.teacher):
            if net is not None:
                net.to(device)  # parameters stay the same objects for the optimisers
        self.return_scale = self.return_scale.to(device)
        for optimiser in self.optimisers:
            optimiser.load_state_dict(optimiser.state_dict())  # moments follow the parameters
        self._choose_precision()

    def _choose_precision(self) -> None:
        asked = self.config.bf16
        self.bf16 = has_bf16(self.device) if asked is None else asked

    @property
    def batch_size(self) -> int:
        """Return the windows of one update."""
        return self.config.batch

    @property
    def window_ticks(self) -> int:
        """Return the ticks of a window."""
        return self.config.length

    @property
    def remembers(self) -> bool:
        """Return whether windows shall begin with the belief that was stored before them."""
        return self.config.context

    def recent_beliefs(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the beliefs [B, T, D] of the last update and which were corrected [B, T]."""
        assert self._recent is not None, 'nothing was learned yet'
        beliefs, unseen = self._recent
        seen = torch.ones_like(beliefs[..., 0], dtype=torch.bool) if unseen is None else ~unseen
        return beliefs, seen

    def settings(self) -> dict[str, Any]:
        """Return the recipe for records."""
        return asdict(self.config) | {'bf16': self.bf16}

    def normalise(self, rows: Mapping[str, torch.Tensor]) -> None:
        """Take mean and scale of the joints, once and for all; angles that wrap need none."""
        model, rows = self.model, moved(rows, self.device)
        for name in model.vectors:
            straight = rows[name][:, getattr(model, f'straight_{name}')]
            getattr(model, f'mean_{name}').copy_(straight.mean(0))
            getattr(model, f'scale_{name}').copy_(straight.std(0).clamp(min=1e-3))

    @torch.no_grad()
    def observe_windows(self, batch: Batch) -> torch.Tensor:
        """Return the beliefs [B, T, D] of windows by the rule of the robot."""
        batch = moved(batch, self.device)
        embedded = embed_windows(self.model, batch)
        return filter_windows(self.model, batch, embedded, sampled=False).beliefs

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return everything learning needs to go on, by name: see `weights`."""
        return learner_tensors(self)

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take tensors of ``state_dict`` or ``shipped``, also of older versions."""
        restore_learner(self, state)

    def shipped(self) -> dict[str, torch.Tensor]:
        """Return what travels beside a bundle, for learning to go on from there."""
        return shipped_tensors(self)

    def update(self, batch: Batch) -> dict[str, float]:
        """Take one gradient step on everything; return figures for the log."""
        self.mark('transfer')
        batch = moved(batch, self.device)
        self.mark('encode')
        warm = min(1.0, (self.updates + 1) / self.config.warmup_updates)
        for optimiser, rate in zip(self.optimisers, self.rates, strict=True):
            optimiser.param_groups[0]['lr'] = rate * warm
        embedded = embed_windows(self.model, batch, self.bf16)
        beliefs, figures = self._learn_model(batch, embedded)
        if torch.isfinite(batch['reward']).any():
            figures |= self._learn_behaviour(beliefs, batch, embedded.detach())
        else:  # nothing says what is good but what was done
            figures |= self._imitate(beliefs, batch)
        self.mark('average')
        with torch.no_grad():
            for slow, fast in zip(self.slow_value.parameters(), self.value_params, strict=True):
                slow.lerp_(fast, self.config.slow_value)
            self._average_weights()
        self.updates += 1
        return figures

    def anchor(self, teacher: Dreamer) -> None:
        """Keep what beliefs mean, and the policy near the teacher's; for weights that work.

        The nets that filter stay as they are; what follows from a belief is learned. A policy is
        lost when the beliefs that it reads drift away from it, faster than it can follow.
        """
        self.teacher = teacher
        kept = {id(p) for net in self.model.filter_nets() for p in net.parameters()}
        self.model_params = [p for p in self.model_params if id(p) not in kept]
        for net in self.model.filter_nets():
            net.requires_grad_(False)
        self.rates[0] = self.config.anchored_lr
        self.optimisers[0] = torch.optim.Adam(self.model_params, self.rates[0], eps=1e-8)

    def _average_weights(self) -> None:
        rate = max(self.config.average, 1.0 / (self.updates + 1))  # no memory of random weights
        ours, theirs = self.average.parameters(), self.model.parameters()
        torch._foreach_lerp_(list(ours), list(theirs), rate)
        for mine, new in zip(self.average.buffers(), self.model.buffers(), strict=True):
            mine.copy_(new)

    # ---- world model -----------------------------------------------------------------------

    def _learn_model(
        self, batch: Batch, embedded: torch.Tensor
    ) -> tuple[torch.Tensor, dict[str, float]]:
        c, model, params = self.config, self.model, self.model_params
        self.mark('observe')
        unseen = unseen_ticks(batch['is_first'], c.open_loop_share)
        filtered = filter_windows(model, batch, embedded, self.sampled, unseen)
        losses: dict[str, torch.Tensor] = {}
        if c.agree_scale:
            apart = distance_of_pasts(
                model, batch, embedded, filtered, c.agree_after, c.agree_ticks, self.sampled
            )
            losses['agree'] = c.agree_scale * apart
        self._recent = (filtered.beliefs.detach(), unseen)
        self.mark('decode')
        dyn, rep = filtered.kl(c.free_nats)
        flat = filtered.beliefs.flatten(0, 1)
        losses['kl'] = c.dyn_scale * dyn + c.rep_scale * rep
        count = flat.shape[0]
        picked = torch.randperm(count, device=flat.device)[: max(1, int(count * c.decode_share))]
        for name in model.pictures:
            target = batch[f'obs_{name}'].flatten(0, 1)[picked].permute(0, 3, 1, 2) / 255.0
            with mixed_precision(flat.device, self.bf16):
                pixels = model.decoders[name](flat[picked])
            error = (pixels.float() - target).square().sum((1, 2, 3)).mean()
            losses[f'picture_{name}'] = c.picture_scale * error
        if model.vector_decoder is not None:
            rows = {n: batch[f'obs_{n}'].flatten(0, 1) for n in model.vectors}
            error = model.vector_decoder(flat) - model.vector_targets(rows)
            losses['vector'] = error.square().sum(-1).mean()
        reward = batch['reward'].flatten()
        known = torch.isfinite(reward)  # a missing reward is a mask, never a zero
        code = model.two_hot.loss(model.reward_head(flat), torch.nan_to_num(reward))
        losses['reward'] = (code * known).sum() / known.sum().clamp(min=1)
        alive = 1.0 - batch['terminal'].flatten().float()
        logits = model.continue_head(flat).squeeze(-1)
        losses['continue'] = F.binary_cross_entropy_with_logits(logits, alive)
        total = functools.reduce(operator.add, losses.values())
        norm = self._step(self.optimisers[0], params, total)
        figures = {f'loss/{k}': float(v.detach()) for k, v in losses.items()}
        figures |= {'loss/dyn': float(dyn.detach()), 'grad/model': norm}
        return filtered.beliefs.detach(), figures

    # ---- behaviour -------------------------------------------------------------------------

    def _learn_behaviour(
        self, beliefs: torch.Tensor, batch: Batch, embedded: torch.Tensor
    ) -> dict[str, float]:
        self.mark('imagine')
        c, model = self.config, self.model
        flat = beliefs.flatten(0, 1)
        belief = flat[torch.randperm(flat.shape[0], device=flat.device)[: c.starts]]  # [M, D]
        states, entropies = [belief], []
        shape = (belief.shape[0], model.config.groups, model.config.classes)
        for _ in range(c.horizon):
            mean, std = model.unit_policy(belief)
            raw = mean + std * torch.randn_like(mean)
            action = raw + (raw.clamp(-1.0, 1.0) - raw).detach()  # straight-through clip
            noise = torch.rand(shape, device=belief.device).clamp(1e-6, 1.0 - 1e-6)
            belief = model.imagine_unit(belief, action, noise if self.sampled else None)
            states.append(belief)
            entropies.append(torch.log(std).sum(-1))
        imagined = torch.stack(states)  # [H + 1, M, D]
        reward = model.reward(imagined[1:])
        alive = model.continuation(imagined[1:])
        slow = model.value_code.mean(self.slow_value(imagined))  # [H + 1, M]
        returns = lambda_returns(reward, alive, slow[1:], self.discount, c.lambda_)  # [H, M]
        weight = torch.cumprod(torch.cat([torch.ones_like(alive[:1]), alive[:-1]]), 0).detach()
        with torch.no_grad():
            spread = torch.quantile(returns, 0.95) - torch.quantile(returns, 0.05)
            if torch.isfinite(spread):  # one bad batch must not poison it for good
                self.return_scale.lerp_(spread, 0.01)
        scale = self.return_scale.clamp(min=1.0)
        entropy = torch.stack(entropies)
        policy_loss = -(weight * (returns / scale + c.entropy * entropy)).mean()
        figures = {'loss/policy': float(policy_loss.detach())}
        if self.teacher is not None:
            away = imitation_loss(model, self.teacher, batch, embedded)
            figures['policy/from_teacher'] = float(away.detach())
            settled = self.updates >= c.settle_updates
            policy_loss = policy_loss + (c.imitation_later if settled else c.imitation) * away
        policy_norm = self._step(self.optimisers[2], self.policy_params, policy_loss)

        self.mark('value')
        logits = model.value_head(imagined[:-1].detach())
        value_loss = (weight * model.value_code.loss(logits, returns.detach())).mean()
        with torch.no_grad():
            slow = model.value_code.mean(self.slow_value(beliefs))  # [B, T]
        targets, mask = replay_returns(slow, batch, self.discount, c.lambda_)
        code = model.value_code.loss(model.value_head(beliefs[:, :-1]), targets)
        replay_loss = (code * mask).sum() / mask.sum().clamp(min=1)
        loss = value_loss + c.replay_value_scale * replay_loss
        value_norm = self._step(self.optimisers[1], self.value_params, loss)
        model.value_code.follow(scale)
        return figures | {
            'loss/value': float(value_loss.detach()),
            'loss/replay_value': float(replay_loss.detach()),
            'policy/entropy': float(entropy.detach().mean()),
            'policy/return_scale': float(scale),
            'imagined/return': float(returns.detach().mean()),
            'imagined/reward': float(reward.detach().mean()),
            'replay/return': float((targets * mask).sum() / mask.sum().clamp(min=1)),
            'grad/policy': policy_norm,
            'grad/value': value_norm,
        }

    def _imitate(self, beliefs: torch.Tensor, batch: Batch) -> dict[str, float]:
        """Move the policy towards what was done: for recordings without any reward."""
        self.mark('imitate')
        loss = demonstration_loss(self.model, batch, beliefs)
        norm = self._step(self.optimisers[2], self.policy_params, loss)
        return {'loss/policy_imitation': float(loss.detach()), 'grad/policy': norm}

    def _step(
        self,
        optimiser: torch.optim.Optimizer,
        params: list[torch.nn.Parameter],
        loss: torch.Tensor,
    ) -> float:
        self.mark('backward')
        grads = torch.autograd.grad(loss, params, allow_unused=True)
        self.mark('optimise')
        for param, grad in zip(params, grads, strict=True):
            param.grad = grad
        norm = float(torch.nn.utils.clip_grad_norm_(params, self.config.clip))
        if norm == norm and norm != float('inf'):
            optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        return norm
