# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The `train` verb: learn in simulation (--sim), or as a service from a store (--store)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

NICE = 19  # of a trainer beside a robot
SIM = (
    'sim',
    'frames',
    'randomize',
    'reality',
    'decisions_per_update',
    'plan',
    'max_hours',
    'bundle',
)
STORE = (
    'store',
    'contract',
    'from_scratch',
    'publish_every',
    'publish_updates',
    'replay_ratio',
    'nominal_ticks',
    'nominal_share',
    'capacity',
    'start_ticks',
    'robot_episodes',
    'no_align',
    'minutes',
    'idle',
)


def train_command(
    context: typer.Context,
    sim: Annotated[
        str | None, typer.Option(help='Robot name or contract file to train in simulation.')
    ] = None,
    frames: Annotated[
        int | None, typer.Option(min=0, help='Control steps of the task to live.')
    ] = None,
    store: Annotated[
        str | None, typer.Option(help='Store to follow: a folder or URL of episodes.')
    ] = None,
    contract: Annotated[
        str | None, typer.Option(help='Robot name or contract file to learn for.')
    ] = None,
    out: Annotated[Path | None, typer.Option(help='Run folder (resumes what lies there).')] = None,
    seed: Annotated[int, typer.Option(help='Training seed (0-4).')] = 0,
    threads: Annotated[
        int | None, typer.Option(min=1, help='Torch threads: 2 with --sim, 1 with --store.')
    ] = None,
    policy_margin: Annotated[
        float | None, typer.Option(help="The bundle's planner leaves the policy only for more.")
    ] = None,
    randomize: Annotated[
        Path | None, typer.Option(help='sim: live in realities drawn from this ranges file.')
    ] = None,
    reality: Annotated[str, typer.Option(help='sim: live in this one changed robot.')] = 'nominal',
    decisions_per_update: Annotated[float, typer.Option(help='sim: ticks per update.')] = 4.0,
    plan: Annotated[
        bool, typer.Option('--plan', help='sim: measure one update, print, stop.')
    ] = False,
    max_hours: Annotated[float, typer.Option(help='sim: refuse longer runs.')] = 2.0,
    bundle: Annotated[Path | None, typer.Option(help='sim: export a bundle at the end.')] = None,
    from_file: Annotated[
        Path | None, typer.Option('--from', help='learner.safetensors to go on from.')
    ] = None,
    from_scratch: Annotated[
        bool, typer.Option('--from-scratch', help='store: start from no weights.')
    ] = False,
    publish_every: Annotated[
        float, typer.Option(min=1.0, help='store: seconds between candidates.')
    ] = 120.0,
    publish_updates: Annotated[
        int, typer.Option(min=0, help='store: updates between candidates, if that is sooner.')
    ] = 0,
    replay_ratio: Annotated[
        float, typer.Option(min=0.0, help='store: replayed steps per tick, at most.')
    ] = 120.0,
    nominal_ticks: Annotated[
        int, typer.Option(min=0, help='store: cap on ticks of the own simulator, 0: none.')
    ] = 20_000,
    nominal_share: Annotated[
        float, typer.Option(min=0.0, max=1.0, help='store: share of a batch that is nominal.')
    ] = 0.1,
    capacity: Annotated[int, typer.Option(min=1_000, help='store: robot ticks held.')] = 200_000,
    start_ticks: Annotated[
        int, typer.Option(min=1, help='store: robot ticks before the first update.')
    ] = 500,
    robot_episodes: Annotated[
        int, typer.Option(min=1, help='store: episodes of one robot, taken at each poll.')
    ] = 16,
    no_align: Annotated[
        bool,
        typer.Option(
            '--no-align', help='store: do not look for changed cameras and motors first.'
        ),
    ] = False,
    minutes: Annotated[
        float, typer.Option(min=0.0, help='store: leave after so long, 0: never.')
    ] = 0.0,
    idle: Annotated[
        bool, typer.Option('--idle', help='store: only on processor time that nobody wants.')
    ] = False,
) -> None:
    """Learn a world model: --sim ROBOT --frames N, or --store URL --contract FILE.

    --sim: --frames 0 --bundle DIR exports an untrained bundle. --store: a service; it starts from
    the shipped weights of this robot, if there are any, and goes on where it was when restarted.
    """
    given = {
        name
        for name in context.params
        if getattr(context.get_parameter_source(name), 'name', '') == 'COMMANDLINE'
    }
    _check(given)
    if sim is not None and frames is not None:
        from world_model_ros.cli._train_sim import train_in_simulation

        train_in_simulation(
            sim,
            frames,
            out,
            seed=seed,
            randomize=randomize,
            reality=reality,
            from_file=from_file,
            decisions_per_update=decisions_per_update,
            threads=threads or 2,
            plan=plan,
            max_hours=max_hours,
            bundle=bundle,
            policy_margin=policy_margin,
        )
    if store is not None and contract is not None:
        _give_way(idle)  # first: to import torch takes seconds
        from world_model_ros.cli._train_store import train_from_store
        from world_model_ros.training.alignment import AlignConfig
        from world_model_ros.training.core.settings import ServiceConfig
        from world_model_ros.training.data.mixture import Shares

        config = ServiceConfig(
            seed=seed,
            threads=threads or 1,
            publish_every_s=publish_every,
            publish_updates=publish_updates,
            replay_ratio=replay_ratio,
            nominal_ticks=nominal_ticks,
            shares=Shares(nominal=nominal_share),
            capacity=capacity,
            start_ticks=start_ticks,
            robot_episodes=robot_episodes,
            align=None if no_align else AlignConfig(),
            policy_margin=policy_margin,
        )
        train_from_store(
            store,
            contract,
            out,
            config,
            from_file,
            from_scratch=from_scratch,
            minutes=minutes,
        )


def _give_way(idle: bool) -> None:
    """The robot's own processes come first."""
    os.nice(NICE)
    if idle and hasattr(os, 'SCHED_IDLE'):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def _check(given: set[str]) -> None:
    """Refuse options that do not go together, by name."""
    if ('sim' in given) == ('store' in given):
        raise typer.BadParameter(
            'give either --sim ROBOT --frames N (in simulation) or --store URL --contract FILE '
            '(a service)'
        )
    one, needed, foreign = ('--sim', 'frames', STORE) if 'sim' in given else (
        '--store', 'contract', SIM)  # fmt: skip
    if needed not in given:
        raise typer.BadParameter(f'{one} needs {_option(needed)}')
    wrong = [_option(name) for name in foreign if name in given]
    if wrong:
        raise typer.BadParameter(f'{", ".join(wrong)} does not go with {one}')
    for one, other in (('from_file', 'from_scratch'), ('randomize', 'reality')):
        if {one, other} <= given:
            raise typer.BadParameter(f'{_option(one)} and {_option(other)} exclude each other')


def _option(name: str) -> str:
    return '--' + {'from_file': 'from'}.get(name, name).replace('_', '-')
