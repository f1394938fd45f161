# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a kind of stream is: the one class that a new kind derives from.

A kind owns everything that depends on what a stream's messages are: its keys in the robot file,
message to array and back, what a learner must know of the numbers, how people see them. One file
holds one kind; `kinds.py` has the table. Must not import any other folder of this package.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

if TYPE_CHECKING:
    from world_model_ros.contract.problems import Problems, Section
    from world_model_ros.contract.schema import Recording, Stream

# What families can learn from: uint8 [height, width, 3], or float32 [n] in SI units.
Form = Literal['picture', 'vector']
DRAFT_SHAPE = (64, 64, 3)  # of a picture in a first robot file: what the networks learn from
_DTYPES: dict[Form, np.dtype] = {'picture': np.dtype(np.uint8), 'vector': np.dtype(np.float32)}


class Companion(Protocol):
    """A topic that belongs to a stream and is recorded beside it."""

    @property
    def role(self) -> str:
        """Its role in an episode: this word and the stream's name."""

    @property
    def topic(self) -> str:
        """Name of the topic, as the stream's is written."""

    @property
    def type(self) -> str:
        """Type of its messages."""


class Sensors(Protocol):
    """What a simulated robot measures; joints are (position, velocity, effort) by name."""

    def image(self, stream: Stream) -> np.ndarray:
        """The camera's picture for a stream, uint8 [h, w, 3]."""

    def joints(self) -> Mapping[str, tuple[float, float, float]]:
        """Every joint."""

    def read(self, stream: Stream) -> np.ndarray:
        """Any other stream, as its array."""


@dataclass(frozen=True)
class Draft:
    """Keys of a stream or command in a first robot file, and what a person must check, by key."""

    keys: Mapping[str, Any] = field(default_factory=dict)
    doubts: Mapping[str, str] = field(default_factory=dict)


class StreamKind(ABC):
    """One kind of stream. An instance has no state: it serves all streams of the kind.

    All methods get the stream: its name, shape, names, fields and `options`, which are the kind's
    own keys.
    """

    name = ''  # as in the robot file; set by the table
    message_type = ''  # such as sensor_msgs/msg/Image; see `type_of`
    form: Form = 'vector'
    units = 'SI'
    # Keys of the robot file beside those of every stream.
    keys: tuple[str, ...] = ()
    # How messages may be stored: pictures also as the model sees them, or compressed.
    records: tuple[Recording, ...] = ('raw',)
    # A simulated body's camera makes it: `Sensors.image`.
    rendered = False
    # Messages of sensor_msgs/JointState: they tell a guard where joints are.
    joints = False
    # Several publishers may share the topic, each with a part: see `others`.
    shared = False
    # A message may hold some of the names of a stream with `parts`: see `held` and `merge`.
    parts = False
    # A message has hundreds of kilobytes: queues are shorter, and DDS may lose its parts.
    large = False
    # Nobody publishes it: it is set for an episode, as a task is.
    constant = False
    # Why the kind cannot be used: its plug-in is missing or broken; '' for a kind that is there.
    missing = ''

    # In the robot file

    @property
    def dtype(self) -> np.dtype:
        """Type of the array."""
        return _DTYPES[self.form]

    @abstractmethod
    def read(self, section: Section, problems: Problems) -> dict[str, Any]:
        """Read and check the kind's own keys; every fault is noted in the section.

        Returns:
            `shape`, a tuple of whole numbers, and any of `encoding`, `names`, `fields`, `wrap`,
            `fit`; everything else goes into `options`, a tuple of (key, value) with plain values.
        """

    def interface(self, stream: Stream) -> dict[str, Any]:
        """What of the kind's keys the network depends on; enters interface_hash."""
        plain = {k: list(v) if isinstance(v, tuple) else v for k, v in stream.options}
        return {'units': self.units, **plain}

    def words(self, stream: Stream) -> str:
        """What the stream shows, in words for people."""
        return f'{self.name}, {" x ".join(str(n) for n in stream.shape)} numbers'

    def type_of(self, stream: Stream) -> str:
        """Type of the stream's messages, where its keys decide it."""
        return self.message_type

    def companions(self, stream: Stream) -> tuple[Companion, ...]:
        """Topics that are recorded beside the stream."""
        return ()

    # From messages to arrays and back

    @abstractmethod
    def stamp_ns(self, cdr: bytes) -> int:
        """The time at which a message was measured.

        Raises:
            ValueError: the bytes are no such message.
        """

    @abstractmethod
    def decode(self, stream: Stream, cdr: bytes) -> np.ndarray:
        """A serialised message as the array of the stream.

        Raises:
            ValueError: the message cannot become the array; expected, got, remedy.
        """

    @abstractmethod
    def encode(self, stream: Stream, array: np.ndarray, t_ns: int) -> bytes:
        """The serialised message of an array; `decode` gives the array back."""

    def others(self, stream: Stream, cdr: bytes) -> tuple[str, ...] | None:
        """Names of what a message holds, if none of it is the stream's; None: it is ours.

        Asked only where the topic is `shared`. A damaged message is ours: the tick says so.
        """
        return None

    def held(self, stream: Stream, cdr: bytes) -> tuple[str, ...]:
        """Which of the stream's names a message holds; asked only of a kind with `parts`."""
        return stream.names

    def merge(self, stream: Stream, messages: Sequence[bytes]) -> np.ndarray:
        """The array of several messages: of each name the first that holds it.

        Raises:
            ValueError: a message cannot be used, or a name is in none of them.
        """
        return self.decode(stream, messages[0])

    def simulated(self, stream: Stream, robot: Sensors, t_ns: int) -> bytes:
        """The message that a simulated robot publishes."""
        return self.encode(stream, robot.read(stream), t_ns)

    def takes(self, type_name: str) -> bool:
        """Whether a stream of this kind can have messages of a type."""
        return type_name == self.message_type

    def draft(self, type_name: str, messages: Sequence[bytes]) -> tuple[Draft, ...]:
        """The kind's own keys for a first robot file, from messages that came on a topic.

        Asked where the kind `takes` the type. Several where publishers share the topic, each with
        a part; none where nothing can be said. What is guessed has a doubt.

        Raises:
            ValueError: the bytes are no such message.
        """
        if self.form != 'picture':
            return (Draft(),)
        fit = {'fit': 'crop'} if 'fit' in self.keys else {}
        doubts = {'fit': 'the middle of the picture; fit: pad keeps all of it'} if fit else {}
        return (Draft({'shape': list(DRAFT_SHAPE), **fit}, doubts),)

    # What a learner must know

    def positions(self, stream: Stream, array: np.ndarray) -> dict[str, float]:
        """Where joints are, by name, as far as the array says."""
        return {}

    def turning(self, stream: Stream) -> list[int]:
        """Which numbers of a vector are angles that wrap: they enter a network as (sin, cos)."""
        return []

    def difference(
        self, stream: Stream, predicted: np.ndarray, recorded: np.ndarray
    ) -> np.ndarray:
        """Error of a prediction [..., *shape], float64; the short way round for angles."""
        error = predicted.astype(np.float64) - recorded
        turning = self.turning(stream)
        if turning:
            error[..., turning] = (error[..., turning] + np.pi) % (2 * np.pi) - np.pi
        return error

    # How people see it

    def labels(self, stream: Stream) -> list[str]:
        """A name for each number of a vector."""
        return [f'{stream.name}[{i}]' for i in range(int(np.prod(stream.shape)))]
