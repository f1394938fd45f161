# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Whether the agent should act: what the guard says, and what a person has decided.

With `autostart` the agent acts again after a restart, never against a person's decision: a guard
that somebody stopped, disabled or deactivated is left alone. Decides; the node does what it says.
Holds no ROS entity.
"""

from __future__ import annotations

from enum import Enum
from typing import Protocol

from world_model_ros.onboard.guard.guard_status import GuardStatus

GUARD_GONE_SEC = 1.0  # of silence: it will not come back as it was
RETRY_SEC = 1.0  # with autostart, between tries to act


class Role(Enum):
    """What the agent does, as agent/alive reports it to the guard."""

    SHADOW = 'shadow'  # thinks, reports, commands nothing
    ACTIVE = 'active'


class Step(Enum):
    """What the node shall do now."""

    NOTHING = 'nothing'
    ACTIVATE = 'activate'
    WAIT = 'wait'  # the guard is not there yet; `problem` says so
    STAND_BACK = 'stand_back'  # to shadow, for `problem`; the guard has left already
    GIVE_UP = 'give_up'  # a person must activate the agent, for `problem`


class GuardView(Protocol):
    """What is known of the guard."""

    @property
    def status(self) -> GuardStatus | None:
        """What it said last, None if it never spoke."""

    @property
    def instance(self) -> str:
        """Which process of the guard spoke last."""

    @property
    def silent_s(self) -> float:
        """How long it has said nothing, in seconds."""

    def lost(self) -> str:
        """Why it cannot be relied on now, ''."""


class Acting:
    """One agent's wish to act."""

    def __init__(self, autostart: bool) -> None:
        self._autostart = autostart
        self._wanted = autostart  # until a person decides otherwise
        self._with = ''  # the guard's process that was activated
        self._next_try_s = 0.0
        self.problem = ''  # why the agent does not act although it was asked to

    def refused(self, why: str) -> None:
        """The guard was not activated."""
        self.problem = why

    def begun(self, guard: GuardView) -> None:
        """The guard was activated."""
        self.problem, self._wanted = '', self._autostart
        self._with = guard.instance

    def ended_by_hand(self) -> None:
        """A person has deactivated the agent."""
        self._wanted = False

    def handed_over(self, why: str) -> None:
        """The agent gives the robot to a person, who must activate it again."""
        self.problem, self._wanted = why, False

    def look(self, role: Role, guard: GuardView, now_s: float) -> Step:
        """What to do at this time of the steady clock."""
        if role is Role.ACTIVE:
            self.problem = self._guard_left(guard)
            if not self.problem:
                return Step.NOTHING
            self._next_try_s = now_s + RETRY_SEC
            return Step.STAND_BACK
        if not self._wanted or now_s < self._next_try_s:
            return Step.NOTHING
        self._next_try_s = now_s + RETRY_SEC
        status = guard.status
        if status is None or guard.lost():
            self.problem = guard.lost()
            return Step.WAIT
        if status.stop_reason or not status.enabled or status.silenced:
            latched = f'stopped: {status.stop_reason}' if status.stop_reason else 'disabled'
            self.problem = (
                status.silenced
                or f'the guard was {latched}: release it, then activate the agent yourself'
            )
            self._wanted = False
            return Step.GIVE_UP
        return Step.ACTIVATE

    def _guard_left(self, guard: GuardView) -> str:
        """Why the agent must not go on acting, ''."""
        if guard.silent_s > GUARD_GONE_SEC:
            return f'the guard is gone: {guard.lost()}'
        if guard.instance != self._with:
            return 'the guard was started again'
        status = guard.status
        if status is not None and not status.active:
            # Somebody deactivated it, or there are two senders: a person must look first.
            self._wanted = False
            return f'the guard left: {status.silenced or "it was deactivated"}'
        return ''
