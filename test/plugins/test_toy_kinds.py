# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A stream kind and a command kind of another package: described, seen, commanded, recorded."""

from __future__ import annotations

import math

import numpy as np
import pytest
import toy_package
import toy_robot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from world_model_ros.bringup.live_topics import expected_of
from world_model_ros.contract import contract_hash, interface_hash, load_contract, parse_contract
from world_model_ros.contract.meaning import meaning
from world_model_ros.experience import check_episode, to_arrays
from world_model_ros.experience.read.rebuild import parity
from world_model_ros.onboard.guard import Guard
from world_model_ros.onboard.tick.assembly import Assembler
from world_model_ros.robots import BodyError, make_env
from world_model_ros.wire import cdr
from world_model_ros.wire.cdr import FLOATS, decode, typestore
from world_model_ros.wire.command_codec import CommandError, command_decoder, encoder
from world_model_ros.wire.decode import StreamError, decode_stream

T0_NS, PERIOD_NS = toy_robot.T0_NS, 100_000_000
NAMES = ['left', 'right']


@pytest.fixture
def contract(toy):
    return load_contract(toy_robot.FILE)


def test_a_contract_takes_kinds_of_another_package_with_their_own_keys(contract):
    oven = contract.stream('oven')
    assert (oven.shape, oven.dtype, oven.options) == ((1,), np.float32, (('scale', 'celsius'),))
    assert contract.vector_streams == contract.streams and contract.image_streams == ()
    assert [stream.name for stream in contract.joint_streams] == ['joints']
    assert contract.groups[0].type == FLOATS
    assert any('a temperature in celsius' in words for _, words in meaning(contract))
    assert expected_of(contract)[1].type == toy_robot.TEMPERATURE


def test_keys_of_a_plugin_enter_the_hashes_and_are_checked(contract):
    kelvin = parse_contract(contract.text.replace('celsius', 'kelvin'))
    assert interface_hash(kelvin) != interface_hash(contract)
    assert contract_hash(kelvin) != contract_hash(contract)
    with pytest.raises(ValueError, match=r"oven\.scale is 'kelvn'.*did you mean 'kelvin'"):
        parse_contract(contract.text.replace('celsius', 'kelvn'))
    with pytest.raises(ValueError, match=r"oven\.scal .*did you mean 'scale'"):
        parse_contract(contract.text.replace('scale:', 'scal:'))


def test_a_real_message_becomes_the_array_and_back(contract):
    oven = contract.stream('oven')
    seen = decode_stream(oven, toy_robot.temperature(T0_NS, 21.5))
    assert seen.dtype == np.float32 and seen.tolist() == [21.5]
    kelvin = parse_contract(contract.text.replace('celsius', 'kelvin')).stream('oven')
    assert decode_stream(kelvin, toy_robot.temperature(T0_NS, 0.0))[0] == pytest.approx(273.15)


def test_ticks_are_assembled_from_both_streams(contract):
    assembler = Assembler(contract)
    assembler.store('joints', toy_robot.joint_state(T0_NS, NAMES, [0.1, 0.2], [1, 2]), T0_NS)
    assert 'oven' in assembler.assemble(T0_NS).samples['oven'].error
    assembler.store('oven', toy_robot.temperature(T0_NS - 1_000_000, 30.0), T0_NS)
    assembler.store('oven', b'\0\1\0\0 no message', T0_NS)
    observation = assembler.assemble(T0_NS)
    assert observation.valid and observation.arrays['oven'].tolist() == [30.0]
    assert observation.samples['oven'].stamp_ns == T0_NS - 1_000_000
    assert not assembler.assemble(T0_NS + 300_000_000).valid  # too old


@pytest.mark.parametrize(
    ('given_back', 'words'),
    [
        (lambda *_: np.zeros(1), 'expected float32 of kind .* got float64'),
        (lambda *_: np.zeros(2, np.float32), r'expected shape \[1\] .* got \[2\]'),
        (lambda *_: np.array([np.nan], np.float32), r'expected finite numbers .* got \[nan\]'),
        (lambda *_: [20.0], 'got list; repair that package'),
        (lambda *_: {}['degrees'], "KeyError: 'degrees'; repair that package"),
        (lambda *_: int('twenty'), 'invalid literal.*check the publisher'),
    ],
)
def test_what_a_plugin_decodes_is_checked_and_named(contract, monkeypatch, given_back, words):
    import wmr_toy.temperature

    monkeypatch.setattr(wmr_toy.temperature.TemperatureKind, 'array', given_back)
    with pytest.raises(StreamError, match=words) as caught:
        decode_stream(contract.stream('oven'), toy_robot.temperature(T0_NS, 1.0))
    assert "stream 'oven'" in str(caught.value) and 'wmr-toy 0.1' in str(caught.value)
    assembler = Assembler(contract)
    assembler.store('oven', toy_robot.temperature(T0_NS, 1.0), T0_NS)
    assert 'wmr-toy' in assembler.assemble(T0_NS).samples['oven'].error


