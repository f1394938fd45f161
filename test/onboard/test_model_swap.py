# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One model takes over from another: burn-in, one assignment, and the way back."""

import math

import numpy as np
import pytest
from fake_bundle import FakeBundle
from onboard_contract import make_contract

from world_model_ros.contract import find_robot, load_contract
from world_model_ros.onboard.policy.brain import Brain
from world_model_ros.onboard.policy.collector import Collector
from world_model_ros.onboard.policy.model import Model
from world_model_ros.onboard.policy.swap import MAX_CATCH_UP_TICKS, Swap
from world_model_ros.onboard.tick.history import HISTORY_TICKS, History
from world_model_ros.onboard.tick.observation import Observation

PENDING = np.zeros((1, 2), np.float32)
SENT = np.array([0.01, 0.02], np.float32)


def seen(x, valid=True):
    arrays = {'joints': np.array([x, -x, 0.0, 0.0], np.float32)}
    return Observation(0, arrays, np.zeros(2, np.float32), {}, valid)


def model(digest='a', release=1, policy=(0.0, 0.0), **options):
    return Model(Brain(make_contract(), FakeBundle(policy=policy), **options), digest, release)


class Robot:
    """Lives ticks through a swap, as the agent's tick thread does."""

    def __init__(self, acting):
        self.reports = []
        self.swap = Swap(acting, self.reports.append)
        self.tick = 0

    def live(self, count=1):
        for _ in range(count):
            observation, first = seen(0.01 * self.tick), self.tick == 0
            decision = self.swap.acting.mind.step(
                observation, SENT, PENDING, first, self.tick, math.inf
            )
            self.swap.note(observation, SENT, first)
            self.tick += 1
        return decision

    def offer(self, candidate):
        self.swap.offer(candidate.digest, candidate.release, '/slot', lambda: candidate)
        self.swap.load()


def test_history_holds_the_last_ticks_in_order():
    history = History(4)
    for k in range(6):
        history.add(seen(k), SENT, k == 0)
    history.add_skipped(SENT)
    assert [number for number, _ in history.since(0)] == [3, 4, 5, 6]
    assert [number for number, _ in history.since(5)] == [5, 6]
    assert not history.since(6)[0][1].observation.valid


def test_candidate_acts_only_after_a_safe_point():
    robot = Robot(model())
    robot.live(3)
    incoming = model('b', 2)
    robot.offer(incoming)
    assert robot.swap.status()['candidate']['state'] == 'ready'
    assert not robot.swap.commit(safe=False)
    assert robot.swap.commit(safe=True)
    assert robot.swap.acting is incoming
    status = robot.swap.status()
    assert (status['acting']['release'], status['previous']['release']) == (2, 1)
    assert status['candidate'] is None


def test_operators_word_needs_no_safe_point_but_a_ready_candidate():
    robot = Robot(model())
    assert not robot.swap.ask_now()[0]
    robot.offer(model('b', 2))
    assert robot.swap.ask_now()[0]
    assert robot.swap.commit(safe=False)
    assert robot.swap.acting.release == 2


def test_candidate_is_kept_current_until_it_acts():
    robot = Robot(model())
    robot.live(5)
    incoming = model('b', 2)
    robot.offer(incoming)
    robot.live(3)
    robot.swap.follow()
    robot.live(2)  # these the commit makes up for
    robot.swap.commit(safe=True)
    acted = robot.swap.status()['previous']
    assert acted['bundle_sha'] == 'a'
    np.testing.assert_array_equal(incoming.mind.belief[0, 0], np.float32(0.01 * 9))


def test_candidate_that_lags_waits_for_a_later_tick():
    robot = Robot(model())
    robot.offer(model('b', 2))
    robot.live(MAX_CATCH_UP_TICKS + 1)
    assert not robot.swap.commit(safe=True)
    robot.swap.follow()
    assert robot.swap.commit(safe=True)


