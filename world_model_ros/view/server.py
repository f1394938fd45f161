# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The server of the page: every request names us as we are reached, and comes from our own page.

Owns the ASGI application, its one page and the thread that serves it. Who may look and act, and
what a viewer costs, is in viewers.py.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
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
HARD_LIMIT = 65_536  # bytes of a message; the connection of a larger one ends unread
FILES = {
    '/': ('page.html', 'text/html; charset=utf-8'),
    '/page.css': ('page.css', 'text/css; charset=utf-8'),
    '/page.js': ('page.js', 'text/javascript; charset=utf-8'),
    '/charts.js': ('charts.js', 'text/javascript; charset=utf-8'),
    '/hands.js': ('hands.js', 'text/javascript; charset=utf-8'),
    '/player.js': ('player.js', 'text/javascript; charset=utf-8'),
}
HEADERS = {
    'Content-Security-Policy': "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' blob: data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cross-Origin-Resource-Policy': 'same-origin',
    'Cross-Origin-Opener-Policy': 'same-origin',
    'Cache-Control': 'no-store',
}


class Gate:
    """Refuses whoever reached us under another name, or comes from another page."""

    def __init__(self, app: ASGIApp, access: Access, viewers: Viewers) -> None:
        self._app, self._access, self._viewers = app, access, viewers

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
        self._viewers.dropped['refused'] += 1
        if scope['type'] == 'websocket':
            await WebSocket(scope, receive, send).close(POLICY)
            return
        words = 'This page is not served under this name, or to that page.\n'
        await PlainTextResponse(words, 403, HEADERS)(scope, receive, send)


def make_app(source: Source, access: Access) -> tuple[ASGIApp, Viewers]:
    """The ASGI application, and its viewers."""
    viewers = Viewers(source, access)
    folder = Path(__file__).parent

    def page(name: str, kind: str) -> Callable[[HttpRequest], Awaitable[Response]]:
        content = (folder / name).read_bytes()

        async def answer(_: HttpRequest) -> Response:
            return Response(content, headers={**HEADERS, 'Content-Type': kind})

        return answer

    routes: list[Any] = [Route(path, page(*file)) for path, file in FILES.items()]
    routes.append(WebSocketRoute('/live', viewers.serve))
    return Gate(Starlette(routes=routes), access, viewers), viewers


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
