# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""LeRobot datasets become episodes, and episodes become a LeRobot dataset, without loss."""

from __future__ import annotations

import json
import re
import shutil
import sys

import cv2
import foreign_data as foreign
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_import_bags import FIXTURES, PUSHER, changed, imported, recordings
from typer.testing import CliRunner

pyarrow = pytest.importorskip('pyarrow')
parquet = pytest.importorskip('pyarrow.parquet')
pytest.importorskip('av')

from world_model_ros.cli.main import app
from world_model_ros.experience import check_episode, list_episodes, to_arrays
from world_model_ros.experience.read.importers.import_map import load_map, parse_map
from world_model_ros.experience.read.importers.import_source import REFUSED, ImportRefused
from world_model_ros.experience.read.importers.lerobot_export import export_lerobot
from world_model_ros.experience.read.importers.lerobot_schema import frames_per_second
from world_model_ros.experience.read.labels import Label, write_label

NAMES = load_map(FIXTURES / 'import_contract/pusher_map.yaml', PUSHER)
EXACT = ['import_lerobot_v21', 'import_lerobot_v30']
FILMS = ['import_lerobot_v21_video', 'import_lerobot_v30_video']
H264 = 3  # of 255: a film keeps YUV, not RGB


def assert_is_episode(arrays, episode, frames, within=0):
    """One more tick than frames: at the end of the last action nothing new was seen."""
    phase = 0.9 * episode
    assert len(arrays['tick']) == frames + 1 and arrays['observed'].all()
    pictures = np.array([foreign.picture(k, phase) for k in range(frames)], np.int64)
    assert np.abs(arrays['obs_camera'][:-1] - pictures).max() <= within
    places = [foreign.position(k, phase) for k in range(frames)]
    np.testing.assert_array_equal(arrays['obs_joints'][:-1, :2], places)
    done = [foreign.command(k, phase) for k in range(frames)]
    np.testing.assert_array_equal(arrays['action_sent'][1:], done)


@pytest.mark.parametrize('name', EXACT + FILMS)
def test_frames_and_actions_of_a_published_layout_are_ticks(tmp_path, name):
    found = imported(FIXTURES / name, tmp_path / 'out', names=NAMES)
    assert len(found) == 2
    for index, episode in enumerate(found):
        arrays = to_arrays(episode.path)
        assert_is_episode(arrays, index, 6, H264 if name in FILMS else 0)
        assert check_episode(episode.path, rebuilt=True) == []
        speed = np.diff(arrays['obs_joints'][:-1, :2], axis=0) / 0.05
        np.testing.assert_allclose(arrays['obs_joints'][1:-1, 2:], speed, atol=1e-4)


@pytest.mark.parametrize('name', EXACT)
def test_a_reward_is_that_of_the_interval_and_success_ends_the_task(tmp_path, name):
    (episode, _) = imported(FIXTURES / name, tmp_path / 'out', names=NAMES)
    arrays = to_arrays(episode.path)
    np.testing.assert_array_equal(arrays['reward'][1:], [0, 0, 0, 0, 0, 1])
    assert arrays['terminal'].tolist() == [False] * 6 + [True]
    (film, _) = imported(FIXTURES / f'{name}_video', tmp_path / 'films', names=NAMES)
    arrays = to_arrays(film.path)
    assert np.isnan(arrays['reward']).all() and not arrays['terminal'].any()
    assert arrays['truncated'].tolist() == [False] * 6 + [True]


def rows_of(dataset):
    """What a reader without our code finds in the data files, in order."""
    files = sorted((dataset / 'data').glob('*/*.parquet'))
    return [row for file in files for row in parquet.read_table(file).to_pylist()]


