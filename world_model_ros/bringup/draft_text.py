# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The text of a first robot file: YAML in which each guess is marked CHECK in a comment."""

from __future__ import annotations

import textwrap
from typing import Any

import yaml

CHECK = 'CHECK'
WIDTH = 96


class DraftText:
    """YAML with comments, line by line; every word from outside is quoted where it must be."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self.doubts: list[str] = []

    def text(self) -> str:
        """The file so far."""
        return '\n'.join(self._lines) + '\n'

    def line(self) -> None:
        """An empty line."""
        self._lines.append('')

    def comment(self, indent: str, text: str) -> None:
        """A comment, over as many lines as it needs."""
        plain = ''.join(c if c.isprintable() else ' ' for c in ' '.join(text.split()))
        self._lines += textwrap.wrap(
            plain,
            WIDTH,
            initial_indent=f'{indent}# ',
            subsequent_indent=f'{indent}#   ',
            break_on_hyphens=False,
        )

    def note(self, indent: str, text: str, key: str) -> None:
        """What a person must check; `key` is the dotted key that it is about."""
        self.doubts.append(key)
        self.comment(indent, f'{CHECK}: {text}')

    def section(self, name: str, indent: str = '') -> None:
        """The head of a section."""
        if not indent:
            self.line()
        self._lines.append(f'{indent}{scalar(name)}:')

    def key(self, indent: str, name: str, value: Any, doubt: str = '', path: str = '') -> None:
        """A key with its value, below its doubt."""
        if doubt:
            self.note(indent, doubt, path)
        self._lines.append(f'{indent}{name}: {scalar(value)}')


def scalar(value: Any) -> str:
    """A value in one line of YAML."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10**9, sort_keys=False)
    return text.removesuffix('\n').removesuffix('\n...')
