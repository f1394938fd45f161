# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Joints that lag and sag behind their commands stay inside of the limits by `limit_margin`."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onboard_contract import make_action, make_contract

from world_model_ros.contract import ContractError, find_robot, parse_contract
from world_model_ros.onboard.guard import Guard
from world_model_ros.onboard.guard.described_limits import DescribedLimits

MS = 1_000_000
LOW, HIGH, SAG, MARGIN = -1.0, 1.0, 0.03, 0.05  # rad
ARM = make_action(
    kind='position',
    safe='hold',
    low=(LOW, LOW),
    high=(HIGH, HIGH),
    rate_limit=(1.0, 1.0),
    acceleration_limit=(4.0, 4.0),
    limit_margin=MARGIN,
)


@settings(max_examples=40, deadline=None)
@given(
    targets=st.lists(st.lists(st.floats(-2.0, 2.0), min_size=2, max_size=2), max_size=8),
    lag=st.floats(0.3, 1.0),
    sag=st.floats(-SAG, SAG),
    stopped=st.booleans(),
)
def test_measured_joints_never_cross_a_limit(targets, lag, sag, stopped):
    guard = Guard(make_contract(action=ARM))
    at, t_ms = np.zeros(2), 0
    assert guard.activate(at + sag) == ''
    for target in targets:
        if stopped:
            guard.release_stop(at + sag)
        for i in range(40):
            if i % 2 == 0:
                times = [(t_ms + 40 * k) * MS for k in range(4)]
                guard.on_chunk(['shoulder', 'wrist'], times, np.tile(target, (4, 1)), t_ms * 1e-3)
            t_ms += 20
            command = guard.sample(t_ms * MS, t_ms * 1e-3, at + sag)
            at = at + lag * (command.values - at)
            assert np.all((at + sag >= LOW) & (at + sag <= HIGH))
            assert guard.outside == ''
        if stopped:
            guard.stop('test')


def test_a_joint_between_margin_and_limit_is_not_outside_and_moves_inwards_only():
    guard = Guard(make_contract(action=ARM))
    start = np.array([0.98, 0.0])
    assert guard.activate(start) == '' and guard.outside == ''
    times = [40 * k * MS for k in range(8)]
    guard.on_chunk(['shoulder', 'wrist'], times, np.tile([2.0, 0.0], (8, 1)), 0.0)
    for i in range(1, 10):
        values = guard.sample(i * 20 * MS, i * 0.02, start).values
        assert values[0] <= 0.98


@pytest.mark.parametrize('margin', [-0.1, 1.3])
def test_a_margin_leaves_room(margin):
    text = find_robot('unfriendly_arm').read_text()
    text = text.replace('  safe: hold', f'  limit_margin: {margin}\n  safe: hold')
    with pytest.raises(ContractError, match=r'action\.limit_margin'):
        parse_contract(text)


def test_planner_and_guard_keep_to_it_and_the_network_does_not_know():
    text = find_robot('unfriendly_arm').read_text()
    robot = parse_contract(text.replace('  safe: hold', '  limit_margin: 0.1\n  safe: hold'))
    assert robot.limit_low[0] == pytest.approx(-1.4) and robot.low[0] == -1.5
    guard = Guard(robot)
    described = DescribedLimits(robot, guard.limits)
    joints = ''.join(
        f'<joint name="j{i}" type="revolute"><limit lower="-1.0" upper="1.0" velocity="9" '
        'effort="9"/></joint>'
        for i in range(1, 8)
    )
    assert described.narrow(f'<robot name="arm">{joints}</robot>') == ''
    assert guard.limits.low[0] == pytest.approx(-0.9)  # the margin is kept inside of these, too
    assert guard.activate(np.full(7, 0.97)) == '' and guard.outside == ''
    guard.deactivate()
    assert guard.activate(np.full(7, 1.1)) == '' and 'outside of its high limit 1' in guard.outside
