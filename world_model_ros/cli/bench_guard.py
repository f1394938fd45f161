# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench guard`: its options, and what is printed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from world_model_ros.bench.guard_rate import RATES_HZ, measure
from world_model_ros.bench.measure import machine
from world_model_ros.cli._reported import reported, say_progress


def guard_command(
    seconds: Annotated[float, typer.Option(min=1.0, help='At each rate.')] = 60.0,
    rate: Annotated[
        list[int] | None, typer.Option(min=25, help='Hz, in steps of 25; may be given again.')
    ] = None,
    seed: Annotated[int, typer.Option(help='Of the targets of the checks.')] = 0,
    as_json: Annotated[bool, typer.Option('--json', help='End with one JSON object.')] = False,
) -> None:
    """Measure the highest rate at which the guard commands in time, and what a check costs."""
    rates_hz = tuple(dict.fromkeys(rate or RATES_HZ))
    figures: dict[str, Any] = {
        'bench': 'guard',
        'seconds': seconds,
        'seed': seed,
        'machine': machine(),
    }
    with (
        tempfile.TemporaryDirectory(prefix='world_model_bench_') as temporary,
        reported(figures, _show, as_json=as_json),
    ):
        measure(rates_hz, seconds, seed, Path(temporary), figures, say_progress)


def _show(figures: dict[str, Any]) -> None:
    if 'keep_out' in figures:
        check = figures['keep_out']['check_ms']
        typer.echo(f'workspace and collision: p50 {check["p50"]} ms   p99 {check["p99"]} ms')
    for rate_hz, row in figures.get('rates', {}).items():
        jitter, missed = row['command_jitter_over_bare_ms'], 100 * row['missed_share']
        typer.echo(
            f'{rate_hz:>4} Hz   jitter over a bare timer {jitter:6.2f} ms   missed {missed:5.2f} %'
            f'   {"holds" if row["holds"] else "does not hold"}'
        )
    if 'highest_rate_hz' in figures:
        typer.echo(f'highest rate that holds: {figures["highest_rate_hz"]} Hz')
