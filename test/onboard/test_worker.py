# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The agent's ticks and episodes, without topics: a clock that the test turns, real inputs."""

from __future__ import annotations

import copy
import math
import time
from dataclasses import replace
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest

from world_model_ros.bench.tick import Messages
from world_model_ros.contract import find_robot, load_contract
from world_model_ros.onboard.agent.episode import Options
from world_model_ros.onboard.agent.inputs import Inputs
from world_model_ros.onboard.agent.schedule import Schedule
from world_model_ros.onboard.agent.worker import Worker
from world_model_ros.onboard.agent.worker_state import Phase
from world_model_ros.onboard.policy.brain import Decision
from world_model_ros.onboard.policy.capabilities import GraphError
from world_model_ros.onboard.policy.collector import Collector
from world_model_ros.onboard.policy.model import Model
from world_model_ros.onboard.policy.swap import Swap

CONTRACT = load_contract(find_robot('reacher'))
PERIOD_NS = CONTRACT.period_ns
START_NS = 1_000_000_000_000


class FakeBrain:
    """Decides its own tick number, so that what is pending can be told apart."""

    budget_s, failure = 0.02, ''

    def __init__(self, failures=()):
        self.skipped, self.pending, self.resets, self.keys = [], [], 0, []
        self.had_s = []  # to think, of each tick
        self.failures = failures  # ticks at which it gives NaN

    def reset(self, key):
        self.resets += 1
        self.keys.append(key)

    def rekey(self, key):
        self.keys.append(key)

    def burn_in(self, history):
        self.burned = [*getattr(self, 'burned', []), *history]

    def drop_plan(self):
        pass

    def keep_within(self, low, high):
        pass

    def skip(self, action):
        self.skipped.append(action)

    def step(self, observation, sent, pending, is_first, tick, deadline):
        self.pending.append(pending)
        self.had_s.append(deadline - time.monotonic())
        failed = tick in self.failures
        chunk = np.full((4, 2), np.nan if failed else tick * 1e-4, np.float32)
        belief, failure = np.zeros((1, 2), np.float32), 'policy' if failed else ''
        return Decision(
            chunk, 'plan', 1, 0.0, 0.0, 0.0, belief, observation.valid, failure=failure
        )


class FakePort:
    """Writes down what the worker publishes; the clock is `t_ns`."""

    def __init__(self):
        self.t_ns, self.reset_ns, self.speed = START_NS, START_NS, 1.0
        self.ticks, self.chunks, self.episodes, self.resets, self.drops = [], [], [], 0, 0
        self.during_reset = lambda: None
        self.trouble, self.warnings = '', []

    def now_ns(self):
        return self.t_ns

    def announce(self, episode):
        self.episodes.append(copy.copy(episode))

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

    def guard_problem(self):
        return self.trouble

    def warn(self, text):
        self.warnings.append(text)


def make_robot(brain=None, options=None, contract=CONTRACT, digest='a'):
    inputs, port, brain = Inputs(contract), FakePort(), brain or FakeBrain()
    schedule = Schedule(contract, 'stream', inputs, port)
    swap = Swap(Model(brain, digest, 1 if digest else 0))
    worker = Worker(contract, inputs, schedule, swap, port, options or Options())
    worker.episodes.acting = True
    messages = Messages(contract)
    return SimpleNamespace(
        worker=worker, inputs=inputs, port=port, brain=brain, swap=swap, messages=messages
    )


@pytest.fixture
def robot():
    return make_robot()


def offer(robot, brain, digest='b', release=2):
    """A bundle comes in and is ready."""
    robot.swap.offer(digest, release, '/slot', lambda: Model(brain, digest, release, '/slot'))
    robot.swap.load()


def see(robot, t_ns):
    """All streams' messages of this time arrive."""
    robot.port.t_ns = t_ns
    for name, cdr in robot.messages.at(t_ns):
        robot.inputs.put_stream(name, cdr, t_ns)


def turn(robot, count=1):
    """Let the worker look around."""
    for _ in range(count):
        robot.worker.look()


def turn_until_ended(robot):
    """Let it look around while the robot's clock stands; half a second, by the steady clock."""
    while robot.worker.episodes.episode is not None:
        turn(robot)


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


