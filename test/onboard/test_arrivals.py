# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Fast and slow streams beside the ticks: chunks go out while every stream keeps its rate."""

from __future__ import annotations

import struct

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from onboard_messages import joints_cdr

from world_model_ros.contract import contract_warnings, parse_contract
from world_model_ros.onboard.agent.chunks_sent import Commands
from world_model_ros.onboard.agent.given_up import CALM, ERROR, WARN, GivenUp
from world_model_ros.onboard.agent.inputs import Inputs
from world_model_ros.onboard.tick.ticker import Tick

EXAMPLES = 60
START_NS = 1_000_000_000_000
MESSAGE = joints_cdr(0, names=('a',), position=(0.1,), velocity=())
BROKEN = joints_cdr(0, names=('a',), position=(float('nan'),), velocity=())
ROBOT = """
format: 1
name: fast
control: {{period: {period}, tick: {{source: timer}}, command_rate: {rate}, command_timeout: 5.0}}
streams:
{streams}
action:
  topic: command
  kind: velocity
  names: [a]
  low: [-1.0]
  high: [1.0]
  rate_limit: [5.0]
  safe: zero
"""


def make_contract(period_s, *streams):
    """A robot with these joints streams: (rate in Hz, max_age in s)."""
    lines = [
        f'  s{i}: {{kind: joints, topic: t{i}, rate: {rate}, max_age: {max_age!r}, names: [a], '
        'fields: [position]}'
        for i, (rate, max_age) in enumerate(streams)
    ]
    text = ROBOT.format(period=repr(period_s), rate=repr(2 / period_s), streams='\n'.join(lines))
    return parse_contract(text)


def stamped(cdr, stamp_ns):
    """The message with another stamp."""
    return cdr[:4] + struct.pack('<iI', *divmod(stamp_ns, 10**9)) + cdr[12:]


class Port:
    """Time, and when chunks were given up."""

    def __init__(self):
        self.now_ns, self.drops, self.logged = START_NS, [], []

    def send_chunk(self, start_ns, chunk):
        return True

    def drop_chunk(self):
        self.drops.append(self.now_ns)

    def warn(self, text):
        self.logged.append(text)


class Robot:
    """Inputs and Commands as the worker uses them, on a clock of the test's."""

    def __init__(self, contract, first_tick_ns):
        self.contract, self.port = contract, Port()
        self.inputs = Inputs(contract)
        self.commands = Commands(contract, self.port, self.inputs.assembler.newest_stamp_ns)
        self.tick_ns, self.sent = first_tick_ns, []

    def arrive(self, name, stamp_ns, now_ns, cdr=MESSAGE):
        """A message comes, and the worker looks around."""
        self.port.now_ns = now_ns
        self.inputs.put_stream(name, stamped(cdr, stamp_ns), now_ns)
        self.look()

    def tick(self, now_ns):
        """The tick that is due is worked on now, a little late perhaps."""
        self.port.now_ns = now_ns
        tick = Tick(len(self.sent), self.tick_ns, 0)
        self.commands.see(self.inputs.assembler.assemble(tick.t_ns))
        if self.commands.too_old(tick.t_ns):
            self.commands.give_up()
        else:
            self.commands.send(tick, [])
            self.sent.append(now_ns)
        self.tick_ns += self.contract.period_ns

    def look(self):
        if self.commands.overdue(self.port.now_ns):
            self.commands.give_up()


def run(robot, events):
    """Play (time, what, ...) in the order of time."""
    for now_ns, what, *more in sorted(events, key=lambda event: event[:2]):
        if what == 'tick':
            robot.tick(now_ns)
        else:
            robot.arrive(what, more[0], now_ns, *more[1:])


def stream_events(name, rate_hz, phase_ns, until_ns, delays_ns):
    """Stamped at the rate, arriving each with its delay."""
    period_ns = round(1e9 / rate_hz)
    stamps = range(START_NS - 2 * period_ns + phase_ns, until_ns, period_ns)
    return [
        (stamp_ns + delays_ns[i % len(delays_ns)], name, stamp_ns)
        for i, stamp_ns in enumerate(stamps)
    ]


