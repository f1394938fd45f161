# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`chaos guard`: random events against the real guard, and every command held against its rules.

Robots are the unfriendly arm, a velocity and an effort robot, the arm on simulated time, and the
arm with a gripper that is a command group of its own; each group is judged by itself. The guard
and the driver are processes on a DDS domain of their own. The agent and the person are the
injector's: they send what no sound agent would. docs/reference/guard.md has the rules,
guard_rules.py the judge. A run begins and ends with a guard that is inactive and has nothing
latched, so that the processes can stay up; it must be possible to bring it back there and to act
again.
"""

from __future__ import annotations

import atexit
import signal
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from world_model_ros.bench.chaos import guard_log as done
from world_model_ros.bench.chaos.guard_events import Event, draw, robot_file, robot_of
from world_model_ros.bench.chaos.guard_log import Command, Facts, Mark, Measured, RunLog
from world_model_ros.bench.chaos.guard_rules import judge
from world_model_ros.bench.chaos.runs import Violation
from world_model_ros.bench.domain import bench_domain

if TYPE_CHECKING:
    from world_model_ros.contract import Action, Contract
    from world_model_ros.nodes.load.guard_stage import GuardStage

# A guard that was killed stays in the graph until its lease ends; until then it may be refused.
RECOVER_S = 30.0
TRY_S = 0.2  # between two tries
HAND_S = 0.25  # how long a person drives at a time
END_S = 0.3  # what is under way arrives, and the driver sees a pause before the next run
SOON_S = 0.05  # jitter of what the driver takes for a pause


def one_run(
    index: int, rng: np.random.Generator, folder: Path, checked: Counter[str]
) -> list[Violation]:
    """One sequence against one robot: which rules did not hold."""
    robot = robot_of(index)
    player = _player(robot)
    events = draw(rng, robot)
    checked[f'runs {robot}'] += 1
    for event in events:
        checked[f'event {event.name}'] += 1
    try:
        logs, found = player.play(events, int(rng.integers(1 << 31)))
    except Exception:  # whatever it was, the next run begins with new processes; raised again
        _close()
        raise
    for log in logs:
        found += judge(log, checked)
    if found:
        text = ', '.join(
            f'{e.name}{"" if e.argument is None else f"={e.argument}"}' for e in events
        )
        found = [Violation(v.rule, f'{robot}: {v.what} [{text}]') for v in found]
    return found


_now: list[Player] = []  # the robot that is up, at most one


def _player(robot: str) -> Player:
    if _now and _now[0].robot == robot:
        return _now[0]
    _close()
    _now.append(Player(robot))
    return _now[0]


def _close() -> None:
    while _now:
        _now.pop().close()


atexit.register(_close)


def facts_of(contract: Contract) -> list[Facts]:
    """What the judge must know of each command group of a robot file."""
    return [_facts_of(contract, group) for group in contract.groups]


def _facts_of(contract: Contract, action: Action) -> Facts:
    rate = np.array(action.rate_limit, np.float64)
    return Facts(
        action.kind,
        action.names,
        np.array(action.limit_low or action.low, np.float64),
        np.array(action.limit_high or action.high, np.float64),
        rate,
        np.array(action.acceleration_limit) if action.acceleration_limit else None,
        np.array(action.stop_rate_limit or rate, np.float64),
        1.0 / (action.rate_hz or contract.command_rate_hz),
        contract.command_timeout_s,
        action.hold_tolerance,
        action.box_tolerance,
        max(stream.max_age_s for stream in contract.joint_streams),
        round(contract.command_rate_hz / action.rate_hz) if action.rate_hz else 1,
    )


class Player:
    """Plays sequences on one robot, whose processes stay up."""

    def __init__(self, robot: str) -> None:
        from world_model_ros.nodes.load.guard_stage import GuardStage

        self.robot = robot
        self._folder = tempfile.TemporaryDirectory(prefix='chaos_guard_')
        folder = Path(self._folder.name)
        path = folder / 'robot.yaml'
        path.write_text(robot_file(robot))
        self._stage: GuardStage = GuardStage(
            folder, path, bench_domain(), robot.endswith('sim_time')
        )
        self._parts = self._stage.contract.action.parts
        self._logs = [RunLog(facts) for facts in facts_of(self._stage.contract)]
        self._stage.on_note = self._note
        self._stage.on_command = self._on_command
        self._stage.on_measured = self._on_measured

    def close(self) -> None:
        """End the processes."""
        self._stage.close()
        self._folder.cleanup()

    def play(self, events: list[Event], seed: int) -> tuple[list[RunLog], list[Violation]]:
        """Play one sequence and bring the robot back; what happened, and what went wrong there.

        The logs are those of the command groups: what was done stands in all of them.
        """
        stage, begin_s = self._stage, time.time()
        marks: list[Mark] = []
        self._logs = [RunLog(log.facts, begin_s, marks=marks) for log in self._logs]
        log = self._logs[0]
        found: list[Violation] = []
        faults, stage.fault = stage.driver.get('fault_count'), ''
        stage.agent.begin(seed)
        self._foreign = self._restarted = False
        for event in events:
            self._do(event)
            time.sleep(event.wait_s)
        try:
            self._recover()
        except TimeoutError as error:
            found.append(Violation('could not be brought back', str(error)))
        time.sleep(END_S)
        for each in self._logs:
            each.end_s = time.time()
        now = stage.driver.get('fault_count')
        # A driver that has seen no pause takes the start of an activation, which is where the
        # robot is and not where it was commanded to be, for a step.
        soon = done.begins_within(log, log.facts.timeout_s + SOON_S)
        # Where the clock jumped, the driver's time did not. With its brakes on, commands run away
        # from it.
        excused = any(event.name in ('clock step', 'hardware stop') for event in events)
        # It judges by arrival in real time; simulated time comes in steps.
        excused = excused or stage.simulated or self._foreign or self._restarted or soon
        if now != faults and not excused:
            at_s = stage.fault_time - log.begin_s
            found.append(Violation('the driver faulted', f'at {at_s:.3f} s: {stage.fault}'))
        if found and any(v.rule == 'could not be brought back' for v in found):
            _close()
        return self._logs, found

    # The log

    def _note(self, name: str, begin_s: float, end_s: float, ok: bool, text: str) -> None:
        self._logs[0].marks.append(Mark(name, begin_s, end_s, ok, text))

    def _on_command(
        self,
        group: int,
        sent_s: float,
        stamp_s: float,
        number: int,
        values: np.ndarray,
        foreign: bool,
    ) -> None:
        command = Command(sent_s, stamp_s, number, values, foreign)
        # Somebody else's command on one topic silences the guard on all.
        for log in self._logs if foreign else [self._logs[group]]:
            log.commands.append(command)

    def _on_measured(self, at_s: float, position: np.ndarray) -> None:
        for log, part in zip(self._logs, self._parts, strict=True):
            log.measured.append(Measured(at_s, position[part]))

    def _mark(self, name: str, begin_s: float) -> None:
        self._note(name, begin_s, time.time(), True, '')

    # Events

    def _do(self, event: Event) -> None:
        stage, argument, begin_s = self._stage, event.argument, time.time()
        name = event.name
        if name == 'activate' and argument == 'insist':
            self._insist(lambda: stage.activate(done.ACTIVATE), 'activate')
        elif name == 'activate':
            stage.activate(done.ACTIVATE)
        elif name == 'deactivate':
            stage.deactivate(done.DEACTIVATE)
        elif name in ('plan', 'odd plan'):
            stage.agent.plan = argument
        elif name == 'agent gone':
            stage.agent.plan = ''
        elif name == 'stop':
            stage.trigger('guard/stop', done.STOP)
        elif name == 'release':
            stage.trigger('guard/release_stop', done.RELEASE)
        elif name in ('enable', 'disable'):
            on = name == 'enable'
            stage.enable(on, done.ENABLE if on else done.DISABLE)
        elif name == 'teleop':
            stage.agent.hand = argument
            time.sleep(HAND_S)
            stage.agent.hand = ''
        elif name == 'let go':
            stage.agent.let_go()
        elif name.startswith('foreign'):
            self._set_foreign(name)
        elif name.startswith('hardware'):
            stage.trigger(name.replace(' ', '_'))
        elif name == 'guard hung':
            self._hang(argument)
        elif name.endswith(('killed', 'ended')):
            self._restart(name, begin_s)
        else:
            self._set_robot(name, argument, begin_s)

    def _set_foreign(self, name: str) -> None:
        marks = {
            'off': done.FOREIGN_OFF,
            'silent': done.FOREIGN_SILENT,
            'sends': done.FOREIGN_SENDS,
        }
        what = name.split()[1]
        self._foreign = self._foreign or what == 'sends'
        self._stage.set(marks[what], foreign='none' if what == 'off' else what)

    def _hang(self, seconds: float) -> None:
        begin_s = time.time()
        self._stage.signal('guard', signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            self._stage.signal('guard', signal.SIGCONT)
        self._mark(done.GUARD_HUNG, begin_s)

    def _restart(self, name: str, begin_s: float) -> None:
        stage = self._stage
        if name == 'driver killed':
            self._restarted = True
            here = stage.position()
            stage.end('unfriendly_arm', signal.SIGKILL)
            self._mark(done.JOINTS_BAD, begin_s)
            started_s = time.time()
            stage.start_driver(here)
            self._mark(done.DRIVER_AWAY, begin_s)
            self._mark(done.JOINTS_GOOD, time.time())
            if stage.simulated:
                self._mark(done.CLOCK_GOOD, started_s)  # the new one's clock runs
            return
        killed = name == 'guard killed'
        stage.end('guard', signal.SIGKILL if killed else signal.SIGINT)
        self._mark(done.GUARD_KILLED if killed else done.GUARD_ENDED, begin_s)
        stage.start_guard()
        self._mark(done.GUARD_STARTED, time.time())

    def _set_robot(self, name: str, argument: Any, begin_s: float) -> None:
        stage = self._stage
        if name == 'joints':
            good = argument == 'none'
            stage.set(
                done.JOINTS_GOOD if good else done.JOINTS_BAD,
                nan_joint='j2' if argument == 'nan' else '',
                drop_joints='none' if argument == 'nan' else argument,
            )
        elif name == 'joint rate':
            stage.set(joint_rate=argument)
        elif name == 'out of the box':
            stage.set(out_of_box=argument)
        elif name == 'back in the box':
            stage.set(out_of_box='')
            stage.agent.hand = 'inwards'
            time.sleep(HAND_S)
            stage.agent.hand = ''
        elif name == 'clock':
            stage.set(done.CLOCK_GOOD if argument == 'runs' else done.CLOCK_BAD, clock=argument)
        elif name == 'clock step':
            stage.set(done.CLOCK_STEP, clock_step=argument)
        else:
            raise ValueError(f'no such event: {name}')

    # Back to the beginning

    def _recover(self) -> None:
        """All faults end; the guard must act again and then be inactive with nothing latched."""
        stage = self._stage
        self._set_foreign('foreign off')
        stage.agent.hand = ''
        stage.agent.plan = 'smooth'
        stage.set(done.JOINTS_GOOD, drop_joints='none', nan_joint='', out_of_box='')
        stage.set(joint_rate=100.0)
        if stage.simulated:
            stage.set(done.CLOCK_GOOD, clock='runs')
        stage.trigger('hardware_release')
        stage.trigger('clear_fault')
        self._insist(lambda: stage.trigger('guard/release_stop', done.RELEASE), 'release_stop')
        self._insist(lambda: stage.enable(True, done.ENABLE), 'enable')
        if stage.guard.get('state') == 'active':
            stage.deactivate(done.DEACTIVATE)
        stage.until(lambda: stage.guard.get('state') == 'inactive', 'an inactive guard')
        time.sleep(self._logs[0].facts.timeout_s + SOON_S)
        self._insist(lambda: stage.activate(done.ACTIVATE), 'activate')

        def acts() -> bool:
            if stage.guard.get('source') == 'outside':
                stage.agent.hand = 'inwards'
            elif stage.guard.get('source') == 'teleop':
                stage.agent.hand = ''
            if stage.driver.get('fault'):  # of a command from before this activation
                stage.trigger('clear_fault')
            return str(stage.guard.get('source')).startswith('chunk')

        stage.until(acts, 'a chunk in force', RECOVER_S)
        stage.agent.hand = ''
        self._insist(lambda: stage.deactivate(done.DEACTIVATE), 'deactivate')
        stage.until(lambda: stage.guard.get('state') == 'inactive', 'an inactive guard')
        stage.agent.plan = ''
        stage.trigger('clear_fault')

    def _insist(self, call: Any, what: str) -> None:
        give_up_s = time.monotonic() + RECOVER_S
        while True:
            ok, text = call()
            if ok:
                return
            if time.monotonic() > give_up_s:
                raise TimeoutError(f'{what} is refused for {RECOVER_S:g} s: {text}')
            time.sleep(TRY_S)
