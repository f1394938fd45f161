# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""All command groups of a robot as one vector: what the network emits and the planner searches.

The vector is the concatenation of the groups in the order of the file. What belongs to one topic
(its name, its type, its kind as a whole) is asked of the group instead.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from world_model_ros.contract.kinds import command_kind

if TYPE_CHECKING:
    from world_model_ros.contract.schema import Action


@dataclass(frozen=True)
class ActionVector:
    """One value per joint [A], in SI units; see Action for what each means."""

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    low: tuple[float, ...]  # the scaling of the network
    high: tuple[float, ...]
    limit_margin: tuple[float, ...]  # how far limit_low and limit_high are inside of the limits
    limit_low: tuple[float, ...]  # what guard and planner keep to, inside of low and high
    limit_high: tuple[float, ...]
    rate_limit: tuple[float, ...]
    acceleration_limit: tuple[float, ...]  # infinite: not limited
    jerk_limit: tuple[float, ...]  # infinite: not limited
    stop_rate_limit: tuple[float, ...]
    hold_tolerance: tuple[float, ...]
    box_tolerance: tuple[float, ...]
    home: tuple[float, ...]  # NaN: where the robot starts
    following_error: tuple[float, ...]  # infinite: not watched
    holds: tuple[bool, ...]  # the safe action is to hold a position
    positions: tuple[bool, ...]  # the command is a position
    parts: tuple[slice, ...]  # of the vector, one for each group


def action_vector(groups: Sequence[Action]) -> ActionVector:
    """Join the groups of a robot, in their order."""

    def joined(name: str, otherwise: float) -> tuple[float, ...]:
        """A list of numbers of each group, filled up where a group leaves it out."""
        return tuple(
            number
            for group in groups
            for number in (getattr(group, name) or (otherwise,) * len(group.names))
        )

    def repeated(values: Sequence[object]) -> tuple:
        """A value of each group, once for each of its joints."""
        pairs = zip(groups, values, strict=True)
        return tuple(value for group, value in pairs for _ in group.names)

    kinds = [command_kind(group.kind) for group in groups]
    return ActionVector(
        names=tuple(name for group in groups for name in group.names),
        kinds=repeated([group.kind for group in groups]),
        low=joined('low', math.nan),
        high=joined('high', math.nan),
        limit_margin=repeated([group.limit_margin for group in groups]),
        limit_low=tuple(n + g.limit_margin for g in groups for n in (g.limit_low or g.low)),
        limit_high=tuple(n - g.limit_margin for g in groups for n in (g.limit_high or g.high)),
        rate_limit=joined('rate_limit', math.nan),
        acceleration_limit=joined('acceleration_limit', math.inf),
        jerk_limit=joined('jerk_limit', math.inf),
        stop_rate_limit=tuple(n for g in groups for n in (g.stop_rate_limit or g.rate_limit)),
        hold_tolerance=repeated([group.hold_tolerance for group in groups]),
        box_tolerance=repeated([group.box_tolerance for group in groups]),
        home=joined('home', math.nan),
        following_error=joined('following_error', math.inf),
        holds=repeated([kind.holds(group) for kind, group in zip(kinds, groups, strict=True)]),
        positions=repeated([kind.positions for kind in kinds]),
        parts=_parts(groups),
    )


def _parts(groups: Sequence[Action]) -> tuple[slice, ...]:
    ends = list(accumulate((len(group.names) for group in groups), initial=0))
    return tuple(slice(begin, end) for begin, end in pairwise(ends))
