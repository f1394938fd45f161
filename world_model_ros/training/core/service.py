# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The trainer as a service: follow recordings, learn, pass the gate, publish; killed, go on.

Owns the loop and its clock. One thread: what it does at any moment is what its status says. A
store that vanished, an episode that cannot be used and a loss that is not finite are reported and
counted, and it goes on. Must not import ROS; works without a simulator.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from world_model_ros.bundle import BundleError
from world_model_ros.contract import Contract, interface_hash
from world_model_ros.families.device import ON_CPU, Chosen
from world_model_ros.families.family_registry import FAMILIES, FamilyError
from world_model_ros.families.protocol import Algorithm, Imitates
from world_model_ros.folder_lock import hold
from world_model_ros.releases import Release, latest_release
from world_model_ros.store import Store, StoreError, open_store
from world_model_ros.training.core.activity import Activity, TrainerPhase
from world_model_ros.training.core.aligner import Aligned, Aligner
from world_model_ros.training.core.checkpoint import NOT_WRITTEN
from world_model_ros.training.core.faults import Faults
from world_model_ros.training.core.settings import ServiceConfig
from world_model_ros.training.core.store_connection import Link
from world_model_ros.training.core.tensorboard import Board
from world_model_ros.training.core.trainer_state import Start, TrainerState
from world_model_ros.training.core.trainer_status import status_of
from world_model_ros.training.data.ingest import Ingest
from world_model_ros.training.data.mixture import draw
from world_model_ros.training.data.nominal import open_nominal
from world_model_ros.training.data.recordings import OWN_STORE, Recordings, recordings_at
from world_model_ros.training.export.publish import Publisher
from world_model_ros.training.judge.gate import Verdict

BOARD_UPDATES = 50  # between two points in TensorBoard
# Of the store, before what only it kept back is published, or only the disk saved, again.
RETRY_POLLS = 5
NAP_SEC = 0.2  # a signal only sets a flag: longer sleeps would be slow to leave


class Interrupted(BaseException):
    """Raised into a long step that changes nothing when the service is asked to leave.

    Not an Exception: torch's exporter must not take it for one of its own.
    """


