# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Who commands the robot at this sample, and what goes out.

Input: chunks, switches, measured joint positions and two clocks: the robot's time, which orders
commands, and a clock that only times out. Output: one command per sample, or none. The rules are
those of docs/reference/guard.md, in the order in which they win:

inactive (nothing is sent) > stopped > disabled > foreign publisher, coming to rest > teleoperation
> outside of the box > the way home > no heartbeat > no chunk in force > chunk.

A lock, a dead-man or a stop zone shuts out teleoperation and agent, or the agent alone, by its
priority.

Everything but a chunk is the safe action: positions come to rest along their motion and are held,
efforts and velocities go to zero. No step of it is larger than the limits allow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from world_model_ros.contract.guard_settings import AGENT_PRIORITY, TELEOP_PRIORITY
from world_model_ros.contract.kinds import command_kind
from world_model_ros.onboard.guard.chunks import Chunk
from world_model_ros.onboard.guard.driver_faults import Faults
from world_model_ros.onboard.guard.following import Following
from world_model_ros.onboard.guard.guard_command import GuardCommand
from world_model_ros.onboard.guard.homing import Homing
from world_model_ros.onboard.guard.locks import OPEN, Locks, Shut
from world_model_ros.onboard.guard.reasons import Reason, ReasonKind
from world_model_ros.onboard.guard.sample_clock import SampleClock
from world_model_ros.onboard.guard.sources import Sources
from world_model_ros.onboard.guard.stepping import Stepping
from world_model_ros.onboard.guard.zones import Zones

if TYPE_CHECKING:
    from world_model_ros.contract import Contract
    from world_model_ros.onboard.guard.keep_out.keep_out import KeepOut

