# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A robot with all its nodes, run and shown until it ends: what `demo` and `imagine` do alike."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.live import Live

from world_model_ros.cli._arguments import installed
from world_model_ros.contract import Contract
from world_model_ros.deploy.nodes_table import PAGE_MODULES, NodeEntry, Settings
from world_model_ros.deploy.supervisor import StopRequest, Supervisor
from world_model_ros.telemetry.demo_run import Ears, run
from world_model_ros.telemetry.half_blocks import fits
from world_model_ros.telemetry.learning_loop import LearningLoop
from world_model_ros.telemetry.robot_view import RobotView
from world_model_ros.telemetry.terminal import draw
from world_model_ros.view.demo_page import DemoPage
from world_model_ros.view.terminal_pictures import TerminalPictures


class Ran(NamedTuple):
    """How a run ended."""

    figures: dict[str, Any]  # as `demo --json` writes them
    asked: bool  # a person ended it


def page_of(view: bool | None, logs: Path, *, headless: bool) -> DemoPage | None:
    """The page of a run; where its extra is missing, only if it was asked for."""
    if view:
        installed('view', *PAGE_MODULES)
    there = all(importlib.util.find_spec(name) is not None for name in PAGE_MODULES)
    wanted = not headless if view is None else view
    return DemoPage(logs) if there and wanted else None


def live_run(
    title: str,
    contract: Contract,
    settings: Settings,
    logs: Path,
    minutes: float,
    entries: Sequence[NodeEntry],
    console: Console,
    page: DemoPage | None,
    loop: LearningLoop | None = None,
    *,
    headless: bool,
) -> Ran:
    """Start the processes, show them, and leave none behind."""
    stop, supervisor = StopRequest(), Supervisor(logs)
    if page is not None:
        settings = page.added_to(settings)
    # Absolute topics that are remapped are another robot's here: this process remaps nothing.
    place = '' if headless or settings.remappings else fits(console)
    pictures = TerminalPictures(contract) if place else None

    def listen() -> Ears:
        from world_model_ros.nodes._monitor import Monitor

        whole = contract.episode.max_ticks
        if pictures is None:
            return Monitor(whole, settings.namespace)
        pictures.start()
        put = pictures.put_tick, contract, pictures.put_message
        return Monitor(whole, settings.namespace, *put)

    try:
        with Live(console=console, auto_refresh=False, transient=False, screen=False) as live:

            def show(view: RobotView, running_s: float) -> None:
                if page is not None and (words := page.news()):
                    live.console.print(words, markup=False, highlight=False, soft_wrap=True)
                if headless:
                    return
                shown = {} if pictures is None else pictures.drawn
                if pictures is not None:
                    pictures.put_release(view.release.get('acting'))
                parts = title, view, supervisor.children, running_s, settings.directory
                drawn = draw(*parts, contract.period_s, loop, shown, place)
                live.update(drawn, refresh=True)

            figures = run(
                contract, settings, supervisor, stop, minutes, loop, listen, show, entries
            )
    finally:
        supervisor.stop()
        if pictures is not None:
            pictures.close()
    return Ran(figures, stop.asked.is_set())
