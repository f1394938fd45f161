# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""Bundles of format 1 as capabilities: they act exactly as they did.

Format 1 has five graphs. Its `observe` also gives reward, value and continuation of the belief
that it makes, in the same run. Input: manifest and sessions of format 1. Output: what format 2
has, so nothing above this folder knows of two formats.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from world_model_ros.bundle.format_names import BundleError, GraphSignature, Tensor
from world_model_ros.bundle.signatures import capability_signatures
from world_model_ros.contract import Contract

GRAPHS = ('observe', 'imagine', 'policy', 'plan', 'decode')
REQUIRED = GRAPHS[:4]  # pictures of the belief are not needed to act
_JUDGED = ('reward', 'value', 'continuation')  # of the belief that observe makes


def graph_signatures(
    contract: Contract, belief_dim: int, planner: Mapping[str, Any]
) -> dict[str, GraphSignature]:
    """Return the inputs and outputs of the five graphs of format 1."""
    signatures = capability_signatures(contract, belief_dim, planner, GRAPHS)
    scalar = Tensor(np.dtype(np.float32), (1,))
    observe = signatures['observe']
    outputs = {**observe.outputs, **dict.fromkeys(_JUDGED, scalar)}
    return {**signatures, 'observe': GraphSignature(observe.inputs, outputs)}


def capabilities(sessions: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a format 1 bundle can do, from the sessions of its graphs."""
    found = dict(sessions)
    if 'observe' in found:
        observe = _Observe(found['observe'])
        found |= {
            'observe': observe,
            'value': _OfLastBelief(observe, 'belief'),
            'outcomes': _OfLastBelief(observe, 'next_belief'),
        }
    return found


class _Observe:
    """The observe graph of format 1; keeps what it said of the last belief."""

    def __init__(self, session: Any) -> None:
        self._session = session
        self.belief: np.ndarray | None = None
        self.judged: dict[str, np.ndarray] = {}

    def run(self, names: Sequence[str], feed: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Compute the named outputs."""
        every = ('belief_out', 'surprise', *_JUDGED)
        found = dict(zip(every, self._session.run(every, feed), strict=True))
        self.belief, self.judged = found['belief_out'], found
        return [found[name] for name in names]


class _OfLastBelief:
    """What `observe` said of the belief that it made last: format 1 knows of no other."""

    def __init__(self, observe: _Observe, belief_input: str) -> None:
        self._observe, self._belief_input = observe, belief_input

    def run(self, names: Sequence[str], feed: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Return the named outputs.

        Raises:
            BundleError: this belief is not the one that was observed last.
        """
        if feed[self._belief_input] is not self._observe.belief:
            raise BundleError(
                '',
                [
                    'a bundle of format 1 gives reward, value and continuation of the belief '
                    'observed last only; export the model again for others'
                ],
            )
        return [self._observe.judged[name] for name in names]
