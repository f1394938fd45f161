# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The `test` verb: what CI runs, in the order of how fast it answers."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

# Three for two cores: one for nodes in real time, which mostly wait, one for other nodes and one
# for what computes (test/conftest.py).
# No test needs rerunfailures, which opens a port for every worker.
WORKERS = ('-n', '3', '--dist', 'loadgroup', '--no-loadscope-reorder', '-p', 'no:rerunfailures')
# A robot and its trainer in real time, on no more cores than they need.
ALONE = 'alone'
CHECKS = (
    ('ruff check', ('ruff', 'check', '.')),
    ('ruff format', ('ruff', 'format', '--check', '.')),
    ('mypy', ('mypy',)),
)


def source_root() -> Path:
    """Return the source tree this package runs from; only there are settings and tests found."""
    root = Path(__file__).resolve().parents[2]
    if not (root / 'pyproject.toml').is_file() or not (root / 'test').is_dir():
        raise FileNotFoundError(
            f'{root} holds no pyproject.toml and no test folder: run ./world-model test in a clone'
        )
    return root


def test_command(
    pytest_args: Annotated[
        list[str] | None,
        typer.Argument(help='Passed on to pytest (after --); -n 0 means one process.'),
    ] = None,
) -> None:
    """Run ruff, mypy and pytest; exit 1 if any of them fails."""
    root = source_root()
    checks = [*CHECKS, *_tests(pytest_args or [])]
    failed = []
    for name, command in checks:
        typer.secho(f'== {name}', bold=True)
        if subprocess.run([sys.executable, '-m', *command], cwd=root, check=False).returncode:
            failed.append(name)
    typer.echo(f'failed: {", ".join(failed)}' if failed else 'all checks passed')
    raise typer.Exit(1 if failed else 0)


def _tests(arguments: Sequence[str]) -> list[tuple[str, tuple[str, ...]]]:
    """Everything: what needs the machine for itself, then the others. Else what was asked for."""
    if arguments:
        return [('pytest', ('pytest', *WORKERS, *arguments))]
    return [
        ('pytest, alone', ('pytest', '-m', ALONE)),
        ('pytest', ('pytest', *WORKERS, '-m', f'not {ALONE}')),
    ]


test_command.__test__ = False  # type: ignore[attr-defined]  # pytest: a verb, not a test
