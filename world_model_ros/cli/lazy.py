# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Command groups whose verbs are imported when called, and clear words for what is missing.

Owns: the lazy group, and which optional dependency belongs to which extra of setup.py. Imports no
verb itself, so `world-model --help` needs neither torch nor ROS nor a simulator.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

# Import name -> what to install. Packages of the base are not here: their absence is a bug.
EXTRAS = {
    'av': 'lerobot',
    'dm_control': 'sim',
    'hypothesis': 'test',
    'jinja2': 'train',
    'matplotlib': 'train',
    'mujoco': 'sim',
    'mypy': 'test',
    'onnx': 'train',
    'onnxruntime': 'cpu',
    'onnxscript': 'train',
    'pyarrow': 'lerobot',
    'pytest': 'test',
    'ruff': 'test',
    'safetensors': 'train',
    'scipy': 'train',
    'tensorboard': 'train',
    'starlette': 'view',
    'torch': 'train',
    'uvicorn': 'view',
    'websockets': 'view',
}
ROS_MODULES = {
    'builtin_interfaces',
    'diagnostic_msgs',
    'lifecycle_msgs',
    'rclpy',
    'rosgraph_msgs',
    'sensor_msgs',
    'std_msgs',
    'std_srvs',
    'trajectory_msgs',
}


@dataclass(frozen=True)
class Verb:
    """Where a verb lives: a typer app, or a function that becomes one command."""

    module: str
    attribute: str
    help: str


def missing_module_text(error: ModuleNotFoundError) -> str | None:
    """Say what to install for a missing module, or None if it is not an optional one."""
    root = (error.name or '').split('.')[0]
    if root in ROS_MODULES:
        return (
            f'{root} is not importable. Source ROS 2 (source /opt/ros/jazzy/setup.bash), or let '
            './world-model make an environment with the ROS wheels.'
        )
    extra = EXTRAS.get(root)
    if extra is None:
        return None
    also = ', or world_model_ros[gpu] on a machine with a GPU' if extra == 'cpu' else ''
    return (
        f'{root} is not installed; it belongs to the extra "{extra}". '
        f"Install it: pip install 'world_model_ros[{extra}]'{also}"
    )


def lazy_group(verbs: dict[str, Verb]) -> type[TyperGroup]:
    """Make a group class whose commands are looked up in `verbs`."""

    class LazyGroup(TyperGroup):
        def list_commands(self, ctx: Any) -> list[str]:
            return list(verbs)

        def get_command(self, ctx: Any, cmd_name: str) -> Any:
            """Return a placeholder that carries the help text, enough for --help."""
            verb = verbs.get(cmd_name)
            return None if verb is None else TyperCommand(cmd_name, help=verb.help)

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            # The base class suggests the nearest of self.commands for an unknown name.
            self.commands = {name: self.get_command(ctx, name) for name in verbs}
            found, _, rest = super().resolve_command(ctx, args)
            name = str(found)
            return name, _load(name, verbs[name]), rest

    return LazyGroup


def _load(name: str, verb: Verb) -> Any:
    found = getattr(importlib.import_module(verb.module), verb.attribute)
    if not isinstance(found, typer.Typer):
        single = typer.Typer(add_completion=False)
        single.command(name)(found)
        found = single
    return typer.main.get_command(found)
