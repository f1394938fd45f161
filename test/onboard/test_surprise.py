# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Too much surprise: what counts as too much, and what the contract makes the agent do."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from world_model_ros.bench.soak import SoakPort
from world_model_ros.bench.tick import Messages
from world_model_ros.contract import find_robot, load_contract
from world_model_ros.onboard.agent.episode import Options
from world_model_ros.onboard.agent.inputs import Inputs
from world_model_ros.onboard.agent.schedule import Schedule
from world_model_ros.onboard.agent.worker import Worker
from world_model_ros.onboard.agent.worker_state import Phase
from world_model_ros.onboard.policy.brain import Decision
from world_model_ros.onboard.policy.model import Model
from world_model_ros.onboard.policy.surprise import SurpriseWatch, slowed
from world_model_ros.onboard.policy.swap import Swap

REACHER = load_contract(find_robot('reacher'))
TOLD = {'ticks': 2, 'limit': 1.0}
CALM, STARTLED = 0.5, 3.0


class _Mind:
    """Wants the same torque at every tick, with the surprise that the test sets."""

    budget_s, failure = 0.02, ''

    def __init__(self):
        self.surprise = CALM

    def reset(self, key):
        pass

    def rekey(self, key):
        pass

    def drop_plan(self):
        pass

    def keep_within(self, low, high):
        pass

    def skip(self, action):
        pass

    def burn_in(self, history):
        list(history)

    def step(self, observation, sent, pending, is_first, tick, deadline):
        chunk = np.full((4, 2), 0.04, np.float32)
        belief = np.zeros((1, 2), np.float32)
        return Decision(chunk, 'plan', 1, self.surprise, 0.0, 0.0, belief, True)


class _Port(SoakPort):
    """Keeps what is sent and recorded."""

    def __init__(self, contract):
        super().__init__(contract)
        self.sent, self.ticks = [], []

    def send_chunk(self, start_ns, chunk):
        self.sent.append(chunk.copy())
        return True

    def publish_tick(self, record):
        self.ticks.append(record)


class Robot:
    """A worker on a clock of the test's."""

    def __init__(self, reaction, told=TOLD, acting=True):
        self.contract = replace(REACHER, on_surprise=reaction)
        self.mind, self.port = _Mind(), _Port(self.contract)
        self.inputs = Inputs(self.contract)
        manifest = {} if told is None else {'surprise': told}
        bundle = SimpleNamespace(
            name='b', manifest=manifest, filter_hash='', provider=SimpleNamespace(text='cpu')
        )
        swap = Swap(Model(self.mind, 'a', 1, '', bundle))
        schedule = Schedule(self.contract, 'stream', self.inputs, self.port)
        self.worker = Worker(self.contract, self.inputs, schedule, swap, self.port, Options())
        self.worker.episodes.acting = acting
        self._messages = Messages(self.contract)
        self.worker.look()

    def live(self, ticks, surprise):
        """Some ticks of this surprise; how many chunks went out."""
        self.mind.surprise = surprise
        before = len(self.port.sent)
        for _ in range(ticks):
            self.port.t_ns += self.contract.period_ns
            for name, cdr in self._messages.at(self.port.t_ns):
                self.inputs.put_stream(name, cdr, self.port.t_ns)
            self.worker.look()
        return len(self.port.sent) - before

    @property
    def phase(self):
        return self.worker.state.phase


@pytest.mark.parametrize('reaction', ['none', 'slow', 'hold', 'hand_over'])
def test_a_bundle_that_names_no_limit_is_never_too_surprised(reaction):
    robot = Robot(reaction, told=None)
    assert robot.live(6, 1e6) == 6
    assert robot.phase is Phase.RUNNING and robot.worker.surprise.surprised_ticks == 0


def test_none_counts_and_goes_on():
    robot = Robot('none')
    assert robot.live(3, CALM) == 3 and robot.live(4, STARTLED) == 4
    assert robot.phase is Phase.RUNNING
    assert robot.worker.surprise.surprised_ticks == 4  # a mean of calm and startled is too much
    np.testing.assert_array_equal(robot.port.sent[-1], np.full((4, 2), 0.04, np.float32))


def test_slow_halves_what_is_commanded_until_it_understands_again():
    robot = Robot('slow')
    robot.live(3, CALM)
    assert robot.live(3, STARTLED) == 3
    np.testing.assert_allclose(robot.port.sent[-1], 0.02)
    np.testing.assert_allclose(robot.port.ticks[-1].asked, 0.02)
    robot.live(3, CALM)
    np.testing.assert_allclose(robot.port.sent[-1], 0.04)


def test_hold_sends_nothing_while_it_lasts_and_goes_on_by_itself():
    robot = Robot('hold')
    robot.live(3, CALM)
    assert robot.live(4, STARTLED) == 0
    assert robot.phase is Phase.SURPRISED and 'nats' in robot.worker.state.text
    assert robot.port.ticks[-1].source == 'safe' and not robot.port.ticks[-1].asked.any()
    assert robot.live(4, CALM) == 3  # the first mean of two still holds the last startled tick
    assert robot.phase is Phase.RUNNING and not robot.worker.handed_over


def test_hand_over_stays_until_a_person_activates_the_agent_again():
    robot = Robot('hand_over')
    robot.live(3, CALM)
    assert robot.live(2, STARTLED) == 0 and robot.worker.handed_over
    assert robot.live(6, CALM) == 0 and robot.phase is Phase.SURPRISED
    robot.worker.handed_over = False  # what activating does
    assert robot.live(2, CALM) == 2


def test_in_shadow_there_is_nothing_to_hand_over():
    robot = Robot('hand_over', acting=False)
    robot.live(3, CALM)
    robot.live(3, STARTLED)
    assert not robot.worker.handed_over and robot.worker.surprise.surprised_ticks == 3


def test_the_first_tick_and_ticks_without_an_observation_count_for_nothing():
    watch = SurpriseWatch()
    assert not watch.see(True, TOLD, 1e9)
    assert not watch.see(False, TOLD, math.nan) and not watch.see(False, TOLD, CALM)
    assert math.isnan(watch.mean)
    assert not watch.see(False, TOLD, CALM) and watch.mean == CALM
    assert watch.see(False, TOLD, math.inf) is False  # a broken model is another fault
    assert watch.see(False, TOLD, STARTLED)
    assert not watch.see(True, TOLD, STARTLED) and math.isnan(watch.mean)


@settings(deadline=None)
@given(
    ticks=st.integers(1, 8),
    limit=st.floats(0.01, 100.0),
    rows=st.lists(st.one_of(st.floats(0.0, 1e6), st.just(math.nan)), max_size=60),
)
def test_it_is_the_mean_of_the_last_observed_ticks_that_counts(ticks, limit, rows):
    watch, seen = SurpriseWatch(), []
    watch.see(True, {'ticks': ticks, 'limit': limit}, 0.0)
    for surprise in rows:
        above = watch.see(False, {'ticks': ticks, 'limit': limit}, surprise)
        seen += [surprise] if math.isfinite(surprise) else []
        recent = seen[-ticks:]
        assert above == (len(recent) == ticks and math.fsum(recent) / ticks > limit)


def test_a_slowed_position_goes_half_of_the_way():
    before, chunk = np.array([1.0, -1.0]), np.array([[2.0, -1.0], [3.0, 0.0]], np.float32)
    np.testing.assert_allclose(slowed(chunk, before, True), [[1.5, -1.0], [2.0, -0.5]])
    np.testing.assert_allclose(slowed(chunk, before, False), [[1.0, -0.5], [1.5, 0.0]])
