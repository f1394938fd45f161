# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where an imagined world begins, what is refused as its beginning, and real beside imagined."""

from __future__ import annotations

import json
import shutil

import cv2
import numpy as np
import pytest

pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

from imagined_parts import TICKS, bundle_folder, write_episode
from typer.testing import CliRunner

from world_model_ros.bundle import BundleError
from world_model_ros.cli.main import app
from world_model_ros.contract import parse_contract
from world_model_ros.imagined import ImaginedError, begin_world
from world_model_ros.imagined.compare import compare
from world_model_ros.imagined.film import COLUMNS, STRIP_PX, write_film, write_strip

MARK = json.dumps({'bundle': 'b', 'robot_id': 'r', 'episode': 'e', 'tick': 7})


@pytest.fixture(scope='module')
def bundle(tmp_path_factory):
    return str(bundle_folder(tmp_path_factory.mktemp('bundle') / 'tiny'))


@pytest.fixture(scope='module')
def episode(tmp_path_factory):
    return write_episode(tmp_path_factory.mktemp('episodes'))


def begun_at(bundle, text, known=''):
    return begin_world(bundle, text, known).world.start.tick


def test_a_place_is_a_tick_or_seconds_or_the_middle(bundle, episode):
    assert begun_at(bundle, f'{episode}@7') == 7
    assert begun_at(bundle, f'{episode}@1.2s') == 30  # of 0.04 s
    assert begun_at(bundle, f'{episode}@2s') == 50
    assert begun_at(bundle, str(episode)) == TICKS // 2
    assert begun_at(bundle, f'{episode.parent}@9') == 9  # a folder: its newest episode


def test_an_episode_that_is_still_recorded_begins_at_its_newest_tick(bundle, episode, tmp_path):
    live = tmp_path / f'{episode.name}.active'
    shutil.copytree(episode, live)
    assert begun_at(bundle, str(tmp_path)) == TICKS - 1


@pytest.mark.parametrize(
    ('behind', 'words'),
    [
        (
            '@120',
            r'tick 120 is not in this episode: it has 120 ticks, 0 to 119; give one of these',
        ),
        ('@9s', r'tick 225 is not in this episode'),
        ('/nothing', r'no such episode; expected the folder of one'),
        ('@-3', r'no such episode'),
    ],
)
def test_a_place_that_is_none_is_refused(bundle, episode, behind, words):
    with pytest.raises(ImaginedError, match=words):
        begin_world(bundle, f'{episode}{behind}', '')


def test_a_folder_without_episodes_is_refused(bundle, tmp_path):
    with pytest.raises(ImaginedError, match='no episode below this folder'):
        begin_world(bundle, str(tmp_path), '')


def test_an_episode_of_another_robot_is_refused_with_what_differs(bundle, episode, tmp_path):
    import counter

    text = counter.contract().text.replace('high: [0.05, 0.05]', 'high: [0.06, 0.05]')
    other = parse_contract(text.replace('name: reacher', 'name: digger'))
    assert other.action.high == (0.06, 0.05)
    path = write_episode(tmp_path, 'other', 5, contract_text=other.text)
    with pytest.raises(
        ImaginedError, match=r"robot 'digger' \(counter-1\).*differ in .*high.*0.06"
    ):
        begin_world(bundle, str(path), '')


def test_a_bundle_of_another_robot_is_refused(episode, tmp_path):
    import counter
    from tiny_bundle import make_tiny_bundle

    text = counter.contract().text.replace('high: [0.05, 0.05]', 'high: [0.06, 0.05]')
    folder = make_tiny_bundle(tmp_path / 'bundle', parse_contract(text))
    with pytest.raises(BundleError, match=r'made for another interface: .*high'):
        begin_world(str(folder), str(episode), '', counter.contract())


def test_a_bundle_without_imagine_is_refused(bundle, episode, tmp_path):
    folder = shutil.copytree(bundle, tmp_path / 'bundle')
    manifest = json.loads((folder / 'manifest.json').read_text())
    manifest['capabilities'].remove('imagine')
    del manifest['files']['imagine.onnx']
    (folder / 'manifest.json').write_text(json.dumps(manifest))
    with pytest.raises(BundleError, match='imagine'):
        begin_world(str(folder), str(episode), '')


