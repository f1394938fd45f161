# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the page must know of a robot before the first update: its streams, actions and limits."""

from __future__ import annotations

from typing import Any

from world_model_ros.contract import Contract
from world_model_ros.contract.kinds import command_kind, stream_kind
from world_model_ros.onboard.policy.brain import BUDGET_SHARE
from world_model_ros.view.ahead import AHEAD_SEC
from world_model_ros.view.update import KEPT_SAMPLES, VIEW_FORMAT, plain

MAX_CURVES = 24  # of one stream: a laser scan has hundreds of beams


def about_robot(contract: Contract, mode: str) -> dict[str, Any]:
    """What a viewer gets when it comes; `mode` is live or episode."""
    return {
        'format': VIEW_FORMAT,
        'mode': mode,
        'robot': contract.name,
        'period_s': contract.period_s,
        'budget_ms': round(1e3 * BUDGET_SHARE * contract.period_s, 3),
        'ahead_s': AHEAD_SEC,
        'kept': KEPT_SAMPLES,
        'pictures': [stream.name for stream in contract.image_streams],
        'vectors': [
            {'name': stream.name, 'curves': _curves(contract, stream)}
            for stream in contract.vector_streams
            if not stream_kind(stream.kind).constant
        ],
        'actions': [
            {
                'label': f'{kind} {name}',
                'name': name,
                'unit': command_kind(kind).unit,
                'low': plain(low),
                'high': plain(high),
            }
            for name, kind, low, high in zip(
                contract.action.names,
                contract.action.kinds,
                contract.limit_low,
                contract.limit_high,
                strict=True,
            )
        ],
    }


def _curves(contract: Contract, stream: Any) -> list[dict[str, Any]]:
    """A curve for each number of a vector: its place, name and the guard's limits, if any."""
    limits = {
        name: (plain(low), plain(high))
        for name, held, low, high in zip(
            contract.action.names,
            contract.action.positions,
            contract.limit_low,
            contract.limit_high,
            strict=True,
        )
        if held
    }
    rows = []
    for place, label in enumerate(stream_kind(stream.kind).labels(stream)[:MAX_CURVES]):
        low, high = limits.get(label.removeprefix('position '), (None, None))
        rows.append({'place': place, 'label': label, 'low': low, 'high': high})
    return rows
