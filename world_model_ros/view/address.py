# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The address that a person opens, and where the token for it is left."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from world_model_ros.user_path import user_path
from world_model_ros.view.access import is_loopback

FOLDER = '~/.local/state/world_model_ros'


def address_of(host: str, port: int, token: str = '') -> str:
    """The page's address; with the token behind #, which no browser sends to anybody."""
    shown = '127.0.0.1' if is_loopback(host) or host in ('0.0.0.0', '::') else host
    place = f'[{shown}]' if ':' in shown else shown
    return f'http://{place}:{port}/' + (f'#token={token}' if token else '')


def leave_address(address: str, file: str, port: int) -> Path:
    """Write an address with its token to a file that only this user may read.

    Raises:
        OSError: it cannot be written.
    """
    path = user_path(file) if file else user_path(FOLDER) / f'dashboard_{port}.address'
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f'{path.name}.{secrets.token_hex(4)}')
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(part, flags, 0o600), 'w', encoding='utf-8') as opened:
        opened.write(f'{address}\n')
    part.replace(path)
    return path
