# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Who commands the robot at this sample, and what goes out.

Input: chunks, switches, measured joint positions and two clocks: the robot's time, which orders
commands, and a clock that only times out. Output: one command per sample, or none. The rules are
those of docs/reference/guard.md, in the order in which they win:

inactive (nothing is sent) > stopped > disabled > foreign publisher, coming to rest > teleoperation
> outside of the box > no heartbeat > no chunk in force > chunk.

Everything but a chunk is the safe action: positions come to rest along their motion and are held,
efforts and velocities go to zero. No step of it is larger than the limits allow.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from world_model_ros.contract.kinds import command_kind
from world_model_ros.onboard.guard.box import Box
from world_model_ros.onboard.guard.chunks import Chunk, ChunkQueue, read_chunk
from world_model_ros.onboard.guard.driver_faults import Faults
from world_model_ros.onboard.guard.following import Following
from world_model_ros.onboard.guard.group_rates import GroupRates
from world_model_ros.onboard.guard.guard_command import GuardCommand
from world_model_ros.onboard.guard.motion import Limits, Motion, State
from world_model_ros.onboard.guard.reasons import Reason, ReasonKind
from world_model_ros.onboard.guard.safe_action import SafeAction

if TYPE_CHECKING:
    from world_model_ros.contract import Contract
    from world_model_ros.onboard.guard.keep_out.keep_out import KeepOut

_NO_HEARTBEAT = Reason(ReasonKind.NO_HEARTBEAT, 'no heartbeat within command_timeout')
_NO_CHUNK = Reason(ReasonKind.NO_CHUNK, 'no chunk in force')
_TIME_BACK = Reason(ReasonKind.TIME_BACK, 'time went back: chunks dropped')
_DEACTIVATING = Reason(ReasonKind.DEACTIVATING, 'coming to rest before deactivation')
MAX_REASON = 500  # characters of a refusal: a sender may write anything


