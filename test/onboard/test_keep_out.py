# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An arm with a URDF leaves neither its workspace nor its distance to itself and its table."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from world_model_ros.bench.guard_arm import BOTH, NAMES, body, joint, robot_text, six_joints
from world_model_ros.contract import parse_contract
from world_model_ros.onboard.guard import Guard
from world_model_ros.onboard.guard.reasons import ReasonKind

pytest.importorskip('mujoco')

from world_model_ros.onboard.guard.keep_out.keep_out import KeepOut
from world_model_ros.onboard.guard.keep_out.margins import Margins
from world_model_ros.onboard.guard.keep_out.urdf import UrdfError
from world_model_ros.onboard.guard.motion import Limits

MS = 1_000_000
STEP_S = 0.01
SMOOTH = 'acceleration: [4, 4, 4, 4, 4, 4], jerk: [40, 40, 40, 40, 40, 40]'
NO_ACCELERATION = ''
LIMITS = ('acceleration: [4, 4, 4, 4, 4, 4]', SMOOTH, NO_ACCELERATION)
POSE = st.lists(st.floats(-2.5, 2.5), min_size=6, max_size=6)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('robot')
    (folder / 'six.urdf').write_text(six_joints())
    return folder


def six_contract(*args, **changes):
    return parse_contract(robot_text(*args, **changes))


class Arm:
    """A guard of the arm, fed with targets, and a judge of its own."""

    def __init__(self, folder, contract, start):
        self.margins, judge = Margins(contract, folder), Margins(contract, folder)
        self.judge = judge
        self.guard = Guard(contract, keep_out=KeepOut(self.margins, Limits.of(contract)))
        self.t_ms, self.measured = 0, np.array(start, float)
        assert self.guard.activate(self.measured) == ''

    def go(self, target, samples, teleop=False, measured=None):
        """Commands of some samples with this target: (values, command)."""
        commands = []
        for i in range(samples):
            if i % 10 == 0:
                times = [(self.t_ms + 20 * k) * MS for k in range(8)]
                rows = np.tile(np.asarray(target, float), (8, 1))
                assert self.guard.on_chunk(NAMES, times, rows, self.t_ms * 1e-3, teleop) == ''
            self.t_ms += 10
            here = self.measured if measured is None else measured
            commands.append(self.guard.sample(self.t_ms * MS, self.t_ms * 1e-3, here))
            self.measured = commands[-1].values
        return commands


@settings(max_examples=12, deadline=None)
@given(
    limits=st.sampled_from(LIMITS),
    targets=st.lists(st.tuples(POSE, st.integers(1, 60)), min_size=1, max_size=3),
    measured=st.one_of(st.none(), POSE),
)
def test_no_command_crosses_box_or_distance(folder, limits, targets, measured):
    """Whatever is asked for, and wherever the joints are measured."""
    arm = Arm(folder, six_contract(limits=limits), np.zeros(6))
    seen = None if measured is None else np.clip(measured, -2.9, 2.9)
    last, speed = np.zeros(6), np.zeros(6)
    for target, samples in targets:
        for command in arm.go(target, samples, measured=seen):
            assert np.min(arm.judge(command.values)) >= -1e-4  # m
            now = (command.values - last) / STEP_S
            assert np.all(np.abs(now) <= 1.0 + 1e-9)
            if limits:
                assert np.all(np.abs(now - speed) <= 4.0 * STEP_S + 1e-6)
            last, speed = command.values, now


def test_it_comes_to_rest_before_the_table_and_says_why(folder):
    guard = '{urdf: six.urdf, collision: {distance: 0.02}}'
    arm = Arm(folder, six_contract(guard), np.zeros(6))
    commands = arm.go([0.0, 2.4, 0.0, 0.0, 0.0, 0.0], 400)
    last = commands[-1]
    assert last.source == 'safe'
    assert [reason.kind for reason in last.reasons] == [ReasonKind.COLLISION]
    assert 'table' in last.words and '0.02 m' in last.words
    assert np.array_equal(last.values, commands[-2].values)
    assert 0.0 <= np.min(arm.judge(last.values)) < 0.03  # near it, not far away


def test_it_stops_at_the_wall_of_its_workspace(folder):
    arm = Arm(folder, six_contract(), np.zeros(6))
    commands = arm.go([0.0, 1.2, 0.0, 0.0, 0.0, 0.0], 400)
    assert [reason.kind for reason in commands[-1].reasons] == [ReasonKind.WORKSPACE]
    assert 'tool would leave the workspace at x = 0.7 m' in commands[-1].words


def test_it_goes_on_to_a_target_that_is_free(folder):
    arm = Arm(folder, six_contract(), np.zeros(6))
    arm.go([0.0, 2.4, 0.0, 0.0, 0.0, 0.0], 300)
    target = np.array([0.5, 0.2, 0.0, 0.0, 0.0, 0.0])
    commands = arm.go(target, 400)
    assert commands[-1].source != 'safe' and np.allclose(commands[-1].values, target)