STREAM = st.tuples(
    st.sampled_from([15.0, 25.0, 30.0, 50.0, 100.0, 125.0, 250.0, 500.0]),
    st.floats(0.0, 1.0),  # how generous max_age is, from the least to the most
    st.floats(0.0, 1.0),  # phase, in periods
    st.lists(st.floats(0.0, 0.95), min_size=1, max_size=7),  # delays: share of what is allowed
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    period_s=st.sampled_from([0.02, 0.04, 1 / 30, 0.1]),
    streams=st.lists(STREAM, min_size=1, max_size=2),
    lateness=st.floats(0.0, 0.9),
    stops=st.booleans(),
)
def test_chunks_are_given_up_exactly_when_a_stream_stops(period_s, streams, lateness, stops):
    ages = []
    for rate, generous, _, _ in streams:
        least, most = max(1.5 / rate, 1 / rate + 0.01), 3 * max(1 / rate, period_s)
        assume(least <= most)
        ages.append(least + generous * (most - least))
    contract = make_contract(
        period_s, *((rate, age) for (rate, *_), age in zip(streams, ages, strict=True))
    )
    assert contract_warnings(contract) == []
    begin_ns = START_NS + round(1e9 * (max(ages) + 3 * max(1 / rate for rate, *_ in streams)))
    end_ns, on_ns = begin_ns + 12 * contract.period_ns, begin_ns + 20 * contract.period_ns
    events, last_ns = [], 0
    for i, ((rate, _, phase, delays), age) in enumerate(zip(streams, ages, strict=True)):
        allowed_ns = round((age - 1 / rate) * 1e9)
        until_ns = end_ns if i == 0 and stops else on_ns
        heard = stream_events(
            f's{i}',
            rate,
            round(phase * 1e9 / rate),
            until_ns,
            [round(share * allowed_ns) for share in delays],
        )
        last_ns = last_ns or max(stamp_ns for _, _, stamp_ns in heard)
        events += heard
    late_ns = round(lateness * contract.period_ns)
    ticks = [(begin_ns + k * contract.period_ns + late_ns, 'tick') for k in range(19)]
    robot = Robot(contract, begin_ns)
    run(robot, [event for event in events + ticks if event[0] < on_ns])

    if not stops:
        assert robot.port.drops == [] and len(robot.sent) == 19
        return
    due_ns = last_ns + round(ages[0] * 1e9)
    assert all(drop_ns > due_ns for drop_ns in robot.port.drops[:1])
    if due_ns + contract.period_ns + late_ns < ticks[-1][0]:
        assert robot.port.drops[0] <= due_ns + contract.period_ns + late_ns


def test_joints_five_times_as_fast_as_ticks_move_the_robot():
    contract = make_contract(0.04, (500.0, 0.012))
    begin_ns = START_NS + contract.period_ns
    robot = Robot(contract, begin_ns)
    events = stream_events('s0', 500.0, 0, begin_ns + 10 * contract.period_ns, [0])
    run(robot, events + [(begin_ns + k * contract.period_ns, 'tick') for k in range(10)])
    assert robot.port.drops == [] and len(robot.sent) == 10


def test_what_arrives_on_a_stream_of_nan_does_not_keep_a_chunk_alive():
    contract = make_contract(0.04, (100.0, 0.03))
    begin_ns = START_NS + contract.period_ns
    robot = Robot(contract, begin_ns)
    good = stream_events('s0', 100.0, 0, begin_ns + 1, [0])
    bad = [
        (t_ns, 's0', t_ns, BROKEN)
        for t_ns in range(begin_ns + 10_000_000, begin_ns + 200_000_000, 10_000_000)
    ]
    ticks = [(begin_ns + k * contract.period_ns, 'tick') for k in range(4)]
    run(robot, good + bad + ticks)
    assert len(robot.sent) == 1
    assert begin_ns < robot.port.drops[0] <= begin_ns + contract.period_ns


def test_messages_of_the_future_keep_no_chunk_alive():
    contract = make_contract(0.04, (50.0, 0.05))
    robot = Robot(contract, START_NS)
    robot.arrive('s0', START_NS, START_NS)
    robot.tick(START_NS)
    robot.arrive('s0', START_NS + 10**12, START_NS + 60_000_000)
    assert robot.port.drops == [START_NS + 60_000_000]


def test_chunks_given_up_are_a_warning_then_an_error_with_counts():
    now, logged = [0.0], []
    given_up = GivenUp(logged.append, lambda: now[0])
    assert given_up.report() == (CALM, '')
    for level, at in ((WARN, 10.0), (WARN, 10.5), (ERROR, 11.1), (ERROR, 12.0)):
        now[0] = at
        given_up.note('joints', 'its newest message is 0.04 s old')
        assert given_up.report()[0] == level
    assert '4 chunks' in given_up.report()[1] and '0.04 s old' in given_up.report()[1]
    assert given_up.counts == {'joints': 4}
    assert len(logged) == 2  # once as a warning, once as an error
    now[0] = 14.5
    assert given_up.report() == (CALM, '')
    given_up.sent()
    assert 'usable again' in logged[-1]
    given_up.note('camera', 'gone')
    assert given_up.report()[0] == WARN and given_up.report()[1].startswith('no usable camera (1')


def test_the_stream_that_is_to_blame_is_named_not_the_one_that_seems_old():
    contract = make_contract(0.04, (50.0, 0.06), (50.0, 0.06))
    robot = Robot(contract, START_NS)
    robot.arrive('s0', START_NS - 10**9, START_NS)
    sample = robot.inputs.assembler.assemble(START_NS).samples['s0']
    sample.blamed = 's1'
    robot.commands.miss('s0', START_NS, sample)
    assert robot.commands.given_up.counts == {'s1': 1}
    assert robot.commands.given_up.report()[1].startswith('no usable s1 (1 chunk ')