class Guard:
    """Samples the newest chunk by time and never lets a command out that breaks the contract.

    Begins inactive. A method that can be refused returns why, or '' when it was done.
    """

    def __init__(
        self, contract: Contract, enabled: bool = True, keep_out: KeepOut | None = None
    ) -> None:
        """`keep_out` judges each step of a robot whose URDF is known."""
        action = contract.action
        self.names = tuple(action.names)
        self.limits = Limits.of(contract)
        kinds = [command_kind(group.kind) for group in contract.groups]
        self._missing = next((kind for kind in kinds if kind.missing), None)
        self._safe = SafeAction(contract, self.limits)
        zero_inside = (self.limits.low <= 0.0) & (self.limits.high >= 0.0)
        if not self._missing and not np.all(zero_inside | self._safe.held):
            raise ValueError(
                f'the safe action of contract {contract.name!r} is zero, but zero is outside '
                f'low={action.limit_low} high={action.limit_high}: widen the limits or choose '
                'safe: hold'
            )
        self._interpolate: np.ndarray = np.asarray(action.positions)  # bool [A]
        self._period_ns = contract.period_ns
        self._command_period_ns = round(1e9 / contract.command_rate_hz)
        self._timeout_s = contract.command_timeout_s
        self._motion = Motion(self.limits)
        self._before = self._motion.value  # what the newest sample stepped from
        self._rates = GroupRates(contract)
        self._hold = self._safe.hold
        self._chunks = ChunkQueue(contract.offset_ticks + 3)
        self._teleop = ChunkQueue(contract.offset_ticks + 3)
        self._active = False
        self._resting = False  # on the way to inactive
        self._enabled = enabled
        self._stop_reason = ''
        self._stop_kinds: tuple[ReasonKind, ...] = ()
        self.faults = Faults()
        self._following = Following(contract)
        self._foreign = ''
        self._box = Box(self.names, self.limits, self._safe.of_held(action.box_tolerance))
        self._keep_out = keep_out
        self._halt: Reason | None = None  # why it comes to rest before it goes on
        self._refusal = ''
        self.refused = 0
        self._last_ns: int | None = None  # time of the sample before, on both clocks
        self._last_s = math.nan
        self._heartbeat_s = self._teleop_s = -math.inf

    # What it is

    @property
    def active(self) -> bool:
        """Whether commands go out."""
        return self._active

    @property
    def stopped(self) -> bool:
        """Whether the protective stop (software) is latched."""
        return bool(self._stop_reason)

    @property
    def stop_reason(self) -> str:
        """What the latched stop was given as its reason, '' without one."""
        return self._stop_reason

    @property
    def enabled(self) -> bool:
        """Whether chunks may move the robot."""
        return self._enabled

    @property
    def outside(self) -> str:
        """Which joint is outside of its box, and by how much; '' for none."""
        return self._box.text

    @property
    def holds_position(self) -> bool:
        """Whether the safe action is to hold a position: then measurements are needed."""
        return self._safe.holds

    @property
    def command_period_ns(self) -> int:
        """Time between two samples."""
        return self._command_period_ns

    @property
    def at_rest(self) -> bool:
        """Whether the command has come to rest: held, or zero."""
        return self._safe.at_rest(self._motion, self._rates.sent)

    @property
    def rest_s(self) -> float:
        """How long coming to rest may take within the limits, in seconds."""
        return self._safe.rest_s

    # Switches

    def activate(self, measured: np.ndarray | None = None) -> str:
        """Commands go out from the next sample on, beginning where the robot is, at rest."""
        if kind := self._missing:
            return f'command kind {kind.name!r} cannot be used: {kind.missing}'
        if self.stopped:
            return f'stopped ({self._stop_reason}): call guard/release_stop first'
        if self.faults:
            return self.faults.text
        if self.holds_position:
            here = self._safe.positions(measured)
            if here is None:
                return self._safe.needs_position()
            self._motion.start(here)
            self._hold.at(here)
            self._box.judge(here)
        else:
            self._motion.start(np.zeros(len(self.names)))
        self._rates.begin(self._motion.value)
        self._following.begin(self._motion.value)
        self._clear()
        self._last_ns = None
        self._heartbeat_s = self._teleop_s = -math.inf
        self._foreign = self._refusal = ''
        self._halt = None
        self._resting = False
        self._active = True
        return ''

    def come_to_rest(self) -> None:
        """Refuse chunks and come to rest; deactivate() when `at_rest`."""
        self._resting = True
        self._clear()

    def deactivate(self) -> None:
        """Send nothing from now on, wherever the robot is."""
        self._active = self._resting = False
        self._foreign = ''
        self._box.leave()
        self._clear()

    def stop(self, reason: str, *kinds: ReasonKind) -> None:
        """Latch the protective stop; only release_stop() ends it."""
        self._stop_reason = reason or 'no reason given'
        self._stop_kinds = kinds
        self._clear()

    def set_fault(self, kind: ReasonKind, text: str) -> bool:
        """The driver has a fault, or with '' no longer; whether the stop was latched for it.

        While it lasts neither an activation nor the release of a stop is granted.
        """
        begins = self.faults.set(kind, text)
        if not begins or not self._active or self.stopped:
            return False
        self.stop(text, kind)
        return True

    def refuses_motion(self, measured: np.ndarray | None) -> str:
        """Why a stop cannot be released, nor motion be enabled, at this position; ''."""
        if self.faults:
            return self.faults.text
        known = not self.holds_position or self._safe.positions(measured) is not None
        if not self._active or known:
            return ''
        return self._safe.needs_position()

    def release_stop(self, measured: np.ndarray | None = None) -> str:
        """End the stop. Only chunks that come afterwards count; a hold begins where it is."""
        if self.stopped and (refusal := self._hold_here(measured)):
            return refusal
        self._clear()
        self._stop_reason, self._stop_kinds = '', ()
        return ''

    def enable(self, on: bool, measured: np.ndarray | None = None) -> str:
        """Let chunks through, or (False) come to rest whatever comes."""
        begins = on and not self._enabled and not self.stopped  # a stop keeps its one target
        if begins and (refusal := self._hold_here(measured)):
            return refusal
        if on != self._enabled:
            self._clear()
        self._enabled = on
        return ''

    @property
    def foreign(self) -> str:
        """Who else has a publisher on the command topic, and sends nothing yet; '' for nobody."""
        return self._foreign

    def set_foreign(self, text: str) -> None:
        """Another publisher exists on the command topic: come to rest while it does; '' for none.

        One that sends is worse: then call deactivate().
        """
        if text and not self._foreign:
            self._clear()
        self._foreign = text

    def drop_chunks(self, teleop: bool = False) -> None:
        """The agent gives up what it has sent, or the person lets go, from the next sample on."""
        (self._teleop if teleop else self._chunks).clear()

    def heartbeat(self, steady_s: float) -> None:
        """The agent lives at this time of the clock that times out; a chunk counts as well."""
        self._heartbeat_s = steady_s

    # Chunks

    def on_chunk(
        self,
        names: Sequence[str],
        times_ns: Sequence[int],
        values: np.ndarray,
        steady_s: float,
        teleop: bool = False,
    ) -> str:
        """Take a chunk [H, A]; returns why it was refused, or ''. It is taken whole or not at all.

        Columns are matched by name. Action i counts from times_ns[i] until the next time; the
        last one for one control period. A person's chunk (`teleop`) shuts the agent's out for
        command_timeout and its last action is held that long: it is sent by hand, at no rate.
        """
        problem = self._closed(teleop)
        chunk: Chunk | None = None
        if not problem:
            chunk, problem = read_chunk(self.names, self._period_ns, names, times_ns, values)
        if chunk is None:
            return self.refuse(problem, teleop)
        if teleop:
            self._teleop.put(chunk)
            self._teleop_s = steady_s
        else:
            self._chunks.put(chunk)
            self._heartbeat_s = steady_s
        return ''

    def refuse(self, problem: str, teleop: bool = False) -> str:
        """Count a chunk that is not taken; the text that names its sender."""
        sender = "teleoperation's" if teleop else "the agent's"
        self.refused += 1
        self._refusal = f'{sender} chunk refused: {problem}'[:MAX_REASON]
        return self._refusal

    def _closed(self, teleop: bool) -> str:
        """Why no chunk of this sender is taken now, ''."""
        if not self._active:
            return 'the guard is inactive'
        if self.stopped:
            return f'stopped: {self._stop_reason}'
        if self._resting:
            return 'the guard is being deactivated'
        if self._foreign:
            return self._foreign
        if self._box.text and not teleop:
            return self._box.text
        return ''

    # Samples

    def sample(
        self,
        t_ns: int,
        steady_s: float,
        measured: np.ndarray | None = None,
        rest: str = '',
    ) -> GuardCommand:
        """The command for time t_ns.

        Args:
            t_ns: the robot's time.
            steady_s: the clock that times out.
            measured: joint positions [A] in the contract's order, as fresh as they may be used;
                None where there are none.
            rest: why the safe action must be taken whatever came, '' otherwise.
        """
        if not self._active:
            return GuardCommand(self._motion.value.copy(), 'inactive', (), 0, send=False)
        reasons: list[Reason] = []
        if self._refusal:
            reasons.append(Reason(ReasonKind.REFUSED, self._refusal))
            self._refusal = ''
        self._before = self._motion.value
        dt_s = self._step_s(t_ns, steady_s, reasons)
        here = self._safe.positions(measured) if self.holds_position else None
        if here is not None:
            inside = not self._box.text
            self._box.judge(here)
            if inside and self._box.text:  # pushed out while held: hold there, not far away
                self._hold.judge_again()
            if self.faults:
                self._hold.judge_always()
        source, chunk = self._who(t_ns, steady_s, rest, reasons)
        if chunk is not None and (behind := self._following.behind(here)):
            self.stop(behind, ReasonKind.PATH_TOLERANCE)
            source, chunk = self._who(t_ns, steady_s, rest, reasons)
        if chunk is not None and self._halt is not None:
            reasons.append(self._halt)
            source, chunk = 'safe', None
        before, known = self._motion.state, len(reasons)
        if chunk is None:
            self._safe.step(self._motion, dt_s, steady_s, here, reasons)
        else:
            self._hold.leave()
            target, speed = chunk.at(t_ns, self._interpolate)
            if self._box.text:  # by hand: the joints that are outside move, inwards
                still = np.where(self._safe.held, self._motion.value, 0.0)
                target = np.where(self._box.outside, target, still)
                speed = np.where(self._box.outside, speed, 0.0)
                self._motion.to(target, speed, dt_s, reasons)
                words = f'{self._box.text}; only inwards, by hand'
                reasons.append(Reason(ReasonKind.OUTSIDE, words))
            else:
                self._motion.to(target, speed, dt_s, reasons)
        if refused := self._halts(before, dt_s, braking=chunk is None):
            self._motion.state = before
            self._hold.leave()
            del reasons[known:]  # of the step that is not made
            self._safe.step(self._motion, dt_s, steady_s, here, reasons)
            reasons.append(refused)
            source, chunk = ('safe' if chunk is not None else source), None
            self._halt = refused
        if self._halt is not None and not np.any(self._motion.speed):
            self._halt = None
        values, due = self._rates.take(self._motion.value)
        self._following.sent(values)
        start_ns = chunk.start_ns if chunk else 0
        return GuardCommand(values, source, tuple(reasons), start_ns, due)

    def _halts(self, before: State, dt_s: float, braking: bool) -> Reason | None:
        """Why the newest step may not be made: where the links would be, None for one that may.

        Braking follows the way that was judged with the command before.
        """
        if self._keep_out is None or (braking and self._hold.target is None):
            return None
        return self._keep_out.refuses(before, self._motion.state, dt_s)

    def not_sent(self) -> None:
        """The newest command did not go out: the next one steps from the one before, at rest."""
        self._motion.start(self._before)
        self._rates.not_sent()

    def _who(
        self, t_ns: int, steady_s: float, rest: str, reasons: list[Reason]
    ) -> tuple[str, Chunk | None]:
        """The source of this sample, and its chunk; None for the safe action."""
        by_hand = self._by_hand(t_ns, steady_s)
        if self.stopped:
            text = f'stopped: {self._stop_reason}'
            reasons.append(Reason(ReasonKind.STOPPED, text))
            reasons.extend(Reason(kind, text) for kind in self._stop_kinds)
            return 'stopped', None
        if not self._enabled:
            return 'disabled', None
        if rest or self._foreign or self._resting:
            reasons.append(self._why_at_rest(rest))
            return 'safe', None
        if by_hand is not None:
            return 'teleop', by_hand
        if self._box.text:
            reasons.append(Reason(ReasonKind.OUTSIDE, self._box.text))
            return 'outside', None
        if not abs(steady_s - self._heartbeat_s) <= self._timeout_s:  # NaN is a timeout too
            reasons.append(_NO_HEARTBEAT)
            return 'safe', None
        chunk = self._chunks.started(t_ns)
        if chunk is None or t_ns >= chunk.end_ns:
            reasons.append(_NO_CHUNK)
            return 'safe', None
        return ('chunk' if t_ns < chunk.start_ns + self._period_ns else 'chunk_rest'), chunk

    def _why_at_rest(self, rest: str) -> Reason:
        if rest:
            return Reason(ReasonKind.NOT_READY, rest)
        if self._foreign:
            return Reason(ReasonKind.FOREIGN, self._foreign)
        return _DEACTIVATING

    def _by_hand(self, t_ns: int, steady_s: float) -> Chunk | None:
        """The newest chunk of a person that has started, while that person is there."""
        if not abs(steady_s - self._teleop_s) <= self._timeout_s:
            self._teleop.clear()
        return self._teleop.started(t_ns)

    def _step_s(self, t_ns: int, steady_s: float, reasons: list[Reason]) -> float:
        """Seconds of motion that this sample may make: a pause buys no larger step after it."""
        period_ns = self._command_period_ns
        dt_ns = period_ns
        if self._last_ns is not None:
            if t_ns < self._last_ns:  # the old chunks lie in the future of the new time
                self._clear()
                reasons.append(_TIME_BACK)
            elif t_ns > self._last_ns:
                dt_ns = min(t_ns - self._last_ns, period_ns)
            # After command_timeout without a command (this process was stopped) the driver holds,
            # and motion begins from rest again. A shorter gap is a busy computer: to begin from
            # rest there would be a step of speed. A clock that goes back is no pause.
            if not steady_s - self._last_s <= self._timeout_s:
                self._motion.start(self._motion.value)
        self._last_ns, self._last_s = t_ns, steady_s
        return dt_ns * 1e-9

    def _hold_here(self, measured: np.ndarray | None) -> str:
        """Let the hold begin at the measured position; why not, or ''."""
        if refusal := self.refuses_motion(measured):
            return refusal
        here = self._safe.positions(measured)
        if here is None or not self._active or not self.holds_position:
            return ''
        low = np.minimum(self.limits.low, self._motion.value)
        high = np.maximum(self.limits.high, self._motion.value)
        self._hold.at(np.clip(here, low, high))
        self._following.begin(here)
        return ''

    def _clear(self) -> None:
        self._chunks.clear()
        self._teleop.clear()
