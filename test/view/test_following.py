# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The belief beside the robot is the agent's own, and what is missing is said."""

from __future__ import annotations

import json
import shlex
import struct
from dataclasses import replace
from pathlib import Path

import counter
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip('onnxruntime')
pytest.importorskip('onnx')

from tiny_bundle import USUAL, make_tiny_bundle

from world_model_ros.bundle import BundleError, load_bundle
from world_model_ros.contract import load_contract
from world_model_ros.experience.read.rebuild import tick_record
from world_model_ros.imagined.recorded_beliefs import read_place
from world_model_ros.onboard.policy.brain import Brain
from world_model_ros.onboard.tick.history import HISTORY_TICKS
from world_model_ros.onboard.tick.observation import Observation
from world_model_ros.view.ahead import (
    EXECUTED,
    OF_POLICY,
    SHOWN,
    CommandsAhead,
    imagine_ahead,
)
from world_model_ros.view.alarms import NEVER_SEC, SILENT_SEC
from world_model_ros.view.belief_follower import (
    NO_MODEL,
    Follower,
    Messages,
    Rebuilder,
    loader,
)
from world_model_ros.view.live import LiveRobot
from world_model_ros.view.recorded import RecordedEpisode
from world_model_ros.view.terminal_pictures import TerminalPictures
from world_model_ros.view.turns import near
from world_model_ros.view.update import ahead_head, ahead_pictures

CONTRACT = counter.contract()
FIXTURE = Path(__file__).parents[1] / 'fixtures' / 'episode_v1'
STREAMS = {'stream.camera': 'camera', 'stream.joints': 'joints'}


@pytest.fixture(scope='module')
def bundles(tmp_path_factory):
    """Two whole bundles, and one that cannot draw."""
    root = tmp_path_factory.mktemp('bundles')
    blind = tuple(name for name in USUAL if name != 'decode')
    return {
        'one': make_tiny_bundle(root / 'one', CONTRACT),
        'two': make_tiny_bundle(root / 'two', CONTRACT, seed=1),
        'blind': make_tiny_bundle(root / 'blind', CONTRACT, capabilities=blind),
    }


def about(path):
    return {'bundle_sha': load_bundle(path, graphs=()).digest, 'bundle': str(path), 'release': 3}


load = loader(CONTRACT)


def run(ticks, follower, lose=lambda number: False, use=lambda tick: None):
    """Feed what a robot publishes, as it comes; the beliefs, and what was seen."""
    messages = Messages(CONTRACT)
    rebuilder = Rebuilder(CONTRACT, messages.find)
    beliefs, seen = [], []
    for number, message in enumerate(counter.run(ticks)):
        if message.role in STREAMS and not lose(number):
            messages.put(STREAMS[message.role], message.cdr)
        elif message.role == 'tick':
            record = tick_record(message.cdr)
            use(record.tick)
            observation = rebuilder.observation(record)
            believed = follower.take(record, observation)
            beliefs.append(None if believed is None else believed.belief)
            seen.append((observation, record.sent.astype(np.float32), record.first, record))
    return beliefs, seen


def test_the_belief_is_that_of_the_agents_own_code(bundles):
    follower = Follower(load, CONTRACT.period_ns)
    follower.use(about(bundles['one']))
    beliefs, seen = run(40, follower)
    brain = Brain(CONTRACT, load_bundle(bundles['one'], CONTRACT))
    for believed, (observation, sent, first, record) in zip(beliefs, seen, strict=True):
        assert observation.valid and observation.crc == record.obs_crc
        brain.step(observation, sent, np.zeros((1, 2), np.float32), first, record.tick)
        assert np.array_equal(believed, brain.belief)
    assert follower.unrebuilt == 0 and follower.problem == '' and follower.draws


def test_how_long_the_gate_found_it_useful_is_said_where_the_bundle_knows(bundles, tmp_path):
    far = {'horizon_joints_s': 2.5, 'horizon_predicted_s': 5.0}
    follower = Follower(load, CONTRACT.period_ns)
    assert follower.horizon == ''
    follower.use(about(bundles['one']))
    assert follower.horizon == ''
    follower.use(about(make_tiny_bundle(tmp_path / 'far', CONTRACT, gate=far)))
    assert follower.horizon == 'joints 2.5 s'


def test_a_message_that_was_lost_on_its_way_is_counted_and_the_belief_goes_on(bundles):
    follower = Follower(load, CONTRACT.period_ns)
    follower.use(about(bundles['one']))
    beliefs, _ = run(20, follower, lose=lambda number: number == 32)  # a picture
    assert follower.unrebuilt >= 1
    assert all(np.isfinite(belief).all() for belief in beliefs)


