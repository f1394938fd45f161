# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every cell of the table in docs/reference/guard.md: state, event, and the state after it."""

from pathlib import Path

import numpy as np
import pytest
from onboard_contract import make_action, make_contract

from world_model_ros.onboard.guard import Guard
from world_model_ros.onboard.guard.latch import Latch, Latched

MS = 1_000_000
NAMES = ['shoulder', 'wrist']
PAGE = Path(__file__).parents[2] / 'docs' / 'reference' / 'guard.md'
CONTRACT = make_contract(
    action=make_action(kind='position', safe='hold', low=(-1, -1), high=(1, 1))
)
INSIDE, OUTSIDE = np.array([0.1, 0.2]), np.array([1.3, 0.2])


def table(heading):
    """Rows of the first table below a heading, as lists of cells."""
    lines = PAGE.read_text().split(f'\n## {heading}\n')[1].splitlines()
    end = next((i for i, line in enumerate(lines) if line.startswith('## ')), len(lines))
    rows = [line for line in lines[:end] if line.startswith('|')]
    return [
        [cell.strip() for cell in row.strip('|').split('|')] for row in rows if '---' not in row
    ]


class Robot:
    """A guard with its agent, its latch, and a robot that is where it is."""

    def __init__(self, folder):
        self.folder, self.t_ms, self.here = folder, 0, INSIDE
        self.agent = self.fresh = True
        self.start()

    def start(self):
        """The guard's process begins."""
        self.latch = Latch(str(self.folder), 'guard')
        self.guard = Guard(CONTRACT, enabled=self.latch.state.enabled)
        if self.latch.state.stop_reason:
            self.guard.stop(self.latch.state.stop_reason)

    def keep(self):
        self.latch.save_now(Latched(self.guard.stop_reason, self.guard.enabled))

    @property
    def measured(self):
        return self.here if self.fresh else None

    def chunk(self, teleop=False):
        times = [(self.t_ms + 20 + 40 * i) * MS for i in range(3)]
        rows = np.tile(np.clip(self.here, -1, 1), (3, 1))
        return self.guard.on_chunk(NAMES, times, rows, self.t_ms * 1e-3, teleop)

    def run(self):
        """A quarter of a second passes; the source of the last command."""
        for _ in range(13):
            if self.agent:
                self.chunk()
            self.t_ms += 20
            command = self.guard.sample(self.t_ms * MS, self.t_ms * 1e-3, self.measured)
        return command

    def state(self):
        """The state's name on the page."""
        command = self.run()
        if not command.send:
            return 'inactive, stopped' if self.guard.stopped else 'inactive'
        if command.source == 'safe':
            return 'foreign publisher' if self.guard.foreign else 'lost agent'
        moving = ('chunk', 'chunk_rest', 'teleop')
        names = {'outside': 'outside of the box', **dict.fromkeys(moving, 'active')}
        return names.get(command.source, command.source)

    def without_position(self, act):
        self.fresh = False
        try:
            return act()
        finally:
            self.fresh = True

    def switch(self, act):
        refusal = act()
        self.keep()
        return refusal

    # States

    def put_into(self, state):
        if state.startswith('inactive'):
            if state == 'inactive, stopped':
                self.happens('stop')
            return
        assert self.guard.activate(self.here) == ''
        self.run()
        event = {
            'disabled': 'enable false',
            'stopped': 'stop',
            'lost agent': 'agent silent for command_timeout',
            'foreign publisher': 'another publisher appears',
            'outside of the box': 'a joint leaves its box',
        }.get(state)
        if event:
            self.happens(event)
            self.run()

    # Events

    def happens(self, event):
        """The event takes place; why it was refused, or ''."""
        guard, here = self.guard, lambda: self.measured
        events = {
            'activate': self.activate,
            'activate without a fresh position': lambda: self.without_position(self.activate),
            'deactivate': guard.deactivate,
            'chunk of the agent': self.agent_speaks,
            'chunk of a person': lambda: self.chunk(teleop=True),
            'stop': lambda: self.switch(lambda: guard.stop('test')),
            'release_stop': lambda: self.switch(lambda: guard.release_stop(here())),
            'release_stop without a fresh position': lambda: self.without_position(
                lambda: guard.release_stop(here())
            ),
            'enable false': lambda: self.switch(lambda: guard.enable(False)),
            'enable true': lambda: self.switch(lambda: guard.enable(True, here())),
            'enable true without a fresh position': lambda: self.without_position(
                lambda: guard.enable(True, here())
            ),
            'agent silent for command_timeout': lambda: setattr(self, 'agent', False),
            'another publisher appears': lambda: guard.set_foreign('another node'),
            'another publisher sends': guard.deactivate,
            'a joint leaves its box': lambda: setattr(self, 'here', OUTSIDE),
            'the guard restarts': self.restart,
        }
        return events[event]() or ''

    def activate(self):
        # An active node has no such transition.
        return '' if self.guard.active else self.guard.activate(self.measured)

    def agent_speaks(self):
        self.agent = True
        return self.chunk()

    def restart(self):
        self.latch.close()
        self.start()


HEADER, *EVENTS = table('Events')
CELLS = [
    (row[0], state, cell)
    for row in EVENTS
    for state, cell in zip(HEADER[1:], row[1:], strict=True)
]


@pytest.fixture
def robot(tmp_path):
    robot = Robot(tmp_path)
    yield robot
    robot.latch.close()


@pytest.mark.parametrize(('event', 'before', 'after'), CELLS)
def test_cell(robot, event, before, after):
    robot.put_into(before)
    assert robot.state() == before
    refusal = robot.happens(event)
    expected = before if after in ('=', 'refused') else after
    if event == 'chunk of a person' and before == 'lost agent':
        robot.t_ms += 20
        command = robot.guard.sample(robot.t_ms * MS, robot.t_ms * 1e-3, robot.measured)
        assert command.source == 'teleop' and not refusal
        return
    assert robot.state() == expected
    assert bool(refusal) == (after == 'refused')


def test_the_page_names_every_state_once():
    states = [row[0] for row in table('States')[1:]]
    assert states == HEADER[1:]


def test_what_is_kept_over_a_restart(robot):
    robot.put_into('disabled')
    robot.happens('the guard restarts')
    assert not robot.guard.enabled
    robot.happens('activate')
    assert robot.state() == 'disabled'
