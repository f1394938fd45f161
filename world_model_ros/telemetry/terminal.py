# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The live terminal picture of a running robot, drawn with rich.

Owns words and layout; gets numbers from a RobotView and states from the supervisor. Imports no
rclpy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from world_model_ros.gate_figures import horizon_words
from world_model_ros.telemetry.half_blocks import Place, framed
from world_model_ros.telemetry.present_faults import Fault, find_faults

if TYPE_CHECKING:
    import numpy as np

    from world_model_ros.deploy.supervisor import Child
    from world_model_ros.telemetry.learning_loop import LearningLoop
    from world_model_ros.telemetry.robot_view import RobotView, Score

_LEVELS = ('green', 'yellow', 'red', 'dim')  # diagnostic levels OK, WARN, ERROR, STALE
_BARS = ' ▁▂▃▄▅▆▇█'
_RETURNS_SHOWN = 8
_HISTORY = 60  # episodes in the plot of returns
_PROGRESS = 20  # characters of the trainer's bar


def draw(
    title: str,
    view: RobotView,
    children: Sequence[Child],
    running_s: float,
    folder: str,
    period_s: float,
    loop: LearningLoop | None = None,
    pictures: Mapping[str, np.ndarray | str] = MappingProxyType({}),
    place: Place = '',
) -> RenderableType:
    """The whole picture; with `loop` also what is being learned.

    `pictures` are what the robot sees and believes, by name; `place` is where they go.
    """
    minutes, seconds = divmod(int(running_s), 60)
    doing = '' if loop is None else loop.trainer.get('doing', '')
    parts: list[RenderableType] = [
        _processes(view, children, doing),
        Text(),
        *_pictured(_figures(view, period_s, running_s), pictures, place),
    ]
    if loop is not None:
        parts += [Text(), _learning(view, loop)]
    if faults := find_faults(view, children, loop):
        parts += [Text(), _faults(faults)]
    return Panel(
        Group(*parts),
        title=f'[bold]{title}[/]  {minutes:02d}:{seconds:02d}',
        subtitle=f'episodes in {folder}   ·   Ctrl-C ends everything',
        padding=(1, 2),
    )


def _pictured(
    figures: Table, pictures: Mapping[str, np.ndarray | str], place: Place
) -> list[RenderableType]:
    if not pictures or not place:
        return [figures]
    if place == 'below':
        return [figures, Text(), framed(pictures)]
    beside = Table.grid(padding=(0, 2, 0, 0))
    beside.add_row(figures, framed(pictures))
    return [beside]


def _processes(view: RobotView, children: Sequence[Child], trainer: str) -> Table:
    table = Table(box=None, pad_edge=False, expand=True)
    for name in ('process', 'pid', 'state'):
        table.add_column(name, style='bold' if name == 'process' else None, no_wrap=True)
    for child in children:
        status = view.status(child.name)
        state = Text(status.message, style=_LEVELS[min(status.level, 3)], overflow='ellipsis')
        if child.name == 'trainer' and trainer:  # no node: it has no diagnostics
            state = Text(trainer, style='green')
        if child.died:
            state = Text(f'died with {child.process.returncode}, see {child.log}', style='red')
        table.add_row(child.name, str(child.process.pid), state)
    return table


def _figures(view: RobotView, period_s: float, running_s: float) -> Table:
    agent, recorder = view.status('agent'), view.status('recorder')
    tick = view.tick
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style='bold', min_width=16)
    table.add_column()
    table.add_row(
        'ticks',
        (
            f'{_whole(agent.number("ticks"))}   late {_whole(agent.number("late_ticks"))}   '
            f'skipped {_whole(agent.number("skipped_ticks"))}   '
            f'invalid {_whole(agent.number("invalid_ticks"))}'
        ),
    )
    table.add_row(
        'tick time',
        (
            f'p50 {_ms(agent.number("tick_ms.p50"))}   p99 {_ms(agent.number("tick_ms.p99"))}   '
            f'of {1e3 * period_s:.0f} ms'
        ),
    )
    table.add_row(
        'planner',
        (
            f'{_number(agent.number("iterations"))} iterations a tick   '
            f'last action from: {tick.source if tick else "–"}'
        ),
    )
    table.add_row('guard', view.guard or '–')
    if tick is not None:
        table.add_row('episode', f'{tick.episode[:8]}   tick {tick.tick}')
        table.add_row(
            'action sent',
            '  '.join(
                f'{name} {value:+.3f}' for name, value in zip(tick.joints, tick.sent, strict=True)
            ),
        )
        table.add_row('surprise', f'{_number(tick.surprise)}   value {_number(tick.value)}')
    if words := knock_line(view, running_s):
        table.add_row('knocked', Text(words, style='red'))
    table.add_row('return', f'{view.episode_return:.1f} so far')
    if view.returns:
        last = view.returns[-_RETURNS_SHOWN:]
        table.add_row(
            'episodes',
            (
                f'{len(view.returns)} complete   returns '
                f'{"  ".join(f"{score.value:.0f}" for score in last)}'
            ),
        )
    table.add_row('last recorded', recorder.values.get('last_episode') or '–')
    return table


