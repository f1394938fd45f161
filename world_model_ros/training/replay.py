# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Replay of ticks as memory-mapped lanes, so that a killed run goes on with what it lived.

One lane per simulated robot; a lane is one continuous life, episodes follow one another and are
told apart by ``is_first``. Imports contract and numpy only.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from world_model_ros.contract import Contract

FORMAT = 1


class Replay:
    """Lanes of ticks on disk: arrays [lanes, capacity, ...] written round and round.

    Raises:
        ValueError: if the folder holds a replay of another format or number of lanes.
    """

    def __init__(self, folder: Path, contract: Contract, lanes: int, capacity: int) -> None:
        self.folder, self.lanes, self.capacity = Path(folder), lanes, capacity
        self.folder.mkdir(parents=True, exist_ok=True)
        spec = {f'obs_{s.name}': (s.shape, self._dtype(s.kind)) for s in contract.streams}
        spec |= {
            'ages': ((len(contract.streams),), 'float32'),
            'action_sent': ((contract.action_dim,), 'float32'),
            'reward': ((), 'float32'),
            'is_first': ((), 'bool'),
            'terminal': ((), 'bool'),
        }
        self._state = self.folder / 'replay.json'
        mode = 'w+'
        self.written = 0
        if self._state.exists():
            state = json.loads(self._state.read_text())
            want = {'format': FORMAT, 'lanes': lanes}
            if {k: state.get(k) for k in want} != want:
                raise ValueError(
                    f'{self._state}: expected {want}, found {state}; use a new folder'
                )
            mode, self.written, self.capacity = 'r+', state['written'], state['capacity']
            capacity = self.capacity  # a longer run goes on in the lanes it began with
        self.arrays = {
            key: np.lib.format.open_memmap(
                self.folder / f'{key}.npy', mode, dtype, (lanes, capacity, *shape)
            )
            if mode == 'w+'
            else np.lib.format.open_memmap(self.folder / f'{key}.npy', mode)
            for key, (shape, dtype) in spec.items()
        }

    @staticmethod
    def _dtype(kind: str) -> str:
        return 'uint8' if kind == 'image' else 'float32'

    def __len__(self) -> int:
        """Return the ticks held, all lanes together."""
        return min(self.written, self.capacity) * self.lanes

    def add(self, ticks: list[dict[str, np.ndarray]]) -> None:
        """Append one tick per lane."""
        at = self.written % self.capacity
        for lane, tick in enumerate(ticks):
            for key, value in tick.items():
                self.arrays[key][lane, at] = value
        self.written += 1

    def save(self) -> None:
        """Flush the lanes, then the counter: a crash in between loses ticks, never mixes them."""
        for array in self.arrays.values():
            array.flush()
        state = {
            'format': FORMAT,
            'lanes': self.lanes,
            'capacity': self.capacity,
            'written': self.written,
        }
        temporary = self._state.with_suffix('.tmp')
        temporary.write_text(json.dumps(state))
        temporary.replace(self._state)

    def sample(self, rng: np.random.Generator, batch: int, length: int) -> dict[str, np.ndarray]:
        """Return windows [batch, length, ...]; the first tick of each counts as first.

        A window never crosses the write head, where newest and oldest ticks touch.
        """
        held = min(self.written, self.capacity)
        oldest = self.written - held
        starts = oldest + rng.integers(0, held - length + 1, batch)
        lanes = rng.integers(0, self.lanes, batch)
        ticks = (starts[:, None] + np.arange(length)) % self.capacity
        out = {key: array[lanes[:, None], ticks] for key, array in self.arrays.items()}
        out['is_first'] = out['is_first'].copy()
        out['is_first'][:, 0] = True
        return out
