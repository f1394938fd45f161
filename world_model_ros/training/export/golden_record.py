# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Golden vectors: what torch answers in f32, stored in a bundle to check every other runtime.

A recurrent sequence of ticks for ``observe``; its beliefs feed the other graphs. Cases whose
choice hangs on a gap below the tolerance are left out and counted.
"""

from __future__ import annotations

import numpy as np
import torch

from world_model_ros.contract import Contract
from world_model_ros.contract.schema import Stream
from world_model_ros.families.device import as_array
from world_model_ros.families.protocol import WorldModel
from world_model_ros.planning.mppi import PlanIteration
from world_model_ros.training.export.graph_modules import Graph

TICKS = 16
PLAN_CASES = 4
MIN_GAP = 5e-5  # half the tolerance that a bundle is checked with
NUDGE = 2e-6  # well above the rounding of f32, well below the tolerance
# Outputs of `plan` that hang on which candidate is best.
ORDERED = {'mean_out', 'std_out', 'best', 'best_index'}
Cases = dict[str, tuple[dict[str, np.ndarray], dict[str, np.ndarray]]]


def golden_cases(
    graphs: dict[str, Graph], contract: Contract, model: WorldModel
) -> tuple[Cases, dict[str, float]]:
    """Return inputs and outputs per graph, and the share of cases left out."""
    generator = torch.Generator().manual_seed(0)
    rows: dict[str, list] = {name: [] for name in graphs}
    spare: dict[str, list] = {name: [] for name in graphs}
    tried = dict.fromkeys(graphs, 0)

    def case(name: str, inputs: dict[str, torch.Tensor]) -> tuple[torch.Tensor, ...]:
        graph = graphs[name]
        out = graph.module(*inputs.values())
        out = out if isinstance(out, tuple) else (out,)
        tried[name] += 1
        row = (inputs, dict(zip(graph.outputs, out, strict=True)))
        (rows if _decided(graph, inputs, out) else spare)[name].append(row)
        return out

    belief = model.initial(1)
    low, high = torch.tensor(contract.action.low), torch.tensor(contract.action.high)
    for tick in range(TICKS):
        inputs = dict(graphs['observe'].inputs)
        inputs['belief'] = belief
        action = low + (high - low) * torch.rand(1, contract.action_dim, generator=generator)
        inputs['action_sent'] = action
        inputs['is_first'] = torch.full((1, 1), float(tick == 0))
        for stream in contract.streams:
            inputs[stream.graph_input] = _observation(stream, generator)
        before, belief = belief, case('observe', inputs)[0]
        case('value', {'belief': belief})
        case('outcomes', {'belief': before, 'action': action, 'next_belief': belief})
        case('imagine', {'belief': belief, 'action': action})
        case('policy', {'belief': belief})
        if tick >= TICKS - PLAN_CASES:
            unknown = TICKS - 1 - tick
            plan = graphs['plan'].inputs
            case('plan', _plan_inputs(plan, belief, low, high, unknown, generator))
            if 'decode' in graphs:
                case('decode', {'belief': belief})
    stacked: Cases = {}
    for name, found in rows.items():
        outputs = set(graphs[name].outputs)
        if not found:
            # Untrained heads tie everywhere: keep what does not hang on the order of candidates.
            found, outputs = spare[name], set(graphs[name].outputs) - ORDERED
        if not found:
            raise ValueError(f'{name}: every golden case hangs on a tie')
        given = {k: _stack([row[0][k] for row in found]) for k in found[0][0]}
        results = {k: _stack([row[1][k] for row in found]) for k in found[0][1] if k in outputs}
        stacked[name] = (given, results)
    return stacked, {k: round(1.0 - len(rows[k]) / tried[k], 3) for k in rows}


def _plan_inputs(
    plan: dict[str, torch.Tensor],
    belief: torch.Tensor,
    low: torch.Tensor,
    high: torch.Tensor,
    unknown: int,
    generator: torch.Generator,
) -> dict[str, torch.Tensor]:
    """Every input another one: what a graph ignores or takes for another shows."""
    half, shape = (high - low) / 2.0, plan['mean'].shape
    mask = torch.ones_like(plan['previous_mask'])
    mask[max(0, len(mask) - unknown) :] = 0.0
    return {
        **plan,
        'belief': belief,
        'mean': low + 2.0 * half * torch.rand(shape, generator=generator),
        'std': half * (0.5 + 0.5 * torch.rand(shape, generator=generator)),
        'noise': torch.randn(plan['noise'].shape, generator=generator),
        'previous': low + 2.0 * half * torch.rand(shape, generator=generator),
        'previous_mask': mask,
        'safe': low + 2.0 * half * torch.rand(low.shape, generator=generator),
    }


def _stack(tensors: list[torch.Tensor]) -> np.ndarray:
    return as_array(torch.stack(tensors))


def _observation(stream: Stream, generator: torch.Generator) -> torch.Tensor:
    if stream.dtype == np.uint8:
        shape = (1, *stream.shape)
        return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
    return torch.randn(1, *stream.shape, generator=generator)


def _decided(graph: Graph, inputs: dict, out: tuple[torch.Tensor, ...]) -> bool:
    """Tell whether this case is clear of rounding: a nudge of its belief changes nothing."""
    for sign in (-NUDGE, NUDGE):
        nudged = dict(inputs)
        for name in nudged:
            if name in ('belief', 'next_belief'):
                nudged[name] = inputs[name] * (1.0 + sign) + sign
        again = graph.module(*nudged.values())
        again = again if isinstance(again, tuple) else (again,)
        for was, now in zip(out, again, strict=True):
            if was.dtype == torch.uint8:
                continue
            spread = (was.double() - now.double()).abs() / was.double().abs().clamp(min=1.0)
            if float(spread.max()) > MIN_GAP:
                return False
    if 'values' in graph.outputs:
        module = graph.module
        assert isinstance(module, PlanIteration)
        elites = module.config.num_elites
        values = torch.sort(out[graph.outputs.index('values')], descending=True).values
        return bool((values[:-1] - values[1:])[:elites].min() > NUDGE)
    return True