def test_another_model_begins_with_the_ticks_before_it(bundles):
    follower = Follower(load, CONTRACT.period_ns)

    one, two = about(bundles['one']), about(bundles['two'])

    def use(tick):
        follower.use(one if tick < 70 else two)

    beliefs, seen = run(75, follower, use=use)
    brain = Brain(CONTRACT, load_bundle(bundles['two'], CONTRACT))
    ring = [row[:3] for row in seen[71 - HISTORY_TICKS : 71]]
    brain.burn_in(ring)
    assert np.array_equal(beliefs[70], brain.belief)


def test_ticks_that_were_skipped_or_lost_are_imagined(bundles):
    follower = Follower(load, CONTRACT.period_ns)
    follower.use(about(bundles['one']))
    _, seen = run(12, follower)
    holed = Follower(load, CONTRACT.period_ns)
    holed.use(about(bundles['one']))
    brain = Brain(CONTRACT, load_bundle(bundles['one'], CONTRACT))
    for observation, sent, first, record in seen:
        if record.tick in (5, 6):
            continue
        believed = holed.take(record, observation)
        if record.tick == 7:
            brain.skip(sent)
            brain.skip(sent)
        brain.step(observation, sent, np.zeros((1, 2), np.float32), first, record.tick)
        assert np.allclose(believed.belief, brain.belief, atol=1e-6)


def test_after_a_long_while_the_belief_begins_again(bundles):
    follower = Follower(load, CONTRACT.period_ns)
    follower.use(about(bundles['one']))
    _, seen = run(4, follower)
    observation, sent, _, record = seen[-1]
    later = replace(record, t_ns=record.t_ns + 100 * CONTRACT.period_ns)
    brain = Brain(CONTRACT, load_bundle(bundles['one'], CONTRACT))
    brain.burn_in([(observation, sent, False)])
    assert np.array_equal(follower.take(later, observation).belief, brain.belief)


def test_a_bundle_that_cannot_be_followed_is_named(bundles, tmp_path):
    follower = Follower(load, CONTRACT.period_ns)
    follower.use(None)
    assert 'no model' in follower.problem
    follower.use(about(bundles['blind']))
    assert 'cannot decode' in follower.problem and not follower.draws
    beliefs, _ = run(3, follower)
    assert beliefs[-1] is not None  # curves of reward and value need no pictures
    follower.use({**about(bundles['one']), 'bundle': str(tmp_path / 'gone')})
    assert 'cannot be loaded here' in follower.problem and 'gone' in follower.problem
    follower.use({**about(bundles['one']), 'bundle': str(bundles['two'])})
    assert 'holds another bundle' in follower.problem


def test_the_next_second_is_imagined_under_what_was_sent_then_under_the_policy(bundles):
    model = load(str(bundles['one']), 0)
    graphs = Follower(lambda *_: model, CONTRACT.period_ns)
    graphs.use(about(bundles['one']))
    commands, period_ns = CommandsAhead(CONTRACT.period_ns), CONTRACT.period_ns
    belief = model.bundle.initial_belief
    alone = imagine_ahead(graphs.graphs, belief, 0, CONTRACT, commands)
    assert alone.under == OF_POLICY and len(alone.pictures) == SHOWN
    assert alone.in_s == pytest.approx((0.2, 0.4, 0.6, 0.8, 1.0))
    assert all(len(row) == 4 for row in alone.numbers['joints'])
    commands.put(0, np.full((3, 2), 0.01))
    commands.put(period_ns, np.full((3, 2), 0.02))
    assert commands.at(0) == pytest.approx([0.01] * 2)
    assert commands.at(3 * period_ns) == pytest.approx([0.02] * 2)
    assert commands.at(4 * period_ns) is None and commands.at(-1) is None
    sent = imagine_ahead(graphs.graphs, belief, 0, CONTRACT, commands)
    assert sent.under == f'{EXECUTED}, then {OF_POLICY}'
    assert sent.rejected is None
    assert imagine_ahead(graphs.graphs, belief, 0, CONTRACT, commands, source='policy') == sent
    commands.put(0, np.zeros((0, 2)))  # given up
    assert commands.at(0) is None


