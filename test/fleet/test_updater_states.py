# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The updater over a folder store: what it takes, keeps and says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip('onnxruntime')

from updater_fleet import take

from world_model_ros.fleet.slot import slot_problems
from world_model_ros.fleet.updater import Updater
from world_model_ros.fleet.updater_state import Slot
from world_model_ros.fleet.updater_status import UpdaterState


def test_a_release_is_followed_from_the_store_into_a_slot_with_the_real_preflight(fleet):
    seen = []
    updater = Updater(
        fleet.store.url, fleet.contract, fleet.slots, on_status=lambda s: seen.append(s.state)
    )
    assert updater.poll().state == 'idle'
    release = fleet.publish(0)
    status = updater.poll()

    assert seen == ['idle', 'downloading', 'verifying', 'preflight', 'ready']
    assert set(seen) <= set(UpdaterState)
    assert updater.offered == Slot(release.bundle_sha, 1, str(fleet.bundle(release)))
    assert slot_problems(Path(updater.offered.bundle), release.bundle_sha) == []
    assert updater.poll() == status  # until the agent says that it acts

    updater.swapped(release.bundle_sha)
    assert (updater.poll().state, updater.poll().release) == ('acting', 1)
    (times,) = updater.state.history
    assert 0 < times.published_ns < times.ready_ns < times.acting_ns


def test_acting_and_previous_are_kept_and_older_slots_deleted(fleet):
    updater = fleet.updater()
    shas = [take(fleet, updater, number).bundle_sha for number in range(4)]
    assert fleet.folders() == set(shas[-2:])
    state = updater.state
    assert (state.acting.bundle_sha, state.acting.release) == (shas[3], 4)
    assert (state.previous.bundle_sha, state.candidate) == (shas[2], None)


def test_a_newer_release_replaces_a_candidate_that_never_acted(fleet):
    updater = fleet.updater()
    first = take(fleet, updater, 0)
    second, third = fleet.publish(1), None
    assert updater.poll().bundle_sha == second.bundle_sha
    third = fleet.publish(2)
    assert updater.poll().bundle_sha == third.bundle_sha
    # The agent may have been on its way to the second when the third was handed over.
    updater.swapped(second.bundle_sha)
    assert updater.state.acting.release == 2
    assert slot_problems(Path(updater.state.acting.bundle), second.bundle_sha) == []
    assert updater.poll().bundle_sha == third.bundle_sha
    updater.swapped(third.bundle_sha)
    assert fleet.folders() == {second.bundle_sha, third.bundle_sha}
    assert first.bundle_sha not in fleet.folders()


def test_an_acting_slot_that_is_no_longer_whole_is_noticed_at_the_next_start(fleet):
    updater = fleet.updater()
    release = take(fleet, updater, 0)
    updater.close()
    (fleet.bundle(release) / 'weights.bin').write_bytes(b'')
    updater = fleet.updater()
    assert 'acting slot' in updater.notice and 'weights.bin' in updater.notice
    assert updater.state.acting is None
    assert updater.poll().state == 'ready'
    assert slot_problems(fleet.bundle(release), release.bundle_sha) == []


def test_the_store_is_told_how_the_robot_stands(fleet):
    updater = fleet.updater(robot_id='arm_07')
    release = take(fleet, updater, 0)
    updater.poll()
    report = json.loads(fleet.store.get('robots/arm_07/status/updater.json'))
    assert (report['format'], report['state']) == (1, 'acting')
    assert report['acting']['bundle_sha'] == release.bundle_sha
    assert report['history'][0]['acting_ns'] > report['history'][0]['published_ns']
