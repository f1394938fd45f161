# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`chaos faults`: one fault while the robot acts, on real nodes in wall time.

The unfriendly arm, guard, agent (it explores; for one fault it has an untrained bundle), recorder
and updater are processes on a DDS domain of their own. A fault comes at a random moment of acting.
The safe action begins in time, or the robot goes on where the fault is none of its own; afterwards
it acts again without a restart of anything that did not end. fault_kinds.py has the faults.
"""

from __future__ import annotations

import atexit
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from world_model_ros.bench.chaos.driven_arm import driven_arm
from world_model_ros.bench.chaos.fault_kinds import (
    GOES_ON_SEC,
    HEARD_SEC,
    KINDS,
    NEEDS_MODEL,
    STOPS_SOMETIME,
    broke_off,
)
from world_model_ros.bench.chaos.runs import Violation
from world_model_ros.bench.domain import keep_to_itself
from world_model_ros.bench.reaction_figures import (
    CHUNKS,
    Command,
    Reaction,
    acting,
    reaction,
)
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
ACTS_WITHIN_S = 90.0  # five processes that start on a busy machine
RECOVERS_WITHIN_S = 30.0
REACTS_WITHIN_S = 20.0  # a joint may rest for a while before it sticks
EXPLORE_REACH_RAD = 0.3  # far beyond following_error: a joint that sticks falls behind soon
EXPLORE_SPEED = 0.3
MOMENT_S = (0.0, 0.3)  # of a fault: any phase of ticks, pictures and heartbeats
POLL_S = 0.02
CLOCK_STEP_S = 5.0
STUCK = 'j1'
TRIGGERS = ('hardware_stop', 'hardware_release', 'clear_fault')
NODES = {entry.executable: entry for entry in (GUARD, AGENT, RECORDER, UPDATER)}
# A machine that is too busy takes the safe action without a fault: then it is tried again.
TRIES = 5


def one_run(
    index: int, rng: np.random.Generator, folder: Path, checked: Counter[str]
) -> list[Violation]:
    """One fault: which rules did not hold."""
    name = list(KINDS)[index % len(KINDS)]
    stage = _stage()
    checked[f'fault {name}'] += 1
    try:
        return stage.play(name, rng, checked)
    except Exception:  # whatever it was, the next run begins with new processes; raised again
        _close()
        raise


_now: list[Stage] = []  # the robot that is up, at most one


def _stage() -> Stage:
    if not _now:
        _now.append(Stage())
    return _now[0]


def _close() -> None:
    while _now:
        _now.pop().close()


atexit.register(_close)


class Stage:
    """The robot with all its processes, and who listens; stays up between runs."""

    def __init__(self) -> None:
        from world_model_ros.nodes.load.reaction_ears import ReactionEars

        self._folder = tempfile.TemporaryDirectory(prefix='chaos_faults_')
        folder = Path(self._folder.name)
        path = folder / 'robot.yaml'
        path.write_text(driven_arm())
        self._contract, self._path = load_contract(path), path
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
        self._ears: ReactionEars = ReactionEars(self._contract, domain, TRIGGERS)
        self._start_arm()
        self._supervisor.start(list(NODES.values()), self._settings)
        self._ears.find_services()

    def close(self) -> None:
        """End everything."""
        for child in self._supervisor.children:
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGCONT)  # a hung one could not end in order
        self._supervisor.stop()
        self._ears.close()
        self._folder.cleanup()

    def play(self, name: str, rng: np.random.Generator, checked: Counter[str]) -> list[Violation]:
        """Make one fault and end it; what did not hold."""
        for _ in range(TRIES):
            if name == NEEDS_MODEL:  # its export keeps every core busy: the robot is stopped
                self._think()
                self._until(self._acts_again, 'the robot does not act', ACTS_WITHIN_S)
            self._until(lambda: acting(self._commands()), 'the robot does not act', ACTS_WITHIN_S)
            time.sleep(float(rng.uniform(*MOMENT_S)))
            if not acting(self._commands()):
                continue
            faults, begin_s = self._arm_faults(), time.monotonic()
            make, undo = self._actions(name)
            make()
            made_s = time.monotonic()  # between the two it has come into force
            found: list[Violation] | None
            try:
                if name == STOPS_SOMETIME:
                    found = self._is_stopped(name)
                elif KINDS[name].goal_s is None:
                    found = self._goes_on(name, begin_s)
                else:
                    found = self._is_safe(name, begin_s, made_s, checked)
            finally:
                undo()
            recovered = self._recovery(name, faults)
            if found is not None:
                return found + recovered
        checked['not measured: the robot did not act by itself'] += 1
        return []

    def _is_safe(
        self, name: str, begin_s: float, made_s: float, checked: Counter[str]
    ) -> list[Violation] | None:
        """The safe action begins in time; None where the robot had just not acted by itself."""
        found = self._until(
            lambda: reaction(self._commands(), begin_s) or self._left(begin_s),
            f'{name}: no safe action',
            REACTS_WITHIN_S,
        )
        if found.after_fault_s <= 0.0:
            return None
        goal_s = KINDS[name].goal_s
        assert goal_s is not None  # by the caller
        took_s, longest_s = begin_s + found.after_fault_s - made_s, goal_s(self._contract)
        key = f'slowest ms {name}'
        checked[key] = max(checked[key], round(1e3 * took_s))
        if took_s <= longest_s + HEARD_SEC:
            return []
        text = f'{name}: after {1e3 * took_s:.0f} ms, at most {1e3 * longest_s:.0f} ms'
        return [Violation('the safe action was late', text)]

    def _left(self, begin_s: float) -> Reaction | None:
        """The guard came to rest and left the topic, as an agent asks that ends in order."""
        if self._ears.states['guard'].get('state') != 'inactive':
            return None
        last = max(c.at_s for c in self._commands() if c.source in CHUNKS)
        return Reaction(last - begin_s, 0.0)

    def _is_stopped(self, name: str) -> list[Violation]:
        """The stop is latched for the joint that is behind."""
        reason = self._until(self._stop_reason, f'{name}: no stop', REACTS_WITHIN_S)
        if reason.startswith(f'{STUCK} is at'):
            return []
        return [Violation('stopped for another reason', f'{name}: {reason}')]

    def _stop_reason(self) -> str:
        return str(self._ears.states['guard'].get('stop_reason', ''))

    def _goes_on(self, name: str, begin_s: float) -> list[Violation]:
        """What the robot must not notice."""
        while time.monotonic() - begin_s < GOES_ON_SEC:
            time.sleep(POLL_S)
        longest_s = self._contract.command_timeout_s
        text = broke_off(self._commands(), begin_s, time.monotonic(), longest_s)
        return [Violation('the robot did not go on', f'{name}: {text}')] if text else []

    def _recovery(self, name: str, faults: int) -> list[Violation]:
        """It acts again, and the driver saw no command that it must refuse."""
        try:
            self._until(self._acts_again, f'{name}: the robot does not act', RECOVERS_WITHIN_S)
        except TimeoutError as error:
            _close()  # the next run begins with new processes
            return [Violation('it did not recover', str(error))]
        if name != 'driver killed' and self._arm_faults() != faults:
            text = f'{name}: {self._ears.states[ARM].get("last_fault", "see its log")}'
            return [Violation('the driver faulted', text)]
        return []

    def _acts_again(self) -> bool:
        """Released by a person where it is stopped."""
        if self._stop_reason():
            try:
                self._ears.trigger('guard/release_stop')
            except (ValueError, TimeoutError):  # not yet: the fault is still being reported
                return False
        return acting(self._commands())

    # Faults

    def _actions(self, name: str) -> tuple[Callable[[], object], Callable[[], object]]:
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
        set_arm = self._ears.set_arm
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
        trigger = self._ears.trigger
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
                self._start_arm(self._ears.states[ARM].get('position'))
            else:
                self._supervisor.start([NODES[name]], self._settings)

        return kill, again

    def _think(self) -> None:
        """Let an agent act with a model, on a device that can be lost."""
        from world_model_ros.nodes.load.agent_losing_provider import LOST_ENV

        if not self._bundle.exists():
            from world_model_ros.training.export.untrained import export_untrained  # torch

            export_untrained(self._contract, 'dreamer', self._bundle)
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

    def _commands(self) -> list[Command]:
        return [Command(at_s, source) for at_s, source in self._ears.heard()]

    def _arm_faults(self) -> int:
        return int(self._ears.states[ARM].get('fault_count', 0))

    def _until(self, done: Callable[[], Any], what: str, seconds: float) -> Any:
        """Wait for something; its value. TimeoutError with the words of the processes."""
        return wait_for(self._supervisor, done, what, seconds, self._guard_says)

    def _guard_says(self) -> str:
        said = {key: value for key, value in self._ears.states['guard'].items() if value}
        return f' guard: {said};'
