# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Dead-man, locks and zones: who is shut out, and how the robot comes to rest and goes on."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onboard_contract import make_action, make_contract

from world_model_ros.contract.guard_settings import BOOL, GuardSettings, Lock, Zone
from world_model_ros.onboard.guard import Guard
from world_model_ros.onboard.guard.reasons import ReasonKind

MS = 1_000_000
STEP_MS = 20
NAMES = ['shoulder', 'wrist']
ARM = make_action(
    kind='position',
    safe='hold',
    low=(-1, -1),
    high=(1, 1),
    rate_limit=(1.0, 1.0),
    acceleration_limit=(4.0, 4.0),
)
BASE = make_action(kind='velocity', low=(-1, -1), high=(1, 1), rate_limit=(1.0, 1.0),
                   stop_rate_limit=(2.0, 2.0))  # fmt: skip


def lock(name='dead_man', hold_to_run=True, priority=255):
    return Lock(name, f'{name}_topic', BOOL, 0, hold_to_run, priority, 0.5)


def zone(name='front', action='stop', priority=255, polygon=(), ratio=0.5, pose=(0.0, 0.0, 0.0)):
    return Zone(name, 'scan', polygon, 0.5, pose, action, ratio, 3, priority, 0.5)


class Robot:
    """A guard whose agent and person ask for the same; joints that follow or stay."""

    def __init__(self, action, locks=(), zones=()):
        guard = GuardSettings(locks=tuple(locks), zones=tuple(zones))
        self.guard = Guard(make_contract(action=action, guard=guard))
        self.t_ms, self.measured, self.follows = 0, np.zeros(2), True
        assert self.guard.activate(self.measured) == ''

    @property
    def now_s(self):
        return self.t_ms * 1e-3

    def scan(self, ranges, angles=(0.0, 0.1)):
        self.guard.zones.hear('scan', np.array(ranges), angles, (0.05, 10.0), self.now_s)

    def chunk(self, target, teleop=False):
        times = [(self.t_ms + 40 * i) * MS for i in range(4)]
        rows = np.tile(np.asarray(target, float), (4, 1))
        return self.guard.on_chunk(NAMES, times, rows, self.now_s, teleop)

    def run(self, samples, target=None, teleop=False, each=lambda: None):
        commands = []
        for i in range(samples):
            each()
            if target is not None and i % 2 == 0:
                self.chunk(target, teleop)
            self.t_ms += STEP_MS
            command = self.guard.sample(self.t_ms * MS, self.now_s, self.measured)
            commands.append(command)
            if self.follows:
                self.measured = command.values
        return commands


def kinds(command):
    return {reason.kind for reason in command.reasons}


def test_until_the_dead_man_is_pressed_nothing_moves():
    robot = Robot(ARM, [lock()])
    commands = robot.run(10, [0.5, 0.5])
    assert all(c.source == 'safe' and kinds(c) >= {ReasonKind.DEAD_MAN} for c in commands)
    assert not np.any([c.values for c in commands])
    assert 'dead_man_topic was not heard for 0.5 s' in robot.guard.held_back
    assert 'dead_man_topic' in robot.chunk([0.5, 0.5])


def test_held_it_moves_and_let_go_it_brakes_and_holds():
    robot = Robot(ARM, [lock()])

    def press(on=True):
        robot.guard.locks.hear('dead_man', on, robot.now_s)

    moving = robot.run(20, [0.8, -0.8], each=press)
    assert moving[-1].source.startswith('chunk') and moving[-1].values[0] > 0.1
    braking = robot.run(30, [0.8, -0.8], each=lambda: press(False))
    assert {c.source for c in braking} == {'safe'}
    speeds = np.diff([c.values[0] for c in (*moving[-2:], *braking)]) / (STEP_MS * 1e-3)
    assert np.all(np.diff(np.abs(speeds[1:])) <= 1e-9) and speeds[-1] == 0.0
    assert np.max(np.abs(np.diff(speeds))) <= 4.0 * STEP_MS * 1e-3 + 1e-9  # no step to zero