_TIME_BACK = Reason(ReasonKind.TIME_BACK, 'time went back: chunks dropped')
_DEACTIVATING = Reason(ReasonKind.DEACTIVATING, 'coming to rest before deactivation')


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
        kinds = [command_kind(group.kind) for group in contract.groups]
        self._missing = next((kind for kind in kinds if kind.missing), None)
        self._stepping = Stepping(contract, keep_out)
        self.limits = self._stepping.limits
        self._safe = self._stepping.safe
        zero_inside = (self.limits.low <= 0.0) & (self.limits.high >= 0.0)
        if not self._missing and not np.all(zero_inside | self._safe.held):
            raise ValueError(
                f'the safe action of contract {contract.name!r} is zero, but zero is outside '
                f'low={action.limit_low} high={action.limit_high}: widen the limits or choose '
                'safe: hold'
            )
        self._sources = Sources(contract)
        self.locks, self.zones = Locks(contract.guard.locks), Zones(contract.guard.zones)
        self._shut = OPEN  # what shuts sources out, at the newest sample
        self._active = False
        self._resting = False  # on the way to inactive
        self._enabled = enabled
        self._stop_reason = ''
        self._stop_kinds: tuple[ReasonKind, ...] = ()
        self.faults = Faults()
        self._following = Following(contract)
        self.homing = Homing(contract)
        self._rest = ''  # why the newest sample was to be the safe action whatever came
        self._source = ''  # of the newest sample
        self._foreign = ''
        self._box = self._stepping.box
        period_ns = round(1e9 / contract.command_rate_hz)
        self._clock = SampleClock(period_ns, contract.command_timeout_s)

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
    def held_back(self) -> str:
        """Which lock, dead-man or stop zone shuts the agent out, ''."""
        reason = self._shut.reason if self._shut.priority > AGENT_PRIORITY else None
        return reason.text if reason else ''

    @property
    def holds_position(self) -> bool:
        """Whether the safe action is to hold a position: then measurements are needed."""
        return self._safe.holds

    @property
    def at_rest(self) -> bool:
        """Whether the command has come to rest: held, or zero."""
        return self._stepping.at_rest

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
        here = self._safe.positions(measured) if self.holds_position else None
        if self.holds_position and here is None:
            return self._safe.needs_position()
        self._stepping.begin(here)
        self._following.begin(self._stepping.motion.value)
        self._sources.begin()
        self._clock.begin()
        self._foreign = ''
        self._shut = OPEN
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
        self._sources.drop(teleop)

    def heartbeat(self, steady_s: float) -> None:
        """The agent lives at this time of the clock that times out; a chunk counts as well."""
        self._sources.heartbeat(steady_s)

    # The way home

    @property
    def way_home(self) -> str:
        """The way from here, for people."""
        return self.homing.words(self._stepping.motion.value)

    def refuses_home(self, measured: np.ndarray | None) -> str:
        """Why the robot cannot go home now, ''."""
        if not self.homing.possible:
            return 'the contract names no home: give each position group the key home'
        if not self._active:
            return 'the guard is inactive: activate it, without an agent that acts'
        if self._source in ('chunk', 'chunk_rest', 'teleop'):
            return f'the robot is being moved ({self._source}): end the episode, or let go'
        problem = self._closed(teleop=False) or self._rest
        if not problem and not self._enabled:
            problem = 'disabled: call guard/enable'
        return problem or self.refuses_motion(measured)

    def go_home(self, t_ns: int, measured: np.ndarray | None) -> str:
        """Go home from the next sample on; why not, or ''."""
        refusal = self.refuses_home(measured)
        if not refusal:
            self._clear()
            self.homing.begin(self._stepping.motion.value, t_ns)
        return refusal

    # Chunks

    @property
    def refused(self) -> int:
        """How many chunks were not taken."""
        return self._sources.refused

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
        if problem := self._closed(teleop):
            return self.refuse(problem, teleop)
        return self._sources.take(names, times_ns, values, steady_s, teleop)

    def refuse(self, problem: str, teleop: bool = False) -> str:
        """Count a chunk that is not taken; the text that names its sender."""
        return self._sources.refuse(problem, teleop)

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
        own = TELEOP_PRIORITY if teleop else AGENT_PRIORITY
        if self._shut.reason is not None and own < self._shut.priority:
            return self._shut.reason.text
        if not teleop and self.homing.way is not None:
            return 'the robot goes home'
        return '' if teleop else self._box.text

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
            return GuardCommand(self._stepping.motion.value.copy(), 'inactive', (), 0, send=False)
        reasons: list[Reason] = []
        self._rest = rest
        self._sources.note_refusal(reasons)
        dt_s = self._step_s(t_ns, steady_s, reasons)
        here = self._safe.positions(measured) if self.holds_position else None
        if here is not None:
            self._stepping.measured(here, bool(self.faults))
        self._look_at_locks(steady_s, measured)
        source, chunk = self._who(t_ns, steady_s, rest, reasons)
        if chunk is not None and (behind := self._following.behind(here)):
            self.stop(behind, ReasonKind.PATH_TOLERANCE)
            source, chunk = self._who(t_ns, steady_s, rest, reasons)
        share, slowed = self.zones.slowdown(steady_s) if self.zones.slows else (1.0, None)
        if chunk is not None and slowed is not None:
            reasons.append(slowed)
        if source != 'home':
            self.homing.cancel()
        follows = self._stepping.step(chunk, t_ns, dt_s, steady_s, here, share, reasons)
        if chunk is not None and not follows:
            source, chunk = 'safe', None
        self._source = source
        values, due = self._stepping.rates.take(self._stepping.motion.value)
        self._following.sent(values)
        start_ns = chunk.start_ns if chunk else 0
        return GuardCommand(values, source, tuple(reasons), start_ns, due)

    def not_sent(self) -> None:
        """The newest command did not go out: the next one steps from the one before, at rest."""
        self._stepping.not_sent()

    def _look_at_locks(self, steady_s: float, measured: np.ndarray | None) -> None:
        """Which sources are shut out now. Where the agent no longer is, it begins where it is."""
        before = self._shut
        shut = max(self.locks.highest(steady_s), self.zones.stop(steady_s), key=_priority)
        opens = shut.priority <= AGENT_PRIORITY < before.priority
        if opens and before.reason is not None and (refusal := self._hold_here(measured)):
            shut = Shut(before.priority, Reason(before.reason.kind, refusal))
        self._shut = shut
        self._sources.shut_out(shut.priority)

    def _who(
        self, t_ns: int, steady_s: float, rest: str, reasons: list[Reason]
    ) -> tuple[str, Chunk | None]:
        """The source of this sample, and its chunk; None for the safe action."""
        by_hand = self._sources.teleop(t_ns, steady_s)
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
        if by_hand is not None and self._shut.priority <= TELEOP_PRIORITY:
            return 'teleop', by_hand
        if self._shut.reason is not None and self._shut.priority > AGENT_PRIORITY:
            reasons.append(self._shut.reason)
            return 'safe', None
        if self._box.text:
            reasons.append(Reason(ReasonKind.OUTSIDE, self._box.text))
            return 'outside', None
        if (way := self.homing.now(t_ns, self._stepping.motion)) is not None:
            return 'home', way
        return self._sources.agent(t_ns, steady_s, reasons)

    def _why_at_rest(self, rest: str) -> Reason:
        if rest:
            return Reason(ReasonKind.NOT_READY, rest)
        if self._foreign:
            return Reason(ReasonKind.FOREIGN, self._foreign)
        return _DEACTIVATING

    def _step_s(self, t_ns: int, steady_s: float, reasons: list[Reason]) -> float:
        """Seconds of motion that this sample may make."""
        passed = self._clock.passed(t_ns, steady_s)
        if passed.back:  # the old chunks lie in the future of the new time
            self._clear()
            reasons.append(_TIME_BACK)
        # After command_timeout without a command (this process was stopped) the driver holds, and
        # motion begins from rest again. A shorter gap is a busy computer: to begin from rest
        # there would be a step of speed.
        if passed.paused:
            self._stepping.motion.start(self._stepping.motion.value)
        return passed.dt_s

    def _hold_here(self, measured: np.ndarray | None) -> str:
        """Let the hold begin at the measured position; why not, or ''."""
        if refusal := self.refuses_motion(measured):
            return refusal
        here = self._safe.positions(measured)
        if here is None or not self._active or not self.holds_position:
            return ''
        self._following.begin(self._stepping.hold_at(here))
        return ''

    def _clear(self) -> None:
        self._sources.clear()
        self.homing.cancel()


def _priority(shut: Shut) -> int:
    return shut.priority
