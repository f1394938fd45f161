# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench reaction`: how soon the safe action begins after a fault, on the unfriendly arm.

Starts the arm, its guard and an agent that explores as processes on a DDS domain of their own,
makes one fault after the other, and notes in this process when commands arrive. A fault counts
from the moment just before it is asked for; each comes at a random moment while the arm acts.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from world_model_ros.bench.domain import keep_to_itself
from world_model_ros.bench.origin import origin, versions
from world_model_ros.bench.reaction_figures import FAULTS, Command, Reaction, acting, reaction, row
from world_model_ros.bench.wait_for import wait_for
from world_model_ros.contract import Contract, config_directories
from world_model_ros.deploy.nodes_table import AGENT, GUARD, SIM_ROBOT, Settings, extra_environment
from world_model_ros.deploy.supervisor import Child, Supervisor

if TYPE_CHECKING:
    from world_model_ros.nodes.load.reaction_ears import ReactionEars


ARM = 'unfriendly_arm'
ACTS_WITHIN_S = 90.0  # three processes, or one, that start on a busy machine
REACTS_WITHIN_S = 10.0
MOMENT_S = (0.0, 0.2)  # of a fault: any phase of ticks, pictures and heartbeats
TRIES = 5  # of one run, where the robot just did not act by itself: the machine is too busy
PACKAGES = ('world_model_ros', 'rclpy', 'numpy')


def measure(
    contract: Contract,
    path: Path,
    folder: Path,
    runs: int,
    seed: int,
    names: Sequence[str],
    figures: dict[str, Any],
    say: Callable[[str], object],
) -> None:
    """Start everything, make each fault `runs` times, and add the figures, whatever ends it.

    `path` is the contract's file, `names` are of FAULTS; state and logs go to `folder`, and `say`
    gets a line after each fault.
    """
    figures |= {'versions': versions(*PACKAGES), **origin()}
    found: dict[str, list[Reaction]] = {name: [] for name in names}
    try:
        run = Run(contract, path, folder, keep_to_itself(), figures, say)
        try:
            run.measure(runs, random.Random(seed), found)
        finally:
            run.close()
    finally:
        figures['faults'] = {name: row(FAULTS[name], contract, found[name]) for name in names}


class Run:
    """The arm, its guard, an agent that explores, and who listens."""

    def __init__(
        self,
        contract: Contract,
        path: Path,
        folder: Path,
        domain: int,
        figures: dict[str, Any],
        say: Callable[[str], object],
    ) -> None:
        from world_model_ros.nodes.load.reaction_ears import ReactionEars

        self._contract, self._say = contract, say
        self._settings = Settings(
            contract=str(path),
            robot_id='bench',
            slots=str(folder / 'slots'),
            state_directory=str(folder / 'state'),
            explore=True,
            autostart=True,
        )
        self._supervisor = Supervisor(folder / 'logs')
        self._ears: ReactionEars = ReactionEars(contract, domain)
        figures['versions'] |= self._ears.versions()
        # The arm's pictures are as large as a simulated robot's: the same profile of DDS.
        profile = extra_environment(SIM_ROBOT, config_directories(), os.environ)
        line = [f'world_model_ros.nodes.{ARM}', '--ros-args', '-p', f'contract:={path}']
        self._supervisor.start_module(ARM, line, extra=profile)
        self._supervisor.start([GUARD, AGENT], self._settings)

    def close(self) -> None:
        """End everything."""
        for child in self._supervisor.children:
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGCONT)  # a hung one could not end in order
        self._supervisor.stop()
        self._ears.close()

    def measure(self, runs: int, rng: random.Random, found: dict[str, list[Reaction]]) -> None:
        """Make each fault `runs` times, one kind after the other, and append what followed."""
        self._ears.find_services()
        for number in range(runs):
            for name, outcomes in found.items():
                for _ in range(TRIES):
                    outcomes.append(self._once(name, rng))
                    if outcomes[-1].after_fault_s > 0.0:
                        break
                ms = 1e3 * outcomes[-1].after_fault_s
                self._say(f'{name} {number + 1}/{runs}: {ms:.1f} ms')

    def _once(self, name: str, rng: random.Random) -> Reaction:
        make, undo = self._actions()[name]
        while True:
            self._until(lambda: acting(self._commands()), f'{ARM} does not act', ACTS_WITHIN_S)
            time.sleep(rng.uniform(*MOMENT_S))
            if acting(self._commands()):
                break
        fault_s = time.monotonic()
        make()
        try:
            return self._until(
                lambda: reaction(self._commands(), fault_s),
                f'{name}: no safe action',
                REACTS_WITHIN_S,
            )
        finally:
            undo()

    def _actions(self) -> dict[str, tuple[Callable[[], None], Callable[[], None]]]:
        """How each fault is made, and how it ends."""
        ears, agent = self._ears, self._agent
        return {
            'stop': (
                lambda: ears.trigger('guard/stop'),
                lambda: ears.trigger('guard/release_stop'),
            ),
            'camera_lost': (
                lambda: ears.set_arm('drop_camera', True),
                lambda: ears.set_arm('drop_camera', False),
            ),
            'joints_lost': (
                lambda: ears.set_arm('drop_joints', 'all'),
                lambda: ears.set_arm('drop_joints', 'none'),
            ),
            'agent_killed': (lambda: self._signal(signal.SIGKILL), self._start_agent_again),
            'agent_hung': (
                lambda: agent.process.send_signal(signal.SIGSTOP),
                lambda: agent.process.send_signal(signal.SIGCONT),
            ),
            'disabled': (lambda: ears.enable(False), lambda: ears.enable(True)),
        }

    @property
    def _agent(self) -> Child:
        return next(c for c in self._supervisor.children if c.name == AGENT.executable)

    def _signal(self, number: int) -> None:
        agent = self._agent
        agent.expected = number != signal.SIGKILL
        agent.process.send_signal(number)

    def _start_agent_again(self) -> None:
        """With autostart it activates itself."""
        agent = self._agent
        agent.process.wait()
        self._supervisor.children.remove(agent)
        self._supervisor.start([AGENT], self._settings)

    def _commands(self) -> Sequence[Command]:
        return [Command(at_s, source) for at_s, source in self._ears.heard()]

    def _until(self, done: Callable[[], Any], what: str, seconds: float) -> Any:
        """Wait for something; its value. TimeoutError with the words of the processes."""
        return wait_for(self._supervisor, done, what, seconds)