@pytest.mark.parametrize(
    ('began_late_s', 'speed', 'thinks_s'),
    [(0.0, 1.0, 0.02), (0.03, 1.0, 0.004), (0.03, 4.0, -0.0035), (0.05, 1.0, -0.016)],
    ids=['budget', 'late', 'fast_simulator', 'too_late'],
)
def test_a_tick_that_begins_late_thinks_no_longer_than_its_command_can_wait(
    robot, began_late_s, speed, thinks_s
):
    live(robot, 1)
    robot.port.speed = speed
    see(robot, START_NS + 2 * PERIOD_NS)
    robot.port.t_ns += round(began_late_s * 1e9)
    turn(robot)
    assert robot.port.ticks[-1].tick == 1
    assert thinks_s - 1.0 < robot.brain.had_s[-1] <= thinks_s  # a busy machine takes its share


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
    assert len(robot.port.chunks) == chunks and robot.worker.episodes.episode is None


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
    ended = robot.worker.episodes.episode.uuid
    robot.port.t_ns += jump_ns
    turn(robot)
    assert robot.worker.episodes.episode is None and robot.port.drops > 1
    turn(robot)
    assert robot.worker.episodes.episode.uuid != ended
    assert robot.brain.resets == 2


def test_shadow_neither_resets_the_robot_nor_sends_chunks(robot):
    robot.worker.episodes.acting = False
    live(robot, 3)
    assert [t.tick for t in robot.port.ticks] == [0, 1, 2]
    assert (robot.port.resets, robot.port.chunks) == (0, [])
    assert not robot.port.episodes[0].acting


def test_ended_episode_has_one_last_tick_and_waits_to_be_started(robot):
    live(robot, 2)
    robot.worker.episodes.ask_end(hold=True)
    live(robot, 3, first=3)
    assert [t.last for t in robot.port.ticks] == [False, False, True]
    assert robot.port.ticks[-1].truncated
    robot.worker.episodes.ask_start()
    turn(robot)
    assert robot.worker.episodes.episode is not None and robot.port.resets == 2


def test_an_episode_that_ends_while_the_clock_stands_has_a_last_tick_too(robot):
    live(robot, 2)
    robot.worker.episodes.ask_end()
    turn_until_ended(robot)
    assert [t.tick for t in robot.port.ticks] == [0, 1, 2]
    assert [t.last for t in robot.port.ticks] == [False, False, True]
    assert robot.port.ticks[2].t_ns == robot.port.ticks[1].t_ns + PERIOD_NS
    assert robot.port.ticks[2].truncated and robot.worker.episodes.episode is None


def test_an_episode_that_ends_before_its_first_tick_has_none(robot):
    turn(robot)
    assert robot.worker.episodes.episode is not None
    robot.worker.episodes.ask_end()
    turn_until_ended(robot)
    assert robot.worker.episodes.episode is None and robot.port.ticks == []


def test_stopped_guard_is_an_intervention(robot):
    live(robot, 1)
    robot.inputs.put_sent(START_NS + PERIOD_NS, np.zeros(2), 'stopped')
    live(robot, 2, first=2)
    assert [t.intervention for t in robot.port.ticks] == [False, True, False]


def test_ticks_that_a_person_drove_say_so_and_hold_what_was_sent(robot):
    live(robot, 1)
    driven = np.array([0.02, -0.01])
    robot.inputs.put_sent(START_NS + PERIOD_NS, driven, 'teleop')
    live(robot, 2, first=2)
    tick = robot.port.ticks[1]
    assert (tick.source, tick.intervention) == ('teleop', True)
    np.testing.assert_allclose([tick.sent, tick.asked], [driven, driven], rtol=1e-6)
    np.testing.assert_allclose(robot.brain.pending[1], [driven], rtol=1e-6)
    assert robot.port.ticks[2].source == 'plan'


def test_what_another_controller_commands_in_shadow_is_the_action_that_happened(robot):
    robot.worker.episodes.acting = False
    live(robot, 1)
    driven = np.array([0.02, -0.01])
    robot.inputs.put_sent(START_NS + PERIOD_NS, driven, 'foreign')
    live(robot, 2, first=2)
    tick = robot.port.ticks[1]
    assert (tick.source, tick.intervention) == ('foreign', True)
    np.testing.assert_allclose([tick.sent, tick.asked], [driven, driven], rtol=1e-6)
    assert robot.port.chunks == []


def test_without_a_guard_nothing_is_sent_and_the_state_says_why(robot):
    live(robot, 3)
    drops, chunks = robot.port.drops, len(robot.port.chunks)
    robot.port.trouble = 'the guard is silent for 0.3 s'
    live(robot, 2, first=4)
    assert robot.port.drops == drops + 1 and len(robot.port.chunks) == chunks
    assert robot.port.ticks[-1].source == 'safe'
    assert robot.worker.state.phase is Phase.NO_GUARD
    assert robot.worker.state.text == 'no guard: the guard is silent for 0.3 s'
    robot.port.trouble = ''
    live(robot, 1, first=6)
    assert len(robot.port.chunks) == chunks + 1 and robot.worker.state.phase is Phase.RUNNING


