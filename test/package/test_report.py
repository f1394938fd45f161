# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`world-model report`: one page about a store, whatever lies in it."""

import base64
import importlib.util
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner

pytest.importorskip('matplotlib')
pytest.importorskip('jinja2')
import lived_store as lived

from world_model_ros.bench.chaos import episode_parts
from world_model_ros.cli import main
from world_model_ros.contract import interface_hash, load_contract
from world_model_ros.experience.read.figures import episode_figures
from world_model_ros.onboard.tick.observation import StreamSample
from world_model_ros.report.axis import TimeAxis
from world_model_ros.report.data import FILMS, find_episodes, gather
from world_model_ros.report.page import render
from world_model_ros.report.sane import label
from world_model_ros.store import open_store
from world_model_ros.store.redact import redact

runner = CliRunner(env={'COLUMNS': '400'})
VOID = {'br', 'img', 'meta'}


class Page(HTMLParser):
    """What a reader without JavaScript gets: words, rows of tables, addresses; tags are paired."""

    def __init__(self, text):
        super().__init__()
        self.open, self.addresses, self.words, self.rows = [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        assert tag != 'script'
        if tag not in VOID:
            self.open.append(tag)
        if tag == 'tr':
            self.rows.append([])
        if tag in ('td', 'th'):
            self.rows[-1].append('')
        self.addresses += [v for k, v in attributes if k in ('src', 'href', 'data', 'srcset')]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if 'style' not in self.open:
            self.words.append(data)
        if self.rows and {'td', 'th'} & set(self.open):
            self.rows[-1][-1] += data

    @property
    def text(self):
        return ' '.join(' '.join(self.words).split())

    def row(self, *begin):
        return next(row for row in self.rows if row[: len(begin)] == list(begin))


@pytest.fixture()
def store(tmp_path):
    return open_store(tmp_path / 'store', create=True)


def report(store, *options):
    out = Path(store.url).parent / 'out' / 'report.html'
    shown = runner.invoke(main.app, ['report', store.url, '--out', str(out), *options])
    assert shown.exit_code == 0, shown.output
    return Page(out.read_text())


def only_life(store):
    [life] = gather(store, find_episodes(store))
    return life


# ---- one episode ---------------------------------


def test_figures_of_an_episode_are_those_of_its_ticks(tmp_path):
    sources = ['policy'] * 12 + ['safe'] * 5 + ['teleop'] * 3
    surprise = [math.nan] * 10 + [float(n) for n in range(10)]
    path = lived.record(
        tmp_path, 1, reward=0.5, late=3, skipped=2, missing=4, source=sources, eval=True,
        surprise=surprise, release=[6] * 10 + [7] * 10, intervention=[False] * 17 + [True] * 3,
    )  # fmt: skip
    figures = episode_figures(path)
    assert figures.whole
    assert (figures.kind, figures.ticks, figures.lost) == ('evaluation', lived.TICKS, 0)
    assert figures.total_reward == pytest.approx(0.5 * (lived.TICKS - 1))
    assert (figures.late, figures.skipped, figures.invalid) == (3, 2, 4)
    assert figures.intervention == 3
    assert figures.sources == {'policy': 12, 'safe': 5, 'teleop': 3}
    assert figures.releases == {6: 10, 7: 10}
    assert figures.surprise == {7: (pytest.approx(4.5), pytest.approx(8.1))}
    camera, joints = figures.streams['camera'], figures.streams['joints']
    assert (camera.missing, camera.invalid, joints.missing) == (4, 4, 0)
    assert joints.age_p50_s == pytest.approx(0.01)


def test_messages_older_than_the_contract_allows_are_invalid(tmp_path):
    figures = episode_figures(lived.record(tmp_path, 1, age_s=5.0))
    assert figures.streams['joints'].old == lived.TICKS


@pytest.mark.parametrize(
    'fields',
    [
        {'status': 'incomplete'},
        {'reward': math.nan},
        {'last': False},
        {'contract': lived.LONG},  # ended before the robot's last tick
    ],
)
def test_an_episode_without_its_full_return_is_not_whole(tmp_path, fields):
    assert not episode_figures(lived.record(tmp_path, 1, **fields)).whole


# ---- the store -----------------------------------


def test_episodes_of_a_clock_that_starts_at_zero_stand_in_order_with_releases_where_they_acted(
    tmp_path, store
):
    for number in range(3):
        path = lived.record(tmp_path, number, t0_ns=number * 10**9, release=int(number == 2))
        lived.upload(store, path)
    lived.publish(store, tmp_path, 1)
    life = only_life(store)
    axis = TimeAxis(life)
    assert not life.on_utc
    assert list(axis.at) == [lived.uuid(number) for number in range(3)]
    assert axis.releases == [(1, 2.5)]


def test_releases_stand_at_the_time_of_their_publishing(tmp_path, store):
    lived.upload(store, lived.record(tmp_path, 0))
    release = lived.publish(store, tmp_path, 1)
    [(number, at)] = TimeAxis(only_life(store)).releases
    minutes = (release.published_ns - lived.T0_NS) / 60e9
    assert (number, at) == (1, pytest.approx(minutes))


def test_one_damaged_release_record_does_not_hide_the_others(tmp_path, store):
    for seed in (1, 2, 3):
        lived.publish(store, tmp_path, seed)
    key = f'releases/{lived.INTERFACE}/00000002.json'
    store.put(key, b'{"format": 1}')
    life = only_life(store)
    assert [release.number for release in life.releases] == [1, 3]
    assert [(t.what, t.key) for t in life.troubles] == [('release', key)]


# ---- the page ------------------------------------


def test_the_page_holds_everything_itself_and_says_what_was_lived(tmp_path, store):
    for number in range(4):
        path = lived.record(
            tmp_path, number, reward=1.0 + number, eval=number != 1, explore=number == 1,
            release=number // 2, surprise=3.0, source='plan' if number else 'explore', late=number,
        )  # fmt: skip
        lived.upload(store, path)
    release = lived.publish(store, tmp_path, 1, scale=0.5, note='a <note>')
    page = report(store)
    assert len(page.addresses) == 6  # one plot for each of the six questions
    assert all(address.startswith('data:image/') for address in page.addresses)
    row = page.row('1')
    assert row[1] == release.bundle_sha[:12]
    assert row[3:6] == ['100', '1', '66.5 (2)']  # mean of 19 * 3 and 19 * 4, evaluated
    assert row[-1] == 'a <note>'
    assert page.row('before')[2] == '19 (1)'  # the exploring one does not count
    gate = page.rows[page.rows.index(row) + 3]
    assert [' '.join(cell.split()) for cell in gate[:3]] == ['1', '0.05 / 0.065', '0.08 / 0.104']
    assert [' '.join(cell.split()) for cell in gate[14:]] == ['2.5 / 2', '–', '–', '30 / 28']
    assert 'Imagined returns of release 1: used: 30 against 28' in page.text
    day = page.row('2026-09-21')
    assert day[3:5] == ['80', '6 (7.5 %)']
    assert 'No strips in this store' in page.text
    assert 'Everything was read' in page.text


def test_names_from_the_store_are_only_ever_text(tmp_path, store):
    robot = '<script>$x^2$ & co'
    lived.upload(store, lived.record(tmp_path, 0, robot_id=robot), robot)
    lived.upload(store, lived.record(tmp_path, 1, robot_id='other'), 'other')
    page = report(store)
    assert robot in page.text
    for address in page.addresses:
        svg = base64.b64decode(address.split(',', 1)[1]).decode()
        assert '<script' not in svg
        assert not re.search(r'(href|src)="https?:', svg)


SAMPLE = StreamSample(lived.T0_NS, 7, True, 0.01, True, '')


@pytest.mark.parametrize('name', ['$\\foo$', 'a\0b', '\u202e<script>', 'x' * 5000, '$', '\n'])
def test_a_stream_may_be_called_anything(tmp_path, store, name):
    streams = {name: SAMPLE, 'camera': SAMPLE}
    lived.upload(store, lived.record(tmp_path, 0, streams=streams, surprise=1.0))
    page = report(store)
    assert 'Everything was read' in page.text
    assert any(row[0].startswith(label(name)[:59].strip()) for row in page.rows)


def test_a_robot_may_be_called_anything_that_is_a_key(tmp_path, store):
    for number, name in enumerate(('$foo$', '$x^{$', '<b>', 'ü' * 90)):
        lived.upload(store, lived.record(tmp_path, number, robot_id=name), name)
    assert '$x^{$' in report(store).text


@pytest.mark.parametrize(
    'fields',
    [{'reward': 1e300}, {'reward': math.inf}, {'surprise': 1e300}, {'age_s': 1e7, 'missing': 0}],
)
def test_figures_of_no_robot_cost_one_episode_at_most(tmp_path, store, fields):
    lived.upload(store, lived.record(tmp_path, 0, **fields))
    lived.upload(store, lived.record(tmp_path, 1))
    assert lived.uuid(1)[:8] in report(store).text


@pytest.mark.parametrize('name', ['skipped', 'tick', 'release', 'source'])
def test_an_infinite_number_costs_one_episode(tmp_path, store, name):
    parts = episode_parts.take_apart(lived.record(tmp_path, 0))
    for number in parts.ticks():
        parts.set_tick(number, name, math.inf)
    parts.topics[0].qos = '[{a: ' if name == 'source' else parts.topics[0].qos
    lived.upload(store, episode_parts.put_together(parts, tmp_path / 'forged', lived.uuid(7)))
    lived.upload(store, lived.record(tmp_path, 1))
    page = report(store)
    assert '1 unreadable' in page.text
    assert lived.uuid(1)[:8] in page.text


@pytest.mark.parametrize(
    'fields',
    [
        {'published_ns': 10**400},
        {'updates': 10**300},
        {'gate': {'joints_15': 1e300}},
        {'gate': {'joints_1': 'x', 'joints_5': [1], 'against': {'a': 1}}},
        {'note': '<script>' * 10_000},
    ],
)
def test_a_release_record_may_say_anything(tmp_path, store, fields):
    lived.publish(store, tmp_path, 1)
    lived.publish(store, tmp_path, 2)
    key = f'releases/{lived.INTERFACE}/00000001.json'
    store.put(key, json.dumps(json.loads(store.get(key)) | fields).encode())
    assert report(store).row('2')


def test_a_secret_in_the_url_of_a_store_is_not_on_the_page():
    assert 'topsecret' not in render([], redact('s3://key:topsecret@bucket/p?token=topsecret'))


def test_strips_are_shown_with_their_release(tmp_path, store):
    lived.publish(store, tmp_path, 1)
    lived.publish(store, tmp_path, 2)
    png = b'\x89PNG\r\n\x1a\n of release 2'
    store.put(store.layout.strip_key(lived.INTERFACE, 2), png)
    store.put(store.layout.strip_key(lived.INTERFACE, 1), b'<html>')
    page = report(store)
    assert 'data:image/png;base64,' + base64.b64encode(png).decode() in page.addresses
    assert page.row('strip')[1:] == [store.layout.strip_key(lived.INTERFACE, 1), 'not a PNG']


def test_films_of_the_newest_releases_are_shown(tmp_path, store):
    for number in range(1, FILMS + 3):
        lived.publish(store, tmp_path, number)
        png = b'\x89PNG\r\n\x1a\n of release'
        store.put(store.layout.strip_key(lived.INTERFACE, number), png)
        film = b'RIFF\x00\x00\x00\x00WEBP of release %d' % number
        content = b'MZ' if number == FILMS + 1 else film
        store.put(store.layout.film_key(lived.INTERFACE, number), content)
    page = report(store)
    films = [base64.b64decode(a.split(',')[1]) for a in page.addresses if 'image/webp' in a]
    assert [film[-1:] for film in films] == [b'5', b'3']
    key = store.layout.film_key(lived.INTERFACE, FILMS + 1)
    assert page.row('film')[1:] == [key, 'not a WebP']


def test_what_cannot_be_read_is_named_and_the_rest_is_shown(tmp_path, store):
    paths = [lived.record(tmp_path, number) for number in range(4)]
    text = tmp_path / lived.uuid(9)
    text.mkdir()
    (text / 'readme.txt').write_text('no episode')
    for path in [*paths, text]:
        lived.upload(store, path)
    damaged, half, gone = (
        next(Path(store.url).rglob(f'{lived.uuid(number)}.mcap')) for number in (0, 1, 2)
    )
    damaged.write_bytes(damaged.read_bytes()[:-30])
    (half.parent / 'complete.json').unlink()
    gone.unlink()
    page = report(store)
    assert '1 half-copied, 2 damaged, 1 unreadable' in page.text
    troubles = {
        row[1]: row for row in page.rows if row[0] in ('half-copied', 'damaged', 'unreadable')
    }
    by_episode = {key.split('/')[5]: row for key, row in troubles.items()}
    assert set(by_episode) == {lived.uuid(number) for number in (0, 1, 2, 9)}
    assert 'complete.json' in by_episode[lived.uuid(1)][2]
    assert '.mcap' in by_episode[lived.uuid(9)][2]
    assert page.row('2026-09-21')[2] == '1'


def test_a_robot_that_was_not_asked_for_stays_out(tmp_path, store):
    lived.upload(store, lived.record(tmp_path, 0))
    page = report(store, '--contract', 'cartpole')
    assert 'Nothing here yet of cartpole' in page.text
    page = report(store, '--contract', 'reacher')
    assert interface_hash(load_contract('reacher'))[:12] in page.text


def test_an_empty_store_gives_a_page_that_says_so(store):
    page = report(store)
    assert 'Nothing here yet' in page.text
    assert page.addresses == []


@pytest.mark.parametrize('there', [True, False])
def test_what_is_no_store_is_refused(tmp_path, there):
    folder = tmp_path / 'folder'
    if there:
        folder.mkdir()
    out = tmp_path / 'report.html'
    shown = runner.invoke(main.app, ['report', str(folder), '--out', str(out)])
    assert shown.exit_code == 1
    assert str(folder) in shown.output
    assert 'store' in shown.output
    assert not out.exists()


def test_a_page_that_cannot_be_written_is_refused_by_name(tmp_path, store):
    (tmp_path / 'file').write_text('')
    out = tmp_path / 'file' / 'report.html'
    shown = runner.invoke(main.app, ['report', store.url, '--out', str(out)])
    assert shown.exit_code == 1
    assert 'cannot be written' in shown.output


def test_the_template_is_among_the_installed_files():
    where = importlib.util.find_spec('world_model_ros.report').submodule_search_locations[0]
    assert (Path(where) / 'page.html').is_file()
    setup = (Path(__file__).parents[2] / 'setup.py').read_text()
    assert "'html'" in setup  # of package_data
