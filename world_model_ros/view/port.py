# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A port to listen on, or a refusal that names who holds it."""

from __future__ import annotations

import contextlib
import errno
import socket

import psutil


class PortError(OSError):
    """A port that cannot be used; one line with the remedy."""


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that listens; port 0 takes a free one.

    Raises:
        PortError: another process holds it, or the address is none of this machine's.
    """
    family = socket.AF_INET6 if ':' in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # not while another listens
        made.bind((host, port))
        made.listen(128)
        made.setblocking(False)
    except OSError as error:
        made.close()
        if error.errno == errno.EADDRINUSE:
            raise PortError(
                f'port {port} of {host} is held by {holder(port)}: end that process, or take '
                'another port (0: any that is free)'
            ) from None
        why = 'ports below 1024 need root' if error.errno == errno.EACCES else str(error)
        raise PortError(
            f'cannot listen on {host} port {port}: {why}; expected an address of this machine '
            '(127.0.0.1: this machine alone, 0.0.0.0: all its networks) and a free port'
        ) from None
    return made


def holder(port: int) -> str:
    """Which process listens on a port, as far as this user may know."""
    with contextlib.suppress(psutil.Error, OSError):
        for row in psutil.net_connections('tcp'):
            if row.status == psutil.CONN_LISTEN and row.laddr.port == port and row.pid:
                with contextlib.suppress(psutil.Error):
                    words = ' '.join(psutil.Process(row.pid).cmdline())[:120]
                    return f'process {row.pid} ({words})'
                return f'process {row.pid}'
    return 'a process of another user'
