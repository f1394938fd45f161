# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A stand-in controller manager: the messages and rules of ros2_control, without its package.

`controller_manager_msgs` is not among the wheels. `install` makes modules of its names with the
attributes of its messages; the manager answers in the caller's thread. What DDS would carry is not
tested here.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from types import ModuleType, SimpleNamespace


class ListControllers:
    """controller_manager_msgs/srv/ListControllers."""

    Request = SimpleNamespace


@dataclass
class _Switch:
    STRICT, BEST_EFFORT = 2, 1
    activate_controllers: list = field(default_factory=list)
    deactivate_controllers: list = field(default_factory=list)
    strictness: int = 0
    activate_asap: bool = False
    timeout: SimpleNamespace = field(default_factory=lambda: SimpleNamespace(sec=0, nanosec=0))


class SwitchController:
    """controller_manager_msgs/srv/SwitchController."""

    Request = _Switch


def install(monkeypatch):
    """Make the package importable."""
    module = ModuleType('controller_manager_msgs.srv')
    module.ListControllers, module.SwitchController = ListControllers, SwitchController
    monkeypatch.setitem(sys.modules, 'controller_manager_msgs', ModuleType('parent'))
    monkeypatch.setitem(sys.modules, 'controller_manager_msgs.srv', module)


class Manager:
    """Controllers by name: [state, command interfaces]; a Caller of Controllers."""

    def __init__(self, **controllers):
        self.rows = {name: list(row) for name, row in controllers.items()}
        self.calls, self.silent, self.refusal, self.closed = [], False, '', False

    def call(self, kind, name, request, seconds):
        assert name.startswith('controller_manager/') and seconds > 0.0
        if self.silent:
            return None
        if kind is ListControllers:
            rows = [
                SimpleNamespace(
                    name=name,
                    state=state,
                    claimed_interfaces=list(claims) if state == 'active' else [],
                    required_command_interfaces=list(claims),
                )
                for name, (state, claims) in self.rows.items()
            ]
            return SimpleNamespace(controller=rows)
        return self.switch(request)

    def switch(self, request):
        """All or nothing, as STRICT asks."""
        on, off = request.activate_controllers, request.deactivate_controllers
        assert request.strictness == _Switch.STRICT and request.timeout.sec >= 1
        self.calls.append((tuple(on), tuple(off)))
        after = {name: row[0] for name, row in self.rows.items()}
        for names, old, new in ((off, 'active', 'inactive'), (on, 'inactive', 'active')):
            for name in names:
                if after.get(name) != old:
                    return SimpleNamespace(ok=False, message=f'{name} is not {old}')
                after[name] = new
        claimed = [c for name, row in self.rows.items() if after[name] == 'active' for c in row[1]]
        if self.refusal or len(claimed) != len(set(claimed)):
            return SimpleNamespace(ok=False, message=self.refusal or 'resource conflict')
        for name, state in after.items():
            self.rows[name][0] = state
        return SimpleNamespace(ok=True)  # older versions have no message

    def close(self):
        self.closed = True

    @property
    def active(self):
        return {name for name, row in self.rows.items() if row[0] == 'active'}