def test_a_robot_that_begins_too_near_may_only_escape(folder):
    start = np.array([0.0, 1.85, 0.0, 0.0, 0.0, 0.0])
    arm = Arm(folder, six_contract('{urdf: six.urdf, collision: {distance: 0.02}}'), start)
    before = arm.judge(start)
    assert np.min(before) < 0.0
    worse = arm.go([0.0, 2.2, 0.0, 0.0, 0.0, 0.0], 60)
    assert np.allclose(worse[-1].values, start, atol=1e-3)
    better = arm.go(np.zeros(6), 400)
    assert np.allclose(better[-1].values, 0.0)
    floor = np.minimum(before, 0.0) - 1e-4
    assert all(np.all(arm.judge(c.values) >= floor) for c in (*worse, *better))


def test_a_person_is_held_back_too(folder):
    arm = Arm(folder, six_contract(), np.zeros(6))
    commands = arm.go([0.0, 2.4, 0.0, 0.0, 0.0, 0.0], 400, teleop=True)
    assert commands[-1].source == 'safe' and np.min(arm.judge(commands[-1].values)) >= 0.0


@settings(max_examples=20, deadline=None)
@given(
    pose=POSE,
    other=POSE,
    speed=st.lists(st.floats(-1, 1), min_size=6, max_size=6),
    acceleration=st.lists(st.floats(-4, 4), min_size=6, max_size=6),
)
def test_the_bounds_that_save_work_are_bounds(folder, pose, other, speed, acceleration):
    contract = six_contract(limits=SMOOTH)
    margins = Margins(contract, folder)
    keep_out = KeepOut(margins, Limits.of(contract))
    pose, other = np.array(pose), np.array(other)
    change = np.abs(margins(other).copy() - margins(pose))
    nearer = margins(pose) - margins(other)
    # A far distance is only known as a lower bound; what it may lose is bounded all the same.
    near = margins(other) < 0.3
    assert np.all((nearer <= margins.reach @ np.abs(pose - other) + 1e-5) | ~near)
    assert change.shape == (len(margins.reach),)
    state = pose, np.array(speed), np.array(acceleration)
    way = np.abs(np.diff(keep_out._way_to_rest(state, STEP_S), axis=0)).sum(axis=0)
    # A speed that leads out of the limits is cut there: the way is only shorter.
    assert np.all(way <= keep_out.stop_bound(state, STEP_S) + 1e-9)


def test_a_finger_that_mimics_another_is_moved_with_it(tmp_path):
    mimic = '<mimic joint="j6" multiplier="0.01"/>'
    extra = body('finger') + joint('slide', 'l6', 'finger', '0 0 0', 'prismatic', '1 0 0', mimic)
    (tmp_path / 'six.urdf').write_text(six_joints(extra))
    guard = '{urdf: six.urdf, workspace: {low: [-1, -1, 0], high: [1, 1, 2], links: [finger]}}'
    margins = Margins(six_contract(guard), tmp_path)
    straight, turned = margins(np.zeros(6)).copy(), margins(np.array([0, 0, 0, 0, 0, 1.0]))
    assert turned[0] - straight[0] == pytest.approx(0.01)


@pytest.mark.parametrize(
    ('extra', 'guard', 'named'),
    [
        (body('a', '<mesh filename="claw.stl"/>'), BOTH, "mesh 'claw.stl' of link 'a'"),
        (body('a', '<mesh filename="package://x/a.stl"/>'), BOTH, 'workspace of package x'),
        (body('a') + joint('spin', 'l6', 'a', kind='continuous'), BOTH, "joint 'spin': say where"),
        (body('a') + joint('float', 'l6', 'a', kind='floating'), BOTH, "'floating'"),
        ('', '{urdf: six.urdf, collision: {distance: 0, ignore: [[l1, l9]]}}', "'l9'"),
        ('', '{urdf: no.urdf, collision: {distance: 0}}', 'no.urdf: unreadable'),
        ('<link name="l1"/>', BOTH, 'six.urdf: '),
    ],
)
def test_what_cannot_be_checked_is_refused_in_one_line(tmp_path, extra, guard, named):
    (tmp_path / 'six.urdf').write_text(six_joints(extra))
    with pytest.raises(UrdfError) as refused:
        Margins(six_contract(guard), tmp_path)
    assert named in str(refused.value) and '\n' not in str(refused.value)


@pytest.mark.parametrize(
    'text', ['', 'no xml', '<!DOCTYPE a><robot name="a"/>', '<sdf/>', '<robot name="six"/>']
)
def test_no_urdf_is_refused_with_the_name_of_its_file(tmp_path, text):
    (tmp_path / 'six.urdf').write_text(text)
    with pytest.raises(UrdfError, match=r'six\.urdf'):
        Margins(six_contract(), tmp_path)


@settings(max_examples=15, deadline=None)
@given(at=st.integers(0, 3000), what=st.text(max_size=20))
def test_a_damaged_urdf_is_refused_or_means_something(tmp_path_factory, at, what):
    folder = tmp_path_factory.mktemp('damaged')
    text = six_joints()
    (folder / 'six.urdf').write_text(text[:at] + what + text[at + len(what) :], 'utf-8')
    try:
        margins = Margins(six_contract(), folder)
    except UrdfError as error:
        assert '\n' not in str(error)
    else:
        assert np.all(np.isfinite(margins(np.zeros(6))))
