# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`chaos messages`: adversarial messages through decoding, ticks and the guard, without transport.

Every message of a robot is attacked: those of all kinds of streams, foreign commands, chunks, what
the guard sent, rewards, ticks. A violation is: anything raised that the nodes do not expect, an
array that is not what the contract says, a tick that is not rebuilt from its messages, and a
command outside of the limits or beyond the rate. Needs ROS for the classes of messages alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from world_model_ros.bench.chaos.messages_commands import Commands
from world_model_ros.bench.chaos.messages_made import attacked
from world_model_ros.bench.chaos.messages_robots import NAMES, robot
from world_model_ros.bench.chaos.runs import Violation
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.onboard.tick.assembly import Assembler
from world_model_ros.onboard.tick.observation import Observation
from world_model_ros.onboard.tick.tick_record import TickRecord
from world_model_ros.wire.cdr import (
    JOINT_STATE,
    checksum,
    decode_padded,
    encode,
    header_stamp_ns,
    typestore,
)
from world_model_ros.wire.kinds.stamped import stamped_header

if TYPE_CHECKING:
    from world_model_ros.contract import Contract, Stream

MESSAGES = 1000  # of one run
# Share of a run's messages that are attacked: few enough for valid ticks, or nearly all.
SHARES = (0.01, 0.1, 0.9)
BURST = 40  # messages of one stream at once: a driver that caught up
T0_NS = 1_700_000_000_000_000_000
# What the nodes' boundary takes for a fault of the message (nodes/_boundary.py).
EXPECTED = (ValueError, KeyError, IndexError, TypeError)
_DAMAGE = ('', 'duplicate', 'late', 'ahead', 'zero stamp', 'uptime', 'another topic')
_STAMPS = {'late': -10_800_000_000_000, 'ahead': 500_000_000}


def one_run(
    index: int, rng: np.random.Generator, _folder: Path, checked: Counter[str]
) -> list[Violation]:
    """One robot among bad messages: which rules did not hold."""
    name = NAMES[index % len(NAMES)]
    run = _Run(name, robot(name), rng, checked)
    while run.messages < MESSAGES:
        run.step()
    checked['messages'] += run.messages
    return run.found[:5]  # one cause makes many


