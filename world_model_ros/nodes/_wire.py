# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Messages between our own nodes: chunk, what was sent, reward.

Owns which field of which message holds which number, once for sender and receiver. Pure
conversion: no node, no state.
"""

from __future__ import annotations

import math
from collections.abc import Container

import numpy as np
from builtin_interfaces.msg import Duration
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from world_model_ros.contract import Contract
from world_model_ros.contract.kinds import command_kind
from world_model_ros.nodes._common import NANOSECONDS, to_ns, to_time
from world_model_ros.onboard.guard import GuardCommand
from world_model_ros.onboard.guard.reasons import kinds_number

# In `guard/sent`, after the joints: where the command came from, as an index into this list.
SENT_SOURCE = 'guard.source'
# After it: why, the kinds of reasons.py as bits.
SENT_REASONS = 'guard.reasons'
# The position in this tuple is the code on the wire: append only.
SOURCES = ('chunk', 'chunk_rest', 'safe', 'disabled', 'stopped', 'teleop', 'outside', 'home')
# Of a chunk: minutes of a plan, and more joints than any robot; what is larger is no chunk.
MAX_POINTS, MAX_NAMES = 10_000, 256
REWARD_NAMES = ('reward', 'terminal', 'success')

_POINT_FIELDS = ('positions', 'velocities', 'accelerations', 'effort')


class ChunkError(ValueError):
    """A chunk whose points cannot be read; the text names field, point and joint count."""


def chunk_message(contract: Contract, start_ns: int, values: np.ndarray) -> JointTrajectory:
    """A chunk [H, A] whose first action counts from start_ns. No rows: give up the last chunk."""
    period_ns = round(contract.period_s * NANOSECONDS)
    fields = [command_kind(kind).point_field for kind in contract.action.kinds]  # of each joint
    message = JointTrajectory(joint_names=list(contract.action.names))
    message.header.stamp = to_time(start_ns)
    points = []
    for i, row in enumerate(values):
        after_ns = i * period_ns
        point = JointTrajectoryPoint(
            time_from_start=Duration(sec=after_ns // NANOSECONDS, nanosec=after_ns % NANOSECONDS)
        )
        for field in dict.fromkeys(fields):
            own = [float(v) if f == field else math.nan for v, f in zip(row, fields, strict=True)]
            setattr(point, field, own)
        points.append(point)
    message.points = points
    return message


def chunk_arrays(
    contract: Contract,
    message: JointTrajectory,
) -> tuple[list[str], list[int], np.ndarray]:
    """Names, times [ns] and values [H, A] of a chunk, in the order of its own joint_names.

    Raises ChunkError for a point whose values cannot be read: another field, another count, or
    a number that is not finite. Whether the names are the contract's is the guard's to judge.
    """
    names = list(message.joint_names)
    if len(message.points) > MAX_POINTS or len(names) > MAX_NAMES:
        raise ChunkError(
            f'{len(message.points)} points of {len(names)} joints: at most {MAX_POINTS} of '
            f'{MAX_NAMES} are read'
        )
    start_ns = to_ns(message.header.stamp)
    values = np.empty((len(message.points), len(names)))
    columns = _columns(contract, names)
    times = []
    for i, point in enumerate(message.points):
        times.append(start_ns + to_ns(point.time_from_start))
        for field, (kind, own) in columns.items():
            row = getattr(point, field)
            if len(row) != len(names):
                raise ChunkError(
                    f'point {i} has {len(row)} numbers in `{field}` for {len(names)} joints in '
                    f'joint_names{_other_fields(point, columns)}: the action is of kind '
                    f'{kind}, so each point needs `{field}`, one number per joint'
                    f'{" (NaN for joints of another kind)" if len(columns) > 1 else ""}'
                )
            values[i, own] = np.asarray(row, np.float64)[own]
        if not np.all(np.isfinite(values[i])):
            j = int(np.flatnonzero(~np.isfinite(values[i]))[0])
            field = next(field for field, (_, own) in columns.items() if j in own)
            raise ChunkError(
                f'point {i} of {len(message.points)} has {values[i, j]} in `{field}` for joint '
                f'{names[j]!r}: expected a finite number for each of {len(names)} joints'
            )
    return names, times, values


def _columns(contract: Contract, names: list[str]) -> dict[str, tuple[str, list[int]]]:
    """Field of a point -> the kind that uses it, and which columns of a chunk it gives.

    A name that is none of the contract's is read like the first joint: the guard refuses it.
    """
    kinds = dict(zip(contract.action.names, contract.action.kinds, strict=True))
    columns: dict[str, tuple[str, list[int]]] = {
        command_kind(kind).point_field: (kind, []) for kind in contract.action.kinds
    }
    for i, name in enumerate(names):
        kind = kinds.get(name, contract.action.kinds[0])
        columns[command_kind(kind).point_field][1].append(i)
    return columns


def _other_fields(point: JointTrajectoryPoint, fields: Container[str]) -> str:
    """Which other fields are filled in: most often the sender has taken one of them instead."""
    filled = [f'`{n}`' for n in _POINT_FIELDS if n not in fields and len(getattr(point, n))]
    return f' (it fills in {" and ".join(filled)})' if filled else ''


def sent_message(contract: Contract, t_ns: int, command: GuardCommand) -> JointState:
    """What is in force from t_ns on, and why: in codes for machines, in frame_id for people."""
    message = JointState(name=[*contract.action.names, SENT_SOURCE, SENT_REASONS])
    message.header.stamp = to_time(t_ns)
    words = command.words
    message.header.frame_id = f'{command.source}: {words}' if words else command.source
    message.position = [
        *(float(value) for value in command.values),
        float(SOURCES.index(command.source)),
        float(kinds_number(command.reasons)),
    ]
    return message


def sent_values(contract: Contract, message: JointState) -> tuple[int, np.ndarray, str]:
    """Stamp, values and source of a `guard/sent` message.

    Raises:
        KeyError: a joint or the source is missing.
        ValueError: a number is not finite, or no such source is known.
    """
    given = dict(zip(message.name, message.position, strict=False))
    values = np.array([given[name] for name in contract.action.names], np.float64)
    code = given[SENT_SOURCE]
    if not np.isfinite(values).all() or code not in range(len(SOURCES)):
        raise ValueError(
            f'values {values.tolist()} with source {code}: expected finite numbers and a source '
            f'of 0 to {len(SOURCES) - 1}'
        )
    return to_ns(message.header.stamp), values, SOURCES[int(code)]


def reward_message(t_ns: int, reward: float, terminal: bool, success: bool) -> JointState:
    """One reward sample: what was earned up to t_ns since the sample before."""
    message = JointState(name=list(REWARD_NAMES))
    message.header.stamp = to_time(t_ns)
    message.position = [float(reward), float(terminal), float(success)]
    return message


def reward_values(message: JointState) -> tuple[int, float, bool]:
    """Stamp, reward and terminal of a reward sample; a missing reward is NaN.

    Raises:
        ValueError: the reward is infinite, or terminal is no number.
    """
    given = dict(zip(message.name, message.position, strict=False))
    reward, terminal = float(given.get('reward', np.nan)), float(given.get('terminal', 0.0))
    if np.isinf(reward) or not np.isfinite(terminal):
        raise ValueError(
            f'reward {reward}, terminal {terminal}: expected finite numbers (a reward that is '
            'missing is NaN)'
        )
    return to_ns(message.header.stamp), reward, bool(terminal)