def pixels(value):
    return cv2.imdecode(np.frombuffer(value['bytes'], np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]


@pytest.mark.parametrize('name', EXACT)
def test_frames_and_actions_are_equal_after_import_and_export(tmp_path, name):
    for episode in imported(FIXTURES / name, tmp_path / 'out', names=NAMES):
        assert episode.ticks == 7
    contract = str(FIXTURES / 'import_contract/pusher.yaml')
    made = tmp_path / 'dataset'
    mapped = str(FIXTURES / 'import_contract/pusher_map.yaml')
    for words in (
        ['import', str(FIXTURES / name), '--contract', contract, '--out', str(tmp_path / 'cli'),
         '--map', mapped],
        ['export', str(tmp_path / 'cli'), '--lerobot', str(made), '--task', 'push'],
    ):  # fmt: skip
        done = CliRunner().invoke(app, ['episodes', *words])
        assert done.exit_code == 0, done.output
    before = sorted(rows_of(FIXTURES / name), key=lambda r: (r['episode_index'], r['frame_index']))
    after = rows_of(made)
    first = [row['action'] for row in after[:6]]
    if first != [row['action'] for row in before[:6]]:  # episodes are listed by age
        before = before[6:] + before[:6]
    assert len(after) == len(before) == 12
    for ours, theirs in zip(after, before, strict=True):
        assert ours['action'] == theirs['action']
        assert ours['observation.state'][:2] == theirs['observation.state']
        assert ours['next.reward'] == theirs['next.reward']
        assert ours['frame_index'] == theirs['frame_index']
        assert ours['timestamp'] == pytest.approx(theirs['timestamp'])
        np.testing.assert_array_equal(pixels(ours[foreign.CAMERA]), pixels(theirs[foreign.CAMERA]))


def test_an_exported_dataset_has_the_published_layout_and_is_read_again(tmp_path):
    imported(FIXTURES / EXACT[1], tmp_path / 'out', names=NAMES)
    made = tmp_path / 'dataset'
    figures = export_lerobot(list_episodes(tmp_path / 'out'), made, task='push')
    assert figures == {'episodes': 2, 'frames': 12}
    theirs = json.loads((FIXTURES / EXACT[1] / 'meta/info.json').read_text())
    info = json.loads((made / 'meta/info.json').read_text())
    assert theirs.keys() == info.keys()
    same = ('codebase_version', 'data_path', 'video_path', 'fps', 'total_frames', 'splits')
    assert {k: info[k] for k in same} == {k: theirs[k] for k in same}
    assert info['features'][foreign.CAMERA] == theirs['features'][foreign.CAMERA]
    assert info['features']['observation.state']['names'] == [
        'slide.pos', 'lift.pos', 'slide.vel', 'lift.vel',
    ]  # fmt: skip
    tasks = parquet.read_table(made / 'meta/tasks.parquet')
    assert tasks.column('task').to_pylist() == ['push']
    assert json.loads(tasks.schema.metadata[b'pandas'])['index_columns'] == ['task']
    episodes = parquet.read_table(made / 'meta/episodes/chunk-000/file-000.parquet').to_pylist()
    assert [(e['dataset_from_index'], e['dataset_to_index']) for e in episodes] == [
        (0, 6),
        (6, 12),
    ]
    stats = json.loads((made / 'meta/stats.json').read_text())
    actions = np.array([row['action'] for row in rows_of(made)])
    np.testing.assert_allclose(stats['action']['mean'], actions.mean(0), atol=1e-6)
    np.testing.assert_allclose(stats['action']['std'], actions.std(0), atol=1e-6)
    assert np.shape(stats[foreign.CAMERA]['max']) == (3, 1, 1)
    again = imported(made, tmp_path / 'again')  # velocities are there now: no map
    for ours, other in zip(again, list_episodes(tmp_path / 'out'), strict=True):
        left, right = to_arrays(ours.path), to_arrays(other)
        for key in ('obs_camera', 'action_sent'):
            np.testing.assert_array_equal(left[key], right[key])
        np.testing.assert_array_equal(left['obs_joints'], right['obs_joints'])


def test_what_nobody_observed_divides_an_exported_episode(tmp_path):
    messages = foreign.bag_messages(20)
    # Five frames without a picture: older than max_age.
    messages = [m for n, m in enumerate(messages) if not (24 <= n < 39 and 'camera' in m[0])]
    (episode,) = imported(foreign.write_bag(tmp_path / 'bag', messages), tmp_path / 'out')
    assert episode.valid < episode.ticks == 20
    figures = export_lerobot([episode.path], tmp_path / 'dataset')
    assert figures['episodes'] == 2 and 15 <= figures['frames'] < 19
    assert 'next.reward' not in rows_of(tmp_path / 'dataset')[0]


def test_a_label_is_exported(tmp_path):
    (first, second) = imported(FIXTURES / FILMS[0], tmp_path / 'out', names=NAMES)
    write_label(first.path, Label('', 'success'))
    write_label(second.path, Label('', 'failure'))
    export_lerobot([first.path, second.path], tmp_path / 'dataset')
    rows = rows_of(tmp_path / 'dataset')
    assert [row['next.reward'] for row in rows] == [0, 0, 0, 0, 0, 1] + [0] * 6
    assert [row['next.terminated'] for row in rows] == [False] * 5 + [True] + [False] * 6
    assert [row['next.done'] for row in rows] == ([False] * 5 + [True]) * 2


def test_export_refuses_what_it_would_spoil(tmp_path):
    (first, _) = imported(FIXTURES / EXACT[0], tmp_path / 'out', names=NAMES)
    other = changed(('slide, lift]\n  low', 'lift, slide]\n  low'))
    (second, _) = imported(FIXTURES / EXACT[0], tmp_path / 'other', other, NAMES)
    (tmp_path / 'there').mkdir()
    for episodes, target, words in (
        ([first.path], 'there', 'is there already: name a new folder'),
        ([], 'new', 'found none'),
        ([first.path, second.path], 'new', 'another interface'),
    ):
        with pytest.raises(ImportRefused, match=words):
            export_lerobot(episodes, tmp_path / target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['other', 'out', 'there']


@pytest.mark.parametrize(
    ('period', 'fps'), [('0.05', 20), ('0.033333333', 30), ('0.04', 25), ('0.0333', 30)]
)
def test_a_period_as_good_as_a_whole_rate_is_one(period, fps):
    contract = changed(
        ('period: 0.05', f'period: {period}'),
        ('offset: 0.05', f'offset: {period}'),
        ('command_rate: 20.0', f'command_rate: {1 / float(period)}'),
    )
    assert frames_per_second(contract) == fps


# ---- what the dataset calls things -----------------------------------------------------------


def edited(tmp_path, change, name=EXACT[1]):
    """A fixture with another info.json."""
    root = tmp_path / 'dataset'
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(FIXTURES / name, root)
    info = json.loads((root / 'meta/info.json').read_text())
    change(info)
    (root / 'meta/info.json').write_text(json.dumps(info))
    return root


def test_numbers_without_names_are_named_by_the_map_and_turned_into_si(tmp_path):
    def motors(info):
        for key in ('observation.state', 'action'):
            info['features'][key]['names'] = {'motors': ['motor_0', 'motor_1']}

    root = edited(tmp_path, motors)
    with pytest.raises(ImportRefused, match=r"the position of 'slide' \(as slide.pos\).*motor_0"):
        recordings(root, names=NAMES)
    names = parse_map(
        {
            'streams': {
                'joints': {'names': ['motor_1', 0], 'velocity': 'difference', 'scale': 0.5},
                'camera': foreign.CAMERA,
            },
            'action': {'names': [1, 'motor_0'], 'scale': [0.5, -1.0], 'offset': [0.25, 0.0]},
        },
        PUSHER,
    )
    (episode, _) = imported(root, tmp_path / 'out', names=names)
    arrays = to_arrays(episode.path)
    places = np.array([foreign.position(k) for k in range(6)], np.float64)[:, ::-1] * 0.5
    np.testing.assert_allclose(arrays['obs_joints'][:-1, :2], places, atol=1e-6)
    done = np.array([foreign.command(k) for k in range(6)], np.float64)[:, ::-1]
    done = done * [0.5, -1.0] + [0.25, 0.0]
    np.testing.assert_allclose(arrays['action_sent'][1:], done, atol=1e-6)


def test_the_only_camera_is_the_camera_and_of_two_one_must_be_named(tmp_path):
    def rename(info):
        info['features']['observation.images.top'] = info['features'].pop(foreign.CAMERA)

    with pytest.raises(ImportRefused, match=r"column 'observation.images.top' is missing"):
        imported(edited(tmp_path, rename), tmp_path / 'out', names=NAMES)

    def two(info):
        camera = info['features'].pop(foreign.CAMERA)
        info['features'] |= {'observation.images.a': camera, 'observation.images.b': camera}

    words = 'expected pictures called observation.images.camera, the dataset has .*a, .*b: name'
    with pytest.raises(ImportRefused, match=words):
        recordings(edited(tmp_path, two), names=NAMES)


def test_without_actions_they_are_measured(tmp_path):
    def drop(info):
        del info['features']['action']

    (episode, _) = imported(edited(tmp_path, drop), tmp_path / 'out', names=NAMES)
    assert episode.actions == 'measured'
    reached = [foreign.position(k) for k in range(6)]
    np.testing.assert_array_equal(to_arrays(episode.path)['action_sent'][:-1], reached)


def test_another_rate_is_resampled_as_live(tmp_path):
    """Ten frames a second: at every other tick the picture is one that was seen before."""
    slow = changed(('max_age: 0.12         # s\n    shape', 'max_age: 0.15\n    shape'))
    root = edited(tmp_path, lambda info: info.update(fps=10))
    (episode, _) = imported(root, tmp_path / 'out', slow, NAMES)
    arrays = to_arrays(episode.path)
    assert len(arrays['tick']) == 13 and arrays['observed'].all()
    np.testing.assert_array_equal(arrays['obs_camera'][1], foreign.picture(0))
    np.testing.assert_array_equal(arrays['obs_camera'][2], foreign.picture(1))
    np.testing.assert_array_equal(arrays['action_sent'][3:5], [foreign.command(1)] * 2)


# ---- what is wrong with a dataset ------------------------------------------------------------


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        ({'codebase_version': 'v2.0'}, 'expected codebase_version v2.1 or v3.0, got .v2.0.'),
        ({'codebase_version': None}, 'expected codebase_version v2.1 or v3.0'),
        ({'fps': 'fast'}, 'fps: expected frames per second'),
        ({'fps': 0}, 'fps: expected frames per second'),
        ({'features': {}}, 'features: expected a table'),
        ({'features': {'action': 3}}, "feature 'action': expected dtype and shape"),
        ({'data_path': '../{chunk_index}.parquet'}, 'leads out of the dataset'),
        ({'data_path': '/etc/passwd'}, 'leads out of the dataset'),
        ({'data_path': 'data/{chunk_index.__class__}'}, 'no such file'),
        ({'data_path': 'data/{secret}'}, "unknown field 'secret'"),
        ({'data_path': 'data/none.parquet'}, 'no such file, though the metadata list episode 0'),
    ],
)
def test_metadata_that_cannot_be_right_are_refused(tmp_path, change, words):
    root = edited(tmp_path, lambda info: info.update(change))
    with pytest.raises(ImportRefused, match=words) as caught:
        recordings(root, names=NAMES)
    assert '\n' not in str(caught.value)