def test_where_a_person_resets_shadow_runs_and_acting_waits_for_the_start_and_says_so():
    manual = replace(CONTRACT, episode=replace(CONTRACT.episode, reset='manual'))
    robot = make_robot(contract=manual)
    robot.worker.episodes.acting = False
    live(robot, 2)
    assert len(robot.port.ticks) == 2 and not robot.worker.episodes.held
    robot.worker.episodes.acting = True
    assert robot.worker.episodes.held
    live(robot, 2, first=3)
    assert robot.worker.episodes.episode is None and not robot.port.chunks
    assert robot.worker.state.phase is Phase.HELD
    assert 'start_episode' in robot.worker.state.text
    assert [text for text in robot.port.warnings if 'start_episode' in text] != []
    robot.worker.episodes.ask_start()
    live(robot, 2, first=6)
    assert robot.port.chunks and robot.port.episodes[-1].acting


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


SEGMENTS = replace(CONTRACT, episode=replace(CONTRACT.episode, reset='none', segment_ticks=4))


def test_bundle_takes_over_between_episodes_and_is_announced(robot):
    live(robot, 2)
    offer(robot, FakeBrain())
    live(robot, 2, first=3)
    assert [t.release for t in robot.port.ticks] == [1, 1, 1, 1]
    robot.inputs.put_reward(START_NS + 5 * PERIOD_NS, 1.0, True)
    live(robot, 1, first=5)
    robot.port.reset_ns = START_NS + 5 * PERIOD_NS
    live(robot, 2, first=6)
    assert [t.release for t in robot.port.ticks[4:]] == [1, 2, 2]
    assert [e.release for e in robot.port.episodes] == [1, 2]
    assert robot.port.episodes[-1].digest == 'b'


def test_operators_word_swaps_at_the_next_tick_inside_the_episode(robot):
    live(robot, 2)
    offer(robot, FakeBrain())
    assert robot.swap.ask_now()[0]
    live(robot, 2, first=3)
    assert [t.release for t in robot.port.ticks] == [1, 1, 1, 2]
    assert [t.tick for t in robot.port.ticks] == [0, 1, 2, 3]
    assert len({t.episode for t in robot.port.ticks}) == 1
    assert [e.release for e in robot.port.episodes] == [1, 2]  # of one episode


def test_shadow_needs_no_safe_point(robot):
    robot.worker.episodes.acting = False
    live(robot, 2)
    offer(robot, FakeBrain())
    live(robot, 2, first=3)
    assert [t.release for t in robot.port.ticks] == [1, 1, 1, 2]


def test_swap_at_a_segment_goes_on_counting_ticks_and_burns_the_belief_in():
    robot = make_robot(contract=SEGMENTS)
    live(robot, 2)
    incoming = FakeBrain()
    offer(robot, incoming)
    live(robot, 4, first=3)
    ticks = robot.port.ticks
    assert [t.tick for t in ticks] == list(range(6))
    assert [t.release for t in ticks] == [1, 1, 1, 1, 2, 2]
    assert [t.last for t in ticks] == [False, False, False, True, False, False]
    assert [lived.observation.t_ns for lived in incoming.burned] == [t.t_ns for t in ticks[:4]]
    assert incoming.resets == 0
    assert robot.port.episodes[-1].release == 2


def test_segments_go_on_as_one_run_and_rest_only_for_a_swap():
    robot = make_robot(contract=SEGMENTS)
    live(robot, 9)
    assert [t.first for t in robot.port.ticks] == [True] + [False] * 8
    assert len(robot.port.chunks) == 9 and robot.port.drops == 1  # at the beginning
    offer(robot, FakeBrain())
    live(robot, 4, first=10)
    assert [t.tick for t in robot.port.ticks if t.last] == [3, 7, 11]
    assert len(robot.port.chunks) == 12 and robot.port.drops == 2
    np.testing.assert_allclose(robot.brain.pending[5][0], 4e-4, atol=1e-9)


