# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Real beside imagined: the recorded actions, played in the imagined world from one tick on.

Owns the comparison and its errors, beside those of copying what was seen last. Must not import ROS
or torch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from world_model_ros.contract import Contract
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.imagined.beginning import Beginning
from world_model_ros.imagined.recorded_beliefs import ImaginedError

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Comparison:
    """K ticks after the start; row 0 is one period after it."""

    contract: Contract
    tick: int  # of the start
    seen: Arrays  # what was seen at the start: stream -> array
    recorded: Arrays  # stream -> [K, ...]
    imagined: Arrays  # stream -> [K, ...]; none where the bundle cannot decode
    observed: np.ndarray  # bool [K]: the recording has this tick
    recorded_reward: np.ndarray  # [K]; NaN: none
    imagined_reward: np.ndarray  # [K]; NaN: none
    distance: np.ndarray  # [K], of the belief to the nearest recorded one
    fade: np.ndarray  # [K], 0: known, 1: unknown; NaN: nobody can tell

    def errors(self) -> dict[str, dict[str, list[float]]]:
        """Root mean square error per stream and tick: of the model, and of copying the start.

        Pictures in shares of the whole range, all others in SI units; NaN where no tick was
        recorded.
        """
        found = {}
        for name, imagined in self.imagined.items():
            copied = np.broadcast_to(self.seen[name], imagined.shape)
            found[name] = {
                'imagined': self._errors(name, imagined),
                'copied': self._errors(name, copied),
            }
        return found

    def _errors(self, name: str, predicted: np.ndarray) -> list[float]:
        stream = self.contract.stream(name)
        kind = stream_kind(stream.kind)
        error = kind.difference(stream, predicted, self.recorded[name])
        error = error.reshape(len(error), -1)
        unit = 255.0 if kind.form == 'picture' else 1.0
        rms = np.sqrt(np.square(error).mean(-1)) / unit
        return [float(e) for e in np.where(self.observed, rms, np.nan)]

    def figures(self) -> dict[str, Any]:
        """Everything but the pictures, as JSON holds it; None where there is no number."""
        return {
            'tick': self.tick,
            'steps': len(self.observed),
            'errors': {
                name: {who: _numbers(row) for who, row in rows.items()}
                for name, rows in self.errors().items()
            },
            'recorded_reward': _numbers(self.recorded_reward),
            'imagined_reward': _numbers(self.imagined_reward),
            'distance': _numbers(self.distance),
            'fade': _numbers(self.fade),
        }


def compare(beginning: Beginning, steps: int) -> Comparison:
    """Imagine `steps` ticks under the recorded actions, or as many as the episode goes on.

    Raises:
        ImaginedError: no tick follows the start, or the model gives NaN or infinity.
    """
    world, recorded, row = beginning
    arrays = recorded.arrays
    cut = np.flatnonzero((arrays['is_first'] | arrays['gap'])[row + 1 :])
    rest = int(cut[0]) if len(cut) else len(arrays['tick']) - row - 1
    count = min(steps, rest)
    if count < 1:
        raise ImaginedError(
            f'{recorded.path}: nothing was recorded after tick {world.start.tick} to compare '
            'with; give an earlier tick behind @'
        )
    world.reset()
    made: dict[str, list[np.ndarray]] = {}
    rewards, distances, fades = [], [], []
    for k in range(row + 1, row + 1 + count):
        rewards.append(world.step(arrays['action_sent'][k]).reward)
        if world.decodes:
            for name, array in world.observation.items():
                made.setdefault(name, []).append(array)
        if world.failure:
            raise ImaginedError(
                f'{world.failure} of the bundle {world.bundle.name} gives NaN or infinity after '
                f'{world.steps} ticks: such a model must not act; check it: world-model bundle '
                'check'
            )
        distances.append(world.distance)
        fades.append(world.fade)
    here = slice(row + 1, row + 1 + count)
    return Comparison(
        world.contract,
        world.start.tick,
        world.start.observation,
        {s.name: arrays[f'obs_{s.name}'][here] for s in world.contract.streams},
        {name: np.stack(rows) for name, rows in made.items()},
        arrays['observed'][here],
        arrays['reward'][here],
        np.array(rewards),
        np.array(distances),
        np.array(fades),
    )


def _numbers(row: np.ndarray | list[float]) -> list[float | None]:
    return [float(f'{x:.6g}') if np.isfinite(x) else None for x in row]
