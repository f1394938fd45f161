# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Killed at any moment, the updater goes on from slots that are whole."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

pytest.importorskip('onnxruntime')

from updater_fleet import take

from world_model_ros.fleet.slot import slot_problems


def check_slots(fleet) -> str:
    """What must hold after any kill: state readable, everything named in it whole; who acts."""
    state = fleet.kept()
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
    first = fleet.publish(1)
    killed = fleet.follow(die_in='verifying')
    killed.communicate(timeout=60)
    assert fleet.folders() == {first.bundle_sha}
    (fleet.slots / first.bundle_sha / 'bundle').rename(
        fleet.slots / first.bundle_sha / 'bundle.part'
    )
    release = fleet.publish(0)
    updater = fleet.updater()
    updater.poll()
    updater.swapped(release.bundle_sha)
    assert fleet.folders() == {release.bundle_sha}


def test_killed_before_a_slot_has_its_marker_the_release_is_taken_all_the_same(fleet):
    fleet.updater().close()
    release = fleet.publish(0)
    folder = fleet.slots / release.bundle_sha
    folder.mkdir()
    (folder / 'slot.json.partial').write_text('{')
    assert fleet.updater().poll().state == 'ready'
