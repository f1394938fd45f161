# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From a slot that is ready to an agent that has taken it: what is asked, when, and what is heard.

The agent is asked through two services, one call at a time; its latched ~/release says what became
of it. The node around it owns topics and clients. Belongs to one thread. Must not import ROS or
torch.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from world_model_ros.fleet.agent_word import AgentWord, Held, read_word
from world_model_ros.fleet.updater import Updater
from world_model_ros.fleet.updater_state import Slot, short

# After a hand-over that the agent took, until ~/release must show it; after one that it refused.
PATIENCE_SEC = 10.0
RETRY_SEC = 5.0


class Ask(Enum):
    """What the agent is asked for."""

    TAKE = 'take'  # the bundle: its parameters bundle and release, in one call
    SWAP_NOW = 'swap_now'  # the operator's word: wait for no safe point


@dataclass(frozen=True, eq=False)
class Call:
    """One call that is under way."""

    ask: Ask
    slot: Slot


class HandOver:
    """The updater's side, for one agent."""

    def __init__(self, updater: Updater, log: Callable[[str], None]) -> None:
        """`log` receives what the agent does not do."""
        self.updater, self._log = updater, log
        self.doubted = False  # whether others spoke in the agent's name
        self.call: Call | None = None
        self._word = AgentWord()  # the agent's newest ~/release
        self._new_word: AgentWord | None = None  # one that the updater could not take in yet
        self._word_problem = self._call_problem = ''  # with its topic, with its services
        self._handed = ''  # bundle_sha that the agent has taken or is being asked to
        self._hand_s = self._swap_s = self._give_up_s = 0.0  # steady: not to ask again before
        self._now_sha = ''  # what shall not wait for a safe point: the operator's word

    @property
    def problem(self) -> str:
        """What keeps the agent from taking bundles, or from being believed; ''."""
        if self._word_problem:
            return f"the agent's ~/release: {self._word_problem}"
        return self._call_problem

    def held(self, bundle_sha: str) -> Held:
        """What the agent does with a bundle."""
        return self._word.held(bundle_sha) if bundle_sha else Held.NOT

    # What the agent says.

    def hear(self, text: str, speakers: int) -> bool:
        """A message of ~/release, and how many nodes publish there; whether it was taken in."""
        try:
            word = read_word(text)
        except ValueError as error:
            self._word_problem = f'cannot be read: {short(str(error))}'
            return False
        if speakers > 1:
            # One of them is not the agent, or has died a moment ago. Nobody knows whose word this
            # is: no bundle is bad for it. It is asked for again once only one is left.
            self.doubted = True
            word = AgentWord(word.acting, word.candidate)
            self._word_problem = (
                f'{speakers} nodes publish it, and one is expected: bundles that it calls bad '
                'are not believed to be'
            )
            if word.candidate is not None and word.candidate.state is Held.REFUSED:
                word = AgentWord(word.acting)
        self._new_word = word
        return self.take_in()

    def believe_again(self) -> None:
        """Nobody else speaks in the agent's name any more; its word is heard once more."""
        self.doubted, self._word_problem = False, ''

    def take_in(self) -> bool:
        """What the agent said, into the state on disk; tried again while the disk fails."""
        word, before = self._new_word, self._word
        if word is None:
            return False
        try:
            left, candidate = word.rolled_back, word.candidate
            if left is not None and left != before.rolled_back:
                self.updater.rolled_back(left.bundle_sha, f'the agent left it: {left.reason}')
            refused = candidate is not None and candidate.state is Held.REFUSED
            if candidate is not None and refused and candidate != before.candidate:
                reason = f'the agent refused it: {candidate.reason}'
                self.updater.rolled_back(candidate.bundle_sha, reason)
            if word.acting is None:
                self.updater.acts_on_nothing()
            else:
                self.updater.swapped(word.acting.bundle_sha)
        except OSError as error:
            self._word_problem = f'cannot be written down: {error}'
            return False
        had = self.held(self._handed)
        self._word, self._new_word = word, None
        if not self.doubted:
            self._word_problem = ''
        if had is not Held.NOT and self.held(self._handed) is Held.NOT:
            self._handed = ''  # the agent was started again and knows nothing of it
        return True

    # What the agent is asked for.

    def next_call(self, now_s: float) -> Call | None:
        """The call to make now, if any; `call` until it is answered or given up.

        Args:
            now_s: of a steady clock.
        """
        if self.call is not None and now_s >= self._give_up_s:
            self.call = None  # whoever was asked has died; a later answer counts no more
        slot = self.updater.offered
        if slot is None or self.call is not None:
            return None
        held = self.held(slot.bundle_sha)
        if held is Held.READY and self._now_sha == slot.bundle_sha and now_s >= self._swap_s:
            self._swap_s = now_s + RETRY_SEC
            return self._begin(Call(Ask.SWAP_NOW, slot), now_s)
        if held is Held.NOT and (self._handed != slot.bundle_sha or now_s >= self._hand_s):
            self._handed, self._hand_s = slot.bundle_sha, now_s + PATIENCE_SEC
            return self._begin(Call(Ask.TAKE, slot), now_s)
        return None

    def _begin(self, call: Call, now_s: float) -> Call:
        self._give_up_s = now_s + PATIENCE_SEC
        self.call = call
        return call

    def no_agent(self, call: Call, service: str) -> None:
        """The call could not be made: the service is not there. It is made again at once."""
        if call is not self.call:
            return
        self.call, self._handed = None, ''
        self._call_problem = f'no agent: {service} is not there'

    def failed(self, call: Call, error: str) -> None:
        """The call ended without an answer."""
        if call is self.call:
            self.call = None
            self._complain(f'the agent did not answer: {error}')

    def answered(self, call: Call, done: bool, reason: str, now_s: float) -> None:
        """The agent's answer; one to a call that was given up counts no more."""
        if call is not self.call:
            return
        self.call, self._call_problem = None, ''
        if done:
            return
        if call.ask is Ask.TAKE:
            self._hand_s = now_s + RETRY_SEC
            self._complain(f'the agent does not take the bundle now: {reason}')
        else:
            self._complain(f'the agent does not swap now: {reason}')

    def _complain(self, problem: str) -> None:
        self._call_problem = problem
        self._log(problem)

    # The operator.

    def rollback(self) -> Slot:
        """Go back to the bundle before this one, without waiting for a safe point.

        Raises:
            SlotsError: there is none.
            OSError: the state cannot be written; nothing changed.
        """
        slot = self.updater.rollback()
        self._now_sha, self._handed, self._swap_s = slot.bundle_sha, '', 0.0
        return slot

    def start_over(self) -> str:
        """Forget what was tried, after a loss or for another store; in words what was forgotten.

        Raises:
            OSError: the state cannot be written; nothing changed.
        """
        text = self.updater.start_over()
        if self._word != AgentWord():  # it was not written down so far
            self._new_word, self._word = self._word, AgentWord()
        return text
