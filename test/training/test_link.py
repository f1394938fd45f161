# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A store is lost once and back once, however often it is tried in between."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip('mujoco')
from served import Told, serve

from world_model_ros.store import StoreUrlError
from world_model_ros.training.core.store_connection import Link


def test_a_store_that_can_be_read_but_not_written_is_lost_until_it_can_be_written(
    tmp_path, store, learner_file
):
    blocker = Path(store.url) / 'trainer'  # no folder can be made there
    blocker.write_bytes(b'')

    def lost_for_long(service, status):
        assert not told.of('store_back')
        return status['store_errors'] >= 5

    def mend(service, status):
        blocker.unlink()
        return True

    def back(service, status):
        return not status['store_error']

    told = Told(lost_for_long, mend, back)
    serve(store.url, tmp_path / 'out', learner_file, told).run()
    assert len(told.of('store_lost')) == len(told.of('store_back')) == 1


def test_a_url_that_names_no_store_is_no_store_that_is_away():
    with pytest.raises(StoreUrlError, match='write s3://BUCKET/PREFIX'):
        Link('s3:/bucket', lambda *_, **__: None)


def test_what_no_reader_of_the_store_thought_of_is_counted_and_tried_again(tmp_path):
    events = []
    link = Link(str(tmp_path), lambda event, **fields: events.append((event, fields)))
    with link.doing('look'):
        raise RecursionError('nested')
    assert link.fails_to('look') and link.errors == 1
    assert 'RecursionError: nested' in link.error
    with link.doing('look'):
        pass
    assert not link.error and [name for name, _ in events] == ['store_lost', 'store_back']
