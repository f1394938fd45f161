# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whatever comes in, in whatever order: the command stays within the contract."""

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from onboard_contract import make_action, make_contract

from world_model_ros.onboard.guard import Guard

MS = 1_000_000
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
MOSTLY_SANE = st.one_of(st.floats(-0.1, 0.1), ANY_FLOAT)


@st.composite
def chunks(draw):
    """A chunk near the present, with anything wrong with it."""
    names = draw(NAMES)
    count = draw(st.integers(0, 4))
    times = draw(
        st.one_of(
            st.builds(lambda a: [a + 40 * i for i in range(count)], st.integers(-100, 200)),
            st.lists(st.integers(-200, 400), min_size=0, max_size=4),
        )
    )
    rows = draw(
        st.lists(
            st.lists(MOSTLY_SANE, min_size=len(names), max_size=len(names)),
            min_size=count,
            max_size=count,
        )
    )
    return 'chunk', names, times, rows


EVENTS = st.lists(
    st.one_of(
        chunks(),
        st.tuples(st.just('heartbeat'), ANY_FLOAT),
        st.tuples(st.just('stop'), st.text(max_size=3)),
        st.tuples(st.just('release')),
        st.tuples(st.just('reset')),
        st.tuples(st.just('enable'), st.booleans()),
        st.tuples(st.just('time'), st.integers(-3000, 3000)),
        st.tuples(st.just('steady'), ANY_FLOAT),
        st.tuples(st.just('sample'), st.one_of(st.none(), st.lists(ANY_FLOAT, max_size=3))),
        st.tuples(st.just('sample'), st.none()),
    ),
    max_size=40,
)

ACTIONS = st.sampled_from(
    [
        make_action(),
        make_action(kind='velocity', low=(-1, -0.5), high=(0.5, 1)),
        make_action(kind='position', safe='hold', low=(-1, 0.2), high=(1, 2)),
        make_action(kind='position_delta', safe='hold'),
    ]
)


@settings(max_examples=300, deadline=None)
@given(action=ACTIONS, events=EVENTS)
def test_no_sequence_of_inputs_gets_a_command_out_that_breaks_the_contract(action, events):
    contract = make_contract(action=action)
    guard = Guard(contract)
    low, high = np.asarray(action.low, float), np.asarray(action.high, float)
    step_max = np.asarray(action.rate_limit, float) * 0.02
    now_ms, steady, stopped, enabled = 0, 0.0, False, True
    heard = -math.inf
    last, last_sent = None, True
    for event in events:
        kind = event[0]
        if kind == 'chunk':
            _, names, times, rows = event
            times_ns = [(now_ms + t) * MS for t in times]
            values = np.asarray(rows, float).reshape(len(rows), len(names))
            if guard.on_chunk(list(names), times_ns, values, steady) == '':
                assert set(names) == set(action.names) and np.isfinite(values).all()
                heard = steady
        elif kind == 'heartbeat':
            guard.heartbeat(event[1])
            heard = event[1]
        elif kind == 'stop':
            guard.stop(event[1])
            stopped = True
        elif kind == 'release':
            guard.release_stop()
            stopped = False
        elif kind == 'reset':
            guard.reset()
            last, heard = None, -math.inf
        elif kind == 'enable':
            guard.enable(event[1])
            enabled = event[1]
        elif kind == 'time':
            now_ms += event[1]
        elif kind == 'steady':
            steady = event[1]
        else:
            now_ms += 20
            measured = None if event[1] is None else np.asarray(event[1], float)
            command = guard.sample(now_ms * MS, steady, measured)
            assert np.isfinite(command.values).all()
            assert (command.values >= low).all() and (command.values <= high).all()
            moving = command.source in ('chunk', 'chunk_rest')
            assert guard.stopped == stopped
            assert (command.source == 'stopped') == stopped
            if not enabled:
                assert not moving
            if not abs(steady - heard) <= contract.command_timeout_s:
                assert not moving
            if not moving and action.safe == 'zero':
                assert (command.values == 0.0).all()
            if moving and command.send and last is not None:
                assert (np.abs(command.values - last) <= step_max + 1e-12).all() or (
                    action.kind == 'position' and not last_sent
                )
            last, last_sent = command.values, command.send


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
