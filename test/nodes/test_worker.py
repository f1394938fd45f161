# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The agent's ticks and episodes, without topics: a clock that the test turns, real inputs."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('rclpy')

from world_model_ros.cli.bench_tick import Messages
from world_model_ros.contract import find_robot, load_contract
from world_model_ros.nodes._episodes import Options
from world_model_ros.nodes._inputs import Inputs
from world_model_ros.nodes._schedule import Schedule
from world_model_ros.nodes._worker import Worker
from world_model_ros.onboard.brain import Decision

CONTRACT = load_contract(find_robot('reacher'))
PERIOD_NS = CONTRACT.period_ns
START_NS = 1_000_000_000_000


class FakeBrain:
    """Decides its own tick number, so that what is pending can be told apart."""

    def __init__(self):
        self.skipped, self.pending, self.resets = [], [], 0

    def reset(self, key):
        self.resets += 1

    def drop_plan(self):
        pass

    def skip(self, action):
        self.skipped.append(action)

    def step(self, observation, sent, pending, is_first, tick, deadline):
        self.pending.append(pending)
        chunk = np.full((4, 2), tick * 1e-4, np.float32)
        return Decision(
            chunk, 'plan', 1, 0.0, 0.0, 0.0, np.zeros((1, 2), np.float32), observation.valid
        )


class FakePort:
    """Writes down what the worker publishes; the clock is `t_ns`."""

    def __init__(self):
        self.t_ns, self.reset_ns, self.speed = START_NS, START_NS, 1.0
        self.ticks, self.chunks, self.episodes, self.resets, self.drops = [], [], [], 0, 0
        self.during_reset = lambda: None

    def now_ns(self):
        return self.t_ns

    def announce(self, episode):
        self.episodes.append(episode)

    def reset_robot(self):
        self.resets += 1
        self.during_reset()
        return self.reset_ns

    def send_chunk(self, start_ns, chunk):
        self.chunks.append((start_ns, chunk))
        return True

    def drop_chunk(self):
        self.drops += 1

    def publish_tick(self, record):
        self.ticks.append(record)

    def warn(self, text):
        pass


@pytest.fixture
def robot():
    inputs, port, brain = Inputs(CONTRACT), FakePort(), FakeBrain()
    schedule = Schedule(CONTRACT, 'stream', inputs, port)
    worker = Worker(CONTRACT, inputs, schedule, brain, port, Options())
    worker.acting = True
    return SimpleNamespace(
        worker=worker, inputs=inputs, port=port, brain=brain, messages=Messages(CONTRACT)
    )


def see(robot, t_ns):
    """All streams' messages of this time arrive."""
    robot.port.t_ns = t_ns
    for name, cdr in robot.messages.at(t_ns):
        robot.inputs.put_stream(name, cdr, t_ns)


def turn(robot, count=1):
    """Let the worker look around."""
    for _ in range(count):
        robot.worker.look()


def live(robot, ticks, first=1):
    """Begin if need be, then live these ticks, one period apart."""
    turn(robot)
    for k in range(first, first + ticks):
        see(robot, START_NS + k * PERIOD_NS)
        turn(robot)


def test_tick_k_sends_a_chunk_that_starts_one_offset_later(robot):
    live(robot, 3)
    starts = [start_ns for start_ns, _ in robot.port.chunks]
    assert starts == [t.t_ns + CONTRACT.command_offset_ns for t in robot.port.ticks]
    assert [t.tick for t in robot.port.ticks] == [0, 1, 2]
    assert [t.first for t in robot.port.ticks] == [True, False, False]


def test_pending_is_the_action_decided_one_tick_before(robot):
    live(robot, 3)
    np.testing.assert_allclose(
        [pending[0, 0] for pending in robot.brain.pending], [0.0, 0.0, 1e-4], atol=1e-9
    )


def test_skipped_ticks_advance_the_belief_and_are_counted_late(robot):
    live(robot, 2)
    see(robot, START_NS + 5 * PERIOD_NS)  # the frames of two ticks came while it was busy
    turn(robot)
    tick = robot.port.ticks[-1]
    assert (tick.tick, tick.skipped, len(robot.brain.skipped)) == (4, 2, 2)
    assert robot.worker.stats.late == 2
    # What is in force at tick 4 is row 2 of the chunk decided at tick 1.
    np.testing.assert_allclose(robot.brain.pending[-1][0], 1e-4, atol=1e-9)


