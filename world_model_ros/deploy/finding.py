# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One line of what was examined, and the order in which such lines are shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One line: what was examined, whether it serves, and where it does not, what to do.

    `ok` False: a robot cannot run. None with `warning`: it can, and somebody should look. None
    without: it is optional and absent, or could not be examined.
    """

    what: str
    ok: bool | None
    text: str
    warning: bool = False

    @property
    def mark(self) -> str:
        """How the line begins."""
        if self.ok is None:
            return 'WARN' if self.warning else '-'
        return 'ok' if self.ok else 'BAD'


_ORDER = ('BAD', 'WARN', 'ok', '-')


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """The findings by how bad they are; those that are alike in the order given: causes first."""
    return sorted(findings, key=lambda finding: _ORDER.index(finding.mark))


def warn(what: str, text: str) -> Finding:
    """Something that works, and that somebody should look at."""
    return Finding(what, None, text, warning=True)