def test_same_bundle_swapped_for_itself_goes_on_as_if_nothing_had_happened():
    robot, undisturbed = Robot(model()), Robot(model())
    robot.live(8)
    undisturbed.live(8)
    robot.offer(model('b', 2))
    robot.swap.commit(safe=True)
    undisturbed.swap.acting.mind.drop_plan()  # a swap drops the warm start
    np.testing.assert_array_equal(robot.live().chunk, undisturbed.live().chunk)


class Remembers(FakeBundle):
    """Its belief is the sum of all that it saw: no burn-in gives it back."""

    name = 'remembers'

    def __init__(self, filter_hash, **options):
        super().__init__(**options)
        self.filter_hash = filter_hash

    def _observe(self, belief, **feeds):
        out = super()._observe(belief, **feeds)
        return out | {'belief_out': belief + out['belief_out']}


def remembering(digest, filter_hash):
    bundle = Remembers(filter_hash)
    return Model(Brain(make_contract(), bundle), digest, 1, bundle=bundle)


@pytest.mark.parametrize(
    ('ours', 'theirs', 'goes_on'),
    [('f', 'f', True), ('f', 'g', False), ('', '', False)],
    ids=['same_filter', 'another_filter', 'unknown'],
)
def test_a_model_that_filters_alike_goes_on_from_the_belief_of_the_one_before(
    ours, theirs, goes_on
):
    robot = Robot(remembering('a', ours))
    robot.live(HISTORY_TICKS + 20)  # more than anybody can be told again
    before = robot.swap.acting.mind.belief
    robot.offer(remembering('b', theirs))
    assert robot.swap.commit(safe=True)
    assert np.array_equal(robot.swap.acting.mind.belief, before) == goes_on


def test_the_very_bundle_goes_on_from_its_belief_without_a_name_for_its_filter():
    acted, again = remembering('a', ''), remembering('a', '')
    robot = Robot(acted)
    robot.live(3)
    again.go_on_from(acted)
    np.testing.assert_array_equal(again.mind.belief, acted.mind.belief)
    assert acted.mind.belief.any()


def test_a_belief_that_is_not_finite_is_not_gone_on_from():
    robot = Robot(remembering('a', 'f'))
    robot.live(3)
    robot.offer(remembering('b', 'f'))
    robot.swap.acting.mind.go_on_from(np.full((1, 2), np.nan, np.float32))
    assert robot.swap.commit(safe=True)
    assert np.isfinite(robot.swap.acting.mind.belief).all()


@pytest.mark.parametrize('robot_name', ['reacher', 'cartpole'])
def test_burn_in_of_32_ticks_changes_actions_by_less_than_a_hundredth(robot_name, tmp_path):
    pytest.importorskip('onnxruntime')
    pytest.importorskip('onnx')
    from tiny_bundle import make_tiny_bundle

    from world_model_ros.bundle import load_bundle

    contract = load_contract(find_robot(robot_name))
    bundle = load_bundle(make_tiny_bundle(tmp_path / 'b', contract), contract)
    rng = np.random.default_rng(0)
    lived, incoming, history = Brain(contract, bundle), Brain(contract, bundle), History()
    pending: np.ndarray = np.zeros((contract.offset_ticks, contract.action_dim), np.float32)

    def step(brain, observation, tick):
        return brain.step(observation, sent, pending, tick == 0, tick, math.inf).chunk

    for tick in range(100):
        arrays = {
            s.name: rng.integers(0, 256, s.shape, np.uint8)
            if s.kind == 'image'
            else rng.normal(size=s.shape).astype(np.float32)
            for s in contract.streams
        }
        ages: np.ndarray = np.zeros(len(contract.streams), np.float32)
        observation = Observation(tick, arrays, ages, {}, True)
        sent = rng.uniform(contract.low, contract.high).astype(np.float32)
        if tick == 99:
            break
        step(lived, observation, tick)
        history.add(observation, sent, tick == 0)
    incoming.burn_in(one for _, one in history.since(99 - 32))
    lived.drop_plan()
    difference = np.abs(step(incoming, observation, 99) - step(lived, observation, 99))
    assert (difference / ((contract.high - contract.low) / 2.0)).max() < 1e-2


