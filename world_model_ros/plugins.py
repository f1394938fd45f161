# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Plug-ins of other packages, found by entry point and imported only when they are used.

One `Plugins` per seam (families, kinds, bodies). Ours stand in a table of the same `module:object`
strings that setup.py registers, so that a source tree that is not installed has them too. They
come first: a plug-in cannot take the name of one of ours. Belongs to no floor; imports nothing of
the package.
"""

from __future__ import annotations

import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OUR_PACKAGE = 'world-model-ros'


class PluginError(ValueError):
    """A plug-in that is there and cannot be used; one line with its package and the reason."""


@dataclass(frozen=True)
class _Entry:
    """One entry point, and the package that registered it."""

    point: importlib.metadata.EntryPoint
    package: str  # name and version


class Plugins:
    """The plug-ins of one entry point group.

    Args:
        group: name of the group, such as `world_model_ros.bodies`.
        what: what a plug-in of this group is, for messages: `body`.
        own: name -> `module:object` of those in this package.
    """

    def __init__(self, group: str, what: str, own: Mapping[str, str]) -> None:
        self.group, self.what = group, what
        self.own = dict(own)
        self._found: dict[str, list[_Entry]] | None = None
        self._loaded: dict[str, Any] = {}

    def names(self) -> list[str]:
        """All names that are registered, sorted; whether they can be imported is not tried."""
        return sorted({*self.own, *self._others()})

    def load(self, name: str) -> Any:
        """Import and return what is registered under a name; the second time it is only looked up.

        Raises:
            KeyError: nothing has this name.
            PluginError: its import failed, or two packages register the name.
        """
        if name not in self._loaded:
            self._loaded[name] = self._import(name)
        return self._loaded[name]

    def unknown(self, name: str) -> str:
        """What to say about a name that nothing has: the known ones."""
        return f'no {self.what} is called {name!r}; there are: {", ".join(self.names())}'

    def failures(self) -> list[str]:
        """Import every plug-in of other packages; one line for each that cannot be used."""
        lines = []
        for name, entries in self._others().items():
            if name in self.own:
                owners = ' and '.join(entry.package for entry in entries)
                lines.append(
                    f'{self.what} {name!r} of package {owners} is not used: world_model_ros has '
                    'one of this name; rename that of the package'
                )
                continue
            try:
                self.load(name)
            except PluginError as error:
                lines.append(str(error))
        return lines

    def package(self, name: str) -> str:
        """Name and version of the package whose plug-in this is; empty for ours."""
        return '' if name in self.own else self._others()[name][0].package

    def forget(self) -> None:
        """Look again at what is installed, for tests that install a plug-in."""
        self._found = None
        self._loaded.clear()

    def _others(self) -> dict[str, list[_Entry]]:
        """Name -> entries of other packages."""
        if self._found is None:
            found: dict[str, list[_Entry]] = {}
            for point in importlib.metadata.entry_points(group=self.group):
                package = _package(point)
                if package.partition(' ')[0].replace('_', '-') != OUR_PACKAGE:
                    found.setdefault(point.name, []).append(_Entry(point, package))
            self._found = found
        return self._found

    def _import(self, name: str) -> Any:
        if name in self.own:
            return importlib.metadata.EntryPoint(name, self.own[name], self.group).load()
        entries = self._others().get(name, [])
        if not entries:
            raise KeyError(name)
        if len(entries) > 1:
            owners = ' and '.join(entry.package for entry in entries)
            raise PluginError(
                f'{self.what} {name!r} is registered by {owners}: uninstall one of them'
            )
        (entry,) = entries
        try:
            return entry.point.load()
        except Exception as error:
            reason = ' '.join(f'{type(error).__name__}: {error}'.split())[:300]
            raise PluginError(
                f'{self.what} {name!r} of package {entry.package} cannot be loaded from '
                f'{entry.point.value} ({reason}): repair or uninstall that package'
            ) from error


def _package(point: importlib.metadata.EntryPoint) -> str:
    if point.dist is None:
        return f'unknown ({point.value})'
    return f'{point.dist.name} {point.dist.version}'
