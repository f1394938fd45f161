# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What was heard on one topic, live or in a bag, for a first robot file.

Owns the limits: messages are kept evenly over the whole time, few of large ones.
"""

from __future__ import annotations

import contextlib
import statistics
from dataclasses import dataclass, field

from world_model_ros.contract.command_kind import CommandKind
from world_model_ros.contract.kinds import command_kind, known, stream_kind
from world_model_ros.contract.stream_kind import StreamKind
from world_model_ros.wire.cdr import MessageError, has_header, header_stamp_ns

CLOCK = 'rosgraph_msgs/msg/Clock'
KEPT_SMALL, KEPT_LARGE = 4096, 8  # messages
LARGE_BYTES = 1 << 16


def wanted_type(type_name: str) -> bool:
    """Whether messages of a type may be of use: a stream's, a command's, or the clock's."""
    return type_name == CLOCK or bool(stream_kinds(type_name) or command_kinds(type_name))


def stream_kinds(type_name: str) -> list[StreamKind]:
    """The kinds of streams that take messages of a type, ours first."""
    kinds = (stream_kind(name) for name in known(StreamKind))
    return [kind for kind in kinds if not kind.missing and kind.takes(type_name)]


def command_kinds(type_name: str) -> list[CommandKind]:
    """The kinds of commands that go out as messages of a type, ours first."""
    kinds = (command_kind(name) for name in known(CommandKind))
    return [kind for kind in kinds if not kind.missing and type_name in kind.message_types]


@dataclass
class Observed:
    """One topic. Times are of arrival; `listeners` is None where nobody knows, as in a bag."""

    topic: str  # full name
    type: str
    publishers: tuple[str, ...] = ()
    listeners: tuple[str, ...] | None = None
    count: int = 0
    first_ns: int = 0
    last_ns: int = 0
    offsets: list[float] = field(default_factory=list, repr=False)  # arrival - stamp, s
    kept: list[tuple[int, bytes]] = field(default_factory=list, repr=False)
    _step: int = 1  # every so manyth message is kept

    def add(self, t_ns: int, cdr: bytes) -> None:
        """A message came."""
        if self.count % self._step == 0:
            self._keep(t_ns, cdr)
        self.first_ns = self.first_ns if self.count else t_ns
        self.last_ns = t_ns
        self.count += 1

    def _keep(self, t_ns: int, cdr: bytes) -> None:
        self.kept.append((t_ns, bytes(cdr)))
        if has_header(self.type):
            with contextlib.suppress(MessageError):
                self.offsets.append((t_ns - header_stamp_ns(cdr)) * 1e-9)
        if len(self.kept) > (KEPT_LARGE if len(cdr) > LARGE_BYTES else KEPT_SMALL):
            del self.kept[1::2], self.offsets[1::2]
            self._step *= 2

    @property
    def messages(self) -> list[bytes]:
        """Those that were kept, in the order of arrival."""
        return [cdr for _, cdr in self.kept]

    @property
    def seconds(self) -> float:
        """From the first to the last message."""
        return (self.last_ns - self.first_ns) * 1e-9

    @property
    def rate_hz(self) -> float:
        """Messages per second, 0 where fewer than two came."""
        return (self.count - 1) / self.seconds if self.seconds > 0.0 else 0.0

    @property
    def offset_s(self) -> float | None:
        """Median of arrival - stamp; None where the type has no stamps."""
        return statistics.median(self.offsets) if self.offsets else None
