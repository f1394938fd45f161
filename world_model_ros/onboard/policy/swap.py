# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One model takes over from another while the robot lives: candidate, acting, previous.

A candidate is loaded, warmed and burned in from the history in threads of their own and kept
current until the tick's thread takes it, at a safe point, by one assignment. The model before it
is kept current too: the acting model's first number that is not finite brings it back at that
tick. docs/explanation/swap.md says why. Input: every tick of the robot. Must not import ROS
or torch.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from world_model_ros.onboard.policy.model import Model
from world_model_ros.onboard.tick.history import History
from world_model_ros.onboard.tick.observation import Observation

RELEASE_FORMAT = 1
# Ticks that a commit may make up for in the tick's own thread: a few observations fit into what is
# left of a period. A candidate that lags more has no processor; it is taken at a later tick.
MAX_CATCH_UP_TICKS = 4
JOIN_SEC = 2.0


class CandidateState(Enum):
    """How far a bundle on its way in is; the values are in ~/release."""

    LOADING = 'loading'
    READY = 'ready'
    REFUSED = 'refused'


@dataclass(eq=False)
class Candidate:
    """A bundle on its way in."""

    digest: str
    release: int
    path: str
    make: Callable[[], Model]
    model: Model | None = None
    state: CandidateState = CandidateState.LOADING
    reason: str = ''
    begun: bool = False  # one thread loads it

    def about(self) -> dict[str, Any]:
        """As in ~/release."""
        return {
            'bundle_sha': self.digest,
            'release': self.release,
            'bundle': self.path,
            'state': self.state.value,
            'reason': self.reason,
        }


