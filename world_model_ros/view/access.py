# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Who may look and who may act.

Looking needs no token: the address is enough, by default that of this machine.
Acting needs the token that is printed at the start. A page of another site that a browser on this
machine has open can do neither: its Origin, or the name under which it reached us (DNS rebinding),
is another.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket

import psutil

TOKEN_BYTES = 18  # 144 bits
LOOPBACK = ('127.0.0.1', 'localhost', '[::1]')


def new_token() -> str:
    """A token, of letters that stay as they are in an address."""
    return secrets.token_urlsafe(TOKEN_BYTES)


class Access:
    """Names under which the page may be reached, and the token."""

    def __init__(self, host: str, port: int, token: str) -> None:
        self._hosts = {f'{name}:{port}' for name in _names(host)}
        if port == 80:  # browsers leave it out
            self._hosts |= _names(host)
        self._token = token.encode()

    def host_fits(self, host: str) -> bool:
        """Whether a request's Host is one of ours."""
        return host.lower() in self._hosts

    def origin_fits(self, origin: str | None) -> bool:
        """Whether a page of ours asks; a program that is no browser sends no Origin."""
        if origin is None:
            return True
        scheme, _, host = origin.lower().partition('://')
        return scheme == 'http' and host in self._hosts

    def token_fits(self, given: object) -> bool:
        """Whether this is the token; takes as long for a nearly right one."""
        if not isinstance(given, str):
            return False
        return hmac.compare_digest(given.encode('utf-8', 'surrogatepass'), self._token)


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches an address."""
    try:
        return host == 'localhost' or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _names(host: str) -> set[str]:
    """The names by which a browser may reach us."""
    names = set(LOOPBACK)
    if is_loopback(host):
        return names | {_bracketed(host)}
    if host not in ('0.0.0.0', '::'):
        return names | {_bracketed(host.lower())}
    own = socket.gethostname().lower()
    addresses = {
        row.address.split('%')[0]
        for rows in psutil.net_if_addrs().values()
        for row in rows
        if row.family in (socket.AF_INET, socket.AF_INET6)
    }
    return names | {own, f'{own}.local'} | {_bracketed(address) for address in addresses}


def _bracketed(host: str) -> str:
    return f'[{host}]' if ':' in host else host