def test_a_link_out_of_the_dataset_is_not_followed(tmp_path):
    root = edited(tmp_path, lambda info: None)
    file = root / 'data/chunk-000/file-000.parquet'
    shutil.move(file, tmp_path / 'elsewhere.parquet')
    file.symlink_to(tmp_path / 'elsewhere.parquet')
    with pytest.raises(ImportRefused, match='leads out of the dataset'):
        recordings(root, names=NAMES)


def rewritten(root, change):
    """The dataset's data file with other columns."""
    (file,) = (root / 'data').glob('*/*.parquet')
    parquet.write_table(change(parquet.read_table(file)), file)
    return root


def replaced(name, values, kind=None):
    return lambda t: t.set_column(
        t.schema.get_field_index(name), name, pyarrow.array(values, kind)
    )


@pytest.mark.parametrize(
    ('change', 'words'),
    [
        (lambda t: t.slice(0, 9), r'episode 1: expected 6 frames in a row, found 3'),
        (lambda t: t.drop(['action']), r"column 'action' is missing"),
        (lambda t: t.drop(['episode_index']), r"column 'episode_index' is missing"),
        (replaced('action', [[1.0]] * 12), r"'action': expected 2 numbers in each frame, got 6"),
        (replaced('action', ['a'] * 12), r'expected a column of numbers, got string'),
        (replaced('action', [[float('nan'), 0.0]] * 12), r'expected finite numbers, got .nan'),
        (
            replaced(foreign.CAMERA, [{'bytes': b'GIF89a', 'path': ''}] * 12),
            r'frame 0 of .*expected a compressed picture',
        ),
        (
            replaced(foreign.CAMERA, [{'bytes': None, 'path': 'a.png'}] * 12,
                     pyarrow.struct([('bytes', pyarrow.binary()), ('path', pyarrow.string())])),
            r'frame 0 of .*expected a picture inside of the parquet file',
        ),
        (replaced('episode_index', ['0'] * 12), r'episode_index: expected whole numbers'),
    ],
)  # fmt: skip
def test_data_that_cannot_be_right_are_refused(tmp_path, change, words):
    root = rewritten(edited(tmp_path, lambda info: None), change)
    with pytest.raises(ImportRefused, match=words):
        imported(root, tmp_path / 'out', names=NAMES)
    left = list((tmp_path / 'out').iterdir()) if (tmp_path / 'out').exists() else []
    assert not [path for path in left if path.suffix]  # nothing half written


