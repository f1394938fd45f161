# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What an imagined robot did is marked in its recordings, and nobody takes it for real."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import counter
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from imagined_parts import write_episode

from world_model_ros.experience import (
    EpisodeError,
    EpisodeInfo,
    EpisodeReader,
    EpisodeWriter,
    Topic,
)
from world_model_ros.experience.bag import IMAGINED_ROLE, UNNAMED
from world_model_ros.experience.read.describe import describe, imagined_words
from world_model_ros.experience.read.figures import episode_figures
from world_model_ros.experience.record.agent_messages import imagined_mark
from world_model_ros.experience.record.session import RecordingSession

ORIGIN = {'bundle': 'b', 'bundle_sha': 'ff', 'robot_id': 'r', 'episode': 'e', 'tick': 7}
MARK = json.dumps(ORIGIN, sort_keys=True)
STATE = counter.string(json.dumps({'format': 1, 'imagined': ORIGIN, 'fade': 0.25}))
# Written by write_episode(..., 6, imagined=MARK); a new format gets a fixture beside it.
FIXTURE = Path(__file__).parents[1] / 'fixtures' / 'episode_v2_imagined'
STATE_TOPIC = Topic('/imagined/imagined_robot/state', 'std_msgs/msg/String')


def session(folder):
    return RecordingSession(
        root=folder,
        topics={**counter.TOPICS, IMAGINED_ROLE: STATE_TOPIC},
        open_writer=lambda info: EpisodeWriter(folder, info, min_free_bytes=0),
    )


def recorded(folder, before=(), after=()):
    """One episode through the recorder's session; messages before it begins, and in it."""
    made = session(folder)
    now_s = 0.0

    def hear(role, cdr):
        made.on_message(role, cdr, counter.T0_NS, counter.T0_NS, now_s)

    for cdr in before:
        hear(IMAGINED_ROLE, cdr)
    hear('episode', counter.announcement())
    for cdr in after:
        hear(IMAGINED_ROLE, cdr)
    for message in counter.run(6):
        hear(message.role, message.cdr)
    made.poll(10.0)
    made.close(20.0)
    return EpisodeReader(folder / counter.UUID)


def test_a_recorder_that_hears_an_imagined_robot_marks_its_episode(tmp_path):
    reader = recorded(tmp_path, before=[STATE])
    assert json.loads(reader.imagined) == ORIGIN
    assert reader.info.to_record()['format'] == '2'
    assert 'imagined' in (tmp_path / counter.UUID / 'metadata.yaml').read_text()
    row = describe(tmp_path / counter.UUID)
    assert row['imagined'] == 'imagined by the bundle b from tick 7 of episode e of r'
    figures = episode_figures(tmp_path / counter.UUID)
    assert figures.imagined and not figures.whole


def test_a_mark_that_comes_after_the_beginning_counts_too(tmp_path):
    reader = recorded(tmp_path, after=[STATE])
    assert reader.info.imagined == '' and reader.imagined


def test_an_episode_of_a_robot_has_no_mark_and_keeps_its_format(tmp_path):
    reader = recorded(tmp_path)
    assert reader.imagined == '' and 'imagined' not in reader.info.to_record()
    assert reader.info.to_record()['format'] == '1'
    assert describe(tmp_path / counter.UUID)['imagined'] == ''
    assert not episode_figures(tmp_path / counter.UUID).imagined


@settings(max_examples=40)
@given(st.binary(max_size=60) | st.text().map(counter.string))
def test_a_state_that_cannot_be_read_marks_all_the_same(cdr):
    assert imagined_mark(cdr) == UNNAMED


@given(st.text() | st.dictionaries(st.text(), st.integers()).map(json.dumps))
def test_whatever_the_mark_it_has_words(mark):
    assert bool(imagined_words(mark)) == bool(mark)


def test_format_2_without_a_name_is_still_imagined():
    record = counter.info().to_record() | {'format': '2'}
    assert EpisodeInfo.from_record(record, 'x').imagined == UNNAMED
    with pytest.raises(EpisodeError, match="format '3' is unknown; this version reads formats 1"):
        EpisodeInfo.from_record(record | {'format': '3'}, 'x')


def test_the_trainer_refuses_it_by_name(tmp_path):
    segments = pytest.importorskip('world_model_ros.training.data.segments')
    reader = EpisodeReader(write_episode(tmp_path, 'dream', 6, imagined=MARK))
    with pytest.raises(segments.Unserviceable, match=r'^imagined: imagined by the bundle b from'):
        segments.check_serves(reader, counter.contract())
    segments.check_serves(EpisodeReader(write_episode(tmp_path, 'real', 6)), counter.contract())


def test_the_ledger_names_it_and_no_tick_of_it_is_learned(tmp_path):
    pytest.importorskip('torch')
    from world_model_ros.training.data.ingest import Ingest
    from world_model_ros.training.data.recordings import Recordings

    folder = tmp_path / 'episodes'
    write_episode(folder, 'dream', 6, imagined=MARK)
    said: list[tuple[str, dict]] = []
    ingest = Ingest(
        counter.contract(),
        tmp_path / 'out',
        1000,
        lambda event, **more: said.append((event, more)),
    )
    try:
        source = Recordings(folder)
        ingest.look(source)
        entry = ingest.take(source)
    finally:
        ingest.close()
    assert entry is not None and entry.state == 'refused' and ingest.ticks == 0
    assert entry.reason.startswith('imagined: imagined by the bundle b from tick 7')
    assert said[-1][0] == 'refused' and said[-1][1]['uuid'] == 'dream'


def test_info_without_a_mark_is_what_it_was():
    info = counter.info()
    assert EpisodeInfo.from_record(info.to_record(), 'x') == info
    marked = replace(info, imagined=MARK)
    assert EpisodeInfo.from_record(marked.to_record(), 'x') == marked


def test_the_stored_episode_of_format_2_is_read_as_imagined():
    reader = EpisodeReader(FIXTURE)
    assert reader.contents.record('world_model_ros')['format'] == '2'
    assert json.loads(reader.imagined) == ORIGIN and reader.end.status == 'whole'


def test_no_dataset_is_made_of_it(tmp_path):
    pytest.importorskip('pyarrow')
    from world_model_ros.experience.read.importers.arrived import ImportRefused
    from world_model_ros.experience.read.importers.lerobot_export import export_lerobot

    dream = write_episode(tmp_path / 'episodes', 'dream', 6, imagined=MARK)
    with pytest.raises(ImportRefused, match=r'imagined by the bundle b .*leave it out'):
        export_lerobot([dream], tmp_path / 'dataset')
