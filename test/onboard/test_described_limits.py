# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Limits of a URDF beside those of the contract: the narrower count, a missing joint is named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onboard_contract import make_action, make_contract

from world_model_ros.onboard.guard import Guard
from world_model_ros.onboard.guard.described_limits import DescribedLimits, joint_limits

MS = 1_000_000


def urdf(shoulder='lower="-0.5" upper="2" velocity="0.5" effort="10"', kind='revolute'):
    return f"""<?xml version="1.0"?><robot name="arm">
      <joint name="base" type="fixed"/>
      <joint name="shoulder" type="{kind}"><limit {shoulder}/></joint>
      <joint name="wrist" type="continuous"><limit velocity="9" effort="0.03"/></joint>
    </robot>"""


def guard_of(**changes):
    action = {'kind': 'position', 'safe': 'hold', 'low': (-1, -1), 'high': (1, 1)}
    action |= {'rate_limit': (1.0, 1.0), **changes}
    contract = make_contract(action=make_action(**action))
    guard = Guard(contract)
    return guard, DescribedLimits(contract, guard.limits)


def test_the_guard_commands_inside_of_both():
    guard, described = guard_of()
    assert described.narrow(urdf()) == ''
    assert described.narrowed == 'shoulder -0.5 to 1 at 0.5'
    assert described.box == ((-0.5, -1.0), (1.0, 1.0))  # for the planner
    assert guard.activate(np.zeros(2)) == ''
    sent = [np.zeros(2)]
    for i in range(150):
        t_ns = 20 * i * MS
        guard.on_chunk(('shoulder', 'wrist'), [t_ns], [[-3.0, -3.0]], t_ns * 1e-9)
        sent.append(guard.sample(t_ns, t_ns * 1e-9, sent[-1]).values)
    np.testing.assert_allclose(sent[-1], [-0.5, -1.0], atol=1e-6)
    assert np.all(np.abs(np.diff(sent, axis=0)) <= np.array([0.01, 0.02]) + 1e-9)


def test_a_wider_urdf_that_comes_later_gives_the_contract_back():
    guard, described = guard_of()
    assert described.narrow(urdf()) == ''
    wide = 'lower="-9" upper="9" velocity="9" effort="9"'
    assert described.narrow(urdf(wide)) == '' and described.narrowed == ''
    assert described.box == ((), ())
    assert guard.limits.low.tolist() == [-1.0, -1.0] and guard.limits.rate.tolist() == [1.0, 1.0]


def test_efforts_and_speeds_are_limited_by_their_own_numbers():
    guard, described = guard_of(kind='effort', safe='zero', low=(-0.05, -0.05), high=(0.05, 0.05))
    assert described.narrow(urdf()) == ''
    assert guard.limits.high.tolist() == [0.05, 0.03] and guard.limits.low[1] == -0.03
    guard, described = guard_of(kind='velocity', safe='zero', gravity_safe=False)
    assert described.narrow(urdf()) == ''
    assert guard.limits.high.tolist() == [0.5, 1.0] and guard.limits.rate.tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ('text', 'words'),
    [
        ('<robot/>', 'it limits no joint shoulder, wrist'),
        (urdf().replace('"wrist"', '"hand"'), 'no joint wrist; it has shoulder, hand'),
        (urdf(kind='fixed'), 'no joint shoulder'),
        (urdf('lower="2" upper="3" velocity="1" effort="1"'), 'nothing in common'),
        (urdf('lower="-1" upper="1" velocity="0" effort="1"'), 'nothing in common'),
        (urdf('lower="x" upper="1" velocity="1" effort="1"'), "limit lower is 'x'"),
        (urdf('lower="-1" upper="1" effort="1"'), 'limit velocity is None'),
        ('not xml', 'no URDF'),
        ('<!DOCTYPE a [<!ENTITY b "c">]><robot/>', 'without a DOCTYPE'),
    ],
)
def test_what_is_of_no_use_is_said_in_one_line_and_changes_nothing(text, words):
    guard, described = guard_of()
    problem = described.narrow(text)
    assert words in problem and '\n' not in problem
    assert guard.limits.low.tolist() == [-1.0, -1.0] and described.narrowed == ''


@given(st.text(max_size=60) | st.text(max_size=20).map(lambda text: urdf(f'lower="{text}"')))
def test_any_text_is_a_urdf_or_a_value_error_in_one_line(text):
    try:
        found = joint_limits(text)
    except ValueError as error:
        assert str(error)
        return
    assert all(limit.velocity >= 0.0 for limit in found.values())
