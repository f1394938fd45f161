# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the updater refuses, tries again or waits for, and that it says why."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip('onnxruntime')

from updater_fleet import PASS, take

from world_model_ros.fleet.failed_releases import DAMAGED_PAUSES_SEC, MOST, PAUSES_SEC
from world_model_ros.fleet.preflight import run_preflight
from world_model_ros.fleet.slot import SlotsError
from world_model_ros.fleet.updater import Updater
from world_model_ros.fleet.verdict import Verdict
from world_model_ros.releases import publish_release
from world_model_ros.store import open_store
from world_model_ros.store.keys import objects_prefix


class Clock:
    """A steady clock that the test winds."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_a_bundle_that_fails_preflight_is_refused_once_and_for_all(fleet):
    tried = []

    def preflight(bundle):
        tried.append(bundle)
        return Verdict(['policy: action_mean is not finite']) if len(tried) == 2 else PASS

    updater = fleet.updater(preflight=preflight)
    first = take(fleet, updater, 0)
    bad = fleet.publish(1)
    for _ in range(3):
        status = updater.poll()
        assert (status.state, status.reason) == ('refused', 'policy: action_mean is not finite')
    assert len(tried) == 2
    assert updater.state.bad == {bad.bundle_sha: 'policy: action_mean is not finite'}
    assert updater.state.acting.bundle_sha == first.bundle_sha
    assert fleet.folders() == {first.bundle_sha}

    updater.close()
    updater = fleet.updater()  # also after a restart
    assert updater.poll().state == 'refused'
    take(fleet, updater, 2)


def test_a_damaged_object_is_refused_by_name_and_taken_once_it_is_whole(fleet):
    clock = Clock()
    updater = fleet.updater(clock=clock)
    release = fleet.publish(0)
    path = fleet.store.folder / objects_prefix(fleet.interface, release.bundle_sha) / 'weights.bin'
    whole = path.read_bytes()
    path.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    status = updater.poll()
    assert (status.state, status.release) == ('refused', 1)
    assert 'weights.bin: damaged in the store' in status.reason
    assert updater.state.slots() == [] and updater.state.bad == {}
    path.write_bytes(whole)
    assert updater.poll() == status  # not fetched again at every poll
    clock.now_s += DAMAGED_PAUSES_SEC[0]
    assert updater.poll().state == 'ready'


def test_a_bundle_of_another_interface_under_our_key_is_refused_with_the_field(fleet, made):
    cartpole = Path(__file__).parents[2] / 'config' / 'bundles' / 'cartpole'
    publish_release(fleet.store, cartpole, fleet.interface)
    updater = Updater(fleet.store.url, fleet.contract, fleet.slots)
    status = updater.poll()
    assert status.state == 'refused' and 'streams.joints.names' in status.reason
    assert fleet.folders() == set()


def test_a_store_that_is_away_is_said_and_the_acting_slot_stays(fleet, tmp_path):
    updater = fleet.updater()
    first = take(fleet, updater, 0)
    fleet.publish(1)
    os.rename(fleet.store.folder, tmp_path / 'away')
    status = updater.poll()
    assert status.state == 'unreachable' and 'no such folder' in status.reason
    assert updater.state.acting.bundle_sha == first.bundle_sha
    os.rename(tmp_path / 'away', fleet.store.folder)
    assert updater.poll().state == 'ready'


def test_a_store_that_was_never_there_is_waited_for(tmp_path, made):
    updater = Updater(tmp_path / 'store', made[0], tmp_path / 'slots', preflight=lambda b: PASS)
    assert updater.poll().state == 'unreachable'
    open_store(tmp_path / 'store', create=True)
    assert updater.poll().state == 'idle'


@pytest.mark.skipif(os.geteuid() != 0, reason='mounts a small tmpfs')
def test_a_full_disk_on_the_robot_is_said_and_gone_on_from(fleet, tmp_path):
    fleet.slots.mkdir()
    line = ['mount', '-t', 'tmpfs', '-o', 'size=300k', 'tmpfs', str(fleet.slots)]
    if subprocess.run(line, capture_output=True, check=False).returncode:
        pytest.skip('mount is not allowed here')
    try:
        updater = fleet.updater()
        first = take(fleet, updater, 0)
        ballast = fleet.slots / 'ballast'
        with pytest.raises(OSError, match='No space'), ballast.open('wb', buffering=0) as file:
            while True:
                file.write(bytes(4096))
        second = fleet.publish(1)
        status = updater.poll()
        assert status.state == 'unreachable' and 'No space left' in status.reason
        assert fleet.kept().acting.bundle_sha == first.bundle_sha
        ballast.unlink()
        assert updater.poll().bundle_sha == second.bundle_sha
        updater.close()
    finally:
        subprocess.run(['umount', '-l', str(fleet.slots)], check=False)


def test_two_updaters_never_share_slots(fleet):
    updater = fleet.updater()
    with pytest.raises(SlotsError, match='another updater works here'):
        fleet.updater()
    updater.close()
    fleet.updater().close()


def sleeper(bundle, contract):
    """The real preflight, cut off by its time limit."""
    line = (sys.executable, '-c', 'import signal; signal.pause()')
    return run_preflight(bundle, contract, timeout_s=0.2, command=line)


def test_a_preflight_that_was_cut_off_is_tried_again_after_a_pause(fleet):
    tried, clock = [], Clock()

    def preflight(bundle):
        tried.append(bundle)
        return sleeper(bundle, fleet.contract) if len(tried) == 1 else PASS

    updater = fleet.updater(preflight=preflight, clock=clock)
    release = fleet.publish(0)
    for _ in range(3):
        status = updater.poll()
        assert (status.state, status.bundle_sha) == ('preflight', release.bundle_sha)
        assert 'not done within 0.2 s' in status.reason and status.wrong
        assert f'attempt 1 of {MOST}' in status.reason
    assert len(tried) == 1 and updater.state.bad == {}
    clock.now_s += PAUSES_SEC[0]
    assert updater.poll().state == 'ready' and updater.offered.release == 1
    assert len(tried) == 2


def test_a_preflight_that_never_decides_anything_is_bad_after_the_last_attempt(fleet):
    tried, clock = [], Clock()
    unsure = Verdict(['preflight: not done within 120 s; it was ended'], final=False)
    updater = fleet.updater(preflight=lambda bundle: tried.append(1) or unsure, clock=clock)
    release = fleet.publish(0)
    for number, pause_s in enumerate(PAUSES_SEC, start=1):
        status = updater.poll()
        assert status.state == 'preflight' and f'attempt {number} of' in status.reason
        clock.now_s += pause_s - 0.1
        assert updater.poll() == status and len(tried) == number  # not yet
        clock.now_s += 0.1
    status = updater.poll()
    assert status.state == 'refused' and f'the last of {MOST} attempts' in status.reason
    assert 'not done within 120 s' in updater.state.bad[release.bundle_sha]
    clock.now_s += 1e6
    assert updater.poll().state == 'refused' and len(tried) == MOST
    assert sorted(PAUSES_SEC) == list(PAUSES_SEC) and fleet.folders() == set()


def test_a_newer_release_does_not_wait_for_the_pause_of_an_older_one(fleet):
    verdicts = [Verdict(['busy'], final=False), PASS]
    updater = fleet.updater(preflight=lambda bundle: verdicts.pop(0), clock=Clock())
    fleet.publish(0)
    assert updater.poll().state == 'preflight'
    second = take(fleet, updater, 1)
    assert fleet.folders() == {second.bundle_sha} and updater.state.bad == {}
