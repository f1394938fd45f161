# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""URLs without their secrets, for everything that is shown: errors, logs, status, reports.

A store's URL may carry a password (`s3://KEY:SECRET@bucket`) or a signed query (`?sig=…`), and a
client's errors repeat it.
"""

from __future__ import annotations

import re

HIDDEN = '***'
_URL = re.compile(r'\b[a-zA-Z][a-zA-Z0-9+.-]*://[^\s\'"<>]+')
_USER = re.compile(r'(://)[^/@?#]*@')
_REST = re.compile(r'([?#]).*\Z', re.DOTALL)
# `secret_access_key=…`, `"token": "…"`, as clients print their settings.
_SETTING = re.compile(
    r'(?i)([\w-]*(?:secret|token|password|passwd|signature|credential|access_?key|account_?key)'
    r'[\w-]*["\']?\s*[=:]\s*["\']?)(?!/)[^\s"\'&,;)}]+'
)
_BEARER = re.compile(r'(?i)\b(bearer|basic)\s+[A-Za-z0-9+/=._~-]{8,}')


def redact(text: str) -> str:
    """The text, with user, password, query and fragment of every URL replaced by ***."""
    text = _URL.sub(lambda match: _hide(match.group()), text)
    return _BEARER.sub(rf'\1 {HIDDEN}', _SETTING.sub(rf'\1{HIDDEN}', text))


def _hide(url: str) -> str:
    return _REST.sub(rf'\1{HIDDEN}', _USER.sub(rf'\1{HIDDEN}@', url))
