# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The table of stream kinds and command kinds, ours and those of plug-ins.

A robot file names a kind; everybody else asks the kind instead of comparing its name. Ours live
one file each in wire/kinds/ and are imported when a robot file names them; plug-ins are found by
the entry point group `world_model_ros.kinds`. A kind whose plug-in is missing has a stand-in,
which says why: a contract with it is refused, but old recordings of it can still be opened.
"""

from __future__ import annotations

import difflib
import functools
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from world_model_ros.contract.command_kind import CommandKind
from world_model_ros.contract.stream_kind import StreamKind
from world_model_ros.plugins import PluginError, Plugins

if TYPE_CHECKING:
    from world_model_ros.contract.problems import Problems, Section
    from world_model_ros.contract.schema import Action, Stream

STREAM_KINDS = {
    'image': 'world_model_ros.wire.kinds.image:ImageKind',
    'joints': 'world_model_ros.wire.kinds.joints:JointsKind',
    'task': 'world_model_ros.wire.kinds.task:TaskKind',
    'depth': 'world_model_ros.wire.kinds.depth:DepthKind',
    'imu': 'world_model_ros.wire.kinds.motions:ImuKind',
    'odometry': 'world_model_ros.wire.kinds.motions:OdometryKind',
    'twist': 'world_model_ros.wire.kinds.motions:TwistKind',
    'pose': 'world_model_ros.wire.kinds.motions:PoseKind',
    'wrench': 'world_model_ros.wire.kinds.motions:WrenchKind',
    'laser_scan': 'world_model_ros.wire.kinds.distances:LaserScanKind',
    'range': 'world_model_ros.wire.kinds.distances:RangeKind',
    'floats': 'world_model_ros.wire.kinds.floats:FloatsKind',
}
COMMAND_KINDS = {
    'effort': 'world_model_ros.wire.kinds.joint_commands:EffortKind',
    'velocity': 'world_model_ros.wire.kinds.joint_commands:VelocityKind',
    'position': 'world_model_ros.wire.kinds.joint_commands:PositionKind',
    'position_delta': 'world_model_ros.wire.kinds.joint_commands:PositionDeltaKind',
}
MAX_REASON = 300  # characters of what foreign code raised
MAX_KINDS = 256  # names that are remembered: recordings may name anything
PLUGINS = Plugins('world_model_ros.kinds', 'kind', {**STREAM_KINDS, **COMMAND_KINDS})


class KindMissing(ValueError):
    """A kind that cannot be used here; one line that says which, why and what to do."""


@functools.lru_cache(MAX_KINDS)
def stream_kind(name: str) -> StreamKind:
    """The kind of this name, or a stand-in whose `missing` says why there is none."""
    found = _find(name, StreamKind, 'stream')
    return found if isinstance(found, StreamKind) else MissingStream(name, found)


@functools.lru_cache(MAX_KINDS)
def command_kind(name: str) -> CommandKind:
    """The kind of this name, or a stand-in whose `missing` says why there is none."""
    found = _find(name, CommandKind, 'command')
    return found if isinstance(found, CommandKind) else MissingCommand(name, found)


def forget() -> None:
    """Look again at what is installed, for tests that install a plug-in."""
    PLUGINS.forget()
    stream_kind.cache_clear()
    command_kind.cache_clear()


def plugin_of(kind: StreamKind | CommandKind) -> str:
    """Name and version of the package that a kind comes from, '' for one of ours."""
    return '' if kind.missing else PLUGINS.package(kind.name)


def known(what: type) -> list[str]:
    """Names of the kinds of streams or commands that can be used, ours first."""
    ours = [n for n in STREAM_KINDS if n != 'task'] if what is StreamKind else [*COMMAND_KINDS]
    others = [name for name in PLUGINS.names() if name not in PLUGINS.own]
    return [*ours, *(name for name in others if not isinstance(_find(name, what, ''), str))]


def _find(name: str, what: type, word: str) -> Any:
    """An instance of `what`, or a text that says why there is none."""
    try:
        found = PLUGINS.load(name)
        kind = found() if isinstance(found, type) else found
    except KeyError:
        return f'no {word} kind of this name'
    except PluginError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - a class of foreign code may raise anything
        reason = ' '.join(f'{type(error).__name__}: {error}'.split())[:MAX_REASON]
        return (
            f'kind {name!r} of package {PLUGINS.package(name)} cannot be made: {reason}; repair '
            'or uninstall that package'
        )
    if isinstance(kind, (StreamKind, CommandKind)):
        kind.name = name
        if not isinstance(kind, what):
            other = 'command' if isinstance(kind, CommandKind) else 'stream'
            return f'it is a {other} kind, no {word} kind'
        return kind
    return (
        f'kind {name!r} of package {PLUGINS.package(name)} is a {type(kind).__name__}, not a '
        f'{what.__name__}: derive it from that class'
    )


def missing_text(kind: StreamKind | CommandKind) -> tuple[str, str]:
    """What was expected instead of a missing kind, and the remedy."""
    what = StreamKind if isinstance(kind, StreamKind) else CommandKind
    failures = [line for line in PLUGINS.failures() if line != kind.missing]
    names = known(what)
    near = difflib.get_close_matches(kind.name[:80], names, n=1)
    install = f'did you mean {near[0]!r}?' if near else 'install the plug-in that brings it'
    expected = f'one of {", ".join(names)}'
    remedy = f'{kind.missing}: {install}' if kind.name not in PLUGINS.names() else kind.missing
    if failures:
        remedy += f'; installed plug-ins that failed: {"; ".join(failures)}'
    return expected, remedy


class MissingStream(StreamKind):
    """In place of a kind whose plug-in is not here: nothing of it can be decoded."""

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        self.missing = why

    def read(self, section: Section, problems: Problems) -> dict[str, Any]:
        """Nothing is known of its keys."""
        return {'shape': (0,)}

    def interface(self, stream: Stream) -> dict[str, Any]:
        """Equal to that of no kind that is there."""
        return {'units': 'unknown: the plug-in of this kind is missing'}

    def words(self, stream: Stream) -> str:
        """Say so."""
        return f'kind {self.name} ({self.missing})'

    def stamp_ns(self, cdr: bytes) -> int:
        """Refuse."""
        self._refuse()

    def decode(self, stream: Stream, cdr: bytes) -> np.ndarray:
        """Refuse."""
        self._refuse()

    def encode(self, stream: Stream, array: np.ndarray, t_ns: int) -> bytes:
        """Refuse."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise KindMissing(f'stream kind {self.name!r} cannot be used: {self.missing}')


class MissingCommand(CommandKind):
    """In place of a kind whose plug-in is not here: nothing can be commanded."""

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        self.missing = why

    def encode(self, action: Action, t_ns: int, values: np.ndarray) -> bytes:
        """Refuse."""
        self._refuse()

    def decode(self, action: Action, cdr: bytes) -> np.ndarray | None:
        """Refuse."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise KindMissing(f'command kind {self.name!r} cannot be used: {self.missing}')
