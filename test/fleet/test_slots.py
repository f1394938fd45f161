# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Only own slots are ever deleted or offered; a foreign folder is refused with the remedy."""

from __future__ import annotations

import os
import shutil

import pytest

pytest.importorskip('onnxruntime')

from updater_fleet import take

from world_model_ros.fleet.slot import SlotsError, slot_problems, vouched
from world_model_ros.fleet.updater_state import Slot

FOREIGN = 'f' * 64


def recordings(folder):
    """Somebody's folder: names like ours, files like ours, no marker of ours."""
    for name in ('recordings', FOREIGN, f'{FOREIGN}.part'):
        (folder / name / 'bundle').mkdir(parents=True)
        for file in ('episode.mcap', 'weights.bin', 'bundle/weights.bin'):
            (folder / name / file).write_text('mine')
    return folder


def everything(folder):
    return {str(path): path.read_bytes() for path in folder.rglob('*') if path.is_file()}


@pytest.mark.parametrize('what', ['folders', 'file', 'link', 'hidden', 'foreign marker'])
def test_a_foreign_folder_is_refused_with_the_remedy_and_untouched(fleet, what):
    fleet.slots.mkdir()
    if what == 'folders':
        recordings(fleet.slots)
    elif what == 'link':
        (fleet.slots / 'link').symlink_to('/')
    elif what == 'foreign marker':
        (fleet.slots / 'slots.json').write_text('my slots')
    else:
        (fleet.slots / ('.mine' if what == 'hidden' else 'mine')).write_text('mine')
    before = everything(fleet.slots)
    with pytest.raises(SlotsError, match='name an empty or new folder in parameter slots'):
        fleet.updater()
    assert everything(fleet.slots) == before


def test_the_folder_above_the_slots_is_never_made(fleet):
    fleet.slots = fleet.slots / 'mnt' / 'slots'
    with pytest.raises(SlotsError, match='is the disk mounted'):
        fleet.updater()
    assert not fleet.slots.parent.exists()


def test_what_is_put_among_the_slots_later_is_never_deleted(fleet):
    updater = fleet.updater()
    take(fleet, updater, 0)
    recordings(fleet.slots)
    outside = recordings(fleet.slots.parent / 'outside')
    (fleet.slots / ('e' * 64)).symlink_to(outside / 'recordings')
    before = everything(fleet.slots / 'recordings') | everything(fleet.slots / FOREIGN)
    before |= everything(outside) | everything(fleet.slots / f'{FOREIGN}.part')
    for number in (1, 2, 3):
        take(fleet, updater, number)
    after = everything(fleet.slots) | everything(outside)
    assert before.items() <= after.items()
    assert (fleet.slots / ('e' * 64)).is_symlink()


def test_what_is_put_into_a_slot_stays_when_the_slot_is_deleted(fleet):
    updater = fleet.updater()
    first = take(fleet, updater, 0)
    folder = fleet.slots / first.bundle_sha
    (folder / 'bundle' / 'notes.txt').write_text('mine')
    (folder / 'bundle' / 'decode.onnx').unlink()
    (folder / 'bundle' / 'decode.onnx').mkdir()
    for number in (1, 2, 3):
        take(fleet, updater, number)
    assert (folder / 'bundle' / 'notes.txt').read_text() == 'mine'
    assert not (folder / 'bundle' / 'weights.bin').exists()


@pytest.mark.parametrize('name', ['bundle', 'bundle.part'])
def test_a_link_in_a_slot_leads_nowhere(fleet, name):
    outside = fleet.slots.parent / 'outside'
    outside.mkdir()
    (outside / 'weights.bin').write_text('mine')
    updater = fleet.updater()
    release = fleet.publish(0)
    folder = fleet.slots / release.bundle_sha
    updater._slots.prepare(release.bundle_sha)
    (folder / name).symlink_to(outside)
    status = updater.poll()
    assert status.state == 'unreachable' and 'move it away' in status.reason
    assert everything(outside) == {str(outside / 'weights.bin'): b'mine'}
    (folder / name).unlink()
    assert updater.poll().state == 'ready'


def test_a_lock_that_is_a_link_is_not_followed(fleet):
    fleet.updater().close()
    victim = fleet.slots.parent / 'victim'
    victim.write_text('mine')
    (fleet.slots / 'lock').unlink()
    (fleet.slots / 'lock').symlink_to(victim)
    with pytest.raises(OSError, match='lock'):
        fleet.updater()
    assert victim.read_text() == 'mine'


