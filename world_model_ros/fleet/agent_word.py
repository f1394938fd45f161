# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What an agent says on ~/release, checked: bounded JSON of a known shape, or refused.

Anybody on the same DDS domain can publish there. What is believed of it is the updater's business:
this file only sees to it that it can be looked at. Must not import ROS or torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

from world_model_ros.fleet.updater_state import MAX_NUMBER, short
from world_model_ros.store.keys import is_sha256
from world_model_ros.strict_json import strict_json

RELEASE_FORMAT = 1  # of the agent's ~/release
MAX_BYTES = 32 * 1024  # four bundles with their directories and one reason each
MAX_DEPTH = 4


class Held(Enum):
    """What an agent does with a bundle; of a candidate, the value is its `state` in the JSON."""

    NOT = ''  # nothing, or it has not said so yet
    LOADING = 'loading'
    READY = 'ready'
    REFUSED = 'refused'
    ACTING = 'acting'


_OF_CANDIDATES = {held.value: held for held in (Held.LOADING, Held.READY, Held.REFUSED)}


@dataclass(frozen=True)
class NamedBundle:
    """One bundle of which the agent speaks."""

    bundle_sha: str
    release: int
    state: Held = Held.NOT  # of a candidate
    reason: str = ''  # of a refused candidate, or of one that was left


@dataclass(frozen=True)
class AgentWord:
    """One message; None for what the agent does not have."""

    acting: NamedBundle | None = None
    candidate: NamedBundle | None = None
    rolled_back: NamedBundle | None = None

    def held(self, bundle_sha: str) -> Held:
        """What the agent does with a bundle."""
        if self.acting is not None and self.acting.bundle_sha == bundle_sha:
            return Held.ACTING
        if self.candidate is not None and self.candidate.bundle_sha == bundle_sha:
            return self.candidate.state
        return Held.NOT


def read_word(text: str) -> AgentWord:
    """Parse one message.

    Raises:
        ValueError: too long, too deep, no JSON, of another format or shape.
    """
    content = strict_json(text, MAX_BYTES, MAX_DEPTH)
    if not isinstance(content, dict):
        raise ValueError('expected a JSON object')
    number = content.get('format')
    if number != RELEASE_FORMAT or isinstance(number, bool):
        raise ValueError(f'format {short(repr(number))}: format {RELEASE_FORMAT} is read')
    if 'acting' not in content:
        raise ValueError('acting is missing')
    return AgentWord(
        _named('acting', content['acting']),
        _named('candidate', content.get('candidate')),
        _named('rolled_back', content.get('rolled_back')),
    )


def _named(name: str, content: Any) -> NamedBundle | None:
    if content is None:
        return None
    if not isinstance(content, dict):
        raise ValueError(f'{name}: expected an object or null')
    sha, release = content.get('bundle_sha'), content.get('release', 0)
    if not is_sha256(sha):
        raise ValueError(f'{name}: bundle_sha: expected 64 hexadecimal digits')
    if isinstance(release, bool) or not isinstance(release, int):
        raise ValueError(f'{name}: release: expected a number')
    if not 0 <= release < MAX_NUMBER:
        raise ValueError(f'{name}: release: out of range')
    state, reason = content.get('state', ''), content.get('reason', '')
    if not isinstance(reason, str):
        raise ValueError(f'{name}: reason: expected a text')
    held = Held.NOT
    if name == 'candidate':
        if not isinstance(state, str) or state not in _OF_CANDIDATES:
            raise ValueError(f'{name}: state: expected one of {", ".join(_OF_CANDIDATES)}')
        held = _OF_CANDIDATES[state]
    return NamedBundle(str(sha), release, held, short(reason))