def test_action_sent_is_the_mean_over_the_past_interval(robot):
    live(robot, 1)
    t0_ns = START_NS + PERIOD_NS
    robot.inputs.put_sent(t0_ns - 1, np.array([9.0, 9.0]), 'chunk')
    robot.inputs.put_sent(t0_ns, np.array([1.0, 0.0]), 'chunk')
    robot.inputs.put_sent(t0_ns + PERIOD_NS // 2, np.array([3.0, 0.0]), 'chunk')
    robot.inputs.put_sent(t0_ns + PERIOD_NS, np.array([9.0, 9.0]), 'chunk')
    live(robot, 1, first=2)
    np.testing.assert_array_equal(robot.port.ticks[-1].sent, [2.0, 0.0])


def test_rewards_are_summed_over_the_past_interval_and_missing_ones_are_nan(robot):
    live(robot, 1)
    t0_ns = START_NS + PERIOD_NS
    for stamp_ns, reward in ((t0_ns, 9.0), (t0_ns + 1, 1.0), (t0_ns + PERIOD_NS, 0.5)):
        robot.inputs.put_reward(stamp_ns, reward, False)
    live(robot, 2, first=2)
    assert robot.port.ticks[1].reward == 1.5
    assert math.isnan(robot.port.ticks[2].reward)


def test_terminal_sample_ends_the_episode_and_nothing_more_is_sent(robot):
    live(robot, 2)
    chunks = len(robot.port.chunks)
    robot.inputs.put_reward(START_NS + 3 * PERIOD_NS, 1.0, True)
    live(robot, 1, first=3)
    tick = robot.port.ticks[-1]
    assert tick.terminal and tick.last and not tick.truncated
    assert len(robot.port.chunks) == chunks and robot.worker.episode is None


def test_only_messages_after_the_reset_count_even_those_that_overtake_its_answer(robot):
    see(robot, START_NS)
    robot.port.reset_ns = START_NS + PERIOD_NS

    def answer_comes_late():
        see(robot, START_NS + PERIOD_NS)  # still of the old episode
        see(robot, START_NS + 2 * PERIOD_NS)

    robot.port.during_reset = answer_comes_late
    turn(robot, 2)
    assert [t.t_ns for t in robot.port.ticks] == [START_NS + 2 * PERIOD_NS]
    assert robot.port.resets == 1


@pytest.mark.parametrize('jump_ns', [-5 * PERIOD_NS, 3_000_000_000])
def test_clock_jump_ends_the_episode_and_another_begins(robot, jump_ns):
    live(robot, 3)
    ended = robot.worker.episode.uuid
    robot.port.t_ns += jump_ns
    turn(robot)
    assert robot.worker.episode is None and robot.port.drops > 1
    turn(robot)
    assert robot.worker.episode.uuid != ended
    assert robot.brain.resets == 2


def test_shadow_neither_resets_the_robot_nor_sends_chunks(robot):
    robot.worker.acting = False
    live(robot, 3)
    assert [t.tick for t in robot.port.ticks] == [0, 1, 2]
    assert (robot.port.resets, robot.port.chunks) == (0, [])
    assert not robot.port.episodes[0].acting


def test_ended_episode_has_one_last_tick_and_waits_to_be_started(robot):
    live(robot, 2)
    robot.worker.ask_end('service call', hold=True)
    live(robot, 3, first=3)
    assert [t.last for t in robot.port.ticks] == [False, False, True]
    assert robot.port.ticks[-1].truncated
    robot.worker.ask_start()
    turn(robot)
    assert robot.worker.episode is not None and robot.port.resets == 2


def test_stopped_guard_is_an_intervention(robot):
    live(robot, 1)
    robot.inputs.put_sent(START_NS + PERIOD_NS, np.zeros(2), 'stopped')
    live(robot, 2, first=2)
    assert [t.intervention for t in robot.port.ticks] == [False, True, False]


def test_input_that_stays_away_stops_the_chunks(robot):
    live(robot, 3)
    drops = robot.port.drops
    robot.port.t_ns += round(CONTRACT.stream('joints').max_age_s * 1e9) + 1
    turn(robot, 2)
    assert robot.port.drops == drops + 1
    chunks = len(robot.port.chunks)
    robot.port.t_ns += 3 * PERIOD_NS
    turn(robot, 2)
    assert robot.port.ticks[-1].source == 'safe' and not robot.port.ticks[-1].valid
    assert len(robot.port.chunks) == chunks
