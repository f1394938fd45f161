# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The `chaos` verb: faults at random against one part of the system, and how many rules broke.

Each subcommand prints one JSON object as its last line (`runs`, `violations`, `checked`) and exits
with 1 if there was a violation. Run i of a seed is always the same.
"""

from __future__ import annotations

import json
from typing import Annotated, NoReturn

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False)

RUNS = Annotated[int, typer.Option(min=1, help='How many runs.')]
SEED = Annotated[int, typer.Option(min=0, help='Run i gets the numbers of (seed, i).')]
JOBS = Annotated[int, typer.Option(min=1, help='Processes that share the runs.')]
AS_JSON = Annotated[bool, typer.Option('--json', help='Print nothing but the JSON object.')]


@app.callback()
def _root() -> None:
    """Try to break one part of the system with random faults."""


def _attack(part: str, runs: int, seed: int, as_json: bool, jobs: int = 1) -> NoReturn:
    """Attack one part, print what was found, and exit: 1 if a rule was broken."""
    from world_model_ros.bench.chaos.runs import inject_part

    def progress(done: int, violations: int) -> None:
        if not as_json and (done % 50 == 0 or done == runs):
            typer.echo(f'{part}: {done} of {runs} runs, {violations} violations', err=True)

    result = inject_part(part, runs, seed, jobs, progress)
    print(json.dumps(result.as_json(), indent=None if as_json else 2))
    raise typer.Exit(1 if result.violations else 0)


@app.command('ingest')
def ingest(runs: RUNS = 200, seed: SEED = 0, as_json: AS_JSON = False, jobs: JOBS = 1) -> None:
    """Upload forged and damaged episodes to a trainer (needs a source tree's fixtures)."""
    _attack('ingest', runs, seed, as_json, jobs)


@app.command()
def recorder(runs: RUNS = 2000, seed: SEED = 0, as_json: AS_JSON = False, jobs: JOBS = 1) -> None:
    """Damaged leftovers, odd messages and disks that refuse, against the recorder."""
    _attack('recorder', runs, seed, as_json, jobs)


@app.command()
def updater(runs: RUNS = 500, seed: SEED = 0, as_json: AS_JSON = False, jobs: JOBS = 1) -> None:
    """Attack a robot's updater through its store, its disk and the agent's topic."""
    _attack('updater', runs, seed, as_json, jobs)


@app.command()
def store(runs: RUNS = 2000, seed: SEED = 0, as_json: AS_JSON = False, jobs: JOBS = 1) -> None:
    """Odd episodes, foreign objects, damaged records and stores that are away."""
    _attack('store', runs, seed, as_json, jobs)


@app.command('faults')
def faults(runs: RUNS = 100, seed: SEED = 0, as_json: AS_JSON = False) -> None:
    """A fault while a robot acts: sensors, processes, clock, driver; real nodes, real time."""
    _attack('faults', runs, seed, as_json)


@app.command('guard')
def guard(runs: RUNS = 100, seed: SEED = 0, as_json: AS_JSON = False) -> None:
    """Random events against the real guard on the unfriendly arm and two other robots."""
    _attack('guard', runs, seed, as_json)


@app.command()
def messages(runs: RUNS = 100, seed: SEED = 0, as_json: AS_JSON = False, jobs: JOBS = 1) -> None:
    """Adversarial messages of every type through decoding, ticks and the guard."""
    _attack('messages', runs, seed, as_json, jobs)
