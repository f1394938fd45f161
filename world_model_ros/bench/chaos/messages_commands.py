# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The guard among adversarial messages, and its rules: finite, inside of the box, within the rate.

Owns what reaches the guard in `chaos messages` (chunks, joints, switches, foreign commands) and
the check of every command, by sums of its own. Must not import ROS but for reading chunks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from world_model_ros.bench.chaos.messages_made import attacked
from world_model_ros.contract.kinds import command_kind
from world_model_ros.onboard.guard import Guard
from world_model_ros.onboard.guard.joint_positions import JointPositions
from world_model_ros.wire.cdr import JOINT_STATE, blank, decode_padded, encode, typestore
from world_model_ros.wire.command_codec import Decoder, Encoder, command_decoder, encoder
from world_model_ros.wire.kinds.command_forms import JOINT_TRAJECTORY
from world_model_ros.wire.kinds.stamped import stamped_header

if TYPE_CHECKING:
    from world_model_ros.contract import Action, Contract
    from world_model_ros.contract.command_kind import CommandKind

EPS = 1e-9
_HUGE = (0.0, 0.3, 1.0, 5.0, 1e9, -1e9)
_STEADY = (0.0, 0.05, 0.1, 1.0, -1.0, np.nan)  # s, how the clock that times out goes on


class _Group(NamedTuple):
    """One command group: its place in the vector, and its messages."""

    action: Action
    kind: CommandKind
    part: slice
    encode: Encoder
    decode: Decoder


