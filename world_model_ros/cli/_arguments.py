# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Checks of arguments that would otherwise be found wrong after the work is done.

Every command that works for minutes asks here first. What is wrong is said in one line, with
exit status 1 or 2, before anything runs.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from world_model_ros.bundle import find_bundle, load_bundle
from world_model_ros.bundle.format_names import OWN_FILES
from world_model_ros.contract import Contract, find_robot, load_contract, unlearnable
from world_model_ros.own_folder import check_own
from world_model_ros.plugins import PluginError
from world_model_ros.reward_function import reward_function

if TYPE_CHECKING:
    from world_model_ros.robots import Reality


FamilyOption = Annotated[
    str | None,
    typer.Option(
        help='World-model family (default: that of the run or weights gone on from, else dreamer).'
    ),
]
ProviderOption = Annotated[
    str,
    typer.Option(
        help='What the graphs run on: auto, cpu, cuda or tensorrt (the last two are untried on a '
        'GPU); auto is cuda where it works, else cpu.'
    ),
]
LearnOnOption = Annotated[
    str,
    typer.Option(
        help='Where it is learned: auto, cpu, cuda or cuda:N (cuda is untried on a GPU); auto is '
        'cuda where it works, else cpu.'
    ),
]
DeviceOption = Annotated[int, typer.Option(min=0, help='Number of the GPU.')]
FallbackOption = Annotated[
    bool,
    typer.Option('--allow-cpu-fallback', help='Take the CPU where the provider cannot be used.'),
]


def refuse(text: str) -> NoReturn:
    """Say in one line why nothing is done, and exit with 1."""
    typer.echo(f'world-model: {text}', err=True)
    raise typer.Exit(1)


def learnable(robot: str) -> Contract:
    """The contract of a robot, by name or file; refused where nothing can be learned from it."""
    contract = load_contract(find_robot(robot))
    if refused := unlearnable(contract):
        refuse('; '.join(refused))
    if contract.reward.function:
        try:
            reward_function(contract.reward.function)
        except PluginError as error:
            refuse(str(error))
    return contract


def recorded_place(place: str, out: Path) -> None:
    """Refuse a folder with nothing to learn from, where a trainer begins.

    One that goes on waits instead: a disk may be mounted later.

    Raises:
        StoreUrlError: the name is neither a folder nor a URL.
    """
    from world_model_ros.experience import list_episodes
    from world_model_ros.store import parse_url
    from world_model_ros.store.keys import FORMAT_KEY

    folder = parse_url(place).folder
    if folder is None or (out / 'checkpoint').is_dir() or (folder / FORMAT_KEY).is_file():
        return
    if not folder.is_dir():
        refuse(
            f'{place}: no such folder; expected a store or a folder of episodes: check the path, '
            f'or make a store: world-model store create {place}'
        )
    if not list_episodes(folder):
        refuse(
            f'{place}: neither a store nor a folder with sealed episodes; name the folder that '
            f'the recorder writes to (episodes), or make a store: world-model store create {place}'
        )


def known_bundle(name_or_path: str | Path, contract: Contract) -> Path:
    """A bundle's folder, found and fit for this robot.

    Raises:
        BundleError: there is none, it is damaged, or of another robot.
    """
    folder = find_bundle(name_or_path).resolve()
    load_bundle(folder, contract, graphs=())
    return folder


def known_learner(bundle: Path) -> Path:
    """The learner file beside a bundle; a bad parameter where there is none."""
    from world_model_ros.telemetry.learning_loop import learner_beside

    try:
        return learner_beside(bundle)
    except FileNotFoundError as error:
        raise typer.BadParameter(str(error)) from None


def known_reality(name_or_path: str) -> Reality:
    """A reality by name or file; refused where there is none."""
    from world_model_ros.robots import RealityError, load_reality

    try:
        return load_reality(name_or_path)
    except (RealityError, OSError) as error:
        refuse(str(error))


def simulated(contract: Contract) -> None:
    """Refuse a robot that has no simulated body."""
    from world_model_ros.robots import BodyError, make_env

    try:
        make_env(contract, 0).close()
    except BodyError as error:
        refuse(str(error))


def has_body(contract: Contract) -> None:
    """Refuse a robot of which no simulated body has the name; imports no simulator."""
    from world_model_ros.robots.bodies import BodyError, check_body

    try:
        check_body(contract)
    except BodyError as error:
        refuse(str(error))


def installed(extra: str, *modules: str) -> None:
    """Refuse where modules of an extra are missing."""
    if missing := [name for name in modules if importlib.util.find_spec(name) is None]:
        refuse(f'not installed (extra `{extra}`): {", ".join(missing)}')


def fresh_folder(path: Path, option: str) -> None:
    """Refuse a folder that cannot be written, or holds what would be taken for new results."""
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise typer.BadParameter(f'{option} {path}: give an empty folder or a new one')
    _writable(path, option)


def new_file(path: Path, option: str) -> None:
    """Refuse a file that could not be written at the end."""
    if path.is_dir():
        raise typer.BadParameter(f'{option} {path}: is a folder; give a file')
    if path.exists() and not os.access(path, os.W_OK):
        raise typer.BadParameter(f'{option} {path}: cannot be written')
    _writable(path.parent, option)


def bundle_target(bundle: Path) -> None:
    """Refuse a target of an export now, not after hours of training."""
    new_file(bundle.absolute().with_name(f'{bundle.name}.tmp'), '--bundle')
    if bundle.exists() and not bundle.is_dir():
        raise typer.BadParameter(f'--bundle {bundle}: is a file; give a folder')
    try:
        check_own(bundle, OWN_FILES)
    except FileExistsError as error:
        raise typer.BadParameter(f'--bundle {error}') from None


def _writable(folder: Path, option: str) -> None:
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise typer.BadParameter(f'{option}: {there} is no folder that can be written to')
