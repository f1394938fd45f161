# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The server of the page: who may look, who may act, and what bad or slow viewers cost."""

from __future__ import annotations

import json
import re
import socket
from contextlib import ExitStack

import psutil
import pytest

pytest.importorskip('uvicorn', reason='the page is in the extra "view"')

from view_server import TOKEN, Source, served, until
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from world_model_ros.view import viewers
from world_model_ros.view.access import Access
from world_model_ros.view.server import FILES, HARD_LIMIT, make_app
from world_model_ros.view.update import Update
from world_model_ros.view.view_picture import Picture


@pytest.fixture
def serving():
    with served() as running:
        yield running


def test_the_page_takes_nothing_from_elsewhere(serving):
    for path in ('/', *FILES):
        status, headers, body = serving.get(path)
        assert status == 200 and body
        policy = headers['Content-Security-Policy']
        assert policy.startswith("default-src 'none'") and 'unsafe' not in policy
        assert headers['X-Content-Type-Options'] == 'nosniff'
        addresses = re.findall(r'https?://[^\s"\'`)]*', body.decode())
        assert addresses == []
    assert serving.get('/etc/passwd')[0] == 404
    assert serving.get('/../server.py')[0] == 404


@pytest.mark.parametrize('host', ['evil.example', 'evil.example:80', '127.0.0.1', 'localhost:1'])
def test_a_name_that_is_not_ours_is_refused(serving, host):
    """DNS rebinding: a page of another site resolves its own name to this machine."""
    status, _, body = serving.get('/', host=host)
    assert status == 403 and b'World model' not in body
    with (
        pytest.raises(InvalidStatus),
        socket.create_connection(('127.0.0.1', serving.port)) as direct,
    ):
        connect(f'ws://{host}/live', sock=direct)
    assert serving.viewers.dropped['refused'] == 2


def test_a_page_of_another_site_cannot_open_the_websocket(serving):
    with pytest.raises(InvalidStatus), serving.viewer(origin='http://evil.example'):
        pass
    with pytest.raises(InvalidStatus), serving.viewer(origin='null'):
        pass
    with serving.viewer(origin=f'http://localhost:{serving.port}') as viewer:
        assert viewer.about['robot'] == 'reacher'


def test_acting_needs_the_token_and_looking_does_not(serving):
    serving.post(1)
    with serving.viewer() as viewer:
        assert viewer.update()['number'] == 1
        refused = viewer.ask(do='stop', number=3)
        assert not refused['done'] and 'token' in refused['words'] and refused['number'] == 3
        assert not viewer.ask(token='the-right-tokem')['done']
        assert not viewer.ask(token='')['done']
        assert not viewer.ask(do='stop')['done']
        assert not viewer.ask(drive=[1.0, 0.0])['done']
        assert serving.source.hands.done == [] and serving.source.hands.driven == []
        assert serving.viewers.dropped['wrong token'] == 2
        assert viewer.ask(token=TOKEN)['done']
        assert viewer.ask(do='stop') == {
            'kind': 'do', 'number': 0, 'done': True, 'words': 'stop done', 'what': 'stop'
        }  # fmt: skip
        assert not viewer.ask(do='reboot')['done']
        assert not viewer.ask(token='wrong')['done']  # gives away what one had
        assert not viewer.ask(do='stop')['done']
    assert serving.source.hands.done == ['stop']


def test_a_stop_overtakes_a_hand_that_hangs(serving):
    serving.source.hands.hang.clear()
    with serving.viewer() as viewer:
        viewer.ask(token=TOKEN)
        for _ in range(8):
            viewer.send(do='enable')
        answers = [viewer.ask(do='stop')]
        while answers[-1].get('what') != 'stop' or not answers[-1]['done']:
            answers.append(viewer.text('answer'))
        assert serving.source.hands.done == ['stop']
        assert sum('not answered' in row['words'] for row in answers) == 4


def test_a_stop_finds_a_thread_whatever_else_hangs(serving):
    serving.source.hands.hang.clear()
    with ExitStack() as stack:
        looking = [stack.enter_context(serving.viewer()) for _ in range(6)]
        for viewer in looking:
            viewer.ask(token=TOKEN)
            for _ in range(4):
                viewer.send(do='enable')
        assert looking[0].ask(do='stop')['words'] == 'stop done'
        serving.source.hands.hang.set()


def test_what_is_no_request_is_dropped_and_counted(serving):
    bad = ['', '[]', '{', '{"do": 1}', '{"do": "stop", "token": "x"}', 'x' * 5000, b'\x00\x01']
    with serving.viewer() as viewer:
        for message in bad:
            viewer.socket.send(message)
        assert viewer.ask(token=TOKEN)['done']
        assert serving.viewers.dropped['malformed'] == len(bad)


def test_a_viewer_that_sends_little_else_is_sent_away(serving):
    with serving.viewer() as viewer:
        for _ in range(viewers.MAX_BAD + 1):
            viewer.socket.send('nonsense')
        with pytest.raises(ConnectionClosed) as closed:
            viewer.text('answer')
        assert closed.value.rcvd.code == 1008
    until(lambda: serving.viewers.count == 0, 'the viewer to be gone')


