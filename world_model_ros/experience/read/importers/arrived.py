# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a source of foreign recordings gives: messages in the order in which they arrived.

Types only. Must not import ROS or torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from world_model_ros.experience.bag import Topic

# recorded: somebody's commands are in the recording. measured: none are; the action of an interval
# is what the joints show at its end.
Actions = Literal['recorded', 'measured']
REWARD, STREAM = 'reward', 'stream.'


class ImportRefused(ValueError):
    """A recording that cannot become an episode; expected, got, where, and what to do."""


class Arrived(NamedTuple):
    """One message as an agent beside the recorder would have received it."""

    # `stream.NAME`, `command` or `command.GROUP`, `reward`; joints in parts share a topic.
    roles: tuple[str, ...]
    topic: Topic  # under which it is stored
    stored: bytes  # CDR that goes into the episode
    used: bytes  # CDR that the agent decodes: another one where a picture is stored compressed
    receive_ns: int


@dataclass
class Recording:
    """One stretch of recorded time: a bag, or an episode of a dataset."""

    name: str  # for people
    identity: str  # the same at every import of the same content
    origin: str  # such as 'rosbag2 (mcap)'
    actions: Actions
    rewarded: bool
    topics: dict[str, Topic]  # role -> topic
    messages: Callable[[], Iterator[Arrived]]
    simulated: bool = False  # its clock does not tell the date
    end_ns: int | None = None  # until when it lasts; None: until its last message
    notes: list[str] = field(default_factory=list)  # what is wrong with it, and was accepted
