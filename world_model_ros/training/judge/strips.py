# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Strips of a held-out episode: what came above what the model predicted, context | open loop.

Up to the bar the model saw every tick; right of it it had the recorded actions alone. Joints are
drawn as curves. A picture for people; the figures are open_loop.py's.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import torch

from world_model_ros.contract import Contract
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.contract.schema import Stream
from world_model_ros.families.device import as_array, tensor_on
from world_model_ros.families.protocol import DecodingWorldModel, WorldModel
from world_model_ros.training.data.segments import Rows
from world_model_ros.training.judge.open_loop import believe

matplotlib.use('Agg')
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

CONTEXT, OPEN_LOOP = 5, 15  # ticks
KEPT = 20  # strips on disk, and films
BLOCK = 16  # beliefs decoded at once: pictures may be large


@torch.no_grad()
def imagine_strip(
    model: DecodingWorldModel, rows: Rows, open_loop: int = OPEN_LOOP
) -> tuple[Rows, Rows] | None:
    """Return what came and what was predicted, [CONTEXT + open_loop, ...] per stream.

    None if no piece of the episode is that long.
    """
    pieces = [p for p in believe(model, [rows]) if len(p.beliefs) >= CONTEXT + open_loop]
    if not pieces:
        return None
    piece = max(pieces, key=lambda p: len(p.beliefs))
    at = (len(piece.beliefs) - CONTEXT - open_loop) // 2  # the middle: the robot is under way
    here = slice(at, at + CONTEXT + open_loop)
    beliefs = [piece.beliefs[at + k : at + k + 1] for k in range(CONTEXT)]
    for k in range(CONTEXT, CONTEXT + open_loop):
        sent = piece.rows['action_sent'][at + k : at + k + 1]
        action = tensor_on(piece.beliefs.device, sent)
        beliefs.append(model.imagine(beliefs[-1], action))
    drawn = [model.decode(some) for some in torch.cat(beliefs).split(BLOCK)]
    predicted = {k: np.concatenate([as_array(d[k]) for d in drawn]) for k in drawn[0]}
    return {name: piece.rows[f'obs_{name}'][here] for name in predicted}, predicted


def draw_strip(
    model: WorldModel, contract: Contract, rows: Rows, target: Path, title: str
) -> bool:
    """Write a PNG; False if the episode is too short, or the model cannot draw."""
    made = imagine_strip(model, rows) if isinstance(model, DecodingWorldModel) else None
    if made is None:
        return False
    came, predicted = made
    count = CONTEXT + OPEN_LOOP
    heights = [2 if stream_kind(s.kind).form == 'picture' else 1.5 for s in contract.streams]
    figure, rows_of_axes = plt.subplots(
        len(heights), 1, figsize=(count * 0.62, sum(heights) * 0.85 + 0.6), dpi=110,
        gridspec_kw={'height_ratios': heights}, squeeze=False,
    )  # fmt: skip
    every: list[Axes] = list(rows_of_axes.flat)  # one column
    for stream, axes in zip(contract.streams, every, strict=True):
        if stream_kind(stream.kind).form == 'picture':
            _pictures(axes, came[stream.name], predicted[stream.name])
        else:
            _curves(axes, stream, came[stream.name], predicted[stream.name])
        axes.set_ylabel(stream.name, fontsize=8)
    every[0].set_title(
        f'{title}    context: {CONTEXT} ticks seen | open loop: {OPEN_LOOP} ticks imagined',
        fontsize=9,
    )
    figure.tight_layout()
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target)
    plt.close(figure)
    keep_newest(target)
    return True


def keep_newest(target: Path) -> None:
    """Delete all but the newest of our files of this kind."""
    for old in sorted(target.parent.glob(f'{"[0-9]" * 8}{target.suffix}'))[:-KEPT]:  # by name
        old.unlink()


def _pictures(axes: Axes, came: np.ndarray, predicted: np.ndarray) -> None:
    top, bottom = (np.concatenate(list(x), 1) for x in (came, predicted))
    axes.imshow(np.concatenate([top, bottom], 0), aspect='auto', interpolation='nearest')
    height, width = came.shape[1], came.shape[2]
    axes.axvline(CONTEXT * width - 0.5, color='red', linewidth=1.5)
    axes.set_xticks([])
    axes.set_yticks([height / 2, height * 1.5], ['recorded', 'predicted'], fontsize=7)


def _curves(axes: Axes, stream: Stream, came: np.ndarray, predicted: np.ndarray) -> None:
    kind = stream_kind(stream.kind)
    predicted = came + kind.difference(stream, predicted, came)  # angles: beside what was recorded
    labels = kind.labels(stream)
    for i in range(came.shape[1]):
        color = f'C{i % 10}'
        axes.plot(came[:, i], color=color, linewidth=1, label=labels[i])
        axes.plot(predicted[:, i], color=color, linewidth=1, linestyle='--')
    axes.axvline(CONTEXT - 0.5, color='red', linewidth=1.5)
    axes.set_xlim(-0.5, len(came) - 0.5)
    axes.set_xlabel('tick (solid: recorded, dashed: predicted)', fontsize=7)
    axes.tick_params(labelsize=6)
    axes.legend(fontsize=6, loc='center left', bbox_to_anchor=(1.0, 0.5), frameon=False)