class Service:
    """A trainer of one contract in one folder. ``report`` gets the status, ``say`` each event.

    ``place`` is a store, or a folder of episodes: then releases go to a store in the own folder.
    The newest bundle lies in ``bundle``, in the own folder unless another is given.
    ``chosen`` is the device that learns.

    Raises:
        StoreUrlError: the URL names no store.
        FolderInUse: another trainer has the folder.
        ValueError: the folder or the file to start from belongs to something else.
    """

    def __init__(
        self,
        place: str,
        contract: Contract,
        folder: Path,
        config: ServiceConfig,
        start: Start | None = None,
        *,
        say: Callable[..., None] = lambda event, **fields: None,
        report: Callable[[dict[str, Any]], None] = lambda status: None,
        sizes: Any = None,
        recipe: Any = None,
        bundle: Path | None = None,
        chosen: Chosen = ON_CPU,
    ) -> None:
        torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self.contract, self.config = contract, config
        say = self.say = self.faults = Faults(say)
        self.folder = Path(folder)
        self.recordings = recordings_at(place, self.folder)
        url = place if self.recordings is None else str(self.folder / OWN_STORE)
        self.link = Link(url, say)
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = hold(self.folder)
        if self.recordings is not None:
            open_store(url, create=True)
            say('learns_from_folder', folder=str(self.recordings.folder), releases=url)
        self.report = report
        self.interface = interface_hash(contract)
        for reason in FAMILIES.failures():  # one that is broken keeps no other from learning
            say('plugin_failed', reason=reason)
        self.state = TrainerState(
            contract,
            self.folder,
            start or Start(),
            say,
            sizes,
            recipe,
            config.policy_margin,
            config.family,
            chosen,
        )
        say('device', device=self.state.chosen.text)
        if config.imitate and not (isinstance(self.learner, Imitates) and self.learner.imitates):
            raise FamilyError(
                f'family {self.state.family.name!r} cannot imitate: it needs rewards'
            )
        self.ingest = Ingest(
            contract,
            self.folder,
            config.capacity,
            say,
            config.held_out,
            robot_episodes=config.robot_episodes,
            stop=lambda: self._leaving,
            imitate=config.imitate,
        )
        # A resumed run draws other windows than the ones it drew before.
        self.rng = np.random.default_rng([config.seed, self.learner.updates])
        simulated = 0 if config.imitate else config.nominal_ticks  # those have rewards
        self.nominal, reason = open_nominal(
            contract, self.folder / 'nominal', simulated, config.seed, say
        )
        if self.nominal is None:
            say('no_nominal', reason=reason)
        self.aligner = Aligner(
            self.state, self.ingest.replay, self.nominal, self.rng, config.align
        )
        self.publisher = Publisher(
            self.state, self.ingest, config.gate, say, bundle, self.nominal is not None
        )
        self.verdict: Verdict | None = None
        self.release: dict[str, Any] | None = None
        self.activity = Activity(TrainerPhase.STARTING)
        self.figures: dict[str, float] = {}
        self.rate = 0.0
        self._leaving = self._interruptible = False
        self._judged_updates, self._publish_at = self.learner.updates, 0.0
        self._align_at = 0.0
        self.board = Board(self.folder / 'tensorboard', say)

    @property
    def learner(self) -> Algorithm:
        """Return the learner; going back to a checkpoint replaces it."""
        return self.state.learner

    @property
    def updates_allowed(self) -> int:
        """Return how many updates the ingested ticks pay for."""
        ticks, learner = self.ingest.ticks, self.learner
        if ticks < max(self.config.start_ticks, learner.window_ticks):
            return 0
        steps = learner.batch_size * learner.window_ticks
        return int(ticks * self.config.replay_ratio / steps)

    # ---- life ------------------------------------------------------------------------------

    def leave(self) -> None:
        """Ask for the end, from a signal handler; a long step that changes nothing breaks off."""
        self._leaving = True
        if self._interruptible:
            self._interruptible = False
            raise Interrupted

    def run(self) -> None:
        """Work until asked to leave; then save."""
        c = self.config
        tasks: dict[str, tuple[Callable[[], None], float]] = {
            'poll': (self._poll, c.poll_s),
            'save': (self._save, c.checkpoint_every_s),
            'tell': (self._tell, c.status_every_s),
        }
        now = time.monotonic()
        due = {'poll': now, 'tell': now, 'save': now + c.checkpoint_every_s}
        self._publish_at = now + c.publish_every_s
        try:
            while not self._leaving:
                for name, (task, period_s) in tasks.items():
                    if time.monotonic() >= due[name] and not self._leaving:
                        task()
                        due[name] = time.monotonic() + period_s
                if not self._leaving and self._publish_due():
                    self._publish()
                    pause = RETRY_POLLS * c.poll_s if self._pending else c.publish_every_s
                    self._publish_at = time.monotonic() + pause
                if not self._leaving:
                    self._work()
        finally:
            self.ingest.close()
            self._save()
        self.activity = Activity(TrainerPhase.LEFT)
        self._tell()
        self.board.close()

    def _work(self) -> None:
        """Settle an episode, align or learn, live a nominal tick; sleep where there is nothing."""
        busy = False
        source = self._source() if self.ingest.waiting else None
        if source is not None:
            self.activity, busy = Activity(TrainerPhase.INGESTING), True
            self.ingest.take(source)
        if self.aligner.due:
            busy = self._align() or busy
        elif not self.aligner.comes_first and self.updates_allowed > self.learner.updates:
            self.activity, busy = Activity(TrainerPhase.LEARNING), True
            self._update()
        if self.nominal is not None and self.nominal.may_live():
            if not busy:
                text = 'collecting nominal simulator data'
                self.activity, busy = self._idle(TrainerPhase.COLLECTING, text), True
            known = self.learner.updates > 0 or self.state.normalised
            self.nominal.live(self.learner.model if known else None)
        if not busy:
            self.activity = self._idle(TrainerPhase.WAITING, 'waiting for episodes')
            time.sleep(min(NAP_SEC, self.config.poll_s))

    def _idle(self, phase: TrainerPhase, text: str) -> Activity:
        waits = self.aligner.comes_first and not self.aligner.due
        return Activity(phase, f'{text}, too few robot ticks to align yet' if waits else text)

    def _align(self) -> bool:
        """Take a short step; tell whether it could be."""
        if time.monotonic() < self._align_at:
            return False
        try:
            aligned, text = self.aligner.step(self.say)
        except NOT_WRITTEN as error:
            self.say('not_saved', reason=str(error))
            self._align_at = time.monotonic() + RETRY_POLLS * self.config.poll_s
            return False
        self.activity = Activity(TrainerPhase.ALIGNING, text)
        if aligned is Aligned.SAVED:  # what was aligned need not wait its turn
            self._publish_at, self._judged_updates = 0.0, -self.config.least_updates
        return True

    def _source(self) -> Store | Recordings | None:
        return self.recordings or self.link.open()

    def _poll(self) -> None:
        source = self._source()
        if source is None:
            return
        with self.link.doing('look'):
            self.ingest.look(source)

    # ---- learning ----------------------------------------------------------------------------

    def _update(self) -> None:
        if not self.state.normalised:
            self.state.normalise(self.ingest.replay)
        learner, clock, robot = self.learner, time.monotonic(), self.ingest.replay
        size, length = learner.batch_size, learner.window_ticks
        batch = draw(self.rng, robot, self.nominal, self.config.shares, size, length)
        figures = learner.update(batch)
        self.rate += 0.05 * (1.0 / max(1e-6, time.monotonic() - clock) - self.rate)
        bad = [name for name, value in figures.items() if not math.isfinite(value)]
        if bad:
            self.state.bad_update(bad, self.config.bad_in_row)
            return
        self.state.bad_in_row = 0
        self.figures = figures
        if self.learner.updates % BOARD_UPDATES == 0:
            self.board.add(figures, '', self.learner.updates)

    def _save(self) -> None:
        try:
            if self.nominal is not None:
                self.nominal.replay.save()
            self.state.save()
            self.board.reopen()
        except NOT_WRITTEN as error:  # a full disk: the checkpoint before is whole
            self.say('not_saved', reason=str(error))

    # ---- publishing --------------------------------------------------------------------------

    def _publish_due(self) -> bool:
        c, late = self.config, time.monotonic() >= self._publish_at
        fresh = self.learner.updates - self._judged_updates
        if c.publish_updates and fresh >= c.publish_updates and not self._pending:
            return True
        return late and (self._pending or fresh >= c.least_updates)

    def _publish(self) -> None:
        """Judge, export, publish; what only the store kept from being published goes first."""
        store = self.link.open()
        if store is None:
            return
        try:
            self._interruptible = True
            if not self._pending:
                self._judged_updates = self.learner.updates
                self._step(TrainerPhase.JUDGING)
                self.verdict = self.publisher.judge()
                self.board.add(self.verdict.figures, 'held_out/', self.learner.updates)
                if not self.verdict.passed:
                    return
                self._step(TrainerPhase.EXPORTING)
                self.publisher.export(self.verdict)
            self._step(TrainerPhase.PUBLISHING)
            release = self.publisher.publish(store, self.interface)
            self.link.works('publish')
            self._acts(release)
            self.publisher.remember(release)
        except Interrupted:
            self.say('broken_off', step=self.activity.text)
        except StoreError as error:
            self.link.failed('publish', error)
        except (*NOT_WRITTEN, BundleError) as error:
            self.say('not_published', reason=str(error))
        finally:
            self._interruptible = False

    @property
    def _pending(self) -> bool:
        return self.publisher.pending is not None

    def _acts(self, release: Release) -> None:
        self.release = {
            'number': release.number,
            'bundle_sha': release.bundle_sha,
            'published': release.published,
        }

    def _step(self, phase: TrainerPhase) -> None:
        self.activity = Activity(phase)
        self._tell()

    def _tell(self) -> None:
        self.report(status_of(self))
        store = self.link.open()
        if store is None or self.link.fails_to('look'):
            return
        with self.link.doing('tell'):
            latest = latest_release(store, self.interface) if self.release is None else None
            if latest is not None:
                self._acts(latest)
            status = json.dumps(status_of(self), allow_nan=False)
            store.put(store.layout.trainer_key(self.interface), status.encode())