def test_an_imagined_episode_is_no_beginning_and_not_known(bundle, episode, tmp_path):
    imagined = write_episode(tmp_path, 'dream', 5, imagined=MARK)
    with pytest.raises(ImaginedError, match='imagined by the bundle b from tick 7 of episode e'):
        begin_world(bundle, str(imagined), '')
    heard: list[str] = []
    begun = begin_world(bundle, f'{episode}@9', str(tmp_path), warn=heard.append)
    assert any('not known' in text and 'imagined by' in text for text in heard)
    assert begun.world.known.count == TICKS


def test_other_episodes_are_known_too_and_each_once(bundle, episode, tmp_path):
    shutil.copytree(episode, tmp_path / 'copy')
    write_episode(tmp_path, 'second', 60)
    begun = begin_world(bundle, f'{episode}@9', str(tmp_path))
    assert begun.world.known.count == TICKS + 60
    with pytest.raises(ImaginedError, match=r'known: .* is no folder'):
        begin_world(bundle, f'{episode}@9', str(tmp_path / 'nowhere'))


def test_real_beside_imagined_has_errors_film_and_strip(bundle, episode, tmp_path):
    found = compare(begin_world(bundle, f'{episode}@60', ''), 25)
    errors = found.errors()
    # The counter's picture of tick k shows k: copying is off by one more at every tick.
    np.testing.assert_allclose(errors['camera']['copied'], np.arange(1, 26) / 255.0, atol=0.001)
    assert len(errors['joints']['imagined']) == 25
    np.testing.assert_array_equal(found.recorded['camera'][:, 20, 20, 0], np.arange(61, 86))
    assert write_film(found, tmp_path / 'film.avi') == 25
    film = cv2.VideoCapture(str(tmp_path / 'film.avi'))
    assert int(film.get(cv2.CAP_PROP_FRAME_COUNT)) == 25
    assert write_strip(found, tmp_path / 'strip.png') == COLUMNS
    strip = cv2.imread(str(tmp_path / 'strip.png'))
    scale = round(STRIP_PX / 64)
    assert strip.shape[1] == COLUMNS * 64 * scale
    assert json.loads(json.dumps(found.figures()))['steps'] == 25


def test_a_comparison_ends_with_the_recording(bundle, episode):
    begun = begin_world(bundle, f'{episode}@110', '')
    assert len(compare(begun, 500).observed) == TICKS - 111
    with pytest.raises(ImaginedError, match='nothing was recorded after tick 119'):
        compare(begin_world(bundle, f'{episode}@119', ''), 5)


def test_what_cannot_be_drawn_is_said(episode, tmp_path):
    blind = bundle_folder(tmp_path / 'blind', without=('decode', 'outcomes'))
    heard: list[str] = []
    found = compare(begin_world(str(blind), f'{episode}@60', '', warn=heard.append), 5)
    assert heard[0].startswith('left out: no pictures and no joints') and not found.imagined
    assert np.isfinite(found.distance).all() and np.isnan(found.imagined_reward).all()
    with pytest.raises(ImaginedError, match='no decode'):
        write_film(found, tmp_path / 'film.avi')


def test_the_command_compares_without_ros(bundle, episode, tmp_path):
    words = ['imagine', '--from', f'{episode}@60', '--bundle', bundle, '--steps', '10', '--json']
    done = CliRunner().invoke(app, [*words, '--strip', str(tmp_path / 'strip.png')])
    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures['steps'] == 10 and (tmp_path / 'strip.png').stat().st_size > 1000


@pytest.mark.parametrize(
    ('words', 'said'),
    [
        (['--from', 'nowhere@3'], 'nowhere: no such episode'),
        (['--from', 'EPISODE@999'], 'tick 999 is not in this episode'),
        (['--from', 'EPISODE@5', '--video', 'film.mov'], 'the suffix must be one of'),
        (['--from', 'EPISODE@5', '--strip', '/nowhere/strip.png'], 'cannot be written'),
        (['--from', 'EPISODE@5', '--strip', 's.png', '--stream', 'x'], "no picture 'x'"),
    ],
)
def test_the_command_refuses_in_one_line(bundle, episode, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    words = [word.replace('EPISODE', str(episode)) for word in words]
    done = CliRunner().invoke(app, ['imagine', *words, '--bundle', bundle, '--steps', '5'])
    assert done.exit_code == 1 and said in done.stderr, done.output
