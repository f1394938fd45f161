# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The capabilities of a bundle as torch modules, written over the world-model protocol.

Owns names and order of inputs and outputs (bundle format 2); bundle.py turns them into ONNX.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from world_model_ros.bundle.format_names import REJECTED_VALUE
from world_model_ros.contract import Contract
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.families.protocol import Decodes, DecodesVectors, WorldModel
from world_model_ros.planning.mppi import JointLimits, PlanIteration, PlannerConfig


class ObserveGraph(nn.Module):
    """Belief after one tick, and what the model thinks of it."""

    def __init__(self, model: WorldModel, contract: Contract) -> None:
        super().__init__()
        self.model, self.streams = model, [s.name for s in contract.streams]

    def forward(
        self,
        belief: torch.Tensor,
        action_sent: torch.Tensor,
        is_first: torch.Tensor,
        *rest: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        """Take belief, action, flag, one tensor per stream and ages; see bundle format 2."""
        observation = dict(zip(self.streams, rest[:-1], strict=True))
        out, surprise = self.model.observe(belief, action_sent, observation, rest[-1], is_first)
        return out, surprise


class ValueGraph(nn.Module):
    """What a belief is worth."""

    def __init__(self, model: WorldModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, belief: torch.Tensor) -> torch.Tensor:
        """Map belief [1, B] to the expected return [1]."""
        return self.model.value(belief)


class OutcomesGraph(nn.Module):
    """What a step brings."""

    def __init__(self, model: WorldModel) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, belief: torch.Tensor, action: torch.Tensor, next_belief: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Map belief [1, B], action [1, A] and next belief to reward and continuation [1]."""
        return self.model.outcomes(belief, action, next_belief)


class ImagineGraph(nn.Module):
    """Belief one period later under an action."""

    def __init__(self, model: WorldModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, belief: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        """Map belief [1, B] and action [1, A] to the next belief."""
        return self.model.imagine(belief, action)


class PolicyGraph(nn.Module):
    """The policy's action at a belief."""

    def __init__(self, model: WorldModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, belief: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Map belief [1, B] to mean and std [1, A] in SI units."""
        return self.model.policy(belief)


class DecodeGraph(nn.Module):
    """What a belief looks like."""

    def __init__(self, model: Decodes, contract: Contract) -> None:
        super().__init__()
        self.model, self.streams = model, [s.name for s in contract.streams]

    def forward(self, belief: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Map belief [1, B] to one picture or joint vector per stream."""
        decoded = self.model.decode(belief)
        return tuple(decoded[name] for name in self.streams)


@dataclass(frozen=True)
class Graph:
    """A module with named example inputs and output names."""

    module: nn.Module
    inputs: dict[str, torch.Tensor]
    outputs: tuple[str, ...]
    may_ignore: frozenset[str] = frozenset()  # inputs that a family need not use


def joint_limits(model: WorldModel, contract: Contract) -> JointLimits | None:
    """Return which joints the planner keeps inside of the box of their commands.

    Only those whose command is a position: its limits are those of the joint. None where there is
    none, or the model cannot say where joints are. One that turns without end has no limits.
    """
    action = contract.action
    held = {n for n, position in zip(action.names, action.positions, strict=True) if position}
    if not isinstance(model, DecodesVectors) or not held:
        return None
    found: dict[str, list[tuple[int, int]]] = {}
    for stream in contract.vector_streams:
        turning = stream_kind(stream.kind).turning(stream)
        places = stream_kind(stream.kind).positions(stream, np.arange(stream.shape[0]))
        rows = [
            (action.names.index(name), int(place))
            for name, place in places.items()
            if name in held and int(place) not in turning
        ]
        if rows:
            found[stream.name] = rows
    one = len(set(action.box_tolerance)) == 1
    tolerance = action.box_tolerance[0] if one else action.box_tolerance
    return JointLimits(found, tolerance, REJECTED_VALUE) if found else None


def bundle_graphs(
    model: WorldModel, contract: Contract, planner: PlannerConfig, return_scale: float
) -> dict[str, Graph]:
    """Return the graphs of a bundle with example inputs of the right type and shape."""
    belief = model.initial(1)
    action = torch.zeros(1, contract.action_dim)
    observation = {
        s.graph_input: torch.zeros(
            (1, *s.shape), dtype=torch.uint8 if s.dtype == np.uint8 else torch.float32
        )
        for s in contract.streams
    }
    low = torch.tensor(contract.action.low)
    high = torch.tensor(contract.action.high)
    plan = torch.zeros(planner.horizon, contract.action_dim)
    graphs = {
        'observe': Graph(
            ObserveGraph(model, contract),
            {
                'belief': belief,
                'action_sent': action,
                'is_first': torch.ones(1, 1),
                **observation,
                'ages': torch.zeros(1, len(contract.streams)),
            },
            ('belief_out', 'surprise'),
        ),
        'imagine': Graph(
            ImagineGraph(model), {'belief': belief, 'action': action}, ('belief_out',)
        ),
        'policy': Graph(PolicyGraph(model), {'belief': belief}, ('action_mean', 'action_std')),
        'value': Graph(ValueGraph(model), {'belief': belief}, ('value',)),
        'outcomes': Graph(
            OutcomesGraph(model),
            {'belief': belief, 'action': action, 'next_belief': model.initial(1)},
            ('reward', 'continuation'),
            frozenset({'belief', 'action', 'next_belief'}),
        ),
        'plan': Graph(
            PlanIteration(model, planner, return_scale, joint_limits(model, contract)),
            {
                'belief': belief,
                'mean': plan,
                'std': torch.ones_like(plan),
                'noise': torch.zeros(planner.batch_size, *plan.shape),
                'previous': plan.clone(),  # one tensor given twice becomes one input
                'previous_mask': torch.ones(planner.horizon),
                'low': low,
                'high': high,
                'safe': torch.zeros_like(low),
            },
            (
                'mean_out',
                'std_out',
                'best',
                'best_value',
                'best_index',
                'policy_plan',
                'policy_value',
                'values',
            ),
        ),
    }
    if isinstance(model, Decodes):
        graphs['decode'] = Graph(
            DecodeGraph(model, contract),
            {'belief': belief},
            tuple(s.graph_input for s in contract.streams),
        )
    for graph in graphs.values():
        graph.module.eval()
    return graphs
