# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench record`: its options, and what is printed."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from world_model_ros.bench.measure import machine
from world_model_ros.bench.record import measure
from world_model_ros.cli._arguments import new_file
from world_model_ros.cli._reported import reported
from world_model_ros.experience.record.writer import COMPRESSIONS


def record_command(
    seconds: Annotated[float, typer.Option(min=1.0, help='How long to publish.')] = 60.0,
    width: Annotated[int, typer.Option(min=16)] = 640,
    height: Annotated[int, typer.Option(min=16)] = 480,
    image_rate: Annotated[float, typer.Option(min=1.0, help='Hz')] = 30.0,
    joint_rate: Annotated[float, typer.Option(min=1.0, help='Hz')] = 100.0,
    best_effort: Annotated[
        bool, typer.Option('--best-effort', help='Publish the camera as drivers do, best effort.')
    ] = False,
    stock_dds: Annotated[
        bool, typer.Option('--stock-dds', help='Publish without the shipped Fast DDS profile.')
    ] = False,
    compression: Annotated[str, typer.Option(help='none, lz4 or zstd.')] = 'zstd',
    folder: Annotated[Path | None, typer.Option(help='Record here and keep it.')] = None,
    as_json: Annotated[bool, typer.Option('--json', help='End with one JSON object.')] = False,
) -> None:
    """Measure MB/s, messages/s, processor use and lost messages of the recorder."""
    if compression not in COMPRESSIONS:
        raise typer.BadParameter(
            f'--compression {compression}: expected one of {", ".join(COMPRESSIONS)}'
        )
    if folder is not None:
        new_file(folder / 'episode', '--folder')
    figures: dict[str, Any] = {'bench': 'record', 'compression': compression}
    figures |= {'width': width, 'height': height, 'best_effort': best_effort}
    figures |= {'stock_dds': stock_dds, 'machine': machine()}
    with (
        tempfile.TemporaryDirectory(prefix='world_model_bench_') as temporary,
        reported(figures, _show, as_json=as_json),
    ):
        target = (folder or Path(temporary) / 'recorded').resolve()
        target.mkdir(parents=True, exist_ok=True)
        load = {
            'seconds': seconds,
            'width': width,
            'height': height,
            'image_rate': image_rate,
            'joint_rate': joint_rate,
            'best_effort': best_effort,
        }
        figures |= measure(load, target, compression, stock_dds=stock_dds)
    if figures['lost']:
        raise typer.Exit(1)


def _show(figures: dict[str, Any]) -> None:
    if 'mb_per_s' in figures:
        typer.echo(
            f'{figures["mb_per_s"]:.1f} MB/s, {figures["messages_per_s"]:.0f} messages/s, '
            f'{figures["cores"]:.3f} cores, lost {figures["lost"]} of {figures["published"]}'
        )
