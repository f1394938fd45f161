# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The `chaos` verb: faults at random against one part of the system, and how many rules broke.

Each subcommand prints one JSON object as its last line (`runs`, `violations`, `checked`) and exits
with 1 if there was a violation. Run i of a seed is always the same.
"""

from __future__ import annotations

import importlib
import json
import multiprocessing
import sys
from concurrent.futures import ProcessPoolExecutor
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from world_model_ros.bench.chaos.runs import Result

app = typer.Typer(no_args_is_help=True, add_completion=False)

RUNS = Annotated[int, typer.Option(min=1, help='How many runs.')]
SEED = Annotated[int, typer.Option(min=0, help='Run i gets the numbers of (seed, i).')]
JOBS = Annotated[int, typer.Option(min=1, help='Processes that share the runs.')]
AS_JSON = Annotated[bool, typer.Option('--json', help='Print nothing but the JSON object.')]
_HERE = 'world_model_ros.bench.chaos'


@app.callback()
def _root() -> None:
    """Try to break one part of the system with random faults."""


def run_part(part: str, runs: int, seed: int, as_json: bool, jobs: int = 1) -> None:
    """Attack one part; its module in bench/chaos has the function `one_run`."""
    from world_model_ros.bench.chaos.runs import Result, inject, inject_part

    if jobs > 1:
        with ProcessPoolExecutor(jobs, multiprocessing.get_context('spawn')) as pool:
            shares = [pool.submit(inject_part, part, runs, seed, k, jobs) for k in range(jobs)]
            total = Result(part, seed)
            for share in shares:
                total.add(share.result())
        _print(total, as_json)
    one_run = importlib.import_module(f'{_HERE}.{part}').one_run

    def progress(done: int, violations: int) -> None:
        if not as_json and (done % 50 == 0 or done == runs):
            sys.stderr.write(f'{part}: {done} of {runs} runs, {violations} violations\n')

    _print(inject(part, one_run, runs, seed, progress), as_json)


def _print(result: Result, as_json: bool) -> NoReturn:
    """Print it and exit: 1 if a rule was broken."""
    print(json.dumps(result.as_json(), indent=None if as_json else 2))
    raise typer.Exit(1 if result.violations else 0)


@app.command('ingest')
def ingest(runs: RUNS = 200, seed: SEED = 0, as_json: AS_JSON = False, jobs: JOBS = 1) -> None:
    """Upload forged and damaged episodes to a trainer (needs a source tree's fixtures)."""
    run_part('ingest', runs, seed, as_json, jobs)


@app.command()
def recorder(runs: RUNS = 2000, seed: SEED = 0, as_json: AS_JSON = False, jobs: JOBS = 1) -> None:
    """Damaged leftovers, odd messages and disks that refuse, against the recorder."""
    run_part('recorder', runs, seed, as_json, jobs)


@app.command()
def updater(runs: RUNS = 500, seed: SEED = 0, as_json: AS_JSON = False, jobs: JOBS = 1) -> None:
    """Attack a robot's updater through its store, its disk and the agent's topic."""
    run_part('updater', runs, seed, as_json, jobs)


@app.command()
def store(runs: RUNS = 2000, seed: SEED = 0, as_json: AS_JSON = False, jobs: JOBS = 1) -> None:
    """Odd episodes, foreign objects, damaged records and stores that are away."""
    run_part('store', runs, seed, as_json, jobs)


@app.command('guard')
def guard(runs: RUNS = 100, seed: SEED = 0, as_json: AS_JSON = False) -> None:
    """Random events against the real guard on the unfriendly arm and two other robots."""
    run_part('guard', runs, seed, as_json)
