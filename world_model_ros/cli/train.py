# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The `train` verb: learn as a service from what robots recorded."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from world_model_ros.cli._arguments import (
    FamilyOption,
    LearnOnOption,
    bundle_target,
    learnable,
    recorded_place,
    refuse,
)
from world_model_ros.parent import follow_parent

# What was an option of `train` once, and what to write now.
MOVED = {
    '--sim': 'simulator training is a command of its own: world-model train-sim ROBOT --frames N',
    '--store': 'the store comes without an option: world-model train SOURCE --contract FILE',
}


class _Command(TyperCommand):
    """Names the remedy for what moved, before other words of that line are found wrong."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        for option, remedy in MOVED.items():
            if any(word.partition('=')[0] == option for word in args):
                typer.echo(f'world-model: train has no {option}; {remedy}', err=True)
                raise typer.Exit(2)
        return super().parse_args(ctx, args)


app = typer.Typer(add_completion=False)


@app.command('train', cls=_Command)
def train_command(
    source: Annotated[
        str,
        typer.Argument(metavar='SOURCE', help='Store (folder or URL), or a folder of episodes.'),
    ],
    contract: Annotated[str, typer.Option(help='Robot name or contract file to learn for.')],
    out: Annotated[
        Path | None,
        typer.Option(help='Run folder; resumes what lies there (default: runs/ROBOT_trainer).'),
    ] = None,
    from_file: Annotated[
        Path | None,
        typer.Option(
            '--from', help='learner.safetensors to start from (default: the shipped one).'
        ),
    ] = None,
    from_scratch: Annotated[
        bool, typer.Option('--from-scratch', help='Start from no weights.')
    ] = False,
    bundle: Annotated[
        Path | None,
        typer.Option(help='The newest model that passed the gate (default: bundle in --out).'),
    ] = None,
    family: FamilyOption = None,
    publish_every: Annotated[
        float, typer.Option(min=1.0, help='Seconds between candidates.')
    ] = 120.0,
    publish_updates: Annotated[
        int, typer.Option(min=0, help='Updates between candidates, if that is sooner.')
    ] = 0,
    replay_ratio: Annotated[
        float, typer.Option(min=0.0, help='Replayed steps per tick, at most.')
    ] = 120.0,
    nominal_ticks: Annotated[
        int, typer.Option(min=0, help='Simulated nominal ticks at most; 0: none.')
    ] = 20_000,
    nominal_share: Annotated[
        float, typer.Option(min=0.0, max=1.0, help='Share of a batch that is nominal.')
    ] = 0.1,
    capacity: Annotated[int, typer.Option(min=1_000, help='Robot ticks held.')] = 200_000,
    start_ticks: Annotated[
        int, typer.Option(min=1, help='Robot ticks before the first update.')
    ] = 500,
    robot_episodes: Annotated[
        int, typer.Option(min=1, help='Episodes of one robot, taken at each poll.')
    ] = 16,
    no_align: Annotated[
        bool,
        typer.Option('--no-align', help='Do not estimate changed cameras and motors.'),
    ] = False,
    imitate: Annotated[
        bool,
        typer.Option('--imitate', help='Hide rewards: learn to do what was done, nothing more.'),
    ] = False,
    policy_margin: Annotated[
        float | None, typer.Option(help='How much better a plan must be than the policy.')
    ] = None,
    seed: Annotated[int, typer.Option(help='Training seed (0-4).')] = 0,
    device: LearnOnOption = 'auto',
    threads: Annotated[int, typer.Option(min=1, help='Torch threads.')] = 1,
    minutes: Annotated[float, typer.Option(min=0.0, help='Stop after so long; 0: never.')] = 0.0,
    idle: Annotated[bool, typer.Option('--idle', help='Use idle processor time only.')] = False,
) -> None:
    """Learn a world model from recordings, and publish what passes the gate.

    A service: it starts from the shipped weights of this robot, if there are any, and goes on
    where it was when restarted. Releases go to the store. Where SOURCE is a folder of episodes
    they go to OUT/store, and the recordings are only read.
    """
    if from_file is not None and from_scratch:
        raise typer.BadParameter('--from and --from-scratch exclude each other')
    robot = learnable(contract)
    folder = out or Path('runs') / f'{robot.name}_trainer'
    recorded_place(source, folder)
    if bundle is not None:
        bundle_target(bundle)
    from world_model_ros.training.core.process import give_way, run_until_told

    give_way(idle=idle)  # first: to import torch takes seconds
    from world_model_ros.cli._trainer_display import trainer_display
    from world_model_ros.families.device import choose_device
    from world_model_ros.folder_lock import FolderInUse
    from world_model_ros.training.core.checkpoint import NOT_WRITTEN
    from world_model_ros.training.core.service import Service
    from world_model_ros.training.core.settings import ServiceConfig
    from world_model_ros.training.core.trainer_state import Start
    from world_model_ros.training.data.mixture import Shares

    config = ServiceConfig(
        seed=seed,
        threads=threads,
        publish_every_s=publish_every,
        publish_updates=publish_updates,
        replay_ratio=replay_ratio,
        nominal_ticks=nominal_ticks,
        shares=Shares(nominal=nominal_share),
        capacity=capacity,
        start_ticks=start_ticks,
        robot_episodes=robot_episodes,
        align=not no_align,
        family=family,
        policy_margin=policy_margin,
        imitate=imitate,
    )
    start = Start('scratch') if from_scratch else Start()
    if from_file is not None:
        start = Start('file', from_file)
    follow_parent()
    with trainer_display() as display:
        try:
            service = Service(
                source,
                robot,
                folder,
                config,
                start,
                say=display.event,
                report=display.status,
                bundle=bundle,
                chosen=choose_device(device),
            )
        except (FolderInUse, ValueError, *NOT_WRITTEN) as error:
            display.close()  # the line below comes after the bar
            refuse(str(error))
        run_until_told(service, minutes)
