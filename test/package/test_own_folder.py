# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Only a folder of ours is deleted, and nothing through a link."""

from __future__ import annotations

import pytest

from world_model_ros.own_folder import check_own, remove_own

NAMES = ('state.json', 'weights.bin')


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / 'ours'
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_text('ours')
    return folder


def test_a_folder_of_ours_is_deleted(folder):
    remove_own(folder, NAMES)
    assert not folder.exists()
    remove_own(folder, NAMES)  # once more does no harm


@pytest.mark.parametrize('what', ['file', 'folder', 'link', 'link of our name'])
def test_a_folder_that_holds_anything_else_stays_whole(folder, tmp_path, what):
    outside = tmp_path / 'outside'
    outside.write_text('mine')
    if what == 'file':
        (folder / 'notes.txt').write_text('mine')
    elif what == 'folder':
        (folder / 'recordings').mkdir()
    elif what == 'link':
        (folder / 'link').symlink_to(outside)
    else:
        (folder / 'weights.bin').unlink()
        (folder / 'weights.bin').symlink_to(outside)
    with pytest.raises(FileExistsError, match='would be lost; move it away'):
        remove_own(folder, NAMES)
    assert (folder / 'state.json').read_text() == 'ours' and outside.read_text() == 'mine'


@pytest.mark.parametrize('link', [True, False])
def test_what_is_no_folder_stays(folder, tmp_path, link):
    path = tmp_path / 'other'
    if link:
        path.symlink_to(folder)
    else:
        path.write_text('mine')
    with pytest.raises(FileExistsError, match='not a folder'):
        check_own(path, NAMES)
    with pytest.raises(FileExistsError, match='not a folder'):
        remove_own(path, NAMES)
    assert (folder / 'state.json').exists()
