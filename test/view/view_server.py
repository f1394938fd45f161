# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The server of the view on a port of its own, with a source that a test can steer."""

from __future__ import annotations

import json
import struct
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from websockets.sync.client import connect

from world_model_ros.contract import load_contract
from world_model_ros.view.about import about_robot
from world_model_ros.view.access import Access
from world_model_ros.view.board import Board
from world_model_ros.view.port import listening_socket
from world_model_ros.view.server import Server, make_app
from world_model_ros.view.update import Update

TOKEN = 'the-right-token'
PATIENCE_SEC = 20.0


class Hands:
    """Notes what it is asked to do; `hang` holds every hand but the stop."""

    names = ('stop', 'enable', 'success')

    def __init__(self) -> None:
        self.done: list[str] = []
        self.driven: list[list[float]] = []
        self.let_go_count = 0
        self.refusal = ''
        self.hang = threading.Event()
        self.hang.set()

    def do(self, name: str) -> tuple[bool, str]:
        if name != 'stop':
            self.hang.wait(PATIENCE_SEC)
        self.done.append(name)
        return True, f'{name} done'

    def drive(self, directions) -> str:
        self.driven.append(list(directions))
        return self.refusal

    def let_go(self) -> None:
        self.let_go_count += 1


class Source:
    """A running robot, or an episode where there is no board."""

    def __init__(self, live: bool = True) -> None:
        self.board = Board() if live else None
        self.hands = Hands() if live else None
        self.frames: list[int] = []

    def about(self):
        return about_robot(load_contract('reacher'), 'live' if self.board else 'episode')

    def frame(self, number: int) -> bytes:
        self.frames.append(number)
        return struct.pack('>I', 2) + b'{}'


class Served:
    """A running server of one robot, or of several by name; `source` is the first."""

    def __init__(self, sources: dict[str, Source]) -> None:
        listening = listening_socket('127.0.0.1', 0)
        self.port = listening.getsockname()[1]
        self.sources = sources
        app, viewers = make_app(sources, Access('127.0.0.1', self.port, TOKEN))
        first = next(iter(sources))
        self.source, self.viewers = sources[first], viewers[first]
        self.server = Server(app, listening)

    def get(self, path: str = '/', host: str = ''):
        """A page: status, headers, body."""
        request = urllib.request.Request(f'http://127.0.0.1:{self.port}{path}')
        if host:
            request.add_header('Host', host)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SEC) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    @contextmanager
    def viewer(self, root: str = '/', **options) -> Iterator[Viewer]:
        address = f'ws://127.0.0.1:{self.port}{root}live'
        with connect(address, max_size=None, compression=None, **options) as socket:
            yield Viewer(socket)

    def post(self, number: int, **more) -> None:
        self.source.board.post(Update(number, {'n': number}, **more))


class Viewer:
    """One websocket, and what came on it."""

    def __init__(self, socket) -> None:
        self.socket = socket
        self.about = self.text('about')

    def send(self, **request) -> None:
        self.socket.send(json.dumps(request))

    def text(self, key: str):
        """The next text message's content; updates in between are passed over."""
        while True:
            message = self.socket.recv(timeout=PATIENCE_SEC)
            if isinstance(message, str) and key in (found := json.loads(message)):
                return found[key]

    def ask(self, **request):
        """The answer to a request."""
        self.send(**request)
        return self.text('answer')

    def update(self) -> dict:
        """The head of the next update."""
        while True:
            message = self.socket.recv(timeout=PATIENCE_SEC)
            if isinstance(message, bytes):
                (size,) = struct.unpack('>I', message[:4])
                return json.loads(message[4 : 4 + size])


@contextmanager
def served(*names: str, live: bool = True) -> Iterator[Served]:
    """A server until the end of the block; of several robots with these names."""
    serving = Served({name: Source(live) for name in names or ('',)})
    serving.server.start()
    try:
        yield serving
    finally:
        for source in serving.sources.values():
            if source.hands:
                source.hands.hang.set()
        serving.server.close()


def until(done: Callable[[], object], what: str) -> None:
    """Wait until something is true."""
    give_up_s = time.monotonic() + PATIENCE_SEC
    while not done():
        assert time.monotonic() < give_up_s, what
        time.sleep(0.005)