def test_pressed_again_it_starts_where_it_is_measured_without_a_jump():
    robot = Robot(ARM, [lock()])
    robot.run(20, [0.8, -0.8], each=lambda: robot.guard.locks.hear('dead_man', True, robot.now_s))
    held = robot.run(40)[-1].values
    robot.follows, robot.measured = False, held - 0.04  # sags, less than hold_tolerance
    before = robot.run(5)[-1].values
    robot.guard.locks.hear('dead_man', True, robot.now_s)
    after = robot.run(1)[0]
    assert ReasonKind.DEAD_MAN not in kinds(after)
    assert np.max(np.abs(after.values - before)) <= 4.0 * (STEP_MS * 1e-3) ** 2 + 1e-9
    end = robot.run(60, each=lambda: robot.guard.locks.hear('dead_man', True, robot.now_s))[
        -1
    ].values
    assert np.allclose(end, robot.measured)  # the old chunk counts no more


def test_pressed_without_a_fresh_position_it_stays_held_back():
    robot = Robot(ARM, [lock()])
    robot.run(5)
    robot.guard.locks.hear('dead_man', True, robot.now_s)
    robot.follows, robot.measured = False, None
    assert 'no fresh position' in robot.run(1, [0.5, 0.5])[0].words
    robot.measured = np.zeros(2)
    assert ReasonKind.DEAD_MAN not in kinds(robot.run(1)[0])


@pytest.mark.parametrize('priority, teleop_moves', [(255, False), (101, False), (100, True)])
def test_a_lock_shuts_out_the_sources_of_a_lower_priority(priority, teleop_moves):
    robot = Robot(ARM, [lock('pause', False, priority)])

    def locked():
        robot.guard.locks.hear('pause', True, robot.now_s)

    assert {c.source for c in robot.run(10, [0.5, 0.5], each=locked)} == {'safe'}
    by_hand = robot.run(10, [0.5, 0.5], teleop=True, each=locked)
    assert (by_hand[-1].source == 'teleop') == teleop_moves
    opened = robot.run(
        10, [0.5, 0.5], each=lambda: robot.guard.locks.hear('pause', False, robot.now_s)
    )
    if not teleop_moves:
        assert opened[-1].source.startswith('chunk')


def test_a_lock_below_the_agent_shuts_out_nobody():
    robot = Robot(ARM, [lock('pause', False, 10)])
    assert robot.run(10, [0.5, 0.5])[-1].source.startswith('chunk')
    assert robot.guard.held_back == ''


def test_a_stop_zone_stops_a_base_by_its_deceleration():
    robot = Robot(BASE, zones=[zone()])
    free, near = [5.0] * 8, [5.0, 0.3, 0.3, 0.3, 5.0, 5.0, 5.0, 5.0]
    moving = robot.run(60, [0.8, 0.0], each=lambda: robot.scan(free))
    assert np.allclose(moving[-1].values, [0.8, 0.0])
    stopping = robot.run(30, [0.8, 0.0], each=lambda: robot.scan(near))
    speeds = [moving[-1].values[0], *(c.values[0] for c in stopping)]
    assert np.min(np.diff(speeds)) >= -2.0 * STEP_MS * 1e-3 - 1e-9  # no step to zero
    assert speeds[-1] == 0.0 and kinds(stopping[-1]) == {ReasonKind.ZONE_STOP}
    assert 'zone front on scan: 3 points in it' in stopping[-1].words
    again = robot.run(60, [0.8, 0.0], each=lambda: robot.scan(free))
    assert np.allclose(again[-1].values, [0.8, 0.0])


@pytest.mark.parametrize(
    'ranges, stops',
    [
        ([0.3, 0.3, 5.0, 5.0], False),  # two points are noise
        ([0.3, 0.3, 0.3, 5.0], True),
        ([0.04, 0.04, 0.04, 5.0], False),  # below the scanner's shortest distance
        ([math.inf] * 4, False),
        ([math.nan] * 4, True),  # blind
        ([], True),
    ],
)
def test_what_a_scan_means(ranges, stops):
    robot = Robot(BASE, zones=[zone()])
    command = robot.run(2, [0.5, 0.0], each=lambda: robot.scan(ranges))[-1]
    assert (ReasonKind.ZONE_STOP in kinds(command)) == stops


