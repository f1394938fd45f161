# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""The frozen types of a robot contract, and what follows from them by arithmetic alone.

Nothing here reads files or checks values: `contract_loading.py` builds these types only from a
file without a fault. What depends on a stream's or an action's kind is asked of the kind.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from world_model_ros.contract.action_vector import ActionVector, action_vector
from world_model_ros.contract.guard_settings import GuardSettings
from world_model_ros.contract.kinds import stream_kind

CONTRACT_FORMAT = 2  # the newest
CONTRACT_FORMATS = (1, 2)  # what is read

Sampling = Literal['hold', 'asof', 'drop']
StampSource = Literal['header', 'receive']
Fit = Literal['none', 'crop', 'pad']
Recording = Literal['raw', 'compressed', 'model_input']
TickSource = Literal['timer', 'sim_time', 'stream', 'lockstep']
SafeAction = Literal['zero', 'hold']
RewardSampling = Literal['sum', 'last']
Reset = Literal['service', 'manual', 'none']
OnSurprise = Literal['none', 'slow', 'hold', 'hand_over']


LATER = 'later'  # field metadata: the key came after format 1 was fixed


def later(default: Any) -> Any:
    """A key that was added after the format was fixed.

    It enters no hash while it has its default, so that bundles and recordings of older files stay
    valid (see hashes.py).
    """
    return field(default=default, metadata={LATER: True})


@dataclass(frozen=True)
class Stream:
    """One named observation array: where it comes from and how the model sees it."""

    name: str
    kind: str  # see kinds.py
    topic: str
    rate_hz: float
    max_age_s: float
    sampling: Sampling
    tolerance_s: float
    stamp: StampSource
    record: Recording
    shape: tuple[int, ...]  # a picture (h, w, 3); a vector (n,)
    encoding: str  # image only, what the model sees; '' for joints
    names: tuple[str, ...]  # joints, and what a task consists of
    fields: tuple[str, ...]  # joints only; the array is field-major
    wrap: tuple[str, ...]  # joints whose position the graph turns into (sin, cos)
    # Image of another aspect than `shape`: refused, cropped around its middle, or padded in black.
    fit: Fit = later('none')  # noqa: RUF009 - a field, not a shared value
    # Several publishers send a part each on one topic: the newest value of each joint counts.
    parts: bool = later(False)
    # Keys of the kind that have no field here: (key, value) in the kind's order.
    options: tuple[tuple[str, Any], ...] = later(())

    @property
    def dtype(self) -> np.dtype:
        """Type of the array: uint8 for pictures, float32 in SI units for vectors."""
        return stream_kind(self.kind).dtype

    @property
    def graph_input(self) -> str:
        """Name of this stream's input and output in the bundle's graphs."""
        return f'obs_{self.name}'


@dataclass(frozen=True)
class Action:
    """One command group: a named part of the action, in SI units, on a topic of its own.

    Its limits are those of docs/reference/contract.md; the rate limit is on the first derivative
    of the command, the acceleration limit on the second, the jerk limit on the third.
    """

    topic: str
    type: str
    kind: str  # see kinds.py
    names: tuple[str, ...]
    low: tuple[float, ...]  # the scaling of the network; part of the interface
    high: tuple[float, ...]
    rate_limit: tuple[float, ...]  # units of the action per second
    safe: SafeAction
    gravity_safe: bool
    # Units per second squared; empty: not limited. In format 1 for positions only.
    acceleration_limit: tuple[float, ...] = later(())
    # Effort and velocity only: how fast a stop goes to zero, units per second; empty: rate_limit.
    stop_rate_limit: tuple[float, ...] = later(())
    # Position only: how far a joint at rest may be from its command before a hold takes the
    # measured position instead.
    hold_tolerance: float = later(0.05)
    # Position only: how far outside of the box a joint may be measured, for encoder noise and sag.
    box_tolerance: float = later(0.02)
    # Position only: how far inside of its limits a joint is commanded at most, so that it does not
    # leave them where it lags or sags.
    limit_margin: float = later(0.0)
    # Position only: where exploring without a model stays near; empty: where the robot starts.
    home: tuple[float, ...] = later(())
    name: str = later('')  # of the group; format 1 has one group without a name
    # What guard and planner keep to, inside of low and high; empty: low and high themselves.
    limit_low: tuple[float, ...] = later(())
    limit_high: tuple[float, ...] = later(())
    jerk_limit: tuple[float, ...] = later(())  # units per second cubed; empty: not limited
    rate_hz: float = later(0.0)  # of its commands; 0: that of the guard, control.command_rate
    # Keys of the kind that have no field here: (key, value) in the kind's order.
    options: tuple[tuple[str, Any], ...] = later(())
    # Position only: how far a joint may be behind its command; empty: as far as it likes.
    following_error: tuple[float, ...] = later(())


