# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The seeds of the protocol. They do not overlap, and every arm gets the same ones."""

from __future__ import annotations

TRAINING = range(5)
SELECTION = range(10_000, 10_020)  # hyper-parameters and thresholds
REPORT = range(20_000, 20_100)  # what is published
FINAL_EPISODES = len(REPORT)


def report_seeds(episodes: int) -> list[int]:
    """Return the first seeds of the report list; fewer than all is a quick look."""
    if not 1 <= episodes <= FINAL_EPISODES:
        raise ValueError(f'episodes must be 1 to {FINAL_EPISODES}, not {episodes}')
    return list(REPORT[:episodes])