class Commands:
    """One guard of one robot."""

    def __init__(
        self,
        contract: Contract,
        rng: np.random.Generator,
        checked: Counter[str],
        broken: Callable[[str, str], None],
        share: float,
    ) -> None:
        self._share = share
        self._contract, self._rng, self._checked, self._broken = contract, rng, checked, broken
        action = contract.action
        self._low, self._high = np.array(action.limit_low), np.array(action.limit_high)
        self._held, self._position = np.array(action.holds), np.array(action.positions)
        # A group with a rate of its own moves at once as far as the guard's samples would.
        groups, guard_hz = contract.groups, contract.command_rate_hz
        hertz = np.array([g.rate_hz or guard_hz for g in groups for _ in g.names])
        self._step = np.array(action.rate_limit) / hertz
        self._stop_step = np.maximum(np.array(action.stop_rate_limit) / hertz, self._step)
        self._groups = [
            _Group(group, command_kind(group.kind), part, encoder(group), command_decoder(group))
            for group, part in zip(contract.groups, action.parts, strict=True)
        ]
        self._positions = JointPositions(contract)
        self._guard = Guard(contract)
        self._steady_s = 0.0
        self._before: np.ndarray | None = None

    # What comes

    def hear(self, cdr: bytes, t_ns: int) -> None:
        """A message of joints, as the guard's node takes it."""
        try:
            message = decode_padded(JOINT_STATE, cdr)
        except ValueError:
            return
        self._positions.take(message.name, message.position, t_ns * 1e-9)

    def message(self, t_ns: int) -> int:
        """A chunk, a foreign command, or a switch; how many messages it was."""
        draw = self._rng.random()
        if draw < 0.6:
            self._chunk(t_ns)
        elif draw < 0.95:
            self._foreign(t_ns)
        else:
            self._switch(t_ns)
        return 1

    def _foreign(self, t_ns: int) -> None:
        """Somebody's command on the command topic: it is read, never obeyed."""
        group = self._groups[int(self._rng.integers(len(self._groups)))]
        action = group.action
        inside: np.ndarray = np.asarray(self._rng.uniform(self._low, self._high))
        sound = group.encode(t_ns, inside[group.part])
        attack, cdr = attacked(self._rng, action.type, sound, 0.9)
        self._checked[f'class {attack}'] += 1
        self._checked[f'type command {action.type}'] += 1
        try:
            values = group.decode(cdr)
            group.kind.stamp_ns(action, cdr)
        except ValueError:
            self._checked['refused'] += 1
            return
        except Exception as error:  # noqa: BLE001 - this is what the injector looks for
            self._broken('raised', f'foreign command: {error!r}')
            return
        if values is not None and not (
            values.shape == (len(action.names),) and np.isfinite(values).all()
        ):
            self._broken('a foreign command is read as no numbers', str(values))

    def _chunk(self, t_ns: int) -> None:
        from world_model_ros.nodes import _wire

        sound = self._sound_chunk(t_ns)
        attack, cdr = attacked(self._rng, JOINT_TRAJECTORY, sound, self._share)
        self._checked[f'class {attack}'] += 1
        self._checked['type chunk'] += 1
        teleop = bool(self._rng.random() < 0.15)
        try:
            names, times, values = _wire.chunk_arrays(
                self._contract, decode_padded(JOINT_TRAJECTORY, cdr)
            )
        except ValueError as error:
            self._guard.refuse(str(error), teleop)
            self._checked['refused'] += 1
            return
        except Exception as error:  # noqa: BLE001 - this is what the injector looks for
            self._broken('raised', f'chunk: {error!r}')
            return
        refused = self._guard.on_chunk(names, times, values, self._steady_s, teleop)
        self._checked['refused' if refused else 'chunks taken'] += 1

    def _sound_chunk(self, t_ns: int) -> bytes:
        """A chunk of the contract's joints, anywhere, also far outside of the box."""
        rng, names = self._rng, self._contract.action.names
        message = blank(JOINT_TRAJECTORY)
        message.header = stamped_header(t_ns + int(rng.integers(-2, 3)) * 50_000_000, '')
        message.joint_names = list(names)
        scale = float(rng.choice(_HUGE))
        types = typestore().types
        for i in range(int(rng.integers(0, 5))):
            point = blank('trajectory_msgs/msg/JointTrajectoryPoint')
            values = rng.uniform(-1.0, 1.0, len(names)) * scale
            for group in self._groups:
                setattr(point, group.kind.point_field, values)
            after_ns = i * self._contract.period_ns
            point.time_from_start = types['builtin_interfaces/msg/Duration'](
                *divmod(after_ns, 10**9)
            )
            message.points.append(point)
        return encode(JOINT_TRAJECTORY, message)

    def _switch(self, t_ns: int) -> None:
        here = self._positions.at(t_ns * 1e-9)
        switches: dict[str, Callable[[], object]] = {
            'stop': lambda: self._guard.stop('chaos'),
            'release': lambda: self._guard.release_stop(here),
            'disable': lambda: self._guard.enable(False),
            'enable': lambda: self._guard.enable(True, here),
            'drop': self._guard.drop_chunks,
            'foreign': lambda: self._guard.set_foreign('somebody else'),
            'nobody': lambda: self._guard.set_foreign(''),
            'deactivate': self._guard.deactivate,
            'heartbeat': lambda: self._guard.heartbeat(self._steady_s),
        }
        name = str(self._rng.choice(list(switches)))
        self._checked[f'switch {name}'] += 1
        switches[name]()

    # What goes out

    def sample(self, t_ns: int) -> None:
        """One command period: activate if need be, take the command, and check it."""
        rng, here = self._rng, self._positions.at(t_ns * 1e-9)
        self._steady_s += float(rng.choice(_STEADY)) if rng.random() < 0.05 else 0.05
        if not np.isfinite(self._steady_s):
            self._guard.heartbeat(self._steady_s)
            self._steady_s = 0.0
        if rng.random() < 0.1 or not self._guard.active:  # nothing stays switched off
            self._guard.release_stop(here)
            self._guard.set_foreign('')
            self._guard.enable(True, here)
        if not self._guard.active:
            if self._guard.activate(here):
                self._checked['activations refused'] += 1
                return
            self._checked['activations'] += 1
            # It begins where the robot is, or at zero.
            self._before = np.zeros(len(self._low))
            if here is not None:
                self._before[self._held] = here[self._held]
        at_ns = t_ns + (int(rng.integers(-200, 200)) * 1_000_000 if rng.random() < 0.05 else 0)
        command = self._guard.sample(at_ns, self._steady_s, here)
        if not command.send:
            return
        self._checked['commands'] += 1
        self._checked[f'source {command.source}'] += 1
        self._judge(command.values)
        for group, due in zip(self._groups, command.due, strict=True):
            if not due:
                continue
            meant = command.values[group.part]
            said = group.decode(group.encode(at_ns, meant))
            if said is None or not np.array_equal(said, meant):
                self._broken('a command says something else', f'{meant} became {said}')
        self._before = command.values

    def _judge(self, now: np.ndarray) -> None:
        """Finite, inside of the box (outside of it only inwards), no step beyond the rate."""
        before = self._before
        if before is None or not np.isfinite(now).all():
            self._broken('a command is not finite', str(now))
            return
        out = np.maximum(self._low - now, now - self._high)
        out_before = np.maximum(self._low - before, before - self._high)
        if np.any(out > np.maximum(out_before, 0.0) + EPS):
            self._broken('a command is outside of the limits', f'{before} to {now}')
        sinking = (np.abs(now) < np.abs(before)) & (np.sign(now) * np.sign(before) >= 0.0)
        step = np.where(sinking & ~self._position, self._stop_step, self._step)
        if np.any(np.abs(now - before) > step * (1.0 + 1e-9) + EPS):
            self._broken('a step is beyond the rate limit', f'{before} to {now}')
