# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The seeds of the protocol. The lists do not overlap, and every variant gets the same ones."""

from __future__ import annotations

from collections.abc import Iterable

TRAINING = range(5)
SELECTION = range(10_000, 10_020)  # hyper-parameters and thresholds
HELD_OUT = range(12_000, 12_050)  # simulated recordings that predictions are judged on
REPORT = range(21_000, 21_100)  # what is published
# Looked at while settings were chosen: no new figure uses them, old rows keep them.
RETIRED = range(20_000, 20_100)
FINAL_EPISODES = len(REPORT)
LISTS = {
    'training': TRAINING,
    'selection': SELECTION,
    'held_out': HELD_OUT,
    'report': REPORT,
    'retired': RETIRED,
}


def report_seeds(episodes: int) -> list[int]:
    """Return the first seeds of the report list; fewer than all is a quick look."""
    if not 1 <= episodes <= FINAL_EPISODES:
        raise ValueError(f'episodes must be 1 to {FINAL_EPISODES}, not {episodes}')
    return list(REPORT[:episodes])


def seed_list(seeds: Iterable[int]) -> str:
    """Return the list that all of these seeds are of; 'other' where there is no such list."""
    found = {int(seed) for seed in seeds}
    names = [name for name, listed in LISTS.items() if found and found <= set(listed)]
    return names[0] if names else 'other'
