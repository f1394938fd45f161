# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A label says afterwards how an episode went; the recording itself stays as it is."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from world_model_ros.cli.main import app
from world_model_ros.experience import EpisodeError, EpisodeReader, check_episode, to_arrays
from world_model_ros.experience.read.labels import (
    LABEL_FILE,
    Label,
    _parse,
    rated,
    read_label,
    write_label,
)
from world_model_ros.plugins import PluginError
from world_model_ros.reward_function import reward_function

FIXTURE = Path(__file__).resolve().parents[1] / 'fixtures/episode_v1'
STORED = FIXTURE.parent / 'label_v1.json'
SOURCE = """
def place(arrays):
    return arrays['obs_joints'][:, 0] * 0.5
def unknown(arrays):
    return arrays['obs_joints'][:, 0] * float('nan')
def fails(arrays):
    return arrays['nothing']
"""


@pytest.fixture
def episode(tmp_path, monkeypatch):
    (tmp_path / 'label_task.py').write_text(SOURCE)
    monkeypatch.chdir(tmp_path)
    reward_function.cache_clear()
    yield Path(shutil.copytree(FIXTURE, tmp_path / 'episode'))
    sys.modules.pop('label_task', None)
    sys.path[:] = [path for path in sys.path if path != str(tmp_path)]
    reward_function.cache_clear()


def label(*words):
    return CliRunner().invoke(app, ['episodes', 'label', *map(str, words)])


def digests(folder):
    files = [path for path in folder.iterdir() if path.name != LABEL_FILE]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_success_is_a_reward_at_the_end_of_the_task(episode):
    before, recorded = digests(episode), to_arrays(episode)
    done = label(episode, '--success')
    assert done.exit_code == 0 and done.output == f'{episode}: success\n'
    arrays = to_arrays(episode)
    assert arrays['reward'].tolist() == [0.0] * 9 + [1.0]
    assert arrays['terminal'].tolist() == [False] * 9 + [True] and not arrays['truncated'].any()
    assert digests(episode) == before and check_episode(episode, rebuilt=True) == []
    for key in recorded.keys() - {'reward', 'terminal', 'truncated'}:
        np.testing.assert_array_equal(arrays[key], recorded[key])


def test_failure_earns_nothing_and_is_no_end_of_the_task(episode):
    assert label(episode, '--success').exit_code == 0
    assert label(episode, '--failure').exit_code == 0
    arrays = to_arrays(episode)
    assert not arrays['reward'].any() and not arrays['terminal'].any() and arrays['truncated'][-1]


def test_a_function_is_evaluated_once_and_its_numbers_are_kept(episode):
    done = label(episode, '--function', 'label_task:place')
    assert done.exit_code == 0 and '10 ticks rated' in done.output, done.output
    (episode.parent / 'label_task.py').unlink()  # whoever reads the label runs no code
    sys.modules.pop('label_task')
    arrays = to_arrays(episode)
    np.testing.assert_allclose(arrays['reward'], arrays['obs_joints'][:, 0] * 0.5)
    assert arrays['truncated'][-1] and not arrays['terminal'].any()  # as recorded


def test_a_label_can_be_removed(episode):
    recorded = to_arrays(episode)['reward']
    assert label(episode, '--failure').exit_code == 0
    done = label(episode, '--clear')
    assert done.exit_code == 0 and done.output == f'{episode}: no label\n'
    np.testing.assert_array_equal(to_arrays(episode)['reward'], recorded)


def test_the_list_shows_labels(episode):
    label(episode, '--success')
    done = CliRunner().invoke(app, ['episodes', 'list', str(episode.parent)])
    assert 'whole, success' in done.output


@pytest.mark.parametrize(
    ('words', 'code', 'said'),
    [
        ([], 2, 'one of --success'),
        (['--success', '--failure'], 2, 'one of --success'),
        (['--function', 'label_task:fails'], 1, 'fails'),
        (['--function', 'no_such_task:f'], 1, 'no_such_task:f'),
    ],
)
def test_what_cannot_be_done_is_said(episode, words, code, said):
    done = label(episode, *words)
    assert done.exit_code == code and said in done.output, done.output
    assert not (episode / LABEL_FILE).exists()


def test_no_episode_and_one_that_is_being_recorded_are_refused(episode):
    (episode.parent / 'empty').mkdir()
    done = label(episode.parent / 'empty', '--success')
    assert done.exit_code == 1 and 'no episode in' in done.output
    active = episode.rename(episode.with_name('episode.active'))
    done = label(active, '--success')
    assert done.exit_code == 1 and 'still recording' in done.output


def test_ticks_that_nobody_observed_are_not_rated(episode):
    reader = EpisodeReader(episode)
    arrays = to_arrays(reader)
    arrays['observed'][3] = False
    sys.path.insert(0, str(episode.parent))
    made = rated('e', 'label_task:place', arrays, reader.contract)
    assert made.rewards[3] is None and made.rewards[4] == pytest.approx(2.0)
    assert rated('e', 'label_task:unknown', arrays, reader.contract).rewards == (None,) * 10
    arrays['observed'][:] = False
    with pytest.raises(EpisodeError, match='no tick was observed'):
        rated('e', 'label_task:place', arrays, reader.contract)
    with pytest.raises(PluginError):
        rated('e', 'label_task:fails', to_arrays(reader), reader.contract)


def test_a_label_of_another_recording_is_refused(episode):
    write_label(episode, Label('e', 'rated', (1.0, 2.0)))
    with pytest.raises(EpisodeError, match='a label of 2 ticks, the episode has 10'):
        to_arrays(episode)


def test_a_stored_label_is_read_and_a_later_one_refused(episode):
    shutil.copy(STORED, episode / LABEL_FILE)
    arrays = to_arrays(episode)
    assert np.isnan(arrays['reward'][0]) and arrays['reward'][9] == 0.75
    (episode / LABEL_FILE).write_text(STORED.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(EpisodeError, match=r'label.json: .* expected label format 1, got 2'):
        read_label(episode)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=8,
)
KEYS = st.sampled_from(['format', 'episode', 'outcome', 'rewards', 'function'])


@given(st.dictionaries(KEYS, VALUES) | VALUES, st.booleans())
def test_any_json_is_a_label_or_refused(value, sound):
    if sound and isinstance(value, dict):
        value = {'format': 1, 'outcome': 'rated', 'episode': '', 'function': ''} | value
    try:
        found = _parse(value)
    except ValueError:
        return
    assert found.outcome in ('success', 'failure', 'rated')
    assert all(number is None or math.isfinite(number) for number in found.rewards)
    assert _parse(json.loads(found.to_json())) == found


@given(content=st.binary(max_size=60))
def test_any_file_is_a_label_or_an_error_that_names_it(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp('label')
    (folder / LABEL_FILE).write_bytes(content)
    with pytest.raises(EpisodeError, match=LABEL_FILE):
        read_label(folder)
