# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The smallest family: what is observed moves linearly; fitted by least squares, no pictures."""

import torch
from torch import nn


class ToyModel(nn.Module):
    """Belief [B, D]: all numbers observed, as they are."""

    def __init__(self, contract):
        super().__init__()
        if any(len(s.shape) != 1 for s in contract.streams):
            raise ValueError('it learns from streams of numbers alone')
        self.contract, self.config = contract, {}
        self.sizes = {s.name: s.shape[0] for s in contract.streams}
        self.belief_dim, self.action_dim = sum(self.sizes.values()), contract.action_dim
        low, high = torch.tensor(contract.action.low), torch.tensor(contract.action.high)
        self.register_buffer('action_mid', (low + high) / 2)
        self.register_buffer('action_half', (high - low) / 2)
        owner = [i for i, size in enumerate(self.sizes.values()) for _ in range(size)]
        self.register_buffer('owner', torch.tensor(owner))  # stream of each number
        self.step = nn.Linear(self.belief_dim + self.action_dim, self.belief_dim + 1)
        self.chosen = nn.Linear(self.belief_dim, self.action_dim + 1)  # action, value
        for parameter in self.requires_grad_(False).parameters():
            parameter.zero_()

    def initial(self, batch):
        return torch.zeros(batch, self.belief_dim)

    def observe(self, belief, action_sent, observation, ages, is_first, noise=None):
        expected = self.imagine(belief, action_sent) * (1.0 - is_first)
        missed = torch.cat([observation[name] for name in self.sizes], -1) - expected
        periods = ages.index_select(-1, self.owner) * (1.0 - is_first) / self.contract.period_s
        return expected + torch.exp(-periods) * missed, missed.square().sum(-1)

    def imagine(self, belief, action, noise=None):
        return belief + self.step(torch.cat([belief, action], -1))[..., :-1]

    def outcomes(self, belief, action, next_belief):
        reward = self.step(torch.cat([belief, action], -1))[..., -1]
        return reward, torch.ones_like(reward)

    def value(self, belief):
        return self.chosen(belief)[..., -1]

    def policy(self, belief):
        mean = self.action_mid + self.chosen(belief)[..., :-1]
        return mean, self.action_half.expand_as(mean)

    def decode(self, belief):
        return dict(zip(self.sizes, belief.split(list(self.sizes.values()), -1), strict=True))


class ToyAlgorithm:
    """Adds every batch to the normal equations, and solves them."""

    family, discount, batch_size, window_ticks = 'toy', 0.95, 16, 8

    def __init__(self, model):
        self.model = self.average = model
        self.return_scale, self.updates = torch.tensor(1.0), 0
        self.sums = torch.zeros(model.step.in_features + 1, sum(model.step.weight.shape) + 1)

    def settings(self):
        return {}

    def normalise(self, rows):
        pass

    def update(self, batch):
        z = torch.cat([batch[f'obs_{name}'] for name in self.model.sizes], -1)  # [B, T, D]
        reward = batch['reward'][:, 1:]
        keep = ~batch['is_first'][:, 1:] & torch.isfinite(reward)
        given = torch.cat([z[:, :-1], batch['action_sent'][:, 1:]], -1)[keep]
        wanted = torch.cat([z[:, 1:] - z[:, :-1], reward[..., None]], -1)[keep]
        error = (self.model.step(given) - wanted).square().mean()
        given = torch.cat([given, torch.ones(len(given), 1)], -1)
        self.sums += given.T @ torch.cat([given, wanted], -1)
        gram, cross = self.sums.split([given.shape[1], wanted.shape[1]], -1)
        solved = torch.linalg.solve(gram + 1e-3 * torch.eye(len(gram)), cross).T
        self.model.step.weight.copy_(solved[:, :-1])
        self.model.step.bias.copy_(solved[:, -1])
        self.updates += 1
        return {'loss/step': float(error)}

    def observe_windows(self, batch):
        belief, beliefs = self.model.initial(len(batch['reward'])), []
        for t in range(batch['reward'].shape[1]):
            now = {key: rows[:, t] for key, rows in batch.items()}
            seen, first = {n: now[f'obs_{n}'] for n in self.model.sizes}, now['is_first'][:, None]
            parts = (now['action_sent'], seen, now['ages'], first.float())
            beliefs.append(belief := self.model.observe(belief, *parts)[0])
        return torch.stack(beliefs, 1)

    def shipped(self):
        return {f'model.{k}': v.clone() for k, v in self.model.state_dict().items()}

    def state_dict(self):
        return self.shipped() | {'sums': self.sums.clone()}

    def load_state_dict(self, state):
        own = {k[6:]: v for k, v in state.items() if k.startswith('model.')}
        self.model.load_state_dict(own)
        self.sums = state.get('sums', torch.zeros_like(self.sums)).clone()


class ToyFamily:
    name = 'toy'

    def build(self, contract, config=None):
        return ToyModel(contract)

    def algorithm(self, model, config=None):
        return ToyAlgorithm(model)

    def config_to_json(self, config):
        return config

    def config_from_json(self, values):
        return {}


FAMILY = ToyFamily()
