# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What `demo` runs: a simulated robot with all its nodes, a trainer beside it, and its figures.

Shares nothing with the trainer but the store. The supervisor owns the processes. Who listens to
the robot's topics and who draws are arguments, so that this file needs neither ROS nor a terminal.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from world_model_ros.contract import Contract, config_directories
from world_model_ros.deploy.nodes_table import (
    OPTIONAL,
    RECORDER,
    SIM,
    UPDATER,
    NodeEntry,
    Settings,
)
from world_model_ros.deploy.supervisor import StopRequest, Supervisor
from world_model_ros.telemetry.learning_loop import (
    EVALUATE_EVERY,
    EXPLORE_AMPLITUDE,
    EXPLORE_STD,
    EXPLORE_TICKS,
    LearningLoop,
    robot_id,
)
from world_model_ros.telemetry.present_faults import find_faults
from world_model_ros.telemetry.robot_view import RobotView

REFRESH_SEC = 0.25
BESIDE = ('trainer', 'updater', 'dashboard')  # the robot acts on without them
# A robot that somebody watches: so long it acts as its model knows it, before it becomes another.
KNOCK_AFTER_SEC = 30.0
# What begins with the knock. What the robot recorded before would be no record of the changed one:
# a trainer would look for one camera that explains both.
FROM_THE_KNOCK = (RECORDER, UPDATER)


class Ears(Protocol):
    """Listens to the robot's topics."""

    view: RobotView

    def close(self) -> None:
        """Listen no more."""


def demo_settings(
    contract: Contract,
    contract_file: Path,
    model: Path | None,
    recorded: Path,
    logs: Path,
    loop: LearningLoop | None,
    **others: Any,
) -> Settings:
    """Settings of the demo's nodes.

    Args:
        contract: of the robot.
        contract_file: where it was read from.
        model: the bundle's folder; None: the robot explores first.
        recorded: for episodes.
        logs: for logs and state: a stop of this demo does not stop the next one.
        loop: the learning half, where there is one.
        others: what the user chose besides.
    """
    return Settings(
        contract=str(contract_file.resolve()),
        bundle='' if model is None else str(model),
        explore=loop is not None,
        explore_std=EXPLORE_STD,
        explore_amplitude=EXPLORE_AMPLITUDE,
        explore_ticks=EXPLORE_TICKS,
        evaluate_every=EVALUATE_EVERY if loop is not None else 0,
        robot_id=robot_id(contract) if loop is None else loop.robot_id,
        directory=str(recorded.resolve()),
        store='' if loop is None else loop.store,
        slots='' if loop is None else str(loop.out.with_name('slots')),
        state_directory=str(logs / 'state'),
        use_sim_time=True,
        **others,
    )


def default_reality(robot: str, *, learns: bool) -> str:
    """A changed robot gives the learning something to do."""
    changed = f'shifted_{robot}'
    known = any(
        (folder / 'reality' / f'{changed}.yaml').is_file() for folder in config_directories()
    )
    return changed if learns and known else 'nominal'


def knock_after(
    given: float | None, reality: str, loop: LearningLoop | None, *, watched: bool
) -> float:
    """Seconds until the knock; 0: the robot is the changed one from the start.

    By default only a robot is knocked that somebody watches and that then begins to learn: what an
    earlier run learned is of the changed one.
    """
    if given is not None:
        return given
    fresh = watched and loop is not None and not loop.resumed
    return KNOCK_AFTER_SEC if fresh and reality != 'nominal' else 0.0


def run(
    contract: Contract,
    settings: Settings,
    supervisor: Supervisor,
    stop: StopRequest,
    minutes: float,
    loop: LearningLoop | None,
    listen: Callable[[], Ears],
    show: Callable[[RobotView, float], None],
    entries: Sequence[NodeEntry] = SIM,
    enough: Callable[[RobotView], bool] = lambda view: False,
) -> dict[str, Any]:
    """Run until `stop` is asked for, the minutes are over (0: never) or the robot dies.

    A robot that is to be knocked records and learns from then on.

    Args:
        contract: of the robot.
        settings: of its nodes.
        supervisor: starts the processes; stopped at the end.
        stop: asked for by a signal.
        minutes: how long.
        loop: the learning half, where there is one.
        listen: called once the processes have been started.
        show: called every REFRESH_SEC with the view and the seconds since the beginning.
        entries: the processes of the robot; updater and page come to them where settings ask.
        enough: asked every REFRESH_SEC; true ends it, too.

    Returns:
        The figures, as `demo --json` writes them.
    """
    wanted = [*entries, *OPTIONAL]
    waiting = [entry for entry in wanted if settings.reality_after and entry in FROM_THE_KNOCK]

    def begin(now: Sequence[NodeEntry], *, learns: bool) -> None:
        supervisor.start(now, settings)
        if loop is not None and learns:
            supervisor.start_module('trainer', loop.trainer_line())
            loop.start()

    begin([entry for entry in wanted if entry not in waiting], learns=not waiting)
    ears = listen()
    begun_s = time.monotonic()
    try:
        while not stop.asked.is_set():
            running_s = time.monotonic() - begun_s
            robot_died = any(child.name not in BESIDE for child in supervisor.died())
            if (minutes and running_s > 60.0 * minutes) or robot_died:
                break
            if waiting and ears.view.change is not None:
                begin(waiting, learns=True)
                waiting = []
            show(ears.view, running_s)
            if enough(ears.view):
                break
            stop.asked.wait(REFRESH_SEC)
        figures = _figures(ears.view)
        change = ears.view.change
        figures['knocked_ns'] = None if change is None else change.t_ns  # by the robot's clock
        faults = find_faults(ears.view, supervisor.children, loop)
        figures['faults'] = [asdict(fault) for fault in faults]
        supervisor.stop()  # before the store is asked once more
        figures['died'] = {
            child.name: [child.ending, *child.last_lines()] for child in supervisor.died()
        }
        if loop is not None:
            figures |= {'reality': settings.reality, 'store': loop.store}
            figures['resumed'] = loop.resumed
            figures['releases'] = loop.figures(ears.view)
            figures['trainer'], figures['updater'] = loop.trainer, loop.updater
        return figures
    finally:
        supervisor.stop()
        ears.close()


def _figures(view: RobotView) -> dict[str, Any]:
    agent = view.status('agent')

    def count(key: str) -> int:
        return int(agent.number(key, 0.0))

    return {
        'ticks': max(count('ticks'), view.ticks),  # the agent tells its own once a second
        'late_ticks': count('late_ticks'),
        'tick_ms': {
            'p50': agent.number('tick_ms.p50', 0.0),
            'p99': agent.number('tick_ms.p99', 0.0),
        },
        'skipped_ticks': count('skipped_ticks'),
        'invalid_ticks': count('invalid_ticks'),
        'iterations': agent.number('iterations', 0.0),
        'episodes': len(view.returns),
        'returns': [
            {'time': s.time_s, 'return': s.value, 'release': s.release, 'eval': s.eval}
            for s in view.returns
        ],
        'recorded': int(view.status('recorder').number('episodes', 0.0)),
    }
