# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The controllers of ros2_control that take the commands: switched on, watched, given back.

Asks the controller manager (`list_controllers`, `switch_controller`), which the contract names.
Only what was changed is changed back. Its messages come with ROS 2, not with our wheels: they are
looked up when they are needed. Untried on a real controller manager.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from world_model_ros.bringup.live_graph import Controller
from world_model_ros.contract.schema import Driver

PACKAGE = 'controller_manager_msgs'
ANSWER_SEC = 2.0  # less than the agent waits for the guard's activation
SWITCH_SEC = 1.5  # that the manager may take itself
POLL_SEC = 1.0  # between two looks while the guard is active


class Caller(Protocol):
    """Calls a service and waits; ServiceCaller."""

    def call(self, kind: Any, name: str, request: object, seconds: float) -> Any:
        """The answer, None without one."""

    def close(self) -> None:
        """End."""


class Controllers:
    """Those that one contract names; with none, every method does nothing."""

    def __init__(
        self, driver: Driver, caller: Caller, tell: Callable[[str], object], log: Any
    ) -> None:
        """Call `tell` with what is wrong with them, or '', from a thread of its own, at 1 Hz.

        `log` is a logger of ROS.
        """
        self._wanted, self._manager = driver.controllers, driver.controller_manager
        self._caller, self._tell, self._log = caller, tell, log
        self._before: tuple[list[str], list[str]] | None = None  # to activate, to deactivate
        self._watching: threading.Event | None = None
        self._thread: threading.Thread | None = None

    def take(self) -> str:
        """Switch them on, and off what has their interfaces; why that cannot be, or ''."""
        if not self._wanted:
            return ''
        try:
            rows = self._list()
            missing = self._not_ready(rows)
            if missing:
                return missing
            on = [name for name in self._wanted if rows[name].state != 'active']
            off = _in_the_way(rows, on, self._wanted)
            if on and (refusal := self._switch(on, off)):
                return refusal
            self._before = (off, on)
        except _NoAnswer as error:
            return str(error)
        if problem := self.problem():
            self.give_back()
        return problem

    def watch(self) -> None:
        """Look at them from now on, until `give_back`."""
        if not self._wanted:
            return
        self._watching = ended = threading.Event()

        def run() -> None:
            while not ended.wait(POLL_SEC):
                problem = self.problem()
                if not ended.is_set():
                    self._tell(problem)

        self._thread = threading.Thread(target=run, name='controllers', daemon=True)
        self._thread.start()

    def problem(self) -> str:
        """Which of them does not run now, ''."""
        try:
            return self._inactive(self._list())
        except _NoAnswer as error:
            return str(error)

    def give_back(self) -> None:
        """What was active before is active again, as far as this object has changed it."""
        if self._watching is not None:
            self._watching.set()
            self._watching = None
            self._tell('')
        before, self._before = self._before, None
        if before is None or not any(before):
            return
        try:
            refusal = self._switch(*before)
        except _NoAnswer as error:
            refusal = str(error)
        if refusal:
            self._log.error(f'the controllers were not given back: {refusal}')

    def close(self) -> None:
        """Give back and end."""
        self.give_back()
        self._caller.close()

    # What is asked

    def _list(self) -> dict[str, Controller]:
        answer = self._ask('ListControllers', 'list_controllers', {}, ANSWER_SEC)
        return {
            row.name: Controller(
                row.name,
                row.state,
                tuple(row.claimed_interfaces),
                tuple(row.required_command_interfaces),
            )
            for row in answer.controller
        }

    def _switch(self, on: Sequence[str], off: Sequence[str]) -> str:
        """Switch all or nothing; the manager's refusal, or ''."""
        fields = {'activate_controllers': list(on), 'deactivate_controllers': list(off)}
        words = ' and '.join(
            f'{word} {", ".join(names)}'
            for word, names in (('activate', on), ('deactivate', off))
            if names
        )
        answer = self._ask('SwitchController', 'switch_controller', fields, 2.0 * SWITCH_SEC)
        said = getattr(answer, 'message', '')  # of newer versions
        if answer.ok:
            self._log.info(f'{self._manager}: {words}: done {said}'.rstrip())
            return ''
        return f'{self._manager} refused to {words}: {said or "see the log of the manager"}'

    def _ask(self, kind: str, name: str, fields: dict[str, Any], seconds: float) -> Any:
        try:
            service = getattr(importlib.import_module(f'{PACKAGE}.srv'), kind)
        except (ImportError, AttributeError) as error:
            raise _NoAnswer(
                f'the contract names controllers, and {PACKAGE} is not installed here ({error}): '
                f'install ros-$ROS_DISTRO-{PACKAGE.replace("_", "-")}'
            ) from error
        request = service.Request()
        for key, value in fields.items():
            setattr(request, key, value)
        if kind == 'SwitchController':
            request.strictness = service.Request.STRICT
            request.timeout.sec, request.timeout.nanosec = divmod(
                round(SWITCH_SEC * 1e9), 1_000_000_000
            )
        answer = self._caller.call(service, f'{self._manager}/{name}', request, seconds)
        if answer is None:
            raise _NoAnswer(
                f'{self._manager}/{name} has not answered within {seconds:g} s: is ros2_control '
                'running? driver.controller_manager of the contract names its node'
            )
        return answer

    # What follows

    def _not_ready(self, rows: dict[str, Controller]) -> str:
        """The first controller that cannot be switched on, with the command that helps."""
        for name in self._wanted:
            state = rows[name].state if name in rows else 'not loaded'
            if state not in ('inactive', 'active'):
                loaded = ', '.join(f'{row.name} ({row.state})' for row in rows.values()) or 'none'
                return (
                    f'controller {name} of the contract is {state}; {self._manager} has {loaded}: '
                    f'ros2 run controller_manager spawner {name} --inactive'
                )
        return ''

    def _inactive(self, rows: dict[str, Controller]) -> str:
        for name in self._wanted:
            state = rows[name].state if name in rows else 'gone'
            if state != 'active':
                return (
                    f'controller {name} is {state}: no command of the guard reaches its joints; '
                    f'ros2 control set_controller_state {name} active'
                )
        return ''


class _NoAnswer(Exception):
    """The manager cannot be asked; why, in one line."""


def _in_the_way(
    rows: dict[str, Controller], on: Sequence[str], wanted: Sequence[str]
) -> list[str]:
    """Active controllers that claim a command interface which those to switch on need."""
    needed = {interface for name in on for interface in rows[name].needs}
    return [
        row.name
        for row in rows.values()
        if row.state == 'active' and row.name not in wanted and needed & set(row.claims)
    ]
