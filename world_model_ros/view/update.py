# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a viewer gets: one binary message with everything that is new to it.

A message is a head of JSON and, behind it, the pictures that the head names, one after the other:
4 bytes with the length of the head (big-endian), the head, the pictures (docs/reference/view.md).
A viewer that was slow gets the newest state and the curves' samples that it missed, as far as they
are kept; of pictures only the newest. So nothing waits for anybody.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from world_model_ros.view.ahead import Ahead
from world_model_ros.view.view_picture import Picture

VIEW_FORMAT = 1
KEPT_SAMPLES = 300  # 12 s at 25 Hz
_HEAD = struct.Struct('>I')


def plain(value: Any) -> Any:
    """A value as JSON has it: five digits, None for what is not finite."""
    if isinstance(value, (bool, str, int)) or value is None:
        return value
    if isinstance(value, (float, np.floating)):
        return float(f'{value:.5g}') if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return [plain(item) for item in value.tolist()]
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value)


def sample(values: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of one tick; its time keeps all digits."""
    return {**plain(values), 't': values['t']}


def ahead_head(ahead: Ahead) -> dict[str, Any]:
    """What is imagined, but for its pictures."""
    other = ahead.rejected
    return {
        't': ahead.t_ns * 1e-9,
        'under': ahead.under,
        'in_s': plain(ahead.in_s),
        'numbers': plain(ahead.numbers),
        'reward': plain(ahead.reward),
        'rejected': other and {'under': other.under, 'reward': plain(other.reward)},
    }


def ahead_pictures(ahead: Ahead) -> tuple[Picture, ...]:
    """The pictures of what is imagined, under what is executed and what was rejected."""
    return (*ahead.pictures, *(ahead.rejected.pictures if ahead.rejected else ()))


def encode(head: Mapping[str, Any], pictures: Sequence[Picture]) -> bytes:
    """One message; `pictures` of the head name the parts behind it."""
    rows = [
        {'stream': p.stream, 'what': p.what, 'in_s': plain(p.in_s), 'bytes': len(p.png)}
        for p in pictures
    ]
    text = json.dumps({**head, 'pictures': rows}, allow_nan=False, separators=(',', ':')).encode()
    return b''.join([_HEAD.pack(len(text)), text, *(p.png for p in pictures)])


@dataclass(frozen=True)
class Update:
    """The newest of a robot; made once, for all viewers."""

    number: int
    state: Mapping[str, Any]
    samples: Sequence[tuple[int, Mapping[str, Any]]] = ()  # (number, figures), oldest first
    pictures: tuple[Picture, ...] = ()
    pictures_number: int = 0  # grows with each new set of pictures
    ahead: Ahead | None = None
    ahead_number: int = 0
    _messages: dict[tuple[int, int, int], bytes] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def message(self, since: Seen) -> bytes:
        """The message for a viewer that has seen this much; viewers that have seen alike share."""
        key = (since.sample, since.pictures, since.ahead)
        found = self._messages.get(key)
        if found is None:
            found = self._messages[key] = self._encoded(since)
        return found

    def _encoded(self, since: Seen) -> bytes:
        head: dict[str, Any] = {
            'number': self.number,
            'state': plain(self.state),
            'samples': [row for number, row in self.samples if number > since.sample],
        }
        pictures: list[Picture] = []
        if self.pictures_number > since.pictures:
            pictures += self.pictures
        if self.ahead is not None and self.ahead_number > since.ahead:
            pictures += ahead_pictures(self.ahead)
            head['ahead'] = ahead_head(self.ahead)
        elif self.ahead is None:
            head['ahead'] = None
        return encode(head, pictures)


@dataclass
class Seen:
    """How much of a robot a viewer has been sent."""

    update: int = 0
    sample: int = 0
    pictures: int = 0
    ahead: int = 0

    def note(self, update: Update) -> None:
        """It has been sent this one."""
        self.update = update.number
        self.pictures, self.ahead = update.pictures_number, update.ahead_number
        if update.samples:
            self.sample = update.samples[-1][0]