def test_the_agents_word_never_makes_a_directory_an_offer(fleet):
    updater = fleet.updater()
    first, second = take(fleet, updater, 0), take(fleet, updater, 1)
    updater.swapped('e' * 64)  # whatever directory the message names
    updater.swapped('d' * 64)
    assert updater.state.acting == Slot('d' * 64, 0, '')
    for slot in (updater.offered, updater.state.candidate, updater.state.previous):
        assert slot is None or slot.bundle_sha in (first.bundle_sha, second.bundle_sha)
    assert updater.offered.bundle_sha == second.bundle_sha
    with pytest.raises(SlotsError, match='no previous'):
        updater.swapped(second.bundle_sha)
        updater.swapped(first.bundle_sha)
        updater.swapped('e' * 64)
        updater.rolled_back(first.bundle_sha, 'x')
        updater.rolled_back(second.bundle_sha, 'x')
        updater.rollback()


def test_only_what_was_handed_over_can_be_left(fleet):
    updater = fleet.updater()
    first = take(fleet, updater, 0)
    for number in range(50):
        assert not updater.rolled_back(f'{number:064x}', 'x' * 10_000)
    assert updater.state.bad == {}
    updater.swapped('e' * 64)
    assert not updater.rolled_back('e' * 64, 'x')
    assert updater.rolled_back(first.bundle_sha, 'x' * 10_000)
    assert len(updater.state.bad[first.bundle_sha]) < 1000


def test_a_slot_is_vouched_for_only_after_its_preflight(fleet):
    tried = []

    def preflight(bundle):
        with pytest.raises(ValueError, match='not tried'):
            vouched(bundle, fleet.slots)
        tried.append(bundle)
        from updater_fleet import PASS

        return PASS

    updater = fleet.updater(preflight=preflight)
    release = fleet.publish(0)
    assert updater.poll().state == 'ready' and tried == [fleet.bundle(release)]
    assert vouched(updater.offered.bundle, fleet.slots) == release.bundle_sha


def test_nothing_else_is_vouched_for(fleet, tmp_path):
    updater = fleet.updater()
    release = take(fleet, updater, 0)
    folder, slots = fleet.slots / release.bundle_sha, fleet.slots
    copied = tmp_path / 'other' / release.bundle_sha
    shutil.copytree(folder, copied)
    linked = slots / ('e' * 64)
    linked.symlink_to(folder)
    renamed = slots / ('d' * 64)
    shutil.copytree(folder, renamed)
    bare = slots / ('c' * 64) / 'bundle'
    shutil.copytree(folder / 'bundle', bare)
    for path in (
        copied / 'bundle',
        linked / 'bundle',
        renamed / 'bundle',
        bare,
        folder,
        slots,
        tmp_path,
        '',
        'bundle',
        f'{folder}/../{release.bundle_sha}/bundle',
        os.path.relpath(folder / 'bundle'),
    ):
        with pytest.raises((ValueError, OSError)):
            vouched(path, slots)
    assert slot_problems(folder / 'bundle', release.bundle_sha) == []


def test_a_release_with_a_file_that_no_bundle_has_is_refused_before_it_is_fetched(fleet, tmp_path):
    bundle = tmp_path / 'strange'
    shutil.copytree(fleet.bundles[0], bundle)
    (bundle / 'run.sh').write_text('mine')
    fleet.bundles = [bundle]
    fleet.publish(0)
    updater = fleet.updater()
    status = updater.poll()
    assert status.state == 'refused' and 'run.sh' in status.reason
    assert fleet.folders() == set()


def test_a_release_larger_than_any_bundle_is_refused_before_it_is_fetched(
    fleet, tmp_path, monkeypatch
):
    monkeypatch.setenv('WORLD_MODEL_MAX_BUNDLE_MB', '6')
    bundle = tmp_path / 'large'
    shutil.copytree(fleet.bundles[0], bundle)
    (bundle / 'weights.bin').write_bytes(bytes(7_000_000))
    fleet.bundles = [bundle]
    fleet.publish(0)
    updater = fleet.updater()
    status = updater.poll()
    assert status.state == 'refused' and 'at most 6000000' in status.reason
    assert fleet.folders() == set()
