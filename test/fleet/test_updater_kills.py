# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Killed at any moment, the updater goes on from slots that are whole."""

from __future__ import annotations

import json
import random
import shutil
import time
from pathlib import Path

import pytest

pytest.importorskip('onnxruntime')

from updater_fleet import take

from world_model_ros.fleet.slots import read_state, slot_problems


def check_slots(fleet) -> str:
    """What must hold after any kill: state readable, everything named in it whole; who acts."""
    content = json.loads((fleet.slots / 'state.json').read_text())
    state, lost = read_state(fleet.slots)
    assert lost == '' and content['format'] == 1
    for slot in state.slots():
        assert slot_problems(Path(slot.bundle), slot.bundle_sha) == []
    return state.acting.bundle_sha if state.acting else ''


@pytest.mark.parametrize('state', ['downloading', 'verifying', 'preflight', 'ready', 'acting'])
def test_killed_on_entering_a_state_it_goes_on_from_the_acting_slot(fleet, state):
    updater = fleet.updater()
    first = take(fleet, updater, 0)
    updater.close()
    second = fleet.publish(1)
    killed = fleet.follow(die_in=state)
    said = killed.communicate(timeout=60)[0].split()
    assert killed.returncode == -9 and said[-1] == state
    acting = second if state == 'acting' else first
    assert check_slots(fleet) == acting.bundle_sha

    updater = fleet.updater()
    if state != 'acting':
        assert updater.poll().bundle_sha == second.bundle_sha
        updater.swapped(second.bundle_sha)
    assert check_slots(fleet) == second.bundle_sha
    assert fleet.folders() == {first.bundle_sha, second.bundle_sha}


@pytest.mark.slow
def test_killed_at_random_moments_the_acting_slot_is_always_whole(fleet):
    updater = fleet.updater()
    take(fleet, updater, 0)
    updater.close()
    drawn, acted = random.Random(11), set()
    for life in range(20):
        release = fleet.publish(1 + life % 4)
        process = fleet.follow()
        for _ in range(drawn.randint(0, 5)):  # states that it reaches before the clock runs
            if process.stdout.readline() == 'acting\n':
                break
        time.sleep(drawn.uniform(0.0, 0.3))  # the random moment; nothing waits for it
        process.kill()
        process.communicate()
        acted.add(check_slots(fleet) == release.bundle_sha)
    assert acted == {True, False}  # some lives came to the end, some were cut short
    process = fleet.follow()
    while process.stdout.readline() != 'acting\n':
        pass
    process.kill()
    process.communicate()
    assert check_slots(fleet) == release.bundle_sha


def test_nothing_half_fetched_is_left_behind_once_a_bundle_acts(fleet):
    updater = fleet.updater()
    release = fleet.publish(0)
    stale = fleet.slots / ('d' * 64 + '.part')
    stale.mkdir()
    shutil.copy(fleet.bundles[0] / 'weights.bin', stale)
    updater.poll()
    updater.swapped(release.bundle_sha)
    assert fleet.folders() == {release.bundle_sha}