@given(
    rows=st.lists(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=2), min_size=1, max_size=4)
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_plugin_never_encodes_a_value_outside_of_the_limits(contract, rows):
    import wmr_toy.velocity_array

    seen, sent = [], []

    kind = wmr_toy.velocity_array.VelocityArrayKind
    encode = kind.encode

    def spy(self, action, t_ns, values):
        seen.append(values.copy())
        return encode(self, action, t_ns, values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, 'encode', spy)
        guard, encode_command = Guard(contract), encoder(contract.groups[0])
        read = command_decoder(contract.groups[0])
        assert guard.activate() == ''
        times = [T0_NS + i * PERIOD_NS for i in range(len(rows))]
        assert guard.on_chunk(NAMES, times, np.array(rows), 0.0) == ''
        for i in range(12):
            t_ns = T0_NS + i * PERIOD_NS // 2
            command = guard.sample(t_ns, i * 0.05)
            sent.append(read(encode_command(t_ns, command.values)))
    low, high = np.array(contract.action.low), np.array(contract.action.high)
    step = np.array(contract.action.rate_limit) * 0.05
    before = np.zeros(2)
    assert len(seen) == 12 and np.array_equal(seen, sent)
    for values in seen:
        assert np.all(values >= low) and np.all(values <= high)
        assert np.all(np.abs(values - before) <= step + 1e-9)
        before = values


@pytest.mark.parametrize(
    ('fault', 'words'),
    [
        (lambda *_: 'text', 'as bytes .CDR., got str'),
        (lambda *_: b'', 'got 0 bytes'),
        (lambda *_: 1 / 0, 'failed to encode a command: ZeroDivisionError'),
        (lambda _s, _a, _t, values: labelled(2.0 * values), r'must encode what it is given'),
        (lambda _s, _a, _t, values: labelled(values * math.nan), r'became None'),
    ],
)
def test_what_a_plugin_encodes_is_checked_and_named(contract, monkeypatch, fault, words):
    import wmr_toy.velocity_array

    monkeypatch.setattr(wmr_toy.velocity_array.VelocityArrayKind, 'encode', fault)
    with pytest.raises(CommandError, match=words) as caught:
        encoder(contract.groups[0])(T0_NS, np.array([0.5, 0.25]))
    assert "command kind 'velocity_array' of package wmr-toy 0.1" in str(caught.value)


def labelled(values, names=NAMES):
    types = typestore().types
    dimension = types['std_msgs/msg/MultiArrayDimension']
    layout = types['std_msgs/msg/MultiArrayLayout']([dimension(n, 1, 1) for n in names], 0)
    return cdr.encode(FLOATS, types[FLOATS](layout, np.array(values, np.float64)))


def test_a_foreign_command_is_read_by_its_labels_or_moves_nothing(contract):
    read = command_decoder(contract.groups[0])
    assert read(labelled([0.5, 0.25], ['right', 'left'])).tolist() == [0.25, 0.5]
    assert read(labelled([0.5], ['right'])) is None
    assert read(labelled([0.5, math.nan])) is None
    with pytest.raises(ValueError, match='expected a std_msgs'):
        read(b'\0\1\0\0 no command')
    sent = encoder(contract.groups[0])(T0_NS, np.array([0.5, -0.25]))
    assert decode(FLOATS, sent).data.tolist() == [0.5, -0.25]


def test_an_episode_is_recorded_and_read_back_with_what_was_seen(contract, tmp_path):
    path, seen = toy_robot.write_episode(tmp_path)
    assert check_episode(path, rebuilt=True) == []
    report = parity(path)
    assert (report.ticks, report.rebuilt, report.different) == (5, 5, 0)
    arrays = to_arrays(path)
    np.testing.assert_array_equal(arrays['obs_oven'], [row['oven'] for row in seen])
    np.testing.assert_array_equal(arrays['obs_joints'], [row['joints'] for row in seen])


def test_a_simulated_body_senses_what_the_kind_sends_and_reads(toy):
    """The kind of one seam and the body of another meet in Env without knowing each other."""
    oven = '  oven: {kind: temperature, topic: oven, rate: 50.0, max_age: 0.1, scale: celsius}\n'
    contract = parse_contract(toy_package.CONTRACT.replace('action:\n', f'{oven}action:\n'))
    env = make_env(contract, 1)
    step = env.reset()
    assert step.arrays['oven'].tolist() == [20.0]
    for _ in range(10):
        step = env.step([1.0])
    assert step.arrays['oven'] == pytest.approx(env.robot.body.state[2])
    assert step.arrays['oven'][0] > 20.0 and step.observation.valid
    body = type(env.robot.body)
    parts = {name: part for name, part in vars(body).items() if not name.startswith('__')}
    del parts['sense']
    numb = type('Numb', (), {**parts, '__init__': body.__init__})
    with pytest.raises(BodyError, match=r'streams\.oven: .* has a method sense'):
        make_env(contract, 0, body=numb(contract)).reset()
