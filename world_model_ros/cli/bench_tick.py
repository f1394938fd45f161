# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench tick`: its options, and what is printed."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from world_model_ros.bench.measure import machine
from world_model_ros.bench.origin import origin, versions
from world_model_ros.bench.tick import SLEEP_S, eager_planner, measure
from world_model_ros.bundle import find_bundle, load_bundle
from world_model_ros.bundle.providers import ProviderSettings
from world_model_ros.cli._arguments import DeviceOption, FallbackOption, ProviderOption
from world_model_ros.cli._reported import reported


def tick_command(
    bundle: Annotated[str, typer.Option(help='Bundle folder, or a shipped name.')] = 'reacher',
    ticks: Annotated[int, typer.Option(min=100, help='Ticks to measure.')] = 2000,
    threads: Annotated[int, typer.Option(min=1, help='Threads of ONNX Runtime and torch.')] = 1,
    provider: ProviderOption = 'auto',
    device_id: DeviceOption = 0,
    allow_cpu_fallback: FallbackOption = False,
    eager: Annotated[bool, typer.Option(help='Compare with eager torch (extra train).')] = True,
    as_json: Annotated[bool, typer.Option('--json', help='End with one JSON object.')] = False,
) -> None:
    """Measure the whole tick: decode, observe, policy, plan; against eager torch."""
    folder = find_bundle(bundle)
    asked = ProviderSettings(provider, device_id, allow_cpu_fallback)
    loaded = load_bundle(
        folder, threads=threads, provider=asked, progress=lambda text: typer.echo(text, err=True)
    )
    contract = loaded.contract
    rival = eager_planner(folder, threads) if eager else None
    figures: dict[str, Any] = {
        'bundle': folder.name,
        'robot': contract.name,
        'untrained': bool(loaded.manifest.get('provenance', {}).get('untrained')),
        'threads': threads,
        'provider': loaded.provider.text,
        'machine': machine(),
        'versions': versions('world_model_ros', 'onnxruntime', 'numpy'),
        **origin(),
    }
    with reported(figures, _show, as_json=as_json):
        measure(loaded, contract, ticks, rival, figures)


def _show(figures: dict[str, Any]) -> None:
    if 'tick_ms' not in figures:
        return
    tick, count = figures['tick_ms'], figures['ticks']
    typer.echo(f'tick     p50 {tick["p50"]:.2f} ms   p99 {tick["p99"]:.2f} ms   ({count} ticks)')
    typer.echo(f'provider {figures["provider"]}')
    typer.echo(f'planner  p50 {figures["planner_ms"]["p50"]:.2f} ms')
    if 'eager_ms' in figures:
        typer.echo(f'eager    p50 {figures["eager_ms"]["p50"]:.2f} ms')
        typer.echo(f'eager torch takes {figures["eager_ratio"]:.2f} times as long')
    late = figures['control_sleep_late_ms']
    typer.echo(f'control  a {SLEEP_S * 1e3:.0f} ms sleep ends {late["p99"]:.2f} ms late (p99)')