def test_without_scans_a_base_does_not_move():
    robot = Robot(BASE, zones=[zone()])
    assert not np.any(robot.run(10, [0.5, 0.0])[-1].values)


def test_a_polygon_is_judged_where_the_scanner_stands():
    ahead = ((0.2, -0.3), (1.0, -0.3), (1.0, 0.3), (0.2, 0.3))
    turned = zone(polygon=ahead, pose=(0.1, 0.0, math.pi))  # looks backwards
    robot = Robot(BASE, zones=[turned])
    robot.scan([0.5] * 3, (-0.1, 0.1))
    assert robot.guard.zones.stop(robot.now_s).priority == 0
    robot.scan([0.5] * 3, (math.pi - 0.1, 0.1))
    assert robot.guard.zones.stop(robot.now_s).priority == 255


def test_a_slowdown_zone_leaves_a_share_of_the_speed():
    robot = Robot(BASE, zones=[zone(action='slowdown', ratio=0.25)])
    slow = robot.run(60, [0.8, -0.4], each=lambda: robot.scan([0.3] * 4))
    assert np.allclose(slow[-1].values, [0.2, -0.1])
    assert kinds(slow[-1]) == {ReasonKind.ZONE_SLOWDOWN}


SCAN = st.lists(
    st.one_of(st.floats(0.0, 10.0), st.sampled_from([math.inf, -math.inf, math.nan, -1.0])),
    max_size=12,
)
TARGET = st.lists(st.floats(-1.0, 1.0), min_size=2, max_size=2)
EVENT = st.one_of(
    st.tuples(st.just('scan'), SCAN),
    st.tuples(st.just('press'), st.booleans()),
    st.tuples(st.just('pause'), st.booleans()),
    st.tuples(st.just('run'), st.integers(1, 12), TARGET, st.booleans()),
    st.tuples(st.just('silence'), st.integers(1, 40)),
)


@settings(max_examples=60, deadline=None)
@given(base=st.booleans(), events=st.lists(EVENT, min_size=3, max_size=25))
def test_while_somebody_holds_it_back_no_command_goes_on(base, events):
    """A judge of its own: shut out, speeds only fall; and never a step beyond the limits."""
    locks = [lock(), lock('pause', False)]
    robot = Robot(BASE if base else ARM, locks, [zone()])
    heard = {'dead_man': (False, -math.inf), 'pause': (True, -math.inf)}
    occupied, scan_s = True, -math.inf
    last, speed = np.zeros(2), np.zeros(2)
    for event in events:
        if event[0] == 'scan':
            robot.scan(event[1])
            ranges = np.array(event[1])
            inside = np.count_nonzero((ranges >= 0.05) & (ranges <= 0.5))
            sound = np.any((ranges >= 0.05) & ~np.isnan(ranges))
            occupied, scan_s = bool(inside >= 3 or not sound), robot.now_s
        elif event[0] in ('press', 'pause'):
            name = 'dead_man' if event[0] == 'press' else 'pause'
            robot.guard.locks.hear(name, event[1], robot.now_s)
            heard[name] = (event[1], robot.now_s)
        count, target, teleop = 0, None, False
        if event[0] == 'run':
            _, count, target, teleop = event
        elif event[0] == 'silence':
            count = event[1]
        for _ in range(count):
            command = robot.run(1, target, teleop)[0]
            values, now = command.values, robot.now_s
            held = (
                not heard['dead_man'][0]
                or heard['pause'][0]
                or occupied
                or now - min(scan_s, *(at for _, at in heard.values())) > 0.5
            )
            assert np.all(np.abs(values) <= 1.0)
            change = (values - last) / (STEP_MS * 1e-3)
            if held:
                assert command.source == 'safe'
                slower = np.abs(values) if base else np.abs(change)
                assert np.all(slower <= (np.abs(last) if base else np.abs(speed)) + 0.09)
            assert np.all(np.abs(change) <= (2.0 if base else 1.0) + 1e-9)
            if not base:
                assert np.all(np.abs(change - speed) <= 4.0 * STEP_MS * 1e-3 + 1e-6)
            last, speed = values, change
