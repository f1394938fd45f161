# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The `imagine` verb: a robot in the learned world, live; or real beside imagined, without ROS."""

from __future__ import annotations

import json
import math
import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from world_model_ros.cli._arguments import known_bundle, refuse
from world_model_ros.cli._live_run import live_run, page_of
from world_model_ros.deploy.dds import keep_dds_on_this_machine
from world_model_ros.deploy.nodes_table import (
    IMAGINE,
    IMAGINED_EPISODES,
    IMAGINED_NAMESPACE,
    IMAGINED_ROBOT_ID,
    Settings,
    apart,
)
from world_model_ros.experience import EpisodeError, EpisodeReader
from world_model_ros.imagined.beginning import begin_world
from world_model_ros.imagined.compare import Comparison, compare
from world_model_ros.imagined.film import write_film, write_strip
from world_model_ros.imagined.recorded_beliefs import ImaginedError, read_place

SHOWN_SEC = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
COMPARED_SEC = 3.0  # unless --steps says otherwise


def imagine_command(
    start: Annotated[
        str,
        typer.Option(
            '--from', help='Where it begins: EPISODE@TICK, EPISODE@SECONDSs, EPISODE or a folder.'
        ),
    ],
    bundle: Annotated[
        str, typer.Option(help="Bundle folder; the one shipped for the episode's robot if empty.")
    ] = '',
    known: Annotated[
        str, typer.Option(help='Folder of episodes that count as known, beside that one.')
    ] = '',
    steps: Annotated[
        int, typer.Option(min=0, help='Without ROS: compare so many ticks with the recording.')
    ] = 0,
    video: Annotated[
        Path | None, typer.Option(help='Without ROS: film of real beside imagined, .mp4 or .avi.')
    ] = None,
    strip: Annotated[
        Path | None, typer.Option(help='Without ROS: picture of real above imagined, .png.')
    ] = None,
    stream: Annotated[str, typer.Option(help='Picture to show; the first one if empty.')] = '',
    as_json: Annotated[bool, typer.Option('--json', help='End with one JSON object.')] = False,
    minutes: Annotated[float, typer.Option(help='Live: stop after this; 0: at Ctrl-C.')] = 0.0,
    headless: Annotated[bool, typer.Option('--headless', help='Live: no view.')] = False,
    namespace: Annotated[
        str, typer.Option(help='Live: of its nodes and topics.')
    ] = IMAGINED_NAMESPACE,
    robot_id: Annotated[str, typer.Option(help='Live: of its recordings.')] = IMAGINED_ROBOT_ID,
    directory: Annotated[Path, typer.Option(help='Live: folder of its recordings.')] = Path(
        IMAGINED_EPISODES
    ),
    plan: Annotated[bool, typer.Option(help='Live: plan, or only follow the policy.')] = True,
    shadow: Annotated[
        bool, typer.Option('--shadow', help='Live: command nothing; drive it by hand.')
    ] = False,
    view: Annotated[
        bool | None,
        typer.Option(help='Live: serve the page for the browser (default: not headless).'),
    ] = None,
) -> None:
    """Step inside the model: drive a robot that it imagines, or compare it with a recording."""
    keep_dds_on_this_machine()
    try:
        reader = EpisodeReader(read_place(start).episode)
        contract = reader.contract
        model = known_bundle(bundle or contract.name, contract)
        if steps or video is not None or strip is not None:
            begun = begin_world(str(model), start, known, warn=_warn)
            ticks = steps or round(COMPARED_SEC / contract.period_s)
            _compared(compare(begun, ticks), video, strip, stream, as_json=as_json)
            return
    except (ImaginedError, EpisodeError) as error:
        refuse(str(error))
    logs = Path(tempfile.mkdtemp(prefix='world_model_imagine_'))
    robot = logs / 'robot.yaml'  # the robot as it was when the episode was recorded
    robot.write_text(reader.info.contract_text, encoding='utf-8')
    settings = Settings(
        contract=str(robot),
        robot_id=robot_id,
        bundle=str(model),
        start=start,
        known=known,
        namespace=namespace,
        directory=str(directory.resolve()),
        slots=str(logs / 'slots'),
        state_directory=str(logs / 'state'),
        plan=plan,
        autostart=not shadow,
        use_sim_time=True,
    )
    page = page_of(view, logs, headless=headless)
    console = Console(stderr=True)
    console.print(
        f'An imagined {contract.name} in the namespace /{namespace}; recorded under '
        f'{settings.directory}, marked as imagined.'
    )
    settings = apart(settings, contract)
    parts = f'imagined: {contract.name}', contract, settings, logs, minutes, IMAGINE, console, page
    figures, _ = live_run(*parts, headless=headless)
    if as_json:
        typer.echo(json.dumps(figures))
    if figures['died'] or not figures['ticks']:
        for name, lines in figures['died'].items():
            typer.echo(f'{name} ended early: {" | ".join(lines)}', err=True)
        typer.echo(f'All words of all processes: {logs}', err=True)
        raise typer.Exit(1)
    shutil.rmtree(logs, ignore_errors=True)


def _warn(text: str) -> None:
    typer.echo(f'world-model: {text}', err=True)


def _compared(
    found: Comparison, video: Path | None, strip: Path | None, stream: str, *, as_json: bool
) -> None:
    """Print the errors and draw what was asked for."""
    errors, period_s = found.errors(), found.contract.period_s
    table = Table(box=None, pad_edge=False)
    for name in ('after', *errors, 'distance', 'known'):
        table.add_column(name, justify='right', no_wrap=True)
    last = len(found.observed) - 1
    shown = [round(seconds / period_s) - 1 for seconds in SHOWN_SEC]
    for k in (*(k for k in shown if 0 <= k < last), last):
        cells = [
            f'{rows["imagined"][k]:.3g} ({rows["copied"][k]:.3g})' for rows in errors.values()
        ]
        known = 'unsure' if math.isnan(found.fade[k]) else f'{1.0 - found.fade[k]:.0%}'
        table.add_row(f'{(k + 1) * period_s:.2f} s', *cells, f'{found.distance[k]:.3g}', known)
    console = Console(stderr=as_json)
    console.print('Root mean square error of imagining (of copying what was seen at the start):')
    console.print(table)
    for output, write in ((video, write_film), (strip, write_strip)):
        if output is not None:
            write(found, output, stream)
            console.print(f'{output}', markup=False)
    if as_json:
        typer.echo(json.dumps(found.figures()))