def test_each_segment_draws_the_numbers_of_its_own_key():
    robot = make_robot(contract=SEGMENTS)
    live(robot, 6)
    assert robot.brain.keys == [e.noise_key for e in robot.port.episodes]
    assert [t.noise_key for t in robot.port.ticks] == [robot.brain.keys[k // 4] for k in range(6)]


def test_model_that_gives_nan_is_left_at_that_very_tick(robot):
    live(robot, 1)
    offer(robot, FakeBrain(failures=(3,)))
    robot.swap.ask_now()
    live(robot, 4, first=2)
    ticks = robot.port.ticks
    assert [t.release for t in ticks] == [1, 1, 2, 1, 1]
    assert all(np.isfinite(t.asked).all() for t in ticks)
    assert len(robot.port.chunks) == 5 and np.isfinite(robot.port.chunks[3][1]).all()
    assert robot.swap.status()['rolled_back']['bundle_sha'] == 'b'
    assert robot.port.episodes[-1].digest == 'a'
    assert robot.worker.thinking.rollbacks == 1


def test_nan_without_a_model_before_it_is_the_safe_action_and_it_goes_on_when_it_heals():
    robot = make_robot(FakeBrain(failures=(2,)))
    live(robot, 4)
    ticks = robot.port.ticks
    assert [t.source for t in ticks] == ['plan', 'plan', 'safe', 'plan']
    assert ticks[2].asked.tolist() == [0.0, 0.0]
    starts = [start_ns for start_ns, _ in robot.port.chunks]
    assert starts == [ticks[k].t_ns + CONTRACT.command_offset_ns for k in (0, 1, 3)]
    assert robot.port.drops == 2  # at the beginning, and here


def test_broken_model_is_replaced_by_a_ready_one_without_waiting():
    robot = make_robot(FakeBrain(failures=range(100)))
    live(robot, 2)
    offer(robot, FakeBrain())
    live(robot, 2, first=3)
    assert [t.source for t in robot.port.ticks] == ['safe', 'safe', 'safe', 'plan']


def end_episodes(robot, count, ticks=2):
    """Live so many short episodes."""
    k = 1
    for _ in range(count):
        robot.port.reset_ns = START_NS + (k - 1) * PERIOD_NS
        live(robot, ticks, first=k)
        robot.inputs.put_reward(START_NS + (k + ticks) * PERIOD_NS, 0.0, True)
        live(robot, 1, first=k + ticks)
        k += ticks + 1


def test_every_nth_acting_episode_is_an_evaluation_without_noise():
    robot = make_robot(options=Options(explore=True, evaluate_every=3, explore_std=0.2))
    end_episodes(robot, 6)
    assert [e.eval for e in robot.port.episodes] == [False, False, True] * 2
    assert [e.explore for e in robot.port.episodes] == [True, True, False] * 2
    for tick in robot.port.ticks:
        assert tick.eval != tick.explore
        if tick.eval:
            np.testing.assert_allclose(tick.asked, tick.tick * 1e-4, atol=1e-9)
        else:
            assert not np.allclose(tick.asked, tick.tick * 1e-4)
        assert np.all(tick.asked >= CONTRACT.low) and np.all(tick.asked <= CONTRACT.high)


def test_an_exploring_episode_may_be_shorter_than_an_evaluation():
    robot = make_robot(options=Options(explore=True, evaluate_every=2, explore_ticks=2))
    live(robot, 3)
    assert [(t.explore, t.last, t.truncated) for t in robot.port.ticks] == [
        (True, False, False), (True, False, False), (True, True, True),
    ]  # fmt: skip
    robot.port.reset_ns = robot.port.t_ns
    live(robot, 5, first=5)
    assert [t.eval for t in robot.port.ticks[3:]] == [True] * 5
    assert not robot.port.ticks[-1].last  # it goes on to the contract's end


def test_noise_on_top_of_the_plan_is_what_is_pending_at_the_next_tick():
    robot = make_robot(options=Options(explore=True, explore_std=0.2))
    live(robot, 3)
    np.testing.assert_allclose(
        robot.brain.pending[2][0], robot.port.ticks[1].asked, rtol=0, atol=1e-7
    )


def test_collector_explores_in_every_episode_until_the_first_bundle_comes():
    collector = Collector(CONTRACT)
    options = Options(explore=True, evaluate_every=1)
    robot = make_robot(collector, options, digest='')
    end_episodes(robot, 2)
    assert {t.source for t in robot.port.ticks} == {'explore'}
    assert all(t.explore and not t.eval and t.release == 0 for t in robot.port.ticks)
    offer(robot, FakeBrain(), release=1)
    robot.port.reset_ns = robot.port.t_ns
    live(robot, 2, first=7)
    assert [(t.source, t.release, t.eval) for t in robot.port.ticks[6:]] == [('plan', 1, True)] * 2


def test_options_outside_their_range_are_refused_by_name():
    with pytest.raises(ValueError, match='evaluate_every'):
        Options(evaluate_every=-1)
    with pytest.raises(ValueError, match='explore_ticks'):
        Options(explore_ticks=-1)
    with pytest.raises(ValueError, match='explore_std'):
        Options(explore_std=1.5)


@pytest.mark.parametrize('error', [GraphError('observe cannot compute: gone'), ValueError('bug')])
def test_tick_thread_that_ends_gives_up_the_chunk_in_force(error, monkeypatch):
    robot = make_robot()
    live(robot, 2)
    drops = robot.port.drops
    monkeypatch.setattr(robot.worker, '_live', Mock(side_effect=error))
    if isinstance(error, GraphError):
        robot.worker._run()
        assert 'gone' in robot.worker.state.text and 'gone' in robot.port.warnings[-1]
    else:
        with pytest.raises(ValueError, match='bug'):
            robot.worker._run()
    assert robot.worker.failed and robot.port.drops == drops + 1
