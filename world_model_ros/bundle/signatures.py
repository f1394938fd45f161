# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""Inputs and outputs of every capability of bundle format 2: names, types and shapes.

The one place where they stand; the exporter, the loader and the golden vectors are all held to
`capability_signatures`. The table in docs/reference/bundle.md is the same list for readers.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from world_model_ros.bundle.format_names import (
    CAPABILITIES,
    FIXED_CANDIDATES,
    FLOAT,
    GraphSignature,
    Tensor,
)
from world_model_ros.contract import Contract

# Lengths that a capability needs and that neither robot nor planner fixes; in the manifest's
# `sizes`.
SIZES: Mapping[str, Sequence[str]] = {'goal': ('goal',), 'query': ('query', 'answer')}
# A plan takes a goal, and gives the joints that it predicts, where their size is given.
PLAN_SIZES = ('goal', 'joints')
SIZE_NAMES = ('goal', 'query', 'answer', 'joints')


def capability_signatures(
    contract: Contract,
    belief_dim: int,
    planner: Mapping[str, Any],
    capabilities: Sequence[str] = CAPABILITIES[:7],
    sizes: Mapping[str, int] | None = None,
) -> dict[str, GraphSignature]:
    """Return the inputs and outputs of the graphs of these capabilities.

    Args:
        contract: the robot that the bundle is for.
        belief_dim: length of the belief vector.
        planner: the manifest's planner defaults; `horizon` and `batch_size` fix shapes of `plan`.
        capabilities: names; by default all that need no entry in `sizes`, but `disagree`.
        sizes: the manifest's `sizes`.
    """
    belief = Tensor(FLOAT, (1, belief_dim))
    action = Tensor(FLOAT, (1, contract.action_dim))
    scalar = Tensor(FLOAT, (1,))
    given = sizes or {}

    def vector(size: str) -> Tensor:
        return Tensor(FLOAT, (1, int(given[size])))

    observation = {
        stream.graph_input: Tensor(stream.dtype, (1, *stream.shape)) for stream in contract.streams
    }
    table = {
        'observe': lambda: GraphSignature(
            {
                'belief': belief,
                'action_sent': action,
                'is_first': Tensor(FLOAT, (1, 1)),
                **observation,
                'ages': Tensor(FLOAT, (1, len(contract.streams))),
            },
            {'belief_out': belief, 'surprise': scalar},
        ),
        'imagine': lambda: GraphSignature(
            {'belief': belief, 'action': action}, {'belief_out': belief}
        ),
        'policy': lambda: GraphSignature(
            {'belief': belief}, {'action_mean': action, 'action_std': action}
        ),
        'value': lambda: GraphSignature({'belief': belief}, {'value': scalar}),
        'outcomes': lambda: GraphSignature(
            {'belief': belief, 'action': action, 'next_belief': belief},
            {'reward': scalar, 'continuation': scalar},
        ),
        'plan': lambda: _plan(contract, belief, planner, given),
        'decode': lambda: GraphSignature({'belief': belief}, observation),
        'goal': lambda: GraphSignature(observation, {'goal': vector('goal')}),
        'query': lambda: GraphSignature(
            {'belief': belief, 'query': vector('query')}, {'answer': vector('answer')}
        ),
        'disagree': lambda: GraphSignature(
            {'belief': belief, 'action': action}, {'disagreement': scalar}
        ),
    }
    return {name: table[name]() for name in CAPABILITIES if name in capabilities}


def _plan(
    contract: Contract, belief: Tensor, planner: Mapping[str, Any], sizes: Mapping[str, int]
) -> GraphSignature:
    """One planner iteration."""
    size, count = contract.action_dim, int(planner['batch_size'])
    horizon = int(planner['horizon'])
    limits = Tensor(FLOAT, (size,))
    plan = Tensor(FLOAT, (horizon, size))
    scalar = Tensor(FLOAT, (1,))
    inputs = {
        'belief': belief,
        'mean': plan,
        'std': plan,
        'noise': Tensor(FLOAT, (count, horizon, size)),
        'previous': plan,
        'previous_mask': Tensor(FLOAT, (horizon,)),
        'low': limits,
        'high': limits,
        'safe': limits,
    }
    outputs = {
        'mean_out': plan,
        'std_out': plan,
        'best': plan,
        'best_value': scalar,
        'best_index': Tensor(np.dtype(np.int64), (1,)),
        'policy_plan': plan,
        'policy_value': scalar,
        'values': Tensor(FLOAT, (count + FIXED_CANDIDATES,)),
    }
    if 'goal' in sizes:
        inputs['goal'] = Tensor(FLOAT, (1, int(sizes['goal'])))
    if 'joints' in sizes:
        outputs['joints'] = Tensor(FLOAT, (horizon, int(sizes['joints'])))
    return GraphSignature(inputs, outputs)
