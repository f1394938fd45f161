# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A robot without resets: one run in several sealed segments, through the real nodes.

Every segment is an episode of its own on disk; ticks, belief, plan and what the robot is told go
on as if there were no boundary. The counter shows an off-by-one; a Brain in this process, fed
with what the bags hold and told of one beginning only, shows that nothing started anew.
"""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

import robot_processes
import ros_domain

from world_model_ros.bundle import load_bundle
from world_model_ros.contract import load_contract
from world_model_ros.experience import EpisodeReader, check_episode
from world_model_ros.experience.read.rebuild import rebuild
from world_model_ros.onboard.policy.brain import Brain

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group('patient')]
SEGMENTS, TICKS = 3, 20


@pytest.fixture(scope='module')
def run(tmp_path_factory):
    """Contract, bundle, folders of the first segments in order, and what the guard sent."""
    folder = tmp_path_factory.mktemp('segments')
    path = robot_processes.counter_contract(folder, f'{{reset: none, segment_ticks: {TICKS}}}')
    contract = load_contract(path)
    bundle = robot_processes.tiny_bundle(folder, contract)
    common = {'contract': path, 'tick_source': 'lockstep'}
    episodes = folder / 'episodes'
    with ros_domain.claimed() as domain, robot_processes.Robot(domain, folder) as robot:
        robot.listen()
        robot.start('recorder', contract=path, use_sim_time=True, directory=episodes)
        robot.start('sim_robot', **common)
        robot.start(
            'agent', use_sim_time=True, robot_id='r', bundle=bundle, autostart=True, **common
        )
        robot.until_recorder_hears()
        # Last: the agent acts as soon as there is a guard, and thinks not before.
        robot.start('guard', use_sim_time=True, lockstep_patience=2.0, **common)
        robot.until(
            lambda: sum(t.last and t.episode in robot.acting for t in robot.ticks) > SEGMENTS,
            'segments',
        )
        uuids = [e['uuid'] for e in robot.announced if e['acting']][:SEGMENTS]
        robot.until(lambda: all((episodes / uuid).is_dir() for uuid in uuids), 'sealed segments')
    assert len(uuids) == len(set(uuids)) == SEGMENTS
    return contract, bundle, [episodes / uuid for uuid in uuids], robot.sent


@pytest.fixture(scope='module')
def ticks(run):
    """The rebuilt ticks of all segments, one after the other."""
    return [tick for folder in run[2] for tick in rebuild(folder)]


def test_every_segment_is_a_whole_episode_and_counts_on(run, ticks):
    for i, folder in enumerate(run[2]):
        assert check_episode(folder, rebuilt=True) == []
        reader = EpisodeReader(folder)
        assert reader.end.status == 'whole'
        records = [t.record for t in rebuild(reader)]
        assert [r.tick for r in records] == list(range(i * TICKS, (i + 1) * TICKS))
        assert [r.last for r in records] == [False] * (TICKS - 1) + [True]
        assert [r.truncated for r in records] == [False] * (TICKS - 1) + [True]
        assert not any(r.terminal or r.skipped for r in records)
    times = [t.record.t_ns for t in ticks]
    assert times == [times[0] + k * run[0].period_ns for k in range(SEGMENTS * TICKS)]


def replayed(run, ticks):
    """What one Brain decides from the bags of all segments, told of one beginning."""
    contract, bundle, _, _ = run
    brain = Brain(contract, load_bundle(bundle, contract))
    brain.reset(ticks[0].record.noise_key)
    pending = np.zeros((contract.offset_ticks, contract.action_dim), np.float32)
    for k, tick in enumerate(ticks):
        record = tick.record
        brain.rekey(record.noise_key)
        decision = brain.step(
            tick.observation, record.sent, pending, k == 0, record.tick, math.inf
        )
        pending = decision.chunk[:1]
        yield record, decision


def test_belief_goes_on_over_the_boundaries(run, ticks):
    for record, decision in replayed(run, ticks):
        assert (decision.surprise, decision.value) == (record.surprise, record.value), record.tick


def test_plan_goes_on_over_the_boundaries(run, ticks):
    for record, decision in replayed(run, ticks):
        assert decision.iterations == record.iterations > 0
        np.testing.assert_array_equal(decision.chunk[0].astype(float), record.asked)


def test_records_tell_of_one_beginning(ticks):
    assert [t.record.tick for t in ticks if t.record.first] == [0]


def test_the_robot_is_told_no_rest_at_a_boundary(run, ticks):
    records = [t.record for t in ticks]
    asked = np.array([r.asked[0] for r in records])
    sent = np.array([r.sent[0] for r in records])
    assert len(np.unique(asked)) > TICKS // 2, 'a constant would hide an off-by-one'
    # Decided at tick k, in force from k + 1 on, reported as executed at k + 2.
    np.testing.assert_allclose(sent[2:], asked[:-2], rtol=1e-6)
    np.testing.assert_array_equal([r.reward for r in records[1:]], sent[1:])
    begin_ns, end_ns = records[1].t_ns, records[-1].t_ns
    assert {source for t_ns, source, _ in run[3] if begin_ns <= t_ns <= end_ns} == {'chunk'}
