# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The `world-model` command: the table of its verbs, and how errors reach the user.

A verb's module is imported only when the verb is called. Exit codes: 0 done, 1 what was asked for
failed or was refused, 2 the command line was wrong.
"""

from __future__ import annotations

import os
import sys

import typer

from world_model_ros.bundle import BundleError
from world_model_ros.cli.lazy import Verb, lazy_group, missing_module_text
from world_model_ros.contract import ContractError

_HERE = 'world_model_ros.cli'

# Only where the user said nothing else. What this command starts stays on this machine, and the
# simulated cameras render without a display.
ENVIRONMENT = {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST', 'MUJOCO_GL': 'egl'}

VERBS = {
    'demo': Verb(f'{_HERE}.demo', 'demo_command', 'Run a simulated robot with all its nodes.'),
    'demonstrate': Verb(
        f'{_HERE}.demonstrate', 'demonstrate_command', 'Record a scripted controller at work.'
    ),
    'imagine': Verb(f'{_HERE}.imagine', 'imagine_command', 'Step inside a model.'),
    'view': Verb(f'{_HERE}.view', 'view_command', 'Watch a robot in the browser, and stop it.'),
    'train': Verb(f'{_HERE}.train', 'app', 'Learn from recordings, as a service.'),
    'train-sim': Verb(f'{_HERE}.train_sim', 'train_sim_command', 'Learn in simulation.'),
    'eval': Verb(f'{_HERE}.eval', 'eval_command', 'Evaluate a bundle by the protocol.'),
    'scoreboard': Verb(
        f'{_HERE}.scoreboard', 'scoreboard_command', 'Redraw our returns beside published ones.'
    ),
    'bench': Verb(f'{_HERE}.bench', 'app', 'Measure: tick, run, record, parity, …'),
    'chaos': Verb(f'{_HERE}.chaos', 'app', 'Inject faults: guard, ingest, recorder, …'),
    'contract': Verb(f'{_HERE}.contract', 'app', 'Check and explain a robot file.'),
    'bundle': Verb(f'{_HERE}.bundle', 'app', 'Check an exported model; write an untrained one.'),
    'store': Verb(f'{_HERE}.store', 'app', 'Make a store; delete what is old.'),
    'episodes': Verb(f'{_HERE}.episodes', 'app', 'List, check and export recordings.'),
    'report': Verb(f'{_HERE}.report', 'report_command', 'Write a page on what the robots did.'),
    'doctor': Verb(f'{_HERE}.doctor', 'doctor_command', 'Check this machine, or live topics.'),
    'test': Verb(f'{_HERE}.test', 'test_command', 'Run linters, type checks and tests.'),
}

app = typer.Typer(
    name='world-model',
    cls=lazy_group(VERBS),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def _root() -> None:
    """A robot that imagines before it acts."""


def main() -> None:
    """Run the command line; errors that the user can mend are said in one line."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        app(prog_name='world-model')
    except ModuleNotFoundError as error:
        text = missing_module_text(error)
        if text is None:
            raise
        _refuse(text)
    except (BundleError, ContractError, OSError) as error:  # StoreError among them
        _refuse(str(error))


def _refuse(text: str) -> None:
    sys.stderr.write(f'world-model: {text}\n')
    sys.exit(1)


if __name__ == '__main__':
    main()