def test_a_film_that_is_cut_off_is_refused(tmp_path):
    root = edited(tmp_path, lambda info: None, FILMS[0])
    film = next(root.glob('videos/*/*/*.mp4'))
    foreign.write_film(film, [foreign.picture(k) for k in range(4)])
    with pytest.raises(ImportRefused, match=r'expected 6 pictures at 20 per second .* number 4'):
        imported(root, tmp_path / 'out', names=NAMES)
    film.write_bytes(film.read_bytes()[:200])
    with pytest.raises(ImportRefused, match='the film cannot be decoded'):
        imported(root, tmp_path / 'out', names=NAMES)


@pytest.mark.parametrize('module', ['av', 'pyarrow'])
def test_a_missing_package_is_named_with_its_extra(tmp_path, monkeypatch, module):
    from world_model_ros.cli.lazy import missing_module_text

    text = missing_module_text(ModuleNotFoundError(name=module))
    assert text is not None and "pip install 'world_model_ros[lerobot]'" in text
    if module == 'av':
        monkeypatch.setitem(sys.modules, 'av', None)
        with pytest.raises(ModuleNotFoundError):
            imported(FIXTURES / FILMS[0], tmp_path / 'out', names=NAMES)


@settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(
    which=st.sampled_from(EXACT + FILMS),
    file=st.integers(0, 5),
    cut=st.floats(0.0, 1.0),
    hits=st.lists(st.tuples(st.floats(0.0, 0.999), st.integers(0, 255)), max_size=3),
)
def test_any_damage_is_refused_by_file_or_lived_with(tmp_path, which, file, cut, hits):
    root = edited(tmp_path, lambda info: None, which)
    files = sorted(path for path in root.rglob('*') if path.is_file())
    target = files[file % len(files)]
    data = bytearray(target.read_bytes())
    for at, value in hits:
        data[int(at * len(data))] = value
    target.write_bytes(bytes(data[: int(cut * len(data))]))
    out = tmp_path / 'out'
    shutil.rmtree(out, ignore_errors=True)
    try:
        found = imported(root, out, names=NAMES)
    except REFUSED as error:
        assert isinstance(error, OSError) or re.search(r'meta|data|videos', str(error))
        return
    assert all(check_episode(episode.path, rebuilt=True) == [] for episode in found)
