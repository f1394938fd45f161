# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What an updater finds at its start: slots, state, and what was lost of them.

Two copies of the state lie beside the slots (durable.py). If both are damaged or gone, the bad
list and the newest number are unknown: nothing is offered until the operator says so. Must not
import ROS or torch.
"""

from __future__ import annotations

from pathlib import Path

from world_model_ros.bundle import BundleError, find_bundle
from world_model_ros.bundle.manifest import read_manifest
from world_model_ros.durable import DurableState
from world_model_ros.fleet.slot import slot_problems
from world_model_ros.fleet.slots import STATE, Slots
from world_model_ros.fleet.slots_format1 import adopt
from world_model_ros.fleet.updater_state import Newest, Slot, State, StateError, parse_state

_REMEDY = 'nothing is offered to the agent: call updater/start_over to go on without the bad list'


class Memory:
    """The slots and the state of one updater. Not safe between threads."""

    def __init__(self, folder: Path | str, interface: str, shipped: Path | str = '') -> None:
        """Read what is there; begin with an empty state where nothing ever was.

        Args:
            folder: of the slots.
            interface: hash of the robot's interface, under which releases are numbered.
            shipped: the bundle that came with the robot, its name or directory; '' for none.

        Raises:
            SlotsError, OSError: the folder cannot be used.
        """
        self.slots = Slots(folder)
        self._durable = DurableState(self.slots.root, STATE)
        self._interface = interface
        self._shipped = _shipped(shipped)
        self.state = State()
        self.lost = ''  # why nothing may be offered
        self.problem = ''  # what was damaged, with what was remembered intact
        try:
            self._read()
        except BaseException:
            self.slots.close()
            raise

    def save(self, state: State) -> None:
        """Keep a state; OSError leaves the one before."""
        self.problem = self._durable.save(state.to_json())
        self.state = state

    def tried(self, bundle_sha: str) -> Slot | None:
        """The slot of a bundle that is whole and was tried here, or came with the robot."""
        shipped = self._shipped
        if shipped is not None and shipped.bundle_sha == bundle_sha:
            return None if slot_problems(Path(shipped.bundle), bundle_sha) else shipped
        release = self.slots.tried().get(bundle_sha)
        if release is None or self.slots.problems(bundle_sha):
            return None
        return Slot(bundle_sha, release, str(self.slots.bundle(bundle_sha)))

    def start_over(self) -> str:
        """Go on without what was lost, or without the newest number; what was forgotten."""
        if not self.lost:
            state = parse_state(self.state.to_json())
            newest = state.newest.pop(self._interface, None)
            state.bad = {} if state.full else state.bad
            self.save(state)
            number = newest.release if newest is not None else 0
            return f'releases are followed from any number on; the newest was {number}'
        state = State()
        # By their own word; a number that is too high is refused later, not taken.
        tried = [(release, sha) for sha, release in self.slots.tried().items() if release]
        if tried:
            state.newest[self._interface] = Newest(*max(tried))
        self.save(state)
        self.slots.claim()
        forgotten, self.lost = self.lost, ''
        return f'began with an empty bad list; {forgotten.split(";")[0]}'

    def _read(self) -> None:
        value, problem = self._durable.load()
        if value is None and not problem and not self.slots.claimed:
            self._begin()
            return
        if value is None:
            what = problem or f'{self._durable.paths[0]} and its second copy are gone'
            self.lost = f'what this updater remembered is lost ({what}); {_REMEDY}'
            return
        try:
            state = parse_state(value)
        except StateError as error:
            self.lost = f'{self._durable.paths[0]}: cannot be understood ({error}); {_REMEDY}'
            return
        lost = self._check(state)
        if lost or problem or not self.slots.claimed:
            self.save(state)  # both copies again
            self.slots.claim()
        self.state = state
        self.problem = '; '.join(filter(None, (problem, *lost)))

    def _begin(self) -> None:
        old = self.slots.format1
        self.save(State() if old is None else adopt(self.slots.root, old, self._interface))
        self.slots.claim()

    def _check(self, state: State) -> list[str]:
        """Take out what is not whole any more, and say it."""
        lost = []
        for name in ('acting', 'previous', 'candidate'):
            slot = getattr(state, name)
            if slot is None or not slot.bundle:
                continue
            found = self.tried(slot.bundle_sha)
            if found is not None and slot.release:  # it may have come again under another number
                found = Slot(found.bundle_sha, slot.release, found.bundle)
            elif found is None and slot.release:
                problems = self.slots.problems(slot.bundle_sha)
                lost.append(f'{name} slot {slot.bundle} is not whole: {problems[0]}')
            elif found is None and name == 'acting':  # no longer the one that came with the robot
                found = Slot(slot.bundle_sha, 0, '')
            setattr(state, name, found)
        state.pinned = state.pinned and state.candidate is not None
        return lost


def _shipped(folder: Path | str) -> Slot | None:
    if not str(folder):
        return None
    try:
        path = find_bundle(folder).resolve()
    except BundleError:
        return None  # the agent says so
    digest = read_manifest(path)[1]
    return Slot(digest, 0, str(path)) if digest else None