def test_what_a_plan_won_against_is_imagined_beside_it(bundles):
    model = load(str(bundles['one']), 0)
    follower = Follower(lambda *_: model, CONTRACT.period_ns)
    follower.use(about(bundles['one']))
    graphs, belief = follower.graphs, model.bundle.initial_belief
    commands = CommandsAhead(CONTRACT.period_ns)
    commands.put(0, np.full((40, 2), 0.02))
    found = imagine_ahead(graphs, belief, 0, CONTRACT, commands, source='plan')
    assert found.under == EXECUTED and found.rejected.under == OF_POLICY
    assert [picture.what for picture in found.rejected.pictures] == ['rejected'] * SHOWN
    # The command that was on its way could not be taken back: the policy begins after it.
    assert CONTRACT.command_offset_ns == CONTRACT.period_ns
    reward, low, high = 0.0, CONTRACT.limit_low, CONTRACT.limit_high
    for step in range(25):
        action = np.full(2, 0.02, np.float32) if step < 1 else graphs.policy(belief)[0]
        before, action = belief, np.clip(action, low, high)
        belief = graphs.imagine(before, action)
        reward += graphs.outcomes(before, action, belief).reward
    assert found.rejected.reward == pytest.approx(reward, rel=1e-4)
    joints = graphs.decode(belief, ['joints'])[0]
    assert np.cos(found.rejected.numbers['joints'][-1]) == pytest.approx(np.cos(joints), abs=1e-4)
    head = ahead_head(found)
    assert head['rejected']['under'] == OF_POLICY and len(ahead_pictures(found)) == 2 * SHOWN
    alone = imagine_ahead(graphs, belief, 0, CONTRACT, CommandsAhead(1), source='plan')
    assert alone.rejected is None  # nothing was sent: the policy is all there is


def test_a_bundle_that_judges_only_what_it_observed_predicts_no_reward_ahead():
    contract = load_contract('cartpole')  # its shipped bundle is of format 1
    model = loader(contract)('cartpole', 0)
    follower = Follower(lambda *_: model, contract.period_ns)
    follower.use({'bundle_sha': model.digest, 'bundle': 'cartpole'})
    commands = CommandsAhead(contract.period_ns)
    commands.put(0, np.zeros((5, contract.action_dim)))
    belief = model.bundle.initial_belief
    found = imagine_ahead(follower.graphs, belief, 0, contract, commands, source='plan')
    assert len(found.rejected.pictures) == SHOWN
    head = ahead_head(found)
    assert head['reward'] is None and head['rejected']['reward'] is None


class Board:
    """Keeps what is posted."""

    def __init__(self):
        self.posted = []

    def post(self, update):
        self.posted.append(update)


def test_a_running_robot_is_drawn_and_what_dies_is_said(bundles):
    now, board = [0.0], Board()
    robot = LiveRobot(CONTRACT, board, load, lambda: {'mine': 1}, clock=lambda: now[0])
    robot.put_release(about(bundles['one']))
    for message in counter.run(8):
        if message.role in STREAMS:
            robot.put_message(STREAMS[message.role], message.cdr)
        elif message.role == 'tick':
            robot.put_tick(tick_record(message.cdr))
    robot.alarms.heard('agent')
    robot.alarms.heard('guard')
    robot.turn()
    update = board.posted[-1]
    assert [row['tick'] for _, row in update.samples] == list(range(8))
    assert update.samples[-1][1]['believed']['joints'] is not None
    assert [(p.stream, p.what) for p in update.pictures] == [
        ('camera', 'seen'),
        ('camera', 'believed'),
    ]
    assert len(update.ahead.pictures) == SHOWN
    assert update.state['mine'] == 1 and update.state['alarms'] == []
    now[0] += SILENT_SEC + 0.1
    robot.alarms.heard('guard')
    robot.put_message('camera', counter.image(1, counter.picture(200)))
    robot.turn()
    update = board.posted[-1]
    silent = [words.split(':')[0] for words in update.state['alarms']]
    assert silent == ['agent', 'stream joints']
    assert [(p.stream, p.what) for p in update.pictures] == [('camera', 'seen')]  # newest of all
    assert update.ahead is None
    robot.watch(True)  # begins to listen again: nothing was heard, and that is no alarm yet
    robot.turn()
    assert board.posted[-1].state['alarms'] == []
    now[0] += NEVER_SEC + 0.1
    robot.turn()
    assert 'agent: not heard yet' in board.posted[-1].state['alarms'][0]


def test_a_terminal_gets_the_newest_picture_seen_and_believed(bundles, tmp_path):
    pictures = TerminalPictures(CONTRACT, load)
    assert pictures.drawn == {}
    for message in counter.run(6):
        if message.role in STREAMS:
            pictures.put_message(STREAMS[message.role], message.cdr)
        elif message.role == 'tick':
            pictures.put_tick(tick_record(message.cdr))
            pictures.turn()
    assert pictures.drawn['seen'].dtype == np.uint8
    assert pictures.drawn['believed'] == NO_MODEL  # nobody said which
    pictures.put_release(about(bundles['one']))
    seen = pictures.drawn['seen']
    pictures.turn()
    assert pictures.drawn['seen'] is seen  # no tick came
    drawn = TerminalPictures(CONTRACT, load)
    drawn.put_release(about(bundles['one']))
    follower = Follower(load, CONTRACT.period_ns)
    follower.use(about(bundles['one']))
    for message in counter.run(6):
        if message.role in STREAMS:
            drawn.put_message(STREAMS[message.role], message.cdr)
        elif message.role == 'tick':
            drawn.put_tick(tick_record(message.cdr))
    drawn.turn()
    beliefs, _ = run(6, follower)
    [expected] = follower.graphs.decode(beliefs[-1], ['camera'])
    assert np.array_equal(drawn.drawn['believed'], expected)


