# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Bundles, made once, and a fleet of one robot."""

from __future__ import annotations

import pytest


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    import fleet_bundles

    folder = tmp_path_factory.mktemp('made')
    contract = fleet_bundles.write_contract(folder / 'robot.yaml')
    return contract, [
        fleet_bundles.make_bundle(folder / f'bundle{seed}', contract, seed) for seed in range(5)
    ]


@pytest.fixture
def fleet(tmp_path, made):
    from updater_fleet import Fleet

    return Fleet(tmp_path, *made)