class _Run:
    """The parts that hear messages, and what they may never do."""

    def __init__(
        self, name: str, contract: Contract, rng: np.random.Generator, checked: Counter[str]
    ) -> None:
        self.name, self.contract, self.rng, self.checked = name, contract, rng, checked
        self.found: list[Violation] = []
        self.messages = 0
        self._t_ns = T0_NS
        self._share = SHARES[int(rng.integers(len(SHARES)))]
        self._live, self._again = Assembler(contract), Assembler(contract)
        self._kept: dict[tuple[str, int], bytes] = {}  # stream, checksum
        self._last: dict[str, bytes] = {}  # by stream
        self._commands = Commands(contract, rng, checked, self._broken, self._share)

    def step(self) -> None:
        """One command period: some messages, sometimes a tick, and a sample of the guard."""
        self._t_ns += round(1e9 / self.contract.command_rate_hz)
        for stream in self.contract.streams:
            if self.rng.random() < 0.9:
                self._stream(stream)
        for _ in range(int(self.rng.integers(1, 6))):
            self._message()
        if self.rng.random() < 0.5:
            self._tick()
        self._commands.sample(self._t_ns)

    def _message(self) -> None:
        part = self.rng.random()
        if part < 0.02:
            streams = self.contract.streams
            stream = streams[int(self.rng.integers(len(streams)))]
            self.checked['class burst'] += BURST
            for _ in range(BURST):
                self._stream(stream)
        elif part < 0.8:
            self.messages += self._commands.message(self._t_ns)
        else:
            self._report()

    def _stream(self, stream: Stream) -> None:
        """A message on a stream's topic."""
        kind, self.messages = stream_kind(stream.kind), self.messages + 1
        sound = self._sound(stream)
        attack, cdr = attacked(self.rng, kind.type_of(stream), sound, self._share)
        odd = self.rng.random() < 0.3 * self._share
        damage = str(self.rng.choice(_DAMAGE)) if odd else ''
        at_ns = self._t_ns - int(self.rng.integers(0, 20_000_000))
        if damage == 'duplicate':
            cdr = self._last.get(stream.name, cdr)
        elif damage == 'another topic':
            others = self.contract.streams
            cdr = self._sound(others[int(self.rng.integers(len(others)))])
        elif damage and len(cdr) > 12:
            shifted = {'zero stamp': 0, 'uptime': 4711_000_000_000}.get(damage)
            at = at_ns + _STAMPS.get(damage, 0) if shifted is None else shifted
            cdr = cdr[:4] + np.array([*divmod(at, 10**9)], '<u4').tobytes() + cdr[12:]
        self.checked[f'type {kind.type_of(stream)}'] += 1
        self.checked[f'class {damage or attack}'] += 1
        self._last[stream.name] = cdr
        self._kept[stream.name, checksum(cdr)] = cdr
        self._live.store(stream.name, cdr, at_ns)
        if stream.name == 'joints':
            self._commands.hear(cdr, self._t_ns)

    def _sound(self, stream: Stream) -> bytes:
        kind = stream_kind(stream.kind)
        if kind.form == 'picture':
            height, width = (int(side) for side in self.rng.integers(16, 48, 2))
            picture = self.rng.integers(0, 256, (height, width, 3), np.uint8)
            return kind.encode(stream, picture, self._t_ns)
        numbers = self.rng.uniform(-1.0, 1.0, stream.shape).astype(np.float32)
        for i, label in enumerate(kind.labels(stream)):
            if label.startswith('orientation.'):
                numbers[i] = label.endswith('.w')
        return kind.encode(stream, numbers, self._t_ns)

    def _report(self) -> None:
        """What other nodes say: the guard, the robot's rewards, the agent's ticks."""
        from world_model_ros.nodes import _wire

        names = [*self.contract.action.names, _wire.SENT_SOURCE, *_wire.REWARD_NAMES]
        sound = encode(
            JOINT_STATE,
            typestore().types[JOINT_STATE](
                stamped_header(self._t_ns, 'chunk'), names, np.zeros(len(names)),
                np.zeros(0), np.zeros(0),
            ),
        )  # fmt: skip
        attack, cdr = attacked(self.rng, JOINT_STATE, sound, 0.9)
        self.messages += 1
        self.checked[f'class {attack}'] += 1
        readers: dict[str, Callable[[Any], object]] = {
            'sent': lambda message: _wire.sent_values(self.contract, message),
            'reward': _wire.reward_values,
            'tick': lambda message: TickRecord.from_doubles(
                message.name, message.position, header_stamp_ns(cdr), message.header.frame_id
            ),
        }
        what = str(self.rng.choice(list(readers)))
        self.checked[f'type {what}'] += 1
        try:
            readers[what](decode_padded(JOINT_STATE, cdr))
        except EXPECTED:
            self.checked['refused'] += 1
        except Exception as error:  # noqa: BLE001 - this is what the injector looks for
            self._broken('raised', f'{what}: {error!r}')

    def _tick(self) -> None:
        if self.rng.random() < 0.02:
            self._live.clear()
        jump_ns = int(self.rng.integers(-300_000_000, 300_000_000))
        t_ns = self._t_ns + (jump_ns if self.rng.random() < 0.1 else 0)
        seen = self._live.assemble(t_ns)
        self.checked['ticks'] += 1
        self.checked['valid ticks'] += seen.valid
        self._check(seen)
        again = self._again.assemble_exact(
            t_ns,
            {name: sample.messages for name, sample in seen.samples.items()},
            lambda name, _stamp_ns, number: self._kept.get((name, number)),
        )
        if again.crc != seen.crc or set(again.arrays) != set(seen.arrays):
            self._broken('a tick is not rebuilt', f'arrays {sorted(seen.arrays)}')

    def _check(self, seen: Observation) -> None:
        """Arrays are what the contract says, whatever came."""
        for name, array in seen.arrays.items():
            stream = self.contract.stream(name)
            self.checked['arrays'] += 1
            sound = array.shape == tuple(stream.shape) and array.dtype == stream.dtype
            if not sound or not np.isfinite(array).all():
                self._broken(
                    'an array is not as described', f'{name}: {array.dtype} {array.shape}'
                )
        for name, sample in seen.samples.items():
            if not sample.valid and not sample.error:
                self._broken('a stream is missing without a reason', name)
            if sample.error:
                self.checked['refused'] += 1
        if seen.valid and len(seen.arrays) < len(self.contract.streams):
            self._broken('a valid tick lacks a stream', f'{sorted(seen.arrays)}')

    def _broken(self, rule: str, what: str) -> None:
        self.found.append(Violation(rule, f'{self.name}: {what[:400]}'))
