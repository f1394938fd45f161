# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The updater over a folder store: what it takes, keeps, refuses and survives."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import fleet_bundles
import pytest

pytest.importorskip('onnxruntime')

from world_model_ros.contract import interface_hash, load_contract
from world_model_ros.fleet.preflight import Verdict
from world_model_ros.fleet.slots import Slot, SlotsError, read_state, slot_problems
from world_model_ros.fleet.updater import STATES, Updater
from world_model_ros.store import open_store, publish_release
from world_model_ros.store.layout import objects_prefix

PASS = Verdict([])
# A robot in a process of its own: it follows, swaps at once, and says what it does. With a state
# named, it ends by SIGKILL when it gets there.
FOLLOW = """
import os, signal, sys
from world_model_ros.fleet.updater import Updater
url, contract, slots, die_in = sys.argv[1:]
def on_status(status):
    print(status.state, flush=True)
    if status.state == die_in:
        os.kill(os.getpid(), signal.SIGKILL)
updater = Updater(url, contract, slots, robot_id='r', on_status=on_status)
while True:
    status = updater.poll()
    if status.state == 'ready':
        updater.swapped(status.bundle_sha)
"""


class Fleet:
    """A store, a robot's slots, and bundles to publish."""

    def __init__(self, folder: Path, contract: Path, bundles: list[Path]) -> None:
        self.contract, self.bundles = contract, bundles
        self.store = open_store(folder / 'store', create=True)
        self.slots = folder / 'slots'
        self.interface = interface_hash(load_contract(contract))

    def publish(self, number: int):
        return publish_release(self.store, self.bundles[number], self.interface)

    def updater(self, **options) -> Updater:
        options.setdefault('preflight', lambda bundle: PASS)
        return Updater(self.store.url, self.contract, self.slots, **options)

    def follow(self, die_in: str = '') -> subprocess.Popen:
        line = [sys.executable, '-c', FOLLOW, self.store.url, self.contract, self.slots, die_in]
        return subprocess.Popen([str(part) for part in line], stdout=subprocess.PIPE, text=True)

    def folders(self) -> set[str]:
        return {path.name for path in self.slots.iterdir() if path.is_dir()}


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp('made')
    contract = fleet_bundles.write_contract(folder / 'robot.yaml')
    return contract, [
        fleet_bundles.make_bundle(folder / f'bundle{seed}', contract, seed) for seed in range(5)
    ]


@pytest.fixture
def fleet(tmp_path, made):
    return Fleet(tmp_path, *made)


def take(fleet, updater, number):
    """Publish a bundle, follow it and swap to it."""
    release = fleet.publish(number)
    status = updater.poll()
    assert (status.state, status.bundle_sha) == ('ready', release.bundle_sha), status
    updater.swapped(release.bundle_sha)
    return release


def test_a_release_is_followed_from_the_store_into_a_slot_with_the_real_preflight(fleet):
    seen = []
    updater = Updater(
        fleet.store.url, fleet.contract, fleet.slots, on_status=lambda s: seen.append(s.state)
    )
    assert updater.poll().state == 'idle'
    release = fleet.publish(0)
    status = updater.poll()

    assert seen == ['idle', 'downloading', 'verifying', 'preflight', 'ready']
    assert set(seen) <= set(STATES)
    assert status.slot == Slot(release.bundle_sha, 1, str(fleet.slots / release.bundle_sha))
    assert slot_problems(Path(status.slot.bundle), release.bundle_sha) == []
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
    updater.swapped(second.bundle_sha, 2, fleet.slots / second.bundle_sha)
    assert updater.state.acting.release == 2
    assert slot_problems(Path(updater.state.acting.bundle), second.bundle_sha) == []
    assert updater.poll().bundle_sha == third.bundle_sha
    updater.swapped(third.bundle_sha)
    assert fleet.folders() == {second.bundle_sha, third.bundle_sha}
    assert first.bundle_sha not in fleet.folders()


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
    updater = fleet.updater()
    release = fleet.publish(0)
    path = fleet.store.folder / objects_prefix(fleet.interface, release.bundle_sha) / 'weights.bin'
    whole = path.read_bytes()
    path.write_bytes(bytes([whole[0] ^ 1]) + whole[1:])
    status = updater.poll()
    assert (status.state, status.release) == ('refused', 1)
    assert 'weights.bin: damaged in the store' in status.reason
    assert updater.state.slots() == [] and updater.state.bad == {}
    path.write_bytes(whole)
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
        assert read_state(fleet.slots)[0].acting.bundle_sha == first.bundle_sha
        ballast.unlink()
        assert updater.poll().bundle_sha == second.bundle_sha
        updater.close()
    finally:
        subprocess.run(['umount', '-l', str(fleet.slots)], check=False)