class Swap:
    """The models of one robot; `acting` belongs to the tick's thread.

    Without start() nothing runs by itself: load() and follow() are what the two threads do.
    """

    def __init__(self, acting: Model, report: Callable[[dict[str, Any]], None] = lambda _: None):
        """Begin with this model; `report` is given status() in the following thread, on change."""
        self.history = History()
        self.acting = acting
        acting.acts = True
        self._report = report
        self._previous: Model | None = None
        self._candidate: Candidate | None = None
        self._rolled_back: dict[str, Any] | None = None
        self._now = False
        self._mutex = threading.Lock()  # of the four lines above; never held for long
        self._changed = True
        self._news = threading.Event()
        self._stopping = False
        self._loading: threading.Thread | None = None
        self._following = threading.Thread(target=self._run, name='follow', daemon=True)

    # Any thread

    def start(self) -> None:
        """Follow and report in a thread of its own; offers load in another."""
        self._following.start()
        self._tell()

    def close(self) -> None:
        """End the threads; a bundle that is being loaded is let go."""
        self._stopping = True
        self._news.set()
        for thread in (self._loading, self._following):
            if thread is not None and thread.is_alive():
                thread.join(JOIN_SEC)

    def offer(self, digest: str, release: int, path: str, make: Callable[[], Model]) -> None:
        """Make a bundle the candidate; one that is on its way is given up for it.

        The bundle that acts already is not loaded again: it takes the release's number.
        """
        with self._mutex:
            if digest == self.acting.digest:
                self.acting.release, self.acting.path = release, path
                self._candidate = None
            elif not _on_its_way(self._candidate, digest, release):
                self._candidate, self._now = Candidate(digest, release, path, make), False
        self._tell()
        if self._following.is_alive():
            self._loading = threading.Thread(target=self.load, name='load', daemon=True)
            self._loading.start()

    def ask_now(self) -> tuple[bool, str]:
        """The operator's word: take the candidate at the next tick. Whether, and what follows."""
        with self._mutex:
            candidate = self._candidate
            if candidate is None:
                return False, 'there is no candidate to swap to'
            if candidate.state is not CandidateState.READY:
                what = f'the candidate is {candidate.state.value} {candidate.reason}'
                return False, what.rstrip()
            self._now = True
        return True, f'release {candidate.release} takes over at the next tick'

    def status(self) -> dict[str, Any]:
        """What ~/release says."""
        with self._mutex:
            return {
                'format': RELEASE_FORMAT,
                'acting': self.acting.about(),
                'candidate': self._candidate and self._candidate.about(),
                'previous': self._previous and self._previous.about(),
                'rolled_back': self._rolled_back,
            }

    # The two threads beside the tick's

    def load(self) -> None:
        """Load the newest candidate and burn it in."""
        with self._mutex:
            candidate = self._candidate
            if candidate is None or candidate.begun:
                return
            candidate.begun = True
        try:
            model = candidate.make()
        except Exception as error:  # noqa: BLE001 - a bundle comes from outside: it is refused
            self._refuse(candidate, str(error))
            return
        problem = self._keep_current(model)
        if problem:
            self._refuse(candidate, problem)
            return
        with self._mutex:
            candidate.model, candidate.state = model, CandidateState.READY
        self._tell()

    def follow(self) -> None:
        """Keep the models that do not act current, and report what changed."""
        candidate, previous = self._candidate, self._previous
        ready = CandidateState.READY
        if candidate is not None and candidate.model is not None and candidate.state is ready:
            problem = self._keep_current(candidate.model)
            if problem:
                self._refuse(candidate, problem)
        if previous is not None and self._keep_current(previous):
            with self._mutex:
                if self._previous is previous:  # nothing to go back to any more
                    self._previous = None
            self._changed = True
        if self._changed:
            self._changed = False
            self._report(self.status())

    def _keep_current(self, model: Model) -> str:
        """Bring a model that does not act up to date; why it must never act, or ''."""
        try:
            model.follow(self.history)
        except Exception as error:  # noqa: BLE001 - whatever a graph raises here, it is not fit
            return f'it cannot observe the ticks so far: {error}'
        if model.mind.failure and not model.acts:
            return model.mind.failure
        return ''

    def _run(self) -> None:
        while not self._stopping:
            self._news.wait()
            self._news.clear()
            self.follow()

    def _refuse(self, candidate: Candidate, reason: str) -> None:
        with self._mutex:
            candidate.state, candidate.reason = CandidateState.REFUSED, reason
            candidate.model = None
        self._tell()

    def _tell(self) -> None:
        self._changed = True
        self._news.set()

    # The tick's thread

    def note(self, observation: Observation, action_sent: np.ndarray, is_first: bool) -> None:
        """A tick ran."""
        self.history.add(observation, action_sent, is_first)
        if self._candidate is not None or self._previous is not None:
            self._news.set()

    def note_skipped(self, action: np.ndarray) -> None:
        """A tick was passed over."""
        self.history.add_skipped(action)

    def ready(self, patient: bool = False) -> bool:
        """Whether a candidate could act from the next tick on."""
        candidate = self._candidate
        if candidate is None or candidate.state is not CandidateState.READY:
            return False
        model = candidate.model
        lag = self.history.count - model.held if model is not None else 0
        return patient or lag <= MAX_CATCH_UP_TICKS

    def commit(self, safe: bool, patient: bool = False) -> bool:
        """Let the candidate act from the next tick on, if there is one and this is the moment.

        Args:
            safe: this is a safe point; otherwise only the operator's word counts.
            patient: however far the candidate lags, wait for it (between episodes, lockstep).
        """
        candidate = self._candidate
        if candidate is None or not (safe or self._now) or not self.ready(patient):
            return False
        model = candidate.model
        if model is None:  # refused this very moment
            return False
        model.take(self.history)
        if model.mind.failure:
            model.leave(self.history)  # follow() refuses it
            self._news.set()
            return False
        with self._mutex:
            if self._candidate is not candidate:  # another was offered this very moment
                model.leave(self.history)
                return False
            model.go_on_from(self.acting)
            old, self.acting = self.acting, model
            self._previous, self._candidate, self._rolled_back = old, None, None
            self._now = False
        old.leave(self.history)
        self._tell()
        return True

    def roll_back(self, reason: str) -> bool:
        """Give the robot back to the model before this one; False if there is none."""
        bad = self.acting
        left = {'bundle_sha': bad.digest, 'release': bad.release, 'reason': reason}
        with self._mutex:
            previous = self._previous
            if previous is None and self._rolled_back == left:
                return False  # said once
            self._rolled_back = left
        if previous is not None:
            previous.take(self.history)
            with self._mutex:
                self.acting, self._previous = previous, None
        self._tell()
        return previous is not None


def _on_its_way(candidate: Candidate | None, digest: str, release: int) -> bool:
    """Whether this very offer is already being seen to."""
    if candidate is None or candidate.state is CandidateState.REFUSED:
        return False
    return (candidate.digest, candidate.release) == (digest, release)