def test_a_huge_message_ends_its_connection_unread(serving):
    with serving.viewer() as viewer, serving.viewer() as other:
        viewer.socket.send('x' * (HARD_LIMIT + 1))
        with pytest.raises(ConnectionClosed):
            viewer.text('answer')
        until(lambda: serving.viewers.dropped['huge'] == 1, 'it to be counted')
        assert other.ask(token=TOKEN)['done']


def test_a_slow_viewer_gets_the_newest_and_no_queue(serving):
    """Two hundred megabytes are posted; whoever did not read gets a few of them."""
    picture = Picture('camera', 'seen', bytes(1_000_000))
    posted = 200
    with serving.viewer() as slow, serving.viewer() as quick:
        for number in range(1, posted + 1):
            samples = [(n, {'t': float(n)}) for n in range(1, number + 1)]
            serving.post(
                number, pictures=(picture,), pictures_number=number, samples=samples[-300:]
            )
            assert quick.update()['number'] == number
        heads = [slow.update()]
        while heads[-1]['number'] < posted:
            heads.append(slow.update())
        assert len(heads) < 60  # what fits into the kernel's buffers, and the newest
        heard = [row['t'] for head in heads for row in head['samples']]
        assert heard == [float(n) for n in range(1, posted + 1)]  # curves have no gap all the same


def test_a_hundred_that_come_and_go_leave_nothing_behind(serving):
    me = psutil.Process()
    serving.post(1)
    for _ in range(10):  # a pool starts its threads with the first that need them
        with serving.viewer() as viewer:
            viewer.update()
    until(lambda: serving.viewers.count == 0, 'the first to be gone')
    files, threads = me.num_fds(), me.num_threads()
    for number in range(100):
        with serving.viewer() as viewer:
            viewer.update()
            if number % 3 == 0:  # without a word, as a browser that was killed
                viewer.socket.socket.shutdown(socket.SHUT_RDWR)
    until(lambda: serving.viewers.count == 0, 'all to be gone')
    assert serving.source.board.viewers == 0
    until(lambda: me.num_fds() <= files, f'{me.num_fds()} files are open, before {files}')
    until(lambda: me.num_threads() <= threads, f'{me.num_threads()} threads, before {threads}')


def test_more_viewers_than_are_served_are_refused(serving, monkeypatch):
    monkeypatch.setattr(viewers, 'MAX_VIEWERS', 1)
    with serving.viewer(), pytest.raises(InvalidStatus), serving.viewer():
        pass


def test_one_viewer_drives_and_lets_go_when_it_is_gone(serving):
    hands = serving.source.hands
    with serving.viewer() as first:
        first.ask(token=TOKEN)
        first.send(drive=[1, -0.5])
        until(lambda: hands.driven == [[1, -0.5]], 'to drive')
        with serving.viewer() as second:
            second.ask(token=TOKEN)
            assert second.ask(drive=[0, 0])['words'] == 'another viewer drives'
        assert hands.let_go_count == 0
    until(lambda: hands.let_go_count == 1, 'to let go')
    with serving.viewer() as third:
        third.ask(token=TOKEN)
        hands.refusal = 'the guard is inactive'
        assert third.ask(drive=[0, 0])['words'] == 'the guard is inactive'
        third.send(drive=[])
        until(lambda: hands.let_go_count == 2, 'to let go by itself')
    assert hands.driven == [[1, -0.5], [0, 0]]


def test_an_episode_is_sent_tick_by_tick_and_has_no_hands():
    with served(live=False) as serving, serving.viewer() as viewer:
        assert viewer.about['hands'] == []
        viewer.send(show=7)
        assert viewer.update() == {}
        assert serving.source.frames == [7]
        assert viewer.ask(token=TOKEN)['done']
        assert not viewer.ask(do='stop')['done']


def test_of_several_robots_each_has_a_page_and_hands_of_its_own():
    with served('left', 'cell.right') as serving:
        assert b'robots.js' in serving.get('/')[2]
        assert json.loads(serving.get('/robots.json')[2]) == ['left', 'cell.right']
        assert serving.get('/robot/left/')[2] == serving.get('/robot/cell.right/')[2]
        assert serving.get('/robot/nobody/')[0] == 404 and serving.get('/live')[0] == 404
        left, right = serving.sources.values()
        with serving.viewer('/robot/left/') as viewer:
            assert viewer.ask(token=TOKEN)['done']
            assert viewer.ask(do='stop')['done']
        assert (left.hands.done, right.hands.done) == (['stop'], [])
        with serving.viewer('/robot/cell.right/') as viewer:
            right.board.post(Update(7, {}))
            assert viewer.update()['number'] == 7
            assert (left.board.viewers, right.board.viewers) == (0, 1)


@pytest.mark.parametrize('name', ['a/b', '..', '', 'a b', '%2e'])
def test_a_name_that_is_no_part_of_an_address_is_refused(name):
    with pytest.raises(ValueError, match='expected names of letters'):
        make_app({'fine': Source(), name: Source()}, Access('127.0.0.1', 1, TOKEN))


def test_the_token_is_in_no_log(serving, caplog):
    with caplog.at_level('DEBUG'), serving.viewer() as viewer:
        viewer.ask(token=TOKEN)
        viewer.ask(token=TOKEN + 'x')
        serving.get('/?' + TOKEN)
    ours = [row.getMessage() for row in caplog.records if not row.name.startswith('websockets')]
    assert not [line for line in ours if TOKEN in line]
    assert json.dumps(serving.viewers.dropped)
