# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench latency`: its options, and what is printed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from world_model_ros.bench.measure import machine
from world_model_ros.bundle import find_bundle
from world_model_ros.cli._reported import reported
from world_model_ros.deploy.placement import MAX_PRIORITY


def latency_command(
    bundle: Annotated[str, typer.Option(help='Bundle folder, or a shipped name.')] = 'reacher',
    seconds: Annotated[float, typer.Option(min=5.0, help='To publish pictures for.')] = 60.0,
    width: Annotated[int, typer.Option(min=64, help='Of a picture, in pixels.')] = 640,
    height: Annotated[int, typer.Option(min=64, help='Of a picture, in pixels.')] = 480,
    iterations: Annotated[
        int, typer.Option(min=-1, help="Planner iterations at most; -1: the bundle's.")
    ] = -1,
    priority: Annotated[
        int,
        typer.Option(
            min=0,
            max=MAX_PRIORITY,
            help='Real-time priority (SCHED_FIFO) of the guard, the agent has 10 less; 0: none.',
        ),
    ] = 0,
    busy: Annotated[
        int, typer.Option(min=0, help='Other processes that keep a core busy meanwhile.')
    ] = 0,
    as_json: Annotated[bool, typer.Option('--json', help='End with one JSON object.')] = False,
) -> None:
    """Measure the time from a published picture to its chunk at the guard, beside the graphs."""
    from world_model_ros.bench.frame_latency import Surroundings, measure

    folder = find_bundle(bundle)
    figures: dict[str, Any] = {
        'bench': 'latency',
        'bundle': folder.name,
        'picture': [width, height],
        'seconds': seconds,
        'priority': priority,
        'busy': busy,
        'machine': machine(),
    }
    with (
        tempfile.TemporaryDirectory(prefix='world_model_bench_') as temporary,
        reported(figures, _show, as_json=as_json),
    ):
        around = Surroundings(priority, busy)
        measure(folder, (width, height), seconds, iterations, around, Path(temporary), figures)


def _show(figures: dict[str, Any]) -> None:
    rows = {
        'latency_ms': 'picture published -> chunk',
        'graph_ms': 'of it inside graphs',
        'latency_over_graph_ms': 'over the graphs',
        'overhead_ms': "agent's own, in a tick",
        'command_late_ms': 'command at the driver',
        'bare_timer_late_ms': 'a bare timer wakes late',
    }
    for name, words in rows.items():
        found = figures.get(name)
        if found:
            typer.echo(f'{words:<28} p50 {found["p50"]:6.2f} ms   p99 {found["p99"]:6.2f} ms')
    for name, reached in figures.get('goals', {}).items():
        typer.echo(f'goal {name}: {"yes" if reached else "no"}')
