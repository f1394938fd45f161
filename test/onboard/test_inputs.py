# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The store between the agent's two threads: one puts in while the other looks."""

from __future__ import annotations

import sys
import threading

import pytest

from world_model_ros.bench.tick import Messages
from world_model_ros.contract import load_contract
from world_model_ros.onboard.agent.inputs import Inputs

T_NS = 1_000_000_000_000


@pytest.fixture
def eager_threads():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_rewards_may_arrive_while_the_tick_is_being_completed(eager_threads):
    contract = load_contract('reacher')
    inputs = Inputs(contract)
    for name, cdr in Messages(contract).at(T_NS):
        inputs.put_stream(name, cdr, T_NS)
    stop = threading.Event()

    def arrive():
        while not stop.is_set():
            inputs.put_reward(T_NS - 1, 0.0, False)

    arriving = threading.Thread(target=arrive)
    arriving.start()
    try:
        for _ in range(3000):
            assert not inputs.complete_at(T_NS - contract.period_ns, T_NS, False)
    finally:
        stop.set()
        arriving.join()
