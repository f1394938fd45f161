# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What an evaluation says: means with intervals, paired differences, what blanking costs.

Input: episode results per arm, over the same seeds. Output: one flat dictionary for JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from world_model_ros.evaluation.run_episodes import EpisodeResult
from world_model_ros.evaluation.seeds import FINAL_EPISODES
from world_model_ros.evaluation.statistics import mean_interval, paired_interval, rate_interval
from world_model_ros.robots.bodies.body import SUCCESS

# Differences worth a line: name, the arm, the arm it is compared with
_PAIRS = (
    ('plan_minus_policy', 'plan', 'policy'),
    ('plan_minus_blanked', 'plan', 'blanked'),
    ('plan_minus_scrambled', 'plan', 'scrambled'),
)
_NAMES = {
    'plan': 'mean_return',
    'policy': 'policy_return',
    'blanked': 'blanked_return',
    'scrambled': 'scrambled_return',
    'random': 'random_return',
    'scripted': 'scripted_return',
}


def summarise(results: Mapping[str, Sequence[EpisodeResult]]) -> dict[str, Any]:
    """Return the figures of all arms that were run."""
    returns = {arm: [r.episode_return for r in episodes] for arm, episodes in results.items()}
    count = len(next(iter(returns.values())))
    out: dict[str, Any] = {
        'episodes': count,
        'label': 'final' if count == FINAL_EPISODES else 'quick',
    }
    for arm, values in returns.items():
        out |= mean_interval(values).entry(_NAMES[arm])
    out |= _outcomes(results)
    for name, a, b in _PAIRS:
        if a in returns and b in returns:
            out |= paired_interval(returns[a], returns[b]).entry(name)
    if 'plan' in returns:
        if 'blanked' in returns and out['mean_return'] > 0:
            out['blanked_loss'] = round(1 - out['blanked_return'] / out['mean_return'], 4)
        for key in ('plan_differs', 'iterations'):
            figures = [r.figures.get(key, 0.0) for r in results['plan']]
            out[f'{key}_share' if key == 'plan_differs' else key] = round(
                float(np.mean(figures)), 4
            )
    return out


def _outcomes(results: Mapping[str, Sequence[EpisodeResult]]) -> dict[str, Any]:
    """How often each arm's episodes ended in each way, of a body that judges them."""
    words = sorted({r.outcome for episodes in results.values() for r in episodes if r.outcome})
    words = [SUCCESS, *(word for word in words if word != SUCCESS)] if words else []
    out: dict[str, Any] = {}
    for arm, episodes in results.items():
        for word in words:
            rate = rate_interval([r.outcome == word for r in episodes])
            out |= rate.entry(f'{arm}_{word}')
    if words and {'plan', 'blanked'} <= set(results) and out['plan_success'] > 0:
        lost = 1 - out['blanked_success'] / out['plan_success']
        out['blanked_success_loss'] = round(lost, 4)
    if words and 'scripted' in results and out['scripted_success'] > 0:
        for arm in ('plan', 'policy'):
            if arm in results:
                share = out[f'{arm}_success'] / out['scripted_success']
                out[f'{arm}_of_scripted'] = round(share, 4)
    return out
