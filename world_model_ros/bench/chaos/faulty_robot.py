# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The robot of `chaos faults`: its processes, the faults that they can have, and who listens.

The unfriendly arm, guard, agent (it explores; for one fault it has an untrained bundle), recorder
and updater are processes on a DDS domain of their own. Judges nothing.
"""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from world_model_ros.bench.chaos.driven_arm import driven_arm
from world_model_ros.bench.chaos.fault_kinds import NEEDS_MODEL
from world_model_ros.bench.domain import keep_to_itself
from world_model_ros.bench.reaction_figures import Command
from world_model_ros.bench.wait_for import wait_for
from world_model_ros.contract import config_directories, load_contract
from world_model_ros.deploy.nodes_table import (
    AGENT,
    GUARD,
    RECORDER,
    SIM_ROBOT,
    UPDATER,
    Settings,
    arguments,
    extra_environment,
    parameter_file_text,
)
from world_model_ros.deploy.supervisor import Child, Supervisor
from world_model_ros.store import open_store

if TYPE_CHECKING:
    from world_model_ros.nodes.load.reaction_ears import ReactionEars

ARM = 'unfriendly_arm'
EXPLORE_REACH_RAD = 0.3  # far beyond following_error: a joint that sticks falls behind soon
EXPLORE_SPEED = 0.3
POLL_S = 0.02
CLOCK_STEP_S = 5.0
STUCK = 'j1'
TRIGGERS = ('hardware_stop', 'hardware_release', 'clear_fault')
NODES = {entry.executable: entry for entry in (GUARD, AGENT, RECORDER, UPDATER)}


class FaultyRobot:
    """The robot with all its processes, and who listens."""

    def __init__(self) -> None:
        from world_model_ros.nodes.load.reaction_ears import ReactionEars

        self._folder = tempfile.TemporaryDirectory(prefix='chaos_faults_')
        folder = Path(self._folder.name)
        path = folder / 'robot.yaml'
        path.write_text(driven_arm())
        self.contract, self._path = load_contract(path), path
        open_store(folder / 'store', create=True)
        self._bundle, self._lost = folder / 'bundle', folder / 'provider_lost'
        self._settings = Settings(
            contract=str(path),
            robot_id='chaos',
            directory=str(folder / 'episodes'),
            store=str(folder / 'store'),
            slots=str(folder / 'slots'),
            state_directory=str(folder / 'state'),
            explore=True,
            explore_reach=EXPLORE_REACH_RAD,
            explore_speed=EXPLORE_SPEED,
            autostart=True,
        )
        domain = keep_to_itself()
        self._supervisor = Supervisor(folder / 'logs')
        self.ears: ReactionEars = ReactionEars(self.contract, domain, TRIGGERS)
        self._start_arm()
        self._supervisor.start(list(NODES.values()), self._settings)
        self.ears.find_services()

    def close(self) -> None:
        """End everything."""
        for child in self._supervisor.children:
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGCONT)  # a hung one could not end in order
        self._supervisor.stop()
        self.ears.close()
        self._folder.cleanup()

    def actions(self, name: str) -> tuple[Callable[[], object], Callable[[], object]]:
        """How a fault is made, and how it ends."""
        who, _, what = name.rpartition(' ')
        if what == 'killed':
            return self._killed('unfriendly_arm' if who == 'driver' else who)
        if name == NEEDS_MODEL:
            self._child('agent').expected = False  # it ends by itself
            return self._lost.touch, self._killed('agent')[1]
        if what == 'hung':
            child = self._child(ARM if who == 'driver' else who)
            return (
                lambda: child.process.send_signal(signal.SIGSTOP),
                lambda: child.process.send_signal(signal.SIGCONT),
            )
        set_arm = self.ears.set_arm
        step_s = CLOCK_STEP_S if name == 'clock forward' else -CLOCK_STEP_S
        settings: dict[str, tuple[str, Any, Any]] = {
            'camera lost': ('drop_camera', True, False),
            'wrist camera lost': ('drop_wrist_camera', True, False),
            'joints lost': ('drop_joints', 'all', 'none'),
            'some joints lost': ('drop_joints', 'second', 'none'),
            'joint is NaN': ('nan_joint', 'j2', ''),
            'joint sticks': ('stuck', STUCK, ''),
            'clock forward': ('clock_step', step_s, -step_s),
            'clock back': ('clock_step', step_s, -step_s),
        }
        if name in settings:
            parameter, faulty, good = settings[name]
            return lambda: set_arm(parameter, faulty), lambda: set_arm(parameter, good)
        assert name == 'driver fault', name
        trigger = self.ears.trigger
        return lambda: trigger('hardware_stop'), lambda: trigger('hardware_release')

    def _killed(self, name: str) -> tuple[Callable[[], object], Callable[[], object]]:
        child = self._child(name)

        def kill() -> None:
            child.expected = False
            child.process.send_signal(signal.SIGKILL)

        def again() -> None:
            child.process.wait()
            self._supervisor.children.remove(child)
            if name == ARM:
                self._start_arm(self.ears.states[ARM].get('position'))
            else:
                self._supervisor.start([NODES[name]], self._settings)

        return kill, again

    def think(self) -> None:
        """Let an agent act with a model, on a device that can be lost."""
        from world_model_ros.nodes.load.agent_losing_provider import LOST_ENV

        if not self._bundle.exists():
            from world_model_ros.training.export.untrained import export_untrained  # torch

            export_untrained(self.contract, 'dreamer', self._bundle)
        child = self._child('agent')
        child.expected = False
        child.process.terminate()
        child.process.wait()
        self._supervisor.children.remove(child)
        self._lost.unlink(missing_ok=True)
        settings = replace(self._settings, explore=False, bundle=str(self._bundle), plan=False)
        own = self._bundle.with_name('thinking_agent.yaml')
        own.write_text(parameter_file_text('/**', settings.parameters(AGENT)), encoding='utf-8')
        line = arguments(AGENT, settings, [*settings.parameter_files(), own])
        self._supervisor.start_module(
            'agent',
            ['world_model_ros.nodes.load.agent_losing_provider', *line],
            extra={LOST_ENV: str(self._lost)},
        )

    def _child(self, name: str) -> Child:
        return next(c for c in self._supervisor.children if c.name == name)

    def _start_arm(self, start: list[float] | None = None) -> None:
        # The arm's pictures are as large as a simulated robot's: the same profile of DDS.
        profile = extra_environment(SIM_ROBOT, config_directories(), os.environ)
        line = [f'world_model_ros.nodes.{ARM}', '--ros-args', '-p', f'contract:={self._path}']
        if start is not None:
            line += ['-p', f'start:={[float(x) for x in start]}']
        self._supervisor.start_module(ARM, line, extra=profile)

    # What is heard

    def commands(self) -> list[Command]:
        """What went to the driver, with its source."""
        return [Command(at_s, source) for at_s, source in self.ears.heard()]

    def arm_faults(self) -> int:
        """How often the driver has refused a command."""
        return int(self.ears.states[ARM].get('fault_count', 0))

    def until(self, done: Callable[[], Any], what: str, seconds: float) -> Any:
        """Wait for something; its value. TimeoutError with the words of the processes."""
        return wait_for(self._supervisor, done, what, seconds, self._guard_says)

    def _guard_says(self) -> str:
        said = {key: value for key, value in self.ears.states['guard'].items() if value}
        return f' guard: {said}; driver: {self.ears.states[ARM].get("fault") or "no fault"};'
