# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""Sessions with bound inputs and outputs, on the CPU: the same numbers, and beliefs that stay."""

import math
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from test_bundle_format2 import observed

from world_model_ros.bundle import load_bundle, run_golden
from world_model_ros.bundle.bound import Beliefs, BoundSession
from world_model_ros.bundle.bundle_loading import _signatures
from world_model_ros.bundle.providers import Taken
from world_model_ros.bundle.sessions import Sessions
from world_model_ros.contract import load_contract
from world_model_ros.onboard.policy.brain import Brain

FIXTURES = Path(__file__).parents[1] / 'fixtures'


class Uploads:
    """The module onnxruntime, counting what is copied to the device."""

    def __init__(self):
        self.count = {}
        outer = self

        class OrtValue:
            @staticmethod
            def ortvalue_from_shape_and_type(*arguments):
                return Value(onnxruntime.OrtValue.ortvalue_from_shape_and_type(*arguments))

        class Value:
            def __init__(self, value):
                self.value = value

            def update_inplace(self, array):
                shape = tuple(array.shape)
                outer.count[shape] = outer.count.get(shape, 0) + 1
                self.value.update_inplace(array)

            def numpy(self):
                return self.value.numpy()

        self.OrtValue, self.RunOptions = OrtValue, onnxruntime.RunOptions


class Binding:
    """A binding that takes what `Uploads` gives."""

    def __init__(self, session):
        self.of = session.io_binding()

    def bind_ortvalue_input(self, name, value):
        self.of.bind_ortvalue_input(name, value.value)

    def bind_ortvalue_output(self, name, value):
        self.of.bind_ortvalue_output(name, value.value)

    def synchronize_inputs(self):
        self.of.synchronize_inputs()

    def synchronize_outputs(self):
        self.of.synchronize_outputs()


class Session:
    """A session whose binding counts, and that keeps the options of its runs."""

    def __init__(self, session):
        self.of, self.options = session, []

    def io_binding(self):
        return Binding(self.of)

    def run_with_iobinding(self, binding, options):
        self.options.append(options and options.get_run_config_entry('gpu_graph_id'))
        self.of.run_with_iobinding(binding.of, None)


def bound(folder, captured=False):
    """A bundle whose sessions are bound, and what counts its copies."""
    bundle, beliefs, uploads = load_bundle(folder), Beliefs(), Uploads()
    signatures = _signatures(bundle.contract, bundle.manifest)
    plain = dict(bundle.sessions)
    for name, session in plain.items():
        bundle.sessions[name] = BoundSession(
            Session(session), uploads, signatures[name], beliefs, 'cpu', 0, captured
        )
    return bundle, uploads


@pytest.mark.parametrize('version', [1, 2])
def test_bound_graphs_meet_the_golden_vectors(version):
    bundle, _ = bound(FIXTURES / f'bundle_format{version}')

    assert max(run_golden(bundle).values()) < 1e-6


@pytest.mark.parametrize('version', [1, 2])
def test_a_brain_decides_the_same_on_bound_graphs(version):
    folder = FIXTURES / f'bundle_format{version}'
    contract = load_contract(FIXTURES / 'contract_format1.yaml')
    pending = np.zeros((contract.offset_ticks, contract.action_dim), np.float32)
    sent = np.full(contract.action_dim, 0.1, np.float32)
    found = []
    for bundle in (load_bundle(folder, contract), bound(folder)[0]):
        brain, rng = Brain(contract, bundle), np.random.default_rng(0)
        decisions = []
        for tick in range(12):
            if tick == 5:
                brain.skip(sent)
            if tick == 7:
                brain.drop_plan()
            seen = observed(contract, rng)
            decisions.append(brain.step(seen, sent, pending, tick in (0, 9), tick, math.inf))
        found.append(decisions)

    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one.chunk, other.chunk)
        np.testing.assert_array_equal(one.belief, other.belief)
        assert (one.surprise, one.reward, one.value) == (other.surprise, other.reward, other.value)