def test_ticks_that_come_faster_than_they_are_followed_hold_up_no_update(bundles):
    board = Board()
    robot = LiveRobot(CONTRACT, board, load, dict)
    robot.put_release(about(bundles['one']))
    records = [tick_record(m.cdr) for m in counter.run(40) if m.role == 'tick']
    for record in records[:10]:
        robot.put_tick(record)
    coming, observation = iter(records[10:]), robot._rebuilder.observation

    def slow(record):
        robot.put_tick(next(coming))  # one more comes while this one is followed
        return observation(record)

    robot._rebuilder.observation = slow
    robot.turn()
    [update] = board.posted
    assert [row['tick'] for _, row in update.samples] == list(range(10))
    robot.turn()
    assert [row['tick'] for _, row in board.posted[-1].samples] == list(range(20))


def test_an_update_holds_no_picture_twice_and_no_sample_twice(bundles):
    from world_model_ros.view.update import Seen

    board = Board()
    robot = LiveRobot(CONTRACT, board, load, dict)
    robot.put_release(about(bundles['one']))
    seen, sizes = Seen(), []
    for message in counter.run(6):
        if message.role in STREAMS:
            robot.put_message(STREAMS[message.role], message.cdr)
        elif message.role == 'tick':
            robot.put_tick(tick_record(message.cdr))
            robot.turn()
            sizes.append(len(board.posted[-1].message(seen)))
            seen.note(board.posted[-1])
    robot.turn()
    assert len(board.posted[-1].message(seen)) < 400 < min(sizes)
    assert seen.sample == 6


def test_an_observation_of_nothing_is_followed_too(bundles):
    follower = Follower(load, CONTRACT.period_ns)
    follower.use(about(bundles['one']))
    _, seen = run(2, follower)
    record = seen[-1][3]
    nothing = Observation(0, {}, np.zeros(0, np.float32), {}, False)
    assert np.isfinite(follower.take(record, nothing).belief).all()


def frame_of(message):
    (size,) = struct.unpack('>I', message[:4])
    return json.loads(message[4 : 4 + size])


def test_a_recorded_episode_is_shown_tick_by_tick(bundles):
    source = RecordedEpisode(FIXTURE, str(bundles['one']))
    about_it = source.about()
    assert about_it['mode'] == 'episode' and about_it['ticks'] == 10 and source.hands is None
    first = frame_of(source.frame(0))
    assert [row['tick'] for row in first['samples']] == list(range(10))
    frames = [frame_of(source.frame(place)) for place in (1, 9, 1_000_000)]
    assert [frame['place'] for frame in frames] == [1, 9, 9]
    assert all(frame['samples'] == [] for frame in frames)
    assert [row['what'] for row in frames[0]['pictures'][:2]] == ['seen', 'believed']
    assert len(frames[0]['pictures']) == 2 + SHOWN
    assert frames[1]['state']['episode']['tick'] == 9
    command = shlex.split(frames[0]['state']['inside'])
    assert command[:3] == ['world-model', 'imagine', '--from']
    assert command[4:] == ['--bundle', str(bundles['one'].resolve())]
    place = read_place(command[3])  # as the command itself reads it
    assert (place.episode, place.tick) == (FIXTURE.resolve(), 1)


def test_beliefs_of_another_robot_are_refused_by_name(tmp_path):
    other = make_tiny_bundle(tmp_path / 'other', load_contract('cartpole'))
    with pytest.raises(BundleError, match=r"of robot 'cartpole'.*'reacher'"):
        RecordedEpisode(FIXTURE, str(other))


@given(st.floats(-100, 100), st.floats(-3.2, 3.2))
def test_an_angle_that_wraps_is_drawn_in_the_turn_next_to_the_other(other, believed):
    joints = CONTRACT.stream('joints')  # shoulder turns, wrist does not
    values = np.array([believed, believed, 0.0, 0.0])
    turned = near(joints, values, np.array([other, other, 0.0, 0.0]))
    assert abs(turned[0] - other) <= np.pi + 1e-9
    assert np.isclose(np.cos(turned[0]), np.cos(believed), atol=1e-6)
    assert turned[1] == pytest.approx(believed)
