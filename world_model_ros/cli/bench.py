# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The `bench` verb: a group of measurements, each in a file of its own, each ending in JSON."""

from __future__ import annotations

import typer

from world_model_ros.cli.lazy import Verb, lazy_group

_HERE = 'world_model_ros.cli'

VERBS = {
    'tick': Verb(f'{_HERE}.bench_tick', 'tick_command', 'One whole tick, against eager torch.'),
    'update': Verb(f'{_HERE}.bench_update', 'update_command', 'Learning: updates per second.'),
    'run': Verb(f'{_HERE}.bench_run', 'run_command', 'All nodes together: late ticks, CPU.'),
    'record': Verb(f'{_HERE}.bench_record', 'record_command', 'The recorder under load.'),
    'circle': Verb(f'{_HERE}.bench_circle', 'circle_command', 'Adapting to a changed robot.'),
    'circles': Verb(f'{_HERE}.bench_circles', 'circles_command', 'Its seeds, side by side.'),
    'align': Verb(f'{_HERE}.bench_align', 'align_command', 'Finding a changed camera, alone.'),
    'latency': Verb(
        f'{_HERE}.bench_latency', 'latency_command', 'From a picture to its chunk at the guard.'
    ),
    'soak': Verb(f'{_HERE}.bench_soak', 'soak_command', 'Very many ticks: how memory grows.'),
    'imagined': Verb(
        f'{_HERE}.bench_imagined', 'imagined_command', 'A robot in a model: speed, late ticks.'
    ),
    'inside': Verb(
        f'{_HERE}.bench_inside', 'inside_command', 'Policies ranked inside of a model.'
    ),
    'delay': Verb(f'{_HERE}.bench_delay', 'delay_command', 'A slow driver, compensated.'),
    'horizon': Verb(
        f'{_HERE}.bench_horizon', 'horizon_command', 'How long predictions beat copying.'
    ),
    'swap': Verb(f'{_HERE}.bench_swap', 'swap_command', 'A bundle swapped for itself.'),
    'kills': Verb(f'{_HERE}.bench_kills', 'kills_command', 'Each process killed at random.'),
    'reaction': Verb(
        f'{_HERE}.bench_reaction', 'reaction_command', 'How soon the safe action begins.'
    ),
    'guard': Verb(f'{_HERE}.bench_guard', 'guard_command', 'The highest rate of the guard.'),
    'view': Verb(f'{_HERE}.bench_view', 'view_command', 'What a viewer costs the robot.'),
    'parity': Verb(f'{_HERE}.bench_parity', 'parity_command', 'Ticks rebuilt from bags.'),
}

app = typer.Typer(cls=lazy_group(VERBS), no_args_is_help=True, add_completion=False)


@app.callback()
def _root() -> None:
    """Measure this machine; every subcommand prints one JSON object as its last line."""
