# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Replay of ticks as memory-mapped lanes, so that a killed run goes on with what it recorded.

One lane per simulated robot, or one for all recordings; in a lane episodes follow one another and
are separated by ``is_first``. Imports contract and numpy only.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from world_model_ros.contract import Contract

FORMAT = 1


class Replay:
    """Lanes of ticks on disk: arrays [lanes, capacity, ...] written round and round.

    ``note`` says what the newest ticks are and is saved with them.

    Raises:
        ValueError: if the folder holds a replay of another format or number of lanes.
    """

    def __init__(self, folder: Path, contract: Contract, lanes: int, capacity: int) -> None:
        self.folder, self.lanes, self.capacity = Path(folder), lanes, capacity
        self.folder.mkdir(parents=True, exist_ok=True)
        spec = tick_spec(contract)
        self._state = self.folder / 'replay.json'
        mode = 'w+'
        self.written, self.note = 0, ''
        self._kept_from = 0  # ticks before this one may be overwritten in part
        if self._state.exists():
            state = json.loads(self._state.read_text())
            want = {'format': FORMAT, 'lanes': lanes}
            if {k: state.get(k) for k in want} != want:
                raise ValueError(
                    f'{self._state}: expected {want}, found {state}; use a new folder'
                )
            mode, self.written, self.capacity = 'r+', state['written'], state['capacity']
            self._kept_from, self.note = state.get('kept_from', 0), state.get('note', '')
            capacity = self.capacity  # a longer run goes on in the lanes it began with
        self.arrays = {
            key: np.lib.format.open_memmap(
                self.folder / f'{key}.npy', mode, dtype, (lanes, capacity, *shape)
            )
            if mode == 'w+'
            else np.lib.format.open_memmap(self.folder / f'{key}.npy', mode)
            for key, (shape, dtype) in spec.items()
        }

    @property
    def oldest(self) -> int:
        """Return the number of the oldest tick that is held, counted from the first written."""
        return max(self._kept_from, self.written - self.capacity)

    @property
    def held(self) -> int:
        """Return the ticks held per lane."""
        return self.written - self.oldest

    def __len__(self) -> int:
        """Return the ticks held, all lanes together."""
        return self.held * self.lanes

    def add(self, ticks: list[dict[str, np.ndarray]]) -> None:
        """Append one tick per lane; saved by ``save``."""
        at = self.written % self.capacity
        for lane, tick in enumerate(ticks):
            for key, value in tick.items():
                self.arrays[key][lane, at] = value
        self.written += 1

    def extend(self, rows: dict[str, np.ndarray], note: str) -> None:
        """Append ticks [T, ...] to the only lane and save; after a kill all of them or none.

        Of a block longer than the capacity the newest ticks are kept.
        """
        if self.lanes != 1:
            raise ValueError(f'{self.folder}: blocks go into a replay of one lane')
        count = min(len(rows['reward']), self.capacity)
        # What is about to be overwritten is given up first: a kill must not leave old ticks
        # beside new ones and call them neighbours.
        self._kept_from = max(self._kept_from, self.written + count - self.capacity)
        self._save_state()
        places: np.ndarray = (self.written + np.arange(count)) % self.capacity
        for key, array in self.arrays.items():
            array[0, places] = rows[key][-count:]
        self.arrays['is_first'][0, places[0]] = True
        self.written += count
        self.note = note
        self.save()

    def save(self) -> None:
        """Flush the lanes, then the counter: a crash in between loses ticks, never mixes them."""
        for array in self.arrays.values():
            array.flush()
        self._save_state()

    def _save_state(self) -> None:
        state = {
            'format': FORMAT,
            'lanes': self.lanes,
            'capacity': self.capacity,
            'written': self.written,
            'kept_from': self._kept_from,
            'note': self.note,
        }
        temporary = self._state.with_suffix('.tmp')
        with temporary.open('w') as file:
            file.write(json.dumps(state))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._state)

    def sample(
        self, rng: np.random.Generator, batch: int, length: int, newest: int | None = None
    ) -> dict[str, np.ndarray]:
        """Return windows [batch, length, ...]; the first tick of each counts as first.

        A window never crosses the write head, where newest and oldest ticks touch. With
        ``newest`` they lie within that many last ticks of a lane.
        """
        rows = self.windows(*self.places(rng, batch, length, newest), length)
        rows['is_first'][:, 0] = True
        return rows

    def places(
        self, rng: np.random.Generator, batch: int, length: int, newest: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return lane and first tick [batch] of random windows; as ``sample``."""
        held = self.held if newest is None else max(length, min(newest, self.held))
        starts = self.written - held + rng.integers(0, held - length + 1, batch)
        return rng.integers(0, self.lanes, batch), starts

    def windows(self, lanes: np.ndarray, starts: np.ndarray, length: int) -> dict[str, np.ndarray]:
        """Return a copy of the windows [batch, length, ...] that begin there, as recorded."""
        ticks = (starts[:, None] + np.arange(length)) % self.capacity
        return {key: array[lanes[:, None], ticks] for key, array in self.arrays.items()}


def tick_spec(contract: Contract) -> dict[str, tuple[tuple[int, ...], str]]:
    """Return shape and type of each array of one tick."""
    spec: dict[str, tuple[tuple[int, ...], str]] = {
        f'obs_{s.name}': (s.shape, s.dtype.name) for s in contract.streams
    }
    return spec | {
        'ages': ((len(contract.streams),), 'float32'),
        'action_sent': ((contract.action_dim,), 'float32'),
        'reward': ((), 'float32'),
        'is_first': ((), 'bool'),
        'terminal': ((), 'bool'),
    }
