# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The server of the page: every request names us as we are reached, and comes from our own page.

Owns the ASGI application, its pages and the thread that serves them. One robot, or an episode, has
the page at `/`; of several each has its own below `/robot/NAME/`, and `/` shows them side by side.
Who may look and act, and what a viewer costs, is in viewers.py.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from socket import socket as Socket
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from world_model_ros.view.access import Access
from world_model_ros.view.source import Source
from world_model_ros.view.viewers import POLICY, Viewers

# A viewer that vanished without a word is found after twice this long. Not less: on a machine
# with too much to do a browser answers seconds late, and is not to be sent away for it.
PING_SEC = 20.0
_NAME = re.compile(r'\w[\w.-]*', re.ASCII)  # of one of several
HARD_LIMIT = 65_536  # bytes of a message; the connection of a larger one ends unread
FILES = {
    '/page.css': ('page.css', 'text/css; charset=utf-8'),
    '/page.js': ('page.js', 'text/javascript; charset=utf-8'),
    '/charts.js': ('charts.js', 'text/javascript; charset=utf-8'),
    '/hands.js': ('hands.js', 'text/javascript; charset=utf-8'),
    '/inside.js': ('inside.js', 'text/javascript; charset=utf-8'),
    '/player.js': ('player.js', 'text/javascript; charset=utf-8'),
    '/robots.js': ('robots.js', 'text/javascript; charset=utf-8'),
}
HTML = 'text/html; charset=utf-8'
HEADERS = {
    'Content-Security-Policy': "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-src 'self'; frame-ancestors 'self'",
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cache-Control': 'no-store',
}


class Gate:
    """Refuses whoever reached us under another name, or comes from another page."""

    def __init__(self, app: ASGIApp, access: Access, refused: Callable[[], None]) -> None:
        self._app, self._access, self._refused = app, access, refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope['type'] not in ('http', 'websocket'):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host_fits = self._access.host_fits(headers.get('host', ''))
        if host_fits and self._access.origin_fits(headers.get('origin')):
            await self._app(scope, receive, send)
            return
        self._refused()
        if scope['type'] == 'websocket':
            await WebSocket(scope, receive, send).close(POLICY)
            return
        words = 'This page is not served under this name, or to that page.\n'
        await PlainTextResponse(words, 403, HEADERS)(scope, receive, send)


def make_app(
    sources: Mapping[str, Source], access: Access
) -> tuple[ASGIApp, Mapping[str, Viewers]]:
    """The ASGI application of what is shown, by name, and the viewers of each.

    Raises:
        ValueError: a name of several cannot stand in an address.
    """
    viewers = {name: Viewers(source, access) for name, source in sources.items()}
    several = len(sources) > 1
    if wrong := [name for name in sources if several and not _NAME.fullmatch(name)]:
        raise ValueError(
            f'{", ".join(map(repr, wrong))}: expected names of letters, digits, _ . and -'
        )
    folder = Path(__file__).parent

    def answer(content: bytes, kind: str) -> Callable[[HttpRequest], Awaitable[Response]]:
        async def give(_: HttpRequest) -> Response:
            return Response(content, headers={**HEADERS, 'Content-Type': kind})

        return give

    routes: list[Any] = [
        Route(path, answer((folder / name).read_bytes(), kind))
        for path, (name, kind) in FILES.items()
    ]
    page = answer((folder / 'page.html').read_bytes(), HTML)
    for name, looking in viewers.items():
        root = f'/robot/{name}/' if several else '/'
        routes += [Route(root, page), WebSocketRoute(f'{root}live', looking.serve)]
    if several:
        names = json.dumps(list(sources)).encode()
        routes.append(Route('/', answer((folder / 'robots.html').read_bytes(), HTML)))
        routes.append(Route('/robots.json', answer(names, 'application/json')))

    def refused() -> None:
        next(iter(viewers.values())).dropped['refused'] += 1

    return Gate(Starlette(routes=routes), access, refused), viewers


class Server:
    """Runs the application in a thread of its own."""

    def __init__(self, app: ASGIApp, listening: Socket) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,  # ours; addresses, and what stands in them, are in no log
            access_log=False,
            log_level='warning',
            lifespan='off',
            ws='websockets-sansio',
            ws_max_size=HARD_LIMIT,
            ws_ping_interval=PING_SEC,
            ws_ping_timeout=PING_SEC,
            ws_per_message_deflate=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._socket = listening
        self._thread = threading.Thread(target=self._run, name='server', daemon=True)

    def start(self) -> None:
        """Serve from now on."""
        self._thread.start()

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))

    @property
    def alive(self) -> bool:
        """Whether it serves, or is about to."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Send every viewer away and end."""
        self._server.should_exit = True
        self._thread.join(timeout=4.0)
        self._socket.close()
