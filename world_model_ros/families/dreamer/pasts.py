# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What makes a belief forget its past and last without seeing: two views of a window.

Owns the distance of beliefs with different pasts, and which ticks of a window are filtered open
loop. Must not import ROS or a simulator.
"""

from __future__ import annotations

import torch

from world_model_ros.families.dreamer.filtering import Filtered, filter_windows
from world_model_ros.families.dreamer.net import Dreamer
from world_model_ros.families.protocol import Batch

SEEN_TICKS = 4  # of a window, before a stretch of it is filtered open loop


def unseen_ticks(is_first: torch.Tensor, share: float) -> torch.Tensor | None:
    """Return which ticks [B, T] are filtered open loop: one stretch of each window, at random.

    A tick that begins an episode is always seen: nothing before it says anything about it. None
    where the stretch would be empty.
    """
    size, length = is_first.shape
    ticks = round(share * length)
    if not ticks:
        return None
    latest = length - ticks
    begin = torch.randint(min(SEEN_TICKS, latest), latest + 1, (size, 1), device=is_first.device)
    at = torch.arange(length, device=is_first.device)
    return (at >= begin) & (at < begin + ticks) & ~is_first


def distance_of_pasts(
    model: Dreamer,
    batch: Batch,
    embedded: torch.Tensor,
    filtered: Filtered,
    after: int,
    ticks: int,
    sampled: bool,
) -> torch.Tensor:
    """Return how far beliefs of the same ticks lie apart when their pasts differ, [].

    The windows are filtered again from an empty belief, as a robot does that burns in new weights.
    The distance is the squared difference of recurrent state and class probabilities, summed, and
    averaged over the ticks from ``after`` to ``ticks``. Windows that begin an episode, or hold a
    beginning, have one past from there on and do not count. Gradients reach both sides.

    Args:
        model: that filters.
        batch: windows [B, T, ...], with ``context`` [B, D] where their past is known.
        embedded: [B, T, hidden].
        filtered: the same windows, filtered from their context.
        after: ticks of the window that both see before they are compared.
        ticks: of the window that are filtered a second time.
        sampled: whether latents are sampled, as they were in ``filtered``.
    """
    short = {key: batch[key][:, :ticks] for key in ('reward', 'is_first', 'action_sent')}
    second = filter_windows(model, short, embedded[:, :ticks], sampled)
    one = _comparable(model, filtered)[:, after:ticks]
    two = _comparable(model, second)[:, after:]
    known = ~(batch['is_first'][:, :ticks].cumsum(1) > 0)[:, after:]
    apart = (one - two).square().sum(-1)
    return (apart * known).sum() / known.sum().clamp(min=1)


def _comparable(model: Dreamer, filtered: Filtered) -> torch.Tensor:
    """Return recurrent states and class probabilities [B, T, D]: samples differ by themselves."""
    deter, _ = model.split(filtered.beliefs)
    return torch.cat([deter, torch.exp(filtered.posterior).flatten(-2)], -1)