def test_bundle_that_does_not_load_is_refused_by_name_and_the_old_one_acts_on():
    robot = Robot(model())
    robot.live(2)

    def make():
        raise ValueError('weights.bin: changed since it was written')

    robot.swap.offer('b', 2, '/slot', make)
    robot.swap.load()
    candidate = robot.swap.status()['candidate']
    assert candidate['state'] == 'refused' and 'weights.bin' in candidate['reason']
    assert not robot.swap.commit(safe=True)
    assert robot.swap.acting.digest == 'a'
    robot.swap.follow()
    assert robot.reports[-1]['candidate'] == candidate


def test_candidate_whose_belief_is_not_finite_never_acts():
    broken = model('b', 2)
    broken.mind._graphs._observe.function = lambda **feed: {
        name: np.full((1, 2) if name == 'belief_out' else 1, np.nan, np.float32)
        for name in ('belief_out', 'surprise')
    }
    robot = Robot(model())
    robot.live(2)
    robot.offer(broken)
    assert 'observe' in robot.swap.status()['candidate']['reason']


def test_newer_offer_takes_the_place_of_an_older_one():
    robot = Robot(model())
    robot.swap.offer('b', 2, '/slot2', lambda: model('b', 2))
    robot.offer(model('c', 3))
    robot.swap.commit(safe=True)
    assert robot.swap.acting.release == 3


def test_offer_of_what_acts_already_loads_nothing_and_takes_the_number():
    robot = Robot(model('a', 0))
    robot.swap.offer('a', 7, '/slot', lambda: pytest.fail('loaded again'))
    robot.swap.load()
    assert robot.swap.status()['acting'] == {'bundle_sha': 'a', 'release': 7, 'bundle': '/slot'}
    assert robot.swap.status()['candidate'] is None


def test_numbers_that_are_not_finite_bring_the_previous_model_back_with_its_belief():
    robot, undisturbed = Robot(model()), Robot(model())
    robot.live(4)
    undisturbed.live(4)
    robot.offer(model('b', 2, policy=(math.nan, 0.0), plan=False))
    robot.swap.commit(safe=True)
    assert robot.live().failure == 'policy gave numbers that are not finite'
    assert robot.swap.roll_back('policy gave NaN')
    assert robot.swap.acting.digest == 'a'
    undisturbed.live()
    undisturbed.swap.acting.mind.drop_plan()
    np.testing.assert_array_equal(robot.live().chunk, undisturbed.live().chunk)
    status = robot.swap.status()
    assert status['rolled_back']['bundle_sha'] == 'b' and status['previous'] is None


def test_without_a_previous_model_there_is_no_way_back_and_it_is_said_once():
    robot = Robot(model(policy=(math.nan, 0.0), plan=False))
    assert robot.live().failure == 'policy gave numbers that are not finite'
    assert not robot.swap.roll_back('policy gave NaN')
    robot.swap.follow()
    told = len(robot.reports)
    assert not robot.swap.roll_back('policy gave NaN')
    robot.swap.follow()
    assert len(robot.reports) == told
    assert robot.reports[-1]['rolled_back']['bundle_sha'] == 'a'


def test_first_bundle_takes_over_from_the_collector_and_may_fall_back_to_it():
    robot = Robot(Model(Collector(make_contract())))
    assert robot.live(3).source == 'explore'
    robot.offer(model('b', 1))
    robot.swap.commit(safe=True)
    assert robot.live().source in ('plan', 'policy')
    robot.swap.roll_back('observe gave NaN')
    assert robot.live().source == 'explore'


def test_threads_load_and_follow_by_themselves():
    import threading

    robot = Robot(model())
    arrived = threading.Event()
    robot.swap._report = lambda status: (
        status['candidate'] and status['candidate']['state'] == 'ready' and arrived.set()
    )
    robot.swap.start()
    try:
        robot.live(3)
        robot.swap.offer('b', 2, '/slot', lambda: model('b', 2))
        assert arrived.wait(10.0)
        assert robot.swap.commit(safe=True, patient=True)
    finally:
        robot.swap.close()