def test_the_operator_rolls_back_and_the_store_does_not_bring_it_again(fleet):
    updater = fleet.updater()
    first, second = take(fleet, updater, 0), take(fleet, updater, 1)
    slot = updater.rollback()
    assert (slot.bundle_sha, slot.release) == (first.bundle_sha, 1)
    assert updater.poll().slot == slot  # the operator's word, whatever is newest
    updater.swapped(first.bundle_sha)

    status = updater.poll()
    assert status.state == 'refused' and "operator's word" in status.reason
    assert status.bundle_sha == second.bundle_sha
    assert updater.state.acting.bundle_sha == first.bundle_sha
    with pytest.raises(SlotsError, match='no previous'):
        updater.rollback()
    third = take(fleet, updater, 2)  # a newer one is followed
    assert updater.state.previous.bundle_sha == first.bundle_sha
    assert third.number == 3


def test_a_rollback_holds_across_a_restart(fleet):
    updater = fleet.updater()
    first, _ = take(fleet, updater, 0), take(fleet, updater, 1)
    slot = updater.rollback()
    updater.close()
    assert fleet.updater().poll().slot == slot
    assert slot.bundle_sha == first.bundle_sha


def test_what_the_agent_left_at_a_tick_is_never_taken_again(fleet):
    updater = fleet.updater()
    first, second = take(fleet, updater, 0), take(fleet, updater, 1)
    updater.rolled_back(second.bundle_sha, 'belief is not finite at tick 40')
    updater.swapped(first.bundle_sha, 1)
    status = updater.poll()
    assert (status.state, status.reason) == ('refused', 'belief is not finite at tick 40')
    assert updater.state.acting.bundle_sha == first.bundle_sha
    assert fleet.folders() == {first.bundle_sha}


def test_the_bundle_that_came_with_the_robot_can_be_rolled_back_to(fleet):
    updater = fleet.updater()
    shipped = fleet.bundles[4]
    sha = publish_release(fleet.store, shipped, 'f' * 64).bundle_sha
    updater.swapped(sha, 0, shipped)
    take(fleet, updater, 0)
    assert updater.rollback() == Slot(sha, 0, str(shipped))


def test_an_agent_that_starts_anew_from_its_own_bundle_gets_the_newest_again(fleet):
    tried = []
    updater = fleet.updater(preflight=lambda bundle: tried.append(bundle) or PASS)
    release = take(fleet, updater, 0)
    updater.swapped('e' * 64, 0, '/somewhere')
    status = updater.poll()
    assert (status.state, status.bundle_sha) == ('ready', release.bundle_sha)
    assert len(tried) == 1


def test_two_updaters_never_share_slots(fleet):
    updater = fleet.updater()
    with pytest.raises(SlotsError, match='another updater uses these slots'):
        fleet.updater()
    updater.close()
    fleet.updater().close()


def test_a_state_of_another_format_is_refused_by_name(fleet):
    fleet.updater().close()
    (fleet.slots / 'state.json').write_text('{"format": 2}')
    with pytest.raises(SlotsError, match=r'state\.json: format 2: this version reads format 1'):
        fleet.updater()


@pytest.mark.parametrize('content', ['', '{', '[]', '{"format": 1}', '{"format": 1, "bad": []}'])
def test_a_damaged_state_is_kept_aside_and_begun_anew(fleet, content):
    updater = fleet.updater()
    release = take(fleet, updater, 0)
    updater.close()
    (fleet.slots / 'state.json').write_text(content)
    updater = fleet.updater()
    assert 'state.json was damaged' in updater.notice
    assert (fleet.slots / 'state.json.damaged').read_text() == content
    assert updater.poll().bundle_sha == release.bundle_sha  # found whole, taken again


def test_an_acting_slot_that_is_no_longer_whole_is_noticed_at_the_next_start(fleet):
    updater = fleet.updater()
    release = take(fleet, updater, 0)
    updater.close()
    (fleet.slots / release.bundle_sha / 'weights.bin').write_bytes(b'')
    updater = fleet.updater()
    assert 'acting slot' in updater.notice and 'weights.bin' in updater.notice
    assert updater.state.acting is None
    assert updater.poll().state == 'ready'
    assert slot_problems(fleet.slots / release.bundle_sha, release.bundle_sha) == []


def test_the_store_is_told_how_the_robot_stands(fleet):
    updater = fleet.updater(robot_id='arm_07')
    release = take(fleet, updater, 0)
    updater.poll()
    report = json.loads(fleet.store.get('status/arm_07/updater.json'))
    assert (report['format'], report['state']) == (1, 'acting')
    assert report['acting']['bundle_sha'] == release.bundle_sha
    assert report['history'][0]['acting_ns'] > report['history'][0]['published_ns']


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
