# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench horizon`: how long a model predicts better than a baseline, open loop.

Fifty episodes that were never trained on are simulated by the bundle's own policy. From many ticks
of each the model predicts ten seconds under the recorded actions alone. The useful horizon of a
stream is the time up to the first moment at which the baseline's mean error is the smaller one;
copying the last frame is the headline.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from world_model_ros.contract.kinds import stream_kind
from world_model_ros.evaluation.seeds import HELD_OUT, seed_list
from world_model_ros.evaluation.statistics import percentiles, resampled_means
from world_model_ros.training.judge.horizon_ticks import first_better, useful_ticks

if TYPE_CHECKING:
    from pathlib import Path

SECONDS = 10.0  # predicted
CONTEXT_S = 1.0  # seen before the first prediction
EVERY_S = 1.0  # between two starts
SHOWN_S = (0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 7.5, 10.0)  # of the curves in the JSON object
NEIGHBOUR_SEED = 13_000  # recordings in which neighbours are looked for
HEADLINE = 'copy'


def run(
    folder: Path,
    episodes: int,
    explore: bool,
    figures: dict[str, Any],
    say: Callable[[str], object],
) -> None:
    """Add the figures of a bundle that has its learner file beside it.

    Raises:
        ValueError: the weights cannot be read, or the model does not decode.
    """
    from world_model_ros.families.protocol import Decodes
    from world_model_ros.training.bench_eager import load_model
    from world_model_ros.training.judge.error_curves import error_curves
    from world_model_ros.training.judge.simulated_episodes import simulated_episodes

    model, contract, _ = load_model(folder)
    if not isinstance(model, Decodes):
        raise ValueError(f'{folder}: its model does not decode, so nothing can be compared')
    period_s = contract.period_s
    steps, context = round(SECONDS / period_s), round(CONTEXT_S / period_s)
    ticks = 2 * steps
    seeds = list(HELD_OUT[:episodes])
    others = [NEIGHBOUR_SEED + i for i in range(len(seeds))]
    figures |= {
        'recordings': "simulated with the bundle's own policy, never trained on"
        + (', with the noise of training lanes' if explore else ', without noise'),
        'seeds': [seeds[0], seeds[-1]],
        'seed_list': seed_list(seeds),
        'neighbours_from': f'as many episodes of the same kind, seeds {others[0]} to {others[-1]}',
        'period_s': period_s,
        'predicted_s': steps * period_s,
    }
    say(f'simulating {len(seeds)} held-out episodes')
    held_out = simulated_episodes(model, contract, seeds, ticks, explore)
    say(f'simulating {len(others)} episodes to look for neighbours in')
    library = simulated_episodes(model, contract, others, ticks, explore)
    held_out = [rows for rows in held_out if len(rows['reward']) == ticks]
    library = [rows for rows in library if len(rows['reward']) == ticks]
    if not held_out or not library:
        raise ValueError(f'no episode lasts {ticks} ticks: the robot ends them before')
    starts = range(context, ticks - steps, round(EVERY_S / period_s))
    say(f'predicting {steps} ticks from {len(starts)} ticks of {len(held_out)} episodes')
    curves = error_curves(model, contract, held_out, library, steps, starts)
    figures['episodes'] = len(held_out)
    figures['starts'] = len(held_out) * len(starts)
    kinds = {s.name: stream_kind(s.kind).form for s in contract.streams}
    figures['streams'] = {
        name: stream_figures(variants, period_s, kinds[name.split('.')[0]] == 'picture')
        for name, variants in curves.items()
    }


def stream_figures(
    variants: dict[str, np.ndarray], period_s: float, picture: bool
) -> dict[str, Any]:
    """Return horizons and curves of one stream.

    Args:
        variants: mean squared errors [E, H] of the model and of each baseline.
        period_s: of a tick.
        picture: whether errors are of pixels in 0..1, else in units of each number's spread.
    """
    means = {name: resampled_means(errors) for name, errors in variants.items()}
    out: dict[str, Any] = {
        'error': 'root mean square, pixels in 0..1'
        if picture
        else 'root mean square, in standard deviations; an angle that wraps in rad',
        'useful_horizon_s': {},
    }
    for name in variants:
        if name != 'model':
            own, theirs = variants['model'].mean(0), variants[name].mean(0)
            out['useful_horizon_s'][name] = _horizon(
                own, theirs, means['model'], means[name], period_s
            )
    steps = len(variants['model'][0])
    shown = [k for s in SHOWN_S if 0 < (k := round(s / period_s)) <= steps]
    out['curve_s'] = [round(k * period_s, 3) for k in shown]
    at = np.array(shown) - 1
    out['curves'] = {}
    for name, errors in variants.items():
        low, high = percentiles(np.sqrt(means[name][:, at]))
        out['curves'][name] = {
            'mean': _rounded(np.sqrt(errors.mean(0)[at])),
            'low': _rounded(low),
            'high': _rounded(high),
        }
    return out


def _horizon(
    own: np.ndarray,
    theirs: np.ndarray,
    own_drawn: np.ndarray,
    theirs_drawn: np.ndarray,
    period_s: float,
) -> dict[str, Any]:
    """Return one useful horizon; ``better_share`` is of all ticks, also those after it."""
    ticks = int(useful_ticks(own, theirs))
    low, high = percentiles(useful_ticks(own_drawn, theirs_drawn).astype(np.float64))
    return {
        'seconds': round(ticks * period_s, 3),
        'interval': [round(float(low) * period_s, 3), round(float(high) * period_s, 3)],
        'to_the_end': ticks == len(own),
        'first_better_s': first_better(own < theirs, period_s * np.arange(1, len(own) + 1)),
        'better_share': round(float((own < theirs).mean()), 3),
    }


def _rounded(values: np.ndarray) -> list[float]:
    return [round(float(value), 5) for value in values]
