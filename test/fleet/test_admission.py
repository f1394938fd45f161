# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which bundles an agent loads when any node may tell it to."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from world_model_ros.fleet.admission import MAX_REASON, Admission, unchanged
from world_model_ros.fleet.slot import marker

MANIFEST = b'{"name": "b"}'
DIGEST = hashlib.sha256(MANIFEST).hexdigest()


@pytest.fixture
def slots(tmp_path):
    """A slot that the updater has tried."""
    bundle = tmp_path / 'slots' / DIGEST / 'bundle'
    bundle.mkdir(parents=True)
    (bundle / 'manifest.json').write_bytes(MANIFEST)
    (bundle.parent / 'slot.json').write_bytes(marker(DIGEST, passed=True, release=3))
    return tmp_path / 'slots'


def other(folder):
    """A bundle for which nobody vouches."""
    folder.mkdir()
    (folder / 'manifest.json').write_bytes(MANIFEST)
    return str(folder)


def test_a_slot_that_was_tried_may_be_loaded(slots):
    admission = Admission('', str(slots))
    bundle = str(slots / DIGEST / 'bundle')
    assert admission.refusal({'bundle': bundle, 'release': 3}) == ''
    assert admission.digest(bundle) == DIGEST


def test_a_slot_with_another_manifest_is_refused(slots):
    bundle = slots / DIGEST / 'bundle'
    (bundle / 'manifest.json').write_bytes(MANIFEST + b' ')
    refusal = Admission('', str(slots)).refusal({'bundle': str(bundle)})
    assert f'the slot is of {DIGEST[:12]}' in refusal


def test_any_other_directory_needs_the_operator_or_the_start(slots, tmp_path):
    bundle = other(tmp_path / 'mine')
    refusal = Admission('', str(slots)).refusal({'bundle': bundle})
    assert 'only bundles that the updater has tried are loaded' in refusal
    assert Admission(bundle, str(slots)).refusal({'bundle': bundle}) == ''
    assert Admission('', str(slots), others=True).refusal({'bundle': bundle}) == ''


@pytest.mark.parametrize(
    ('new', 'words'),
    [
        ({'release': 3}, 'set bundle and release in one call'),
        ({'bundle': 'x', 'release': -1}, 'release is -1: expected 0'),
        ({'bundle': 'x', 'release': 1 << 60}, 'expected 0 .none. or its number'),
        ({'bundle': ''}, 'empty; give the directory of a bundle'),
        ({'bundle': 'x' * 9_000}, 'bundle xxx'),
    ],
)
def test_what_means_nothing_is_refused_in_one_short_line(new, words):
    refusal = Admission('').refusal(new)
    assert words.replace('.none.', '(none)') in refusal
    assert len(refusal) <= MAX_REASON and '\n' not in refusal


@given(st.text(max_size=30))
def test_no_text_is_admitted_by_itself(text):
    assert Admission('').refusal({'bundle': text}) != ''


def test_a_bundle_that_changed_after_it_was_admitted_is_not_taken():
    model = SimpleNamespace(digest='b' * 64)
    assert unchanged(lambda path, release: model, '/slot', 1, 'b' * 64) is model
    with pytest.raises(ValueError, match='aaaaaaaaaaaa was offered'):
        unchanged(lambda path, release: model, '/slot', 1, 'a' * 64)
