# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A shipped robot with short episodes, run by all its nodes in lockstep and recorded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import robot_processes

from world_model_ros.contract import Contract, find_robot, load_contract
from world_model_ros.experience import list_episodes


def short_file(name: str, folder: Path, ticks: int) -> Path:
    """The robot's file with episodes of so many ticks at most."""
    text, changed = re.subn(r'max_ticks: \d+', f'max_ticks: {ticks}', find_robot(name).read_text())
    assert changed == 1
    path = folder / f'{name}.yaml'
    path.write_text(text)
    return path


@dataclass(frozen=True)
class Recorded:
    """A robot in shadow, whose recorder has found everything."""

    robot: robot_processes.Robot
    contract: Contract
    episodes: Path

    def acted(self) -> list[str]:
        """Names of the episodes that were announced as more than shadow, oldest first."""
        names = [e['uuid'] for e in self.robot.announced if e['acting']]
        return list(dict.fromkeys(names))

    def sealed(self) -> list[Path]:
        """Those of them that are whole on disk, oldest first."""
        there = {path.name: path for path in list_episodes(self.episodes)}
        return [there[name] for name in self.acted() if name in there]


@contextmanager
def recorded_robot(
    name: str, folder: Path, domain: int, ticks: int, topics: frozenset[str], seed: int = 0
) -> Iterator[Recorded]:
    """Start the nodes with a tiny bundle; wait until the recorder hears these topics and ticks."""
    path = short_file(name, folder, ticks)
    contract = load_contract(path)
    bundle = robot_processes.tiny_bundle(folder, contract)
    episodes = folder / 'episodes'
    common = {'contract': path, 'tick_source': 'lockstep'}
    with robot_processes.Robot(domain, folder) as robot:
        robot.start('recorder', contract=path, use_sim_time=True, directory=episodes)
        robot.start('sim_robot', seed=seed, **common)
        robot.start('guard', use_sim_time=True, **common)
        robot.start('agent', use_sim_time=True, bundle=bundle, plan=False, **common)
        robot.listen()
        robot.until_recorder_hears(topics)
        robot.until(lambda: any(tick.valid for tick in robot.ticks), 'a valid tick in shadow')
        robot.until_recorder_hears_the_agent()
        yield Recorded(robot, contract, episodes)
