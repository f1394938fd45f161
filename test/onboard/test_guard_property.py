# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whatever comes in, every command keeps to the rules of docs/reference/guard.md.

The judge below does its own arithmetic on what came out; it shares no code with the guard.
"""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from onboard_contract import make_action, make_contract

from world_model_ros.onboard.guard import Guard

MS = 1_000_000
STEP_S = 0.02
ANY_FLOAT = st.floats(allow_nan=True, allow_infinity=True)
NAMES = st.sampled_from(
    [
        ('shoulder', 'wrist'),
        ('wrist', 'shoulder'),
        ('shoulder',),
        (),
        ('shoulder', 'elbow'),
        ('shoulder', 'wrist', 'elbow'),
        ('wrist', 'wrist'),
    ]
)
MOSTLY_SANE = st.one_of(st.floats(-0.1, 0.1), st.floats(-3.0, 3.0), ANY_FLOAT)


@st.composite
def chunks(draw):
    """A chunk near the present, with anything wrong with it; often a sound one."""
    names = draw(st.one_of(st.just(('shoulder', 'wrist')), NAMES))
    count = draw(st.integers(0, 4))
    times = draw(
        st.one_of(
            st.builds(lambda a: [a + 40 * i for i in range(count)], st.integers(-100, 200)),
            st.lists(st.integers(-200, 400), min_size=0, max_size=4),
        )
    )
    number = draw(st.sampled_from([st.floats(-2.0, 2.0), MOSTLY_SANE]))
    rows = draw(
        st.lists(
            st.lists(number, min_size=len(names), max_size=len(names)),
            min_size=count,
            max_size=count,
        )
    )
    return 'chunk', names, times, rows, draw(st.booleans())


NEAR = st.lists(st.floats(-1.5, 1.5), min_size=2, max_size=2)
NEAR_OR_FAR = st.lists(st.floats(-3.0, 3.0), min_size=2, max_size=2)
MEASURED = st.one_of(st.none(), NEAR, st.lists(ANY_FLOAT, max_size=3), st.just('follows'))
DRIVE = st.tuples(
    st.just('drive'),
    st.lists(NEAR_OR_FAR, min_size=4, max_size=4),
    st.booleans(),
    st.sampled_from([1, 2, 5, 15]),
)
EVENTS = st.lists(
    st.one_of(
        DRIVE,
        DRIVE,
        chunks(),
        chunks(),
        st.tuples(st.just('heartbeat')),
        st.tuples(st.just('stop')),
        st.tuples(st.just('release'), MEASURED),
        st.tuples(st.just('activate'), MEASURED),
        st.tuples(st.just('deactivate')),
        st.tuples(st.just('rest')),
        st.tuples(st.just('foreign'), st.sampled_from(['', 'another node'])),
        st.tuples(st.just('enable'), st.booleans(), MEASURED),
        st.tuples(st.just('jump'), st.integers(-3000, 3000)),
        st.tuples(st.just('samples'), st.sampled_from([1, 2, 5, 15]), MEASURED),
        st.tuples(st.just('samples'), st.sampled_from([1, 2, 5, 15]), st.just('follows')),
    ),
    min_size=4,
    max_size=40,
)

ACTIONS = st.sampled_from(
    [
        make_action(),
        make_action(stop_rate_limit=(5.0, 20.0)),
        make_action(kind='velocity', low=(-1, -0.5), high=(0.5, 1)),
        make_action(kind='position', safe='hold', low=(-1, 0.2), high=(1, 2)),
        make_action(
            kind='position',
            safe='hold',
            low=(-1, -1),
            high=(1, 1),
            rate_limit=(1.0, 2.0),
            acceleration_limit=(3.0, 40.0),
        ),
    ]
)


class Judge:
    """Holds each command against the rules, from outside."""

    def __init__(self, action):
        self.low, self.high = np.array(action.low, float), np.array(action.high, float)
        self.rate = np.array(action.rate_limit, float)
        self.stop_rate = np.array(action.stop_rate_limit or action.rate_limit, float)
        self.acceleration = np.array(action.acceleration_limit or [np.inf, np.inf], float)
        self.position = action.kind == 'position'
        self.last = self.speed = None

    def begin(self, start):
        """The guard was activated here."""
        self.last, self.speed = np.array(start, float), np.zeros(2)

    def see(self, command, allowed_to_move):
        values = command.values
        assert np.isfinite(values).all()
        inside = (values >= self.low) & (values <= self.high)
        was_inside = (self.last >= self.low) & (self.last <= self.high)
        # What was inside stays inside; what was outside moves inwards or not at all.
        assert (inside | ~was_inside).all()
        out = np.maximum(self.low - values, values - self.high)
        was_out = np.maximum(self.low - self.last, self.last - self.high)
        assert (inside | (out <= was_out + 1e-12)).all()

        speed = (values - self.last) / STEP_S
        stopping = command.source not in ('chunk', 'chunk_rest', 'teleop')
        rate = self.stop_rate if stopping and not self.position else self.rate
        assert (np.abs(speed) <= rate + 1e-9).all()
        change = np.abs(speed - self.speed)
        near_box = np.minimum(values - self.low, self.high - values) < 1e-6
        assert ((change <= self.acceleration * STEP_S + 1e-6) | near_box).all()
        # From every speed a stop fits into the box.
        with np.errstate(invalid='ignore'):
            needs = np.where(np.isfinite(self.acceleration), speed**2 / 2 / self.acceleration, 0.0)
        ahead = np.where(speed > 0, self.high - values, values - self.low)
        assert ((needs <= ahead + 1e-6) | ~inside | (speed == 0.0)).all()
        if stopping:
            # Along the motion, towards rest: never faster than before, except to a hold's target.
            if not self.position:
                assert (np.abs(values) <= np.abs(self.last) + 1e-12).all()
        else:
            assert allowed_to_move
        self.last, self.speed = values.copy(), speed


@settings(max_examples=300, deadline=None)
@given(action=ACTIONS, start=st.lists(st.floats(0.2, 1.0), min_size=2, max_size=2), events=EVENTS)
def test_no_sequence_of_inputs_gets_a_command_out_that_breaks_the_rules(action, start, events):
    contract = make_contract(action=action)
    guard, judge = Guard(contract), Judge(action)
    now_ms, steady, heard, by_hand = 0, 0.0, -math.inf, -math.inf
    active = stopped = resting = False
    enabled, foreign = True, ''

    def position(measured):
        if measured == 'follows':
            return guard.sample(now_ms * MS, steady).values if not active else judge.last.copy()
        return None if measured is None else np.asarray(measured, float)

    def usable(here):
        return here is not None and here.shape == (2,) and bool(np.isfinite(here).all())

    for event in [('activate', start), *events]:
        kind = event[0]
        count, seen = 0, None
        if kind == 'drive':
            _, rows, teleop, count = event
            seen = 'follows'
            event = ('chunk', action.names, [20 + 40 * i for i in range(4)], rows, teleop)
            kind = 'chunk'
        elif kind == 'samples':
            _, count, seen = event
        if kind == 'chunk':
            _, names, times, rows, teleop = event
            times_ns = [(now_ms + t) * MS for t in times]
            values = np.asarray(rows, float).reshape(len(rows), len(names))
            if guard.on_chunk(list(names), times_ns, values, steady, teleop) == '':
                assert set(names) == set(action.names) and np.isfinite(values).all()
                assert active and not stopped and not foreign and not resting
                if teleop:
                    by_hand = steady
                else:
                    heard = steady
        elif kind == 'heartbeat':
            guard.heartbeat(steady)
            heard = steady
        elif kind == 'stop':
            guard.stop('test')
            stopped = True
        elif kind == 'release':
            here = position(event[1])
            needed = stopped and active and judge.position
            assert (guard.release_stop(here) == '') == (usable(here) or not needed)
            stopped = stopped and guard.stopped
            assert stopped == (needed and not usable(here))
        elif kind == 'activate':
            here = position(event[1])
            if guard.activate(here) == '':
                assert not stopped and (usable(here) or not judge.position)
                judge.begin(here if judge.position else [0.0, 0.0])
                active, resting, foreign = True, False, ''
                heard = by_hand = -math.inf
            else:
                assert stopped or (judge.position and not usable(here))
        elif kind == 'deactivate':
            guard.deactivate()
            active, foreign = False, ''
        elif kind == 'rest':
            guard.come_to_rest()
            resting = True
        elif kind == 'foreign':
            guard.set_foreign(event[1])
            foreign = event[1]
        elif kind == 'enable':
            here = position(event[2])
            refusal = guard.enable(event[1], here)
            assert bool(refusal) == (
                event[1]
                and not (enabled or stopped)
                and active
                and judge.position
                and not usable(here)
            )
            enabled = enabled if refusal else event[1]
        elif kind == 'jump':
            now_ms += event[1]
        for _ in range(count):
            now_ms += 20
            steady += STEP_S
            command = guard.sample(now_ms * MS, steady, position(seen))
            assert command.send == active
            if not active:
                continue
            alive = abs(steady - heard) <= contract.command_timeout_s
            alive = alive or abs(steady - by_hand) <= contract.command_timeout_s
            free = enabled and not stopped and not foreign and not resting and alive
            assert (command.source == 'stopped') == stopped
            judge.see(command, free)
            if guard.outside:
                assert command.source not in ('chunk', 'chunk_rest')


@settings(max_examples=100, deadline=None)
@given(
    values=st.lists(st.floats(-0.05, 0.05), min_size=8, max_size=8),
    arrivals=st.lists(st.integers(0, 39), min_size=4, max_size=4),
)
def test_when_a_chunk_arrives_does_not_matter_as_long_as_it_is_in_time(values, arrivals):
    """Lockstep, simulator and real time sample alike: commands follow stamps, not arrival."""
    rows = np.asarray(values).reshape(4, 2)
    contract = make_contract()
    outputs = []
    for delays in (arrivals, [0, 0, 0, 0]):
        guard, sent = Guard(contract), []
        guard.activate()
        for tick in range(5):
            for t_ms in (tick * 40, tick * 40 + 20):
                for k in range(4):
                    due = k * 40 + delays[k]
                    if t_ms - 20 < due <= t_ms:
                        start = (k + 1) * 40 * MS
                        guard.on_chunk(
                            ['shoulder', 'wrist'],
                            [start, start + 40 * MS],
                            [rows[k], rows[k]],
                            due * 1e-3,
                        )
                sent.append(guard.sample(t_ms * MS, t_ms * 1e-3).values.tolist())
        outputs.append(sent)
    assert outputs[0] == outputs[1]
