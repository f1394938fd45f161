# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""What bundle format 1 is made of: file names, size limit, and each graph's inputs and outputs.

The one place where the names, types and shapes of the graphs stand; the exporter, the loader and
the golden vectors are all held to `graph_signatures`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from world_model_ros.contract import Contract

BUNDLE_FORMAT = 1
MANIFEST = 'manifest.json'
WEIGHTS = 'weights.bin'
INITIAL_BELIEF = 'initial_belief.npy'
GOLDEN = 'golden.npz'
GRAPHS = ('observe', 'imagine', 'policy', 'plan', 'decode')
OPTIONAL_GRAPHS = ('decode',)  # pictures of the belief; acting needs none
REQUIRED_FILES = (
    *(f'{graph}.onnx' for graph in GRAPHS if graph not in OPTIONAL_GRAPHS),
    WEIGHTS,
    INITIAL_BELIEF,
    GOLDEN,
)
KNOWN_FILES = (*REQUIRED_FILES, *(f'{graph}.onnx' for graph in OPTIONAL_GRAPHS))
# What lies in a bundle's folder, half written or half fetched too: with anything else it is not
# ours to replace or to delete.
OWN_FILES = frozenset(
    f'{name}{end}' for name in (MANIFEST, *KNOWN_FILES) for end in ('', '.part', '.partial')
)
MAX_BUNDLE_BYTES = 6_000_000  # a whole bundle: it goes to robots over mobile links
FIXED_CANDIDATES = 4  # policy rollout, previous plan, safe action, mean; samples come after

FLOAT = np.dtype(np.float32)


class BundleError(ValueError):
    """A bundle that cannot be used; `problems` lists everything that is wrong with it."""

    def __init__(self, directory: Path | str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        lines = '\n'.join(f'  - {problem}' for problem in self.problems)
        where = f'bundle {directory}' if directory else 'bundle'
        count = f'{len(self.problems)} problem{"s" if len(self.problems) != 1 else ""}'
        super().__init__(f'{where}: {count}\n{lines}')


@dataclass(frozen=True)
class Tensor:
    """Type and fixed shape of one input or output."""

    dtype: np.dtype
    shape: tuple[int, ...]

    def __str__(self) -> str:
        """Give type and shape as in messages."""
        return f'{self.dtype}{list(self.shape)}'


@dataclass(frozen=True)
class GraphSignature:
    """Inputs and outputs of one graph, by name."""

    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]


def graph_signatures(
    contract: Contract, belief_dim: int, planner: Mapping[str, Any]
) -> dict[str, GraphSignature]:
    """Return the inputs and outputs that format 1 asks of every graph.

    Args:
        contract: the robot that the bundle is for.
        belief_dim: length of the belief vector.
        planner: the manifest's planner defaults; `horizon` and `batch_size` fix shapes.
    """
    size, count = contract.action_dim, int(planner['batch_size'])
    horizon = int(planner['horizon'])
    belief = Tensor(FLOAT, (1, belief_dim))
    action = Tensor(FLOAT, (1, size))
    limits = Tensor(FLOAT, (size,))
    plan = Tensor(FLOAT, (horizon, size))
    scalar = Tensor(FLOAT, (1,))
    observation = {
        stream.graph_input: Tensor(stream.dtype, (1, *stream.shape)) for stream in contract.streams
    }
    return {
        'observe': GraphSignature(
            {
                'belief': belief,
                'action_sent': action,
                'is_first': Tensor(FLOAT, (1, 1)),
                **observation,
                'ages': Tensor(FLOAT, (1, len(contract.streams))),
            },
            {
                'belief_out': belief,
                'surprise': scalar,
                'reward': scalar,
                'value': scalar,
                'continuation': scalar,
            },
        ),
        'imagine': GraphSignature(
            {'belief': belief, 'action': action},
            {'belief_out': belief},
        ),
        'policy': GraphSignature(
            {'belief': belief},
            {'action_mean': action, 'action_std': action},
        ),
        'plan': GraphSignature(
            {
                'belief': belief,
                'mean': plan,
                'std': plan,
                'noise': Tensor(FLOAT, (count, horizon, size)),
                'previous': plan,
                'previous_mask': Tensor(FLOAT, (horizon,)),
                'low': limits,
                'high': limits,
                'safe': limits,
            },
            {
                'mean_out': plan,
                'std_out': plan,
                'best': plan,
                'best_value': scalar,
                'best_index': Tensor(np.dtype(np.int64), (1,)),
                'policy_plan': plan,
                'policy_value': scalar,
                'values': Tensor(FLOAT, (count + FIXED_CANDIDATES,)),
            },
        ),
        'decode': GraphSignature({'belief': belief}, observation),
    }
