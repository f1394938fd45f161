# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The scoreboard as files: CSV for programs, Markdown for readers, PNG for a look.

Must not import ROS or torch.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

from world_model_ros.evaluation.scoreboard import (
    ANCHOR_STEPS,
    Comparison,
    Entry,
    compare,
    not_run,
)

OURS, THEIRS = '#2f6fb3', '#8c8c8c'


def write_board(out: Path, ours: Sequence[Entry], published: Sequence[Entry]) -> list[Path]:
    """Write `scoreboard.csv`, `.md` and `.png` into a folder; returns their paths.

    Of the published entries only those at the budgets that are compared are written.
    """
    compared = compare(ours, published)
    budgets = {(each.best.task, each.best.env_steps) for each in compared}
    beside = [entry for entry in published if (entry.task, entry.env_steps) in budgets]
    out.mkdir(parents=True, exist_ok=True)
    paths = [out / f'scoreboard.{ending}' for ending in ('csv', 'md', 'png')]
    paths[0].write_text(_csv([*ours, *beside]), encoding='utf-8')
    paths[1].write_text(markdown(ours, beside, compared), encoding='utf-8')
    _draw(paths[2], ours, beside)
    return paths


def _csv(entries: Sequence[Entry]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator='\n')
    writer.writerow([field.name for field in fields(Entry)])
    writer.writerows(asdict(entry).values() for entry in entries)
    return text.getvalue()


def markdown(
    ours: Sequence[Entry], beside: Sequence[Entry], compared: Sequence[Comparison]
) -> str:
    """The page: where we are behind first, then every line."""
    lines = [
        '# Scoreboard',
        '',
        'Written by `world-model scoreboard`; do not edit. Ours: mean return of all evaluation '
        'episodes with its 95 % interval. Published: mean over seeds with the worst and the best '
        'seed. Our robots see a camera and joints and have a command offset; no published agent '
        'has one.',
        '',
        '## Where we are behind',
        '',
    ]
    lines += [f'- {_words(each)}' for each in compared]
    missing = not_run(ours)
    if missing:
        lines.append(
            f'- No run of ours from proprioception without a command offset, at '
            f'{ANCHOR_STEPS:,} steps: {", ".join(missing)}.'
        )
    lines += ['', '## Ours', '', *_table(ours), '', '## Published at these budgets', '']
    return '\n'.join([*lines, *_table(sorted(beside, key=_rank)), ''])


def _words(each: Comparison) -> str:
    ours, best = each.ours, each.best
    how = 'behind' if each.behind > 0 else 'ahead'
    return (
        f'{ours.task}: **{how} by {abs(each.behind):.0f}**. Ours {ours.mean_return:g} '
        f'[{ours.low}, {ours.high}] at {ours.env_steps:,} steps ({ours.family}, {ours.obs}, '
        f'{ours.variant}); best published {best.mean_return:g} at {best.env_steps:,} steps '
        f'({best.family}, {best.obs}, {best.seeds} seeds).'
    )


def _rank(entry: Entry) -> tuple[str, int, float]:
    return entry.task, entry.env_steps, -entry.mean_return


def _table(entries: Sequence[Entry]) -> list[str]:
    head = (
        '| family | task | obs | steps | return | interval | seeds | episodes | variant | offset '
        '| source |'
    )
    rows = [
        f'| {e.family} | {e.task} | {e.obs} | {e.env_steps:,} | {e.mean_return:g} '
        f'| {e.low} to {e.high} | {e.seeds} | {e.episodes} | {e.variant} | {e.offset_ticks} '
        f'| {e.source}{f" ({e.commit}); {e.note}" if e.ours else ""} |'
        for e in entries
    ]
    return [head, '|' + '---|' * head.count(' | ') + '---|', *rows]


def _draw(path: Path, ours: Sequence[Entry], beside: Sequence[Entry]) -> None:
    """One panel for each task: every method a line, best on top, ours in colour."""
    from matplotlib.figure import Figure

    tasks = sorted({entry.task for entry in ours})
    lines = {task: _of_task(task, ours, beside) for task in tasks}
    height = 1.2 + 0.24 * max((len(entries) for entries in lines.values()), default=0)
    figure = Figure(figsize=(6.4 * max(1, len(tasks)), height), layout='constrained')
    for number, task in enumerate(tasks, start=1):
        axes = figure.add_subplot(1, len(tasks), number)
        for row, entry in enumerate(lines[task]):
            colour = OURS if entry.ours else THEIRS
            if not isinstance(entry.low, str) and not isinstance(entry.high, str):
                axes.plot([entry.low, entry.high], [row, row], color=colour, linewidth=2)
            axes.plot(entry.mean_return, row, 'o', color=colour)
        axes.set_yticks(range(len(lines[task])), [_label(entry) for entry in lines[task]])
        axes.set_xlim(0, 1000)
        axes.set_xlabel('return')
        axes.set_title(f'{task}: ours (blue), published (grey)')
        axes.grid(axis='x', alpha=0.3)
    figure.savefig(path, dpi=110)


def _of_task(task: str, ours: Sequence[Entry], beside: Sequence[Entry]) -> list[Entry]:
    found = [entry for entry in (*ours, *beside) if entry.task == task]
    return sorted(found, key=lambda entry: entry.mean_return)


def _label(entry: Entry) -> str:
    how = f', {entry.variant}' if entry.ours else ''
    return f'{entry.family}{how}, {entry.obs}, {entry.env_steps // 1000}k'
