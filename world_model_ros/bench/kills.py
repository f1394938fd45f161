# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench kills`: the whole learning loop, its processes killed again and again at random moments.

What `demo` starts is killed and started again, as a robot's service manager would start it.
Episodes are short and the trainer publishes often. Owns processes and the moments of the kills.
"""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from world_model_ros.bench.kills_checks import (
    Sealed,
    bundle_sha,
    episode_figures,
    ledger_problems,
    pointer_problem,
    unverified,
)
from world_model_ros.bench.kills_counts import Counts, TickPause
from world_model_ros.contract import Contract, find_robot, interface_hash, load_contract
from world_model_ros.deploy.nodes_table import SIM, UPDATER
from world_model_ros.deploy.supervisor import StopRequest, Supervisor
from world_model_ros.experience import list_episodes
from world_model_ros.releases import latest_release
from world_model_ros.store import StoreError, open_store
from world_model_ros.telemetry.demo_run import demo_settings
from world_model_ros.telemetry.learning_loop import LearningLoop

if TYPE_CHECKING:
    from world_model_ros.nodes._monitor import Monitor

TRAINER = 'trainer'
NODES = {entry.executable: entry for entry in (*SIM, UPDATER)}
PROCESSES = ('recorder', 'updater', 'agent', 'guard', 'sim_robot', TRAINER)
PUBLISHES_OFTEN = (
    *('--publish-updates', '20', '--start-ticks', '100'),
    *('--nominal-ticks', '0', '--replay-ratio', '1000'),
)
MAX_TICKS = 50  # of an episode: many are sealed and learned from
MOMENT_S = (0.2, 4.0)  # of a kill, after everything is back
# Every so many kills of the trainer wait until it makes a release, which it seldom does.
IN_RELEASE_EVERY = 4
MAKES_RELEASE = ('judging', 'exporting', 'publishing')  # phases of the trainer
MAKES_RELEASE_WITHIN_S = 90.0
BACK_WITHIN_S = 90.0
SHIPPED_WITHIN_S = 30.0
HANDED_OVER_WITHIN_S = 60.0
# A message that a process sent just before its end may arrive after it.
UNDER_WAY_S = 0.3
ACTS_TICKS = 3
POLL_S = 0.05
ZERO = (
    'others_ended',
    'never_back',
    'stalled',
    'behind',
    'sealed_lost',
    'unverified_acting',
    'partial_releases',
    'ledger_problems',
    'outside_contract',
)


class Run:
    """One loop in one folder."""

    def __init__(
        self,
        folder: Path,
        contract: Path,
        model: Path,
        stop: StopRequest,
        say: Callable[[str], object],
    ) -> None:
        self.say = say  # gets a line after each kill
        self.contract: Contract = load_contract(contract)
        self.interface = interface_hash(self.contract)
        self.folder, self.model, self.stop = folder, model, stop
        self.store_folder, self.episodes = folder / 'store', folder / 'episodes'
        self.store = open_store(str(self.store_folder), create=True)
        self.sealed = Sealed(self.episodes, self.store)
        learner = model.with_name(f'{model.name}.learner.safetensors')
        self.loop = LearningLoop(
            store=str(self.store_folder),
            contract_file=contract,
            contract=self.contract,
            robot_id=f'{self.contract.name}_kills',
            out=folder / TRAINER,
            start_from=learner if learner.is_file() else None,
        )
        self.settings = demo_settings(
            self.contract, contract, model, self.episodes, folder, self.loop, autostart=True
        )
        self.supervisor = Supervisor(folder / 'logs')
        self.counts = Counts()

    def live(
        self, names: Sequence[str], rounds: int, rng: random.Random, figures: dict[str, Any]
    ) -> None:
        """Start everything, kill, stop, and add what was found, whatever ends it."""
        for name in PROCESSES:
            self._start(name)
        from world_model_ros.nodes._monitor import Monitor

        monitor = Monitor(self.contract.episode.max_ticks)
        begun_s = time.monotonic()
        try:
            if self._until(self._back_since(monitor, time.monotonic()), BACK_WITHIN_S):
                for name in names:
                    self._kill_often(name, rounds, rng, monitor)
            elif not self.stop.asked.is_set():
                self.counts.wrong['never_back'].append('the robot never began to act')
            self._until_shipped(monitor)
            self._until_newest_acts(monitor)
        finally:
            self._note_deaths()
            self.supervisor.stop()
            monitor.close()
            figures['seconds'] = round(time.monotonic() - begun_s, 1)
            figures |= self._figures(monitor)

    def _start(self, name: str) -> None:
        if name == TRAINER:
            self.supervisor.start_module(name, [*self.loop.trainer_line(), *PUBLISHES_OFTEN])
        else:
            self.supervisor.start([NODES[name]], self.settings)

    def _kill_often(self, name: str, rounds: int, rng: random.Random, monitor: Monitor) -> None:
        for number in range(rounds):
            if name == TRAINER and number % IN_RELEASE_EVERY == IN_RELEASE_EVERY - 1:
                self._until(
                    lambda: self._trainer().get('phase') in MAKES_RELEASE, MAKES_RELEASE_WITHIN_S
                )
            if self.stop.asked.wait(rng.uniform(*MOMENT_S)):
                return
            self._note_deaths()
            if name == TRAINER:
                self.counts.trainer_was[self._trainer().get('phase', 'starting')] += 1
            killed_s, pause = time.monotonic(), TickPause(monitor.view)
            self._kill(name)
            if name == TRAINER and (problem := pointer_problem(self.store, self.interface)):
                self.counts.wrong['partial_releases'].append(problem)
            self.sealed.look()
            self._start(name)
            back = self._back_since(monitor, time.monotonic(), name, pause)
            if not self._until(back, BACK_WITHIN_S):
                if not self.stop.asked.is_set():
                    self.counts.wrong['never_back'].append(f'{name}, kill {number + 1}')
                return
            back_s = time.monotonic() - killed_s
            self.counts.back(name, back_s, pause.longest_s)
            self.sealed.look()
            self.say(f'{name} {number + 1}/{rounds}: back after {back_s:.1f} s')

    def _kill(self, name: str) -> None:
        child = next(child for child in self.supervisor.children if child.name == name)
        child.expected = False
        child.process.kill()
        child.process.wait()
        self.supervisor.children.remove(child)

    def _note_deaths(self) -> None:
        """Processes that ended without being killed are counted, and started again."""
        for child in self.supervisor.died():
            self.counts.wrong['others_ended'].append(
                {
                    'process': child.name,
                    'exit': child.process.returncode,
                    'last_lines': child.last_lines(),
                }
            )
            self.supervisor.children.remove(child)
            self._start(child.name)

    def _back_since(
        self, monitor: Monitor, since_s: float, name: str = '', pause: TickPause | None = None
    ) -> Callable[[], bool]:
        """Whether a process lives again, and the robot acts, both by what is heard from now on."""
        since_s += UNDER_WAY_S
        since_unix_s = time.time() + UNDER_WAY_S
        ticks: list[int] = []

        def back() -> bool:
            view = monitor.view
            if pause is not None:
                pause.look()
            if time.monotonic() < since_s:
                return False
            if not ticks:
                ticks.append(view.ticks)
                view.guard = ''  # what was said before counts no more
            if name == TRAINER:
                lives = self._trainer().get('time_ns', 0) > since_unix_s * 1e9
            else:
                lives = not name or view.heard_s.get(name, -math.inf) > since_s
            return lives and view.ticks >= ticks[0] + ACTS_TICKS and view.guard == 'chunk'

        return back

    def _until_shipped(self, monitor: Monitor) -> None:
        recorder = monitor.view.status
        self._until(lambda: recorder('recorder').number('waiting', 1.0) == 0, SHIPPED_WITHIN_S)

    def _until_newest_acts(self, monitor: Monitor) -> None:
        newest = latest_release(self.store, self.interface)
        if newest is None:
            return

        def settled() -> bool:
            view = monitor.view
            acting = view.release.get('acting') or {}
            refused = view.status('updater').values.get('state') == 'refused'
            return refused or int(acting.get('release', 0)) >= newest.number

        if not self._until(settled, HANDED_OVER_WITHIN_S) and not self.stop.asked.is_set():
            said = f'{monitor.view.release}, updater {monitor.view.status("updater").values}'
            self.counts.wrong['behind'].append(f'release {newest.number} does not act: {said}')

    def _until(self, done: Callable[[], bool], seconds: float) -> bool:
        give_up_s = time.monotonic() + seconds
        while not done():
            if time.monotonic() > give_up_s or self.stop.asked.wait(POLL_S):
                return False
        return True

    def _trainer(self) -> dict[str, Any]:
        """The trainer's newest status; {} before the first."""
        try:
            key = self.store.layout.trainer_key(self.interface)
            return dict(json.loads(self.store.get(key)))
        except (StoreError, ValueError):
            return {}

    def _figures(self, monitor: Monitor) -> dict[str, Any]:
        counts = self.counts
        self.sealed.look()
        recorded = episode_figures(list_episodes(self.episodes), self.contract)
        lost = self.sealed.lost()
        acting = monitor.view.acting_s
        wrong = unverified(
            acting,
            recorded['releases_in_ticks'],
            bundle_sha(self.model),
            self.store,
            self.interface,
        )
        if problem := pointer_problem(self.store, self.interface):
            counts.wrong['partial_releases'].append(problem)
        self.loop.poll()
        found: dict[str, Any] = {
            **counts.wrong,
            'sealed_lost': lost,
            'unverified_acting': wrong,
            'ledger_problems': ledger_problems(self.loop.out, self.sealed.stored),
        }
        return {
            **counts.figures(),
            **{name: len(rows) for name, rows in found.items()},
            **recorded,
            'sealed': len(self.sealed.on_disk),
            'stored': len(self.sealed.stored),
            'releases': len(self.loop.releases),
            'acted': len(acting),
            'problems': {name: rows for name, rows in found.items() if rows},
        }


def short_contract(robot: str, folder: Path) -> Path:
    """A copy of the robot's contract with short episodes; its bundles fit it all the same."""
    content = yaml.safe_load(load_contract(find_robot(robot)).text)
    for name in ('max_ticks', 'segment_ticks'):
        if name in content['episode']:
            content['episode'][name] = MAX_TICKS
    path = folder / f'{content["name"]}.yaml'
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding='utf-8')
    return path
