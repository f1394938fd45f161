# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The way back, and what an agent is handed that starts anew."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip('onnxruntime')

from updater_fleet import PASS, take

from world_model_ros.fleet.slot import SlotsError, slot_problems
from world_model_ros.fleet.updater_state import Slot
from world_model_ros.fleet.verdict import Verdict
from world_model_ros.releases import publish_release


def test_the_operator_rolls_back_and_the_store_does_not_bring_it_again(fleet):
    updater = fleet.updater()
    first, second = take(fleet, updater, 0), take(fleet, updater, 1)
    slot = updater.rollback()
    assert (slot.bundle_sha, slot.release) == (first.bundle_sha, 1)
    assert updater.poll().state == 'ready'  # the operator's word, whatever is newest
    assert updater.offered == slot
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
    updater = fleet.updater()
    assert updater.poll().state == 'ready' and updater.offered == slot
    assert slot.bundle_sha == first.bundle_sha


def test_an_agent_that_goes_back_by_itself_before_the_operator_can_is_followed_on(fleet):
    updater = fleet.updater()
    first, second = take(fleet, updater, 0), take(fleet, updater, 1)
    updater.rollback()
    updater.rolled_back(second.bundle_sha, 'belief is not finite')
    updater.swapped(first.bundle_sha)
    assert updater.offered is None and not updater.state.pinned
    take(fleet, updater, 2)


def test_what_the_agent_left_at_a_tick_is_never_taken_again(fleet):
    updater = fleet.updater()
    first, second = take(fleet, updater, 0), take(fleet, updater, 1)
    updater.rolled_back(second.bundle_sha, 'belief is not finite at tick 40')
    updater.swapped(first.bundle_sha)
    status = updater.poll()
    assert (status.state, status.reason) == ('refused', 'belief is not finite at tick 40')
    assert updater.state.acting.bundle_sha == first.bundle_sha
    assert fleet.folders() == {first.bundle_sha}


def test_the_bundle_that_came_with_the_robot_can_be_rolled_back_to(fleet):
    shipped = fleet.bundles[4]
    updater = fleet.updater(shipped=shipped)
    sha = publish_release(fleet.store, shipped, 'f' * 64).bundle_sha
    updater.swapped(sha)
    take(fleet, updater, 0)
    assert updater.rollback() == Slot(sha, 0, str(shipped))


def test_an_agent_that_starts_anew_from_its_own_bundle_gets_the_newest_again(fleet):
    tried = []
    updater = fleet.updater(preflight=lambda bundle: tried.append(bundle) or PASS)
    release = take(fleet, updater, 0)
    updater.swapped('e' * 64)
    status = updater.poll()
    assert (status.state, status.bundle_sha) == ('ready', release.bundle_sha)
    assert len(tried) == 1


def refuse(fleet, updater, number):
    """Publish a bundle that fails preflight here."""
    release = fleet.publish(number)
    fleet.verdicts[str(fleet.bundle(release))] = Verdict(['action is not finite'])
    assert updater.poll().state == 'refused'
    return release


@pytest.fixture
def judged(fleet):
    """A fleet whose preflight fails what the test says."""
    fleet.verdicts = {}
    options = {'preflight': lambda bundle: fleet.verdicts.get(str(bundle), PASS)}
    fleet.start = lambda: fleet.updater(**options)
    return fleet


def begins_anew(updater, own: bool):
    """The agent starts again, from the bundle of its own or from none."""
    if own:
        updater.swapped('e' * 64)
    else:
        updater.acts_on_nothing()


@pytest.mark.parametrize('own', [False, True])
@pytest.mark.parametrize('restarted', [False, True])
def test_an_agent_that_starts_anew_gets_the_newest_good_release_where_the_newest_is_bad(
    judged, own, restarted
):
    updater = judged.start()
    first, second = take(judged, updater, 0), take(judged, updater, 1)
    refuse(judged, updater, 2)
    assert updater.offered is None  # the newest good one acts
    if restarted:
        updater.close()
        updater = judged.start()
        assert updater.poll().state == 'refused'
    begins_anew(updater, own)
    assert updater.poll().state == 'refused'
    assert updater.offered.bundle_sha == second.bundle_sha
    # That one fails at a tick: the one before it is still here.
    updater.rolled_back(second.bundle_sha, 'the agent refused it')
    updater.poll()
    assert updater.offered.bundle_sha == first.bundle_sha
    assert slot_problems(Path(updater.offered.bundle), first.bundle_sha) == []
    updater.swapped(first.bundle_sha)
    assert updater.offered is None and updater.state.acting.release == 1
    updater.rolled_back(first.bundle_sha, 'and this one')
    begins_anew(updater, own)
    assert updater.poll().state == 'refused' and updater.offered is None


def test_an_agent_without_a_model_is_handed_one_while_the_store_is_away(judged, tmp_path):
    updater = judged.start()
    release = take(judged, updater, 0)
    os.rename(judged.store.folder, tmp_path / 'away')
    updater.close()
    updater = judged.start()
    assert updater.poll().state == 'unreachable' and updater.offered is None
    updater.acts_on_nothing()
    assert updater.poll().state == 'unreachable'
    assert updater.offered == Slot(release.bundle_sha, 1, str(judged.bundle(release)))


def test_an_agent_without_a_model_gets_the_newest_again(judged):
    updater = judged.start()
    release = take(judged, updater, 0)
    updater.acts_on_nothing()
    status = updater.poll()
    assert (status.state, status.bundle_sha) == ('ready', release.bundle_sha)
    assert updater.offered.bundle_sha == release.bundle_sha
    updater.swapped(release.bundle_sha)
    assert updater.poll().state == 'acting' and updater.offered is None


def test_a_good_candidate_is_still_offered_while_the_next_release_is_refused(judged):
    updater = judged.start()
    take(judged, updater, 0)
    second = judged.publish(1)
    assert updater.poll().state == 'ready'
    refuse(judged, updater, 2)
    assert updater.offered.bundle_sha == second.bundle_sha


def test_what_the_agent_left_without_another_model_gives_way_to_the_one_before(judged):
    updater = judged.start()
    first, second = take(judged, updater, 0), take(judged, updater, 1)
    updater.rolled_back(second.bundle_sha, 'belief is not finite')
    updater.swapped(second.bundle_sha)  # it has no other
    assert updater.poll().state == 'refused'
    assert updater.offered.bundle_sha == first.bundle_sha


def test_an_older_candidate_is_withdrawn_once_the_newest_acts(judged):
    updater = judged.start()
    first = take(judged, updater, 0)
    judged.publish(1)
    assert updater.poll().state == 'ready' and updater.offered.release == 2
    again = judged.publish(0)
    assert (again.number, again.bundle_sha) == (3, first.bundle_sha)
    assert updater.poll().state == 'acting' and updater.offered is None


def test_an_agent_that_starts_anew_keeps_the_operators_word(judged):
    updater = judged.start()
    first, second = take(judged, updater, 0), take(judged, updater, 1)
    updater.rollback()
    updater.acts_on_nothing()
    assert updater.poll().state == 'ready' and updater.offered.bundle_sha == first.bundle_sha
    updater.swapped(first.bundle_sha)
    updater.acts_on_nothing()
    assert updater.poll().bundle_sha == second.bundle_sha
    assert updater.offered.bundle_sha == first.bundle_sha
