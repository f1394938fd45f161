# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What `bench latency` makes of stamps and arrivals: pure arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from world_model_ros.bench.measure import milliseconds

Heard = Sequence[tuple[int, int]]  # stamp and arrival, ns of the wall clock
# At the beginning caches are cold, and processes still find each other.
WARM_UP_SEC = 2.0
GOALS = {'p50_over_graph_ms': 6.0, 'p99_over_graph_ms': 15.0}
GOAL_JITTER_MS = 3.0  # p99 of a command, over that of a bare timer
GOAL_OVERHEAD_MS = 1.5  # p50


def latency_figures(
    frames_ns: Sequence[int],
    chunks: Heard,
    commands: Heard,
    agent: Mapping[str, str],
    bare: Mapping[str, Any],
    offset_ns: int,
) -> dict[str, Any]:
    """Every figure of one run.

    Args:
        frames_ns: stamps of the pictures, each taken just before it was published.
        chunks: of the chunks; the stamp is when the first action counts.
        commands: of the commands that reached the driver.
        agent: values of the agent's newest diagnostics.
        bare: figures of a bare timer in the same run, as SleepingLoop gives them.
        offset_ns: the contract's command_offset.
    """
    begin_ns = min(frames_ns, default=0) + round(WARM_UP_SEC * 1e9)
    published = {t_ns for t_ns in frames_ns if t_ns >= begin_ns}
    latency: dict[int, float] = {}  # a frame's first chunk
    for start_ns, at_ns in chunks:
        t_ns = start_ns - offset_ns
        if t_ns in published and t_ns not in latency:
            latency[t_ns] = (at_ns - t_ns) * 1e-9
    late = np.asarray([at_ns - t_ns for t_ns, at_ns in commands if t_ns >= begin_ns]) * 1e-9
    figures: dict[str, Any] = {
        'frames': len(published),
        'chunks': len(latency),
        'latency_ms': milliseconds(list(latency.values())),
        'command_late_ms': milliseconds(late),
        'bare_timer_late_ms': bare.get('wake_late_ms', {}),
    }
    for name in ('graph_ms', 'overhead_ms', 'tick_ms'):
        found = {q: float(agent[f'{name}.{q}']) for q in ('p50', 'p99') if f'{name}.{q}' in agent}
        figures[name] = found
    goals: dict[str, Any] = {}
    if latency and 'p50' in figures['graph_ms']:
        graph = figures['graph_ms']['p50']
        over = {q: round(figures['latency_ms'][q] - graph, 3) for q in ('p50', 'p99')}
        figures['latency_over_graph_ms'] = over
        goals |= {f'{q}_over_graph': over[q] <= GOALS[f'{q}_over_graph_ms'] for q in over}
    if late.size and figures['bare_timer_late_ms']:
        # Of each, how far the 99th percentile lies above the median: a constant is no jitter.
        jitter, bare_jitter = (
            figures[name]['p99'] - figures[name]['p50']
            for name in ('command_late_ms', 'bare_timer_late_ms')
        )
        figures['command_jitter_over_bare_ms'] = round(jitter - bare_jitter, 3)
        goals['jitter'] = jitter - bare_jitter <= GOAL_JITTER_MS
    if 'p50' in figures['overhead_ms']:
        goals['overhead'] = figures['overhead_ms']['p50'] <= GOAL_OVERHEAD_MS
    figures['goals'] = goals
    return figures
