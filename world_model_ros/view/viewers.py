# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Those who look, one websocket each: what they are sent, and what they may ask for.

Looking needs nothing; acting needs the token, sent once in a message, never in an address. What is
no request is dropped and counted; a viewer that sends little else is sent away. A viewer that is
slow gets fewer updates; none is queued for it. One viewer drives at a time. A stop never waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from world_model_ros.view.access import Access
from world_model_ros.view.source import Source
from world_model_ros.view.update import Seen
from world_model_ros.view.view_request import Request, read_request

MAX_VIEWERS = 128
MAX_DOING = 4  # hands of one viewer that the robot has not answered
MAX_BAD = 20  # messages of one viewer that are no requests
WRONG_TOKEN_SEC = 0.5  # until a wrong token is answered
POLICY, TOO_BIG, TRY_LATER = 1008, 1009, 1013  # of RFC 6455
log = logging.getLogger(__name__)


class Viewers:
    """Who looks, what was dropped of what they sent, and who drives."""

    def __init__(self, source: Source, access: Access) -> None:
        self.source, self.access = source, access
        self.count = 0
        self.dropped: Counter[str] = Counter()  # malformed, huge, wrong token, refused
        self.driver: Viewer | None = None
        # A stop and whoever drives must find a free thread, whatever else waits for the robot.
        self._threads = {
            name: ThreadPoolExecutor(count, f'hands {name}')
            for name, count in (('stop', 4), ('drive', 1), ('other', 8))
        }

    async def run(self, what: str, call: Callable[..., Any], *arguments: Any) -> Any:
        """Call what waits, in a thread; `what` is a hand's name or `drive`."""
        threads = self._threads.get(what, self._threads['other'])
        return await asyncio.get_running_loop().run_in_executor(threads, call, *arguments)

    async def serve(self, socket: WebSocket) -> None:
        """One viewer, from its coming to its going."""
        if self.count >= MAX_VIEWERS:
            self.dropped['refused'] += 1
            await socket.close(TRY_LATER, f'{MAX_VIEWERS} look already')
            return
        await socket.accept()
        viewer = Viewer(self, socket)
        self._count(1)
        try:
            await viewer.run()
        finally:
            self._count(-1)
            await viewer.leave()

    def _count(self, change: int) -> None:
        self.count += change
        if self.source.board is not None:
            self.source.board.viewers = self.count


class Viewer:
    """One websocket."""

    def __init__(self, viewers: Viewers, socket: WebSocket) -> None:
        self._viewers, self._source, self._socket = viewers, viewers.source, socket
        self._may_act = False
        self._bad = 0
        self._sending = asyncio.Lock()
        self._doing: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Send what is new and answer requests, until the viewer goes."""
        about = {**self._source.about(), 'hands': self._hands()}
        tasks = [asyncio.ensure_future(self._hear())]
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await self._send({'about': about})
            if self._source.board is not None:
                tasks.append(asyncio.ensure_future(self._show()))
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, Exception) and not isinstance(
                result, (WebSocketDisconnect, RuntimeError)
            ):
                log.error('a viewer was sent away by a fault of ours', exc_info=result)

    async def leave(self) -> None:
        """It has gone: it drives no longer."""
        if self._viewers.driver is self:
            self._viewers.driver = None
            hands = self._source.hands
            if hands is not None:
                await self._viewers.run('drive', hands.let_go)

    async def _show(self) -> None:
        board, seen = self._source.board, Seen()
        assert board is not None
        while True:
            update = await board.newer(seen.update)
            async with self._sending:  # returns when the viewer has room: a slow one skips some
                await self._socket.send_bytes(update.message(seen))
            seen.note(update)

    async def _hear(self) -> None:
        while True:
            message = await self._socket.receive()
            if message['type'] == 'websocket.disconnect':
                if message.get('code') == TOO_BIG:
                    self._viewers.dropped['huge'] += 1
                return
            text = message.get('text')
            try:
                request = read_request(text if text is not None else message.get('bytes'))
            except ValueError:
                self._viewers.dropped['malformed'] += 1
                self._bad += 1
                if self._bad > MAX_BAD:
                    await self._socket.close(POLICY, 'too many messages that are no requests')
                    return
                continue
            await self._answer(request)

    async def _answer(self, request: Request) -> None:
        if request.kind == 'token':
            await self._take_token(request)
        elif request.kind == 'show':
            if self._source.board is None:
                frame = await self._viewers.run('show', self._source.frame, request.value)
                async with self._sending:
                    await self._socket.send_bytes(frame)
        elif self._source.hands is None or not self._may_act:
            done = False, 'looking only: open the address with the token to act'
            await self._tell(request, *done)
        elif request.kind == 'do':
            name = request.value
            if name not in self._source.hands.names:
                await self._tell(request, False, f'no hand is called {name[:40]!r}')
                return
            if len(self._doing) >= MAX_DOING and name != 'stop':
                await self._tell(request, False, 'the robot has not answered those before')
                return
            # Nothing waits for the answer of the one before: a stop overtakes what hangs.
            task = asyncio.ensure_future(self._do(request))
            self._doing.add(task)
            task.add_done_callback(self._doing.discard)
        else:
            await self._drive(request)

    async def _take_token(self, request: Request) -> None:
        self._may_act = self._viewers.access.token_fits(request.value)
        if not self._may_act:
            self._viewers.dropped['wrong token'] += 1
            await asyncio.sleep(WRONG_TOKEN_SEC)
        words = '' if self._may_act else 'wrong token: it is printed where the view was started'
        await self._tell(request, self._may_act, words)

    async def _do(self, request: Request) -> None:
        hands = self._source.hands
        assert hands is not None
        try:
            done, words = await self._viewers.run(request.value, hands.do, request.value)
        except Exception as error:  # the person must hear that it was not done
            log.error('%s was not done', request.value, exc_info=error)
            done, words = False, f'a fault of the view: {error}'
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await self._tell(request, done, words)

    async def _drive(self, request: Request) -> None:
        hands, viewers = self._source.hands, self._viewers
        assert hands is not None
        if not request.value:  # no joints: let go
            await self.leave()
            return
        if viewers.driver is None:
            viewers.driver = self
        if viewers.driver is not self:
            await self._tell(request, False, 'another viewer drives')
            return
        words = await viewers.run('drive', hands.drive, request.value)
        if words:
            await self._tell(request, False, words)

    def _hands(self) -> list[str]:
        return [] if self._source.hands is None else list(self._source.hands.names)

    async def _tell(self, request: Request, done: bool, words: str) -> None:
        answer = {'kind': request.kind, 'number': request.number, 'done': done, 'words': words}
        if request.kind == 'do':
            answer['what'] = request.value
        await self._send({'answer': answer})

    async def _send(self, message: dict[str, Any]) -> None:
        async with self._sending:
            await self._socket.send_text(json.dumps(message))