def _learning(view: RobotView, loop: LearningLoop) -> Table:
    trainer = loop.trainer
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style='bold', min_width=16)
    table.add_column()
    table.add_row('trainer', trainer_line(trainer) if trainer else 'starting')
    if verdict := trainer.get('gate'):
        table.add_row('gate', gate_line(verdict))
    table.add_row('release', release_line(view.release, len(loop.releases)))
    if view.returns:
        bars, marks = history(view.returns[-_HISTORY:])
        table.add_row('return over time', bars)
        table.add_row('', marks)
    return table


def _faults(faults: Sequence[Fault]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style='bold', min_width=16)
    table.add_column()
    for number, fault in enumerate(faults):
        style = 'red' if fault.now else 'yellow'
        table.add_row('' if number else 'faults', Text(str(fault), style=style))
    return table


def knock_line(view: RobotView, running_s: float) -> str:
    """When the robot became another one, by the clock of the title; '' where it did not."""
    change, tick = view.change, view.tick
    if change is None:
        return ''
    ago_s = 0.0 if tick is None else max(0.0, 1e-9 * (tick.t_ns - change.t_ns))
    minutes, seconds = divmod(int(max(0.0, running_s - ago_s)), 60)
    return f'at {minutes:02d}:{seconds:02d}, {ago_s:.0f} s ago: {change.reality}'


def trainer_line(status: dict) -> str:
    """What the trainer does and how far it is; `status` as in docs/reference/trainer.md."""
    done, allowed = status.get('updates', 0), status.get('updates_allowed', 0)
    episodes, ticks = status.get('episodes', {}), status.get('ticks', {})
    share = min(1.0, done / allowed) if allowed else 0.0
    filled = round(_PROGRESS * share)
    bar = '━' * filled + '─' * (_PROGRESS - filled)
    return (
        f'{bar} {done} of {allowed} updates   episodes {episodes.get("ingested", 0)}'
        f' + {episodes.get("held_out", 0)} held out   refused {episodes.get("refused", 0)}   '
        f'ticks {ticks.get("ingested", 0)}'
    )


def gate_line(verdict: dict) -> str:
    """The newest verdict in one line."""
    if verdict.get('passed'):
        text = 'passed'
    else:
        text = f'refused: {"; ".join(verdict.get("reasons", ())) or "no reason given"}'
    figures = verdict.get('figures', {})
    error = figures.get('reward_15')
    if error is not None:  # None stands for a figure that is not finite
        text += f'   held-out reward error at 15 ticks {error:.3f}'
    horizon = horizon_words(figures)
    return f'{text}   useful horizon: {horizon}' if horizon else text


def release_line(release: dict, published: int) -> str:
    """Which release acts, and what is on its way."""
    acting, candidate = release.get('acting') or {}, release.get('candidate') or {}
    number = acting.get('release', 0)
    parts = [f'{published} published', f'active: {number or "the bundle it began with"}']
    if release and not acting:
        parts[1] = 'active: none, exploring'
    if candidate:
        reason = f' ({candidate["reason"]})' if candidate.get('reason') else ''
        parts.append(f'next: {candidate.get("release")} {candidate.get("state")}{reason}')
    if back := release.get('rolled_back'):
        parts.append(f'rolled back: {back.get("reason")}')
    return '   '.join(parts)


def history(returns: Sequence[Score]) -> tuple[str, str]:
    """A bar per episode, and under it the release where it changed."""
    marks = [' '] * (len(returns) + 8)
    before = None
    for at, score in enumerate(returns):
        if score.release != before:
            label = f'^{score.release}'
            marks[at : at + len(label)] = label
            before = score.release
    values = [score.value for score in returns]
    return f'{_bars(values)}  highest {max(values):.0f}', ''.join(marks).rstrip()


def _bars(values: Sequence[float]) -> str:
    top = max([*values, 1e-9])
    steps = len(_BARS) - 1
    return ''.join(_BARS[round(steps * max(value, 0.0) / top)] for value in values)


def _whole(value: float) -> str:
    return '–' if math.isnan(value) else f'{value:.0f}'


def _number(value: float) -> str:
    return '–' if math.isnan(value) else f'{value:.2f}'


def _ms(value: float) -> str:
    return '–' if math.isnan(value) else f'{value:.1f} ms'