def test_a_belief_that_a_graph_gave_is_not_uploaded_again():
    bundle, uploads = bound(FIXTURES / 'bundle_format2')
    able = bundle.capabilities
    action = np.ones((1, bundle.action_dim), np.float32)
    belief = able['imagine'].run(
        ('belief_out',), {'belief': bundle.initial_belief, 'action': action}
    )[0]
    first = uploads.count.copy()

    for _ in range(3):
        belief = able['imagine'].run(('belief_out',), {'belief': belief, 'action': action})[0]
        able['policy'].run(('action_mean',), {'belief': belief})
        able['value'].run(('value',), {'belief': belief})

    assert first[belief.shape] == 1
    assert uploads.count[belief.shape] == 1
    assert uploads.count[action.shape] == 4


def test_what_a_graph_gave_stays_as_it_was():
    bundle, _ = bound(FIXTURES / 'bundle_format2')
    plain = load_bundle(FIXTURES / 'bundle_format2')
    rng, given, expected = np.random.default_rng(0), [], []
    for _ in range(5):
        feed = {
            'belief': given[-1] if given and rng.random() < 0.5 else bundle.initial_belief,
            'action': rng.normal(size=(1, bundle.action_dim)).astype(np.float32),
        }
        given.append(bundle.capabilities['imagine'].run(None, feed)[0])
        expected.append(plain.capabilities['imagine'].run(None, feed)[0])

    np.testing.assert_array_equal(given, expected)


def test_an_old_belief_is_uploaded():
    """Its buffer holds another one by now."""
    bundle, uploads = bound(FIXTURES / 'bundle_format2')
    plain = load_bundle(FIXTURES / 'bundle_format2')
    action = np.ones((1, bundle.action_dim), np.float32)
    old = belief = bundle.initial_belief
    for number in range(4):
        belief = bundle.capabilities['imagine'].run(None, {'belief': belief, 'action': action})[0]
        old = belief if number == 0 else old

    value = bundle.capabilities['value'].run(('value',), {'belief': old})[0]

    assert value == plain.capabilities['value'].run(('value',), {'belief': old})[0]
    assert uploads.count[old.shape] == 2


def test_each_set_of_places_has_a_captured_graph_of_its_own():
    bundle, _ = bound(FIXTURES / 'bundle_format2', captured=True)
    imagine, action = bundle.sessions['imagine'], np.ones((1, bundle.action_dim), np.float32)
    belief = bundle.initial_belief
    for _ in range(6):
        belief = imagine.run(None, {'belief': belief, 'action': action})[0]

    ids = imagine.session.options
    assert all(ids) and '0' not in ids
    assert ids[2] == ids[4] and ids[1] == ids[3] == ids[5]  # one side to the other, and back
    assert len(set(ids)) == 3


class Device(Sessions):
    """Sessions of a GPU that are made on the CPU."""

    refuses_capture = False

    def _on_device(self, graph, model, weights, captured):
        if captured and self.refuses_capture:
            from world_model_ros.bundle import BundleError

            raise BundleError('', ['nodes are left to the CPU'])
        return self.plain(graph, model, weights)


@pytest.fixture
def on_gpu(monkeypatch):
    """The whole way of loading, with a GPU that is the CPU."""
    from world_model_ros.bundle import bundle_loading, sessions

    monkeypatch.setattr(sessions, 'choose', lambda settings, runtime: Taken('cuda'))
    monkeypatch.setattr(
        sessions, 'BoundSession', lambda *a: BoundSession(*a[:4], 'cpu', *a[5:6], False)
    )
    monkeypatch.setattr(bundle_loading, 'Sessions', Device)
    return Device


def test_a_bundle_on_a_device_draws_beside_the_tick_with_sessions_of_its_own(on_gpu):
    bundle = load_bundle(FIXTURES / 'bundle_format2')

    assert str(bundle.provider) == 'cuda:0'
    assert set(bundle.drawing) == {'imagine', 'decode'}
    assert isinstance(bundle.sessions['imagine'], BoundSession)
    assert not isinstance(bundle.drawing['imagine'], BoundSession)
    assert max(run_golden(bundle).values()) < 1e-6


def test_a_graph_that_cannot_be_captured_runs_without_and_that_is_said(on_gpu, monkeypatch):
    monkeypatch.setattr(on_gpu, 'refuses_capture', True)
    said = []

    load_bundle(FIXTURES / 'bundle_format2', graphs=['policy'], progress=said.append)

    assert said == ['policy runs without CUDA graphs: nodes are left to the CPU']
