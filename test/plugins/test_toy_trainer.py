# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A family of another package learns from recordings alone, passes the gate and is published."""

from __future__ import annotations

import numpy as np
import pytest
import recorded
import toy_package
from served import Told

from world_model_ros.bundle import load_bundle
from world_model_ros.contract import interface_hash, parse_contract
from world_model_ros.releases import latest_release
from world_model_ros.store import open_store
from world_model_ros.training.core.learner_file import read_shipped
from world_model_ros.training.core.service import Service
from world_model_ros.training.core.settings import ServiceConfig
from world_model_ros.training.core.trainer_state import Start

pytestmark = pytest.mark.usefixtures('toy')
TICKS = 40


def test_a_trainer_publishes_it_and_goes_on_with_it(tmp_path):
    contract = parse_contract(toy_package.CONTRACT)
    store = open_store(tmp_path / 'store', create=True)
    rng = np.random.default_rng(0)
    for seed, uuid in enumerate([*recorded.TRAINED[:3], recorded.HELD_OUT]):
        bag = recorded.record(
            tmp_path / 'bags', uuid, TICKS, seed, contract, lambda tick: rng.uniform(-1, 1, 1)
        )
        recorded.upload(store, bag, contract)
    config = ServiceConfig(
        family='toy', nominal_ticks=0, start_ticks=30, poll_s=0.0, status_every_s=0.0,
        publish_updates=10, publish_every_s=1e9, checkpoint_every_s=1e9,
    )  # fmt: skip

    def serve(told, config):
        out = tmp_path / 'out'
        recorded.keep_secret(out)
        service = Service(
            str(tmp_path / 'store'), contract, out, config, Start('scratch'),
            say=told.say, report=told.report,
        )  # fmt: skip
        told.service = service
        service.run()
        service._lock.close()  # as if its process had ended
        return service

    told = Told(lambda service, status: status['published'] > 0)
    serve(told, config)
    (gate,) = told.of('gate')
    assert gate['passed'], gate['text']
    assert told.statuses[-1]['family'] == 'toy' and not told.statuses[-1]['faults']
    assert latest_release(store, interface_hash(contract)).number == 1
    assert load_bundle(tmp_path / 'out' / 'bundle', contract).manifest['family'] == 'toy'
    shipped = read_shipped(tmp_path / 'out' / 'bundle.learner.safetensors', contract)
    assert shipped.family.name == 'toy'

    told = Told(lambda service, status: True)
    again = serve(told, ServiceConfig(nominal_ticks=0))  # no word of the family
    assert again.learner.family == 'toy' and told.of('resumed')