@dataclass(frozen=True)
class Driver:
    """What the robot's own driver says of itself and needs; see driver_section.py."""

    fault_topic: str = later('')  # empty: the driver reports no fault
    fault_type: str = later('')
    fault_name: str = later('')  # of the status, for diagnostics
    fault_when: bool = later(True)  # the Bool that is a fault
    fault_max_age_s: float = later(1.0)  # longer silence is a fault; 0: a latched topic
    controllers: tuple[str, ...] = later(())  # of ros2_control, that take the commands
    controller_manager: str = later('controller_manager')
    robot_description: str = later('')  # topic of the URDF that limits the joints as well
    home_speed: float = later(0.2)  # of the way home, share of the rate limits
    command_delay_s: float = later(0.2)  # at most, from a command to the motion that follows


@dataclass(frozen=True)
class Reward:
    """Where reward samples come from; an empty topic means that the robot has none."""

    topic: str
    sampling: RewardSampling
    # MODULE:FUNCTION that rates recorded and simulated ticks instead (reward_function.py).
    function: str = later('')


@dataclass(frozen=True)
class Episode:
    """How recordings begin and end; 0 ticks means no limit."""

    reset: Reset
    max_ticks: int
    segment_ticks: int


@dataclass(frozen=True)
class Contract:
    """A robot type. `text` is the YAML as it was read and takes no part in the hashes."""

    format: int
    name: str
    period_s: float
    tick_source: TickSource
    tick_stream: str
    command_offset_s: float
    command_rate_hz: float
    command_timeout_s: float
    frames_per_tick: int
    streams: tuple[Stream, ...]
    groups: tuple[Action, ...]  # with names that are unique over all groups
    reward: Reward
    episode: Episode
    text: str
    # What the agent does where its model is more surprised than on held-out data.
    on_surprise: OnSurprise = later('none')  # noqa: RUF009 - a field, not a shared value
    # Simulated body, NAME or NAME:ARGUMENT; empty: the one called like the robot, if there is one.
    body: str = later('')
    driver: Driver = later(Driver())  # noqa: RUF009 - a field, not a shared value
    # Where the robot must not go, and who may hold it back; see guard_section.py.
    guard: GuardSettings = later(GuardSettings())  # noqa: RUF009 - a field, not a shared value

    @property
    def period_ns(self) -> int:
        """Control period in whole nanoseconds; tick times are integer multiples of it."""
        return round(self.period_s * 1e9)

    @property
    def offset_ticks(self) -> int:
        """Periods between the snapshot at t_k and the moment its command takes effect."""
        return round(self.command_offset_s / self.period_s)

    @property
    def command_offset_ns(self) -> int:
        """Command offset in whole nanoseconds, an exact multiple of `period_ns`."""
        return self.offset_ticks * self.period_ns

    @property
    def commands_per_tick(self) -> int:
        """Commands that the guard sends within one control period."""
        return round(self.period_s * self.command_rate_hz)

    @functools.cached_property
    def action(self) -> ActionVector:
        """All command groups as one vector."""
        return action_vector(self.groups)

    @property
    def action_dim(self) -> int:
        """Length of the action vector."""
        return len(self.action.names)

    @property
    def low(self) -> np.ndarray:
        """Lower end of the action box that the network knows, float32."""
        return np.asarray(self.action.low, dtype=np.float32)

    @property
    def high(self) -> np.ndarray:
        """Upper end of the action box that the network knows, float32."""
        return np.asarray(self.action.high, dtype=np.float32)

    @property
    def limit_low(self) -> np.ndarray:
        """Lower limit that guard and planner keep to, float32."""
        return np.asarray(self.action.limit_low, dtype=np.float32)

    @property
    def limit_high(self) -> np.ndarray:
        """Upper limit that guard and planner keep to, float32."""
        return np.asarray(self.action.limit_high, dtype=np.float32)

    @property
    def safe_action(self) -> np.ndarray | None:
        """Zeros where the safe action is zero; None where a joint of it is held instead."""
        if any(group.safe == 'hold' for group in self.groups):
            return None
        return np.zeros(self.action_dim, dtype=np.float32)

    @property
    def image_streams(self) -> tuple[Stream, ...]:
        """Streams whose arrays are pictures, in the order of the file."""
        return tuple(s for s in self.streams if stream_kind(s.kind).form == 'picture')

    @property
    def vector_streams(self) -> tuple[Stream, ...]:
        """Streams whose arrays are vectors, in the order of the file."""
        return tuple(s for s in self.streams if stream_kind(s.kind).form == 'vector')

    @property
    def joint_streams(self) -> tuple[Stream, ...]:
        """Streams that say where joints are, by name, in the order of the file."""
        return tuple(s for s in self.streams if stream_kind(s.kind).joints)

    @functools.cached_property
    def sensed(self) -> tuple[Stream, ...]:
        """Streams whose messages somebody publishes: all but the task."""
        return tuple(s for s in self.streams if not stream_kind(s.kind).constant)

    @functools.cached_property
    def task(self) -> Stream | None:
        """The task vector, set for an episode; None for a robot without one."""
        return next((s for s in self.streams if stream_kind(s.kind).constant), None)

    def stream(self, name: str) -> Stream:
        """Return the stream called `name`."""
        for stream in self.streams:
            if stream.name == name:
                return stream
        known = ', '.join(stream.name for stream in self.streams)
        raise KeyError(f'contract {self.name!r} has no stream {name!r}; it has: {known}')
