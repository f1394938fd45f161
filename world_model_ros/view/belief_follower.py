# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A robot's belief, made again beside it: its tick records and messages through its own bundle.

The agent pays nothing for it: what it publishes anyway is enough. The arrays come from its own
assembly, the belief from its own code (`Model.follow`). A viewer that joins in the middle of an
episode begins with the initial belief, as an incoming model does; seconds later the two agree.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from world_model_ros.bundle import BundleError, find_bundle, load_bundle
from world_model_ros.bundle.providers import ProviderError
from world_model_ros.contract import Contract
from world_model_ros.gate_figures import horizon_words
from world_model_ros.onboard.policy.brain import Brain
from world_model_ros.onboard.policy.capabilities import Graphs
from world_model_ros.onboard.policy.model import Model
from world_model_ros.onboard.tick.assembly import Assembler
from world_model_ros.onboard.tick.history import HISTORY_TICKS, History
from world_model_ros.onboard.tick.observation import MessageId, Observation
from world_model_ros.onboard.tick.tick_record import TickRecord
from world_model_ros.wire.cdr import checksum

KEEP_SEC = 2.0  # messages of a stream: a tick's record comes a tick after its messages
LEAST_KEPT, MOST_KEPT = 8, 256
NO_MODEL = 'no model acts yet'

Load = Callable[[str, int], Model]  # path and release


def loader(contract: Contract) -> Load:
    """What loads bundles of a robot to be followed, on the CPU, without their planner."""

    def load(path: str, release: int) -> Model:
        folder = find_bundle(path)
        bundle = load_bundle(folder, contract, without=('plan',))
        return Model(Brain(contract, bundle, plan=False), bundle.digest, release, path, bundle)

    return load


class Messages:
    """The newest messages of each stream, found again by their checksum."""

    def __init__(self, contract: Contract) -> None:
        self._kept: dict[str, deque[tuple[bytes, list[int]]]] = {
            stream.name: deque(
                maxlen=min(max(LEAST_KEPT, round(KEEP_SEC * stream.rate_hz)), MOST_KEPT)
            )
            for stream in contract.sensed
        }

    def put(self, stream: str, cdr: bytes) -> None:
        """Keep a serialised message."""
        self._kept[stream].append((cdr, []))

    def newest(self, stream: str) -> bytes | None:
        """The message that came last; None before the first."""
        kept = self._kept[stream]
        return kept[-1][0] if kept else None

    def find(self, stream: str, stamp_ns: int, number: int) -> bytes | None:
        """The message with this checksum; None if it was lost on its way. Newest first."""
        for cdr, known in tuple(self._kept[stream])[::-1]:
            if not known:  # large pictures: computed only for what is looked at
                known.append(checksum(cdr))
            if known[0] == number:
                return cdr
        return None

    def clear(self) -> None:
        """Forget them."""
        for kept in self._kept.values():
            kept.clear()


class Rebuilder:
    """The observation of a tick, from the messages that its record names."""

    def __init__(self, contract: Contract, find: Callable[[str, int, int], bytes | None]) -> None:
        self._contract, self._find = contract, find
        self._assembler = Assembler(contract)

    def observation(self, record: TickRecord) -> Observation:
        """What the agent saw; not `valid` where it saw nothing, or a message is missing here."""
        contract = self._contract
        if contract.task is not None and set(record.task) == set(contract.task.names):
            self._assembler.set_task(np.array([record.task[n] for n in contract.task.names]))
        wanted = {stream.name for stream in contract.sensed}
        messages: dict[str, Sequence[MessageId]] = {
            name: sample.messages for name, sample in record.streams.items() if name in wanted
        }
        seen = self._assembler.assemble_exact(record.t_ns, messages, self._find)
        seen.valid = record.valid and seen.decoded
        return seen


@dataclass(frozen=True)
class Believed:
    """The belief after a tick."""

    belief: np.ndarray  # float32 [1, B]
    reward: float  # predicted for this tick; NaN where nothing was observed


class Follower:
    """Brings a model's belief from tick to tick."""

    def __init__(self, load: Load, period_ns: int) -> None:
        """`load` makes a model of a bundle's folder and release."""
        self._load, self._period_ns = load, period_ns
        self._history = History()
        self._model: Model | None = None
        self._graphs: Graphs | None = None
        self._wanted: tuple[str, str] = ('', '')
        self._last: TickRecord | None = None
        self.unrebuilt = 0  # ticks whose messages were not all here
        self.problem = NO_MODEL  # why there is no belief, '' if there is one

    @property
    def graphs(self) -> Graphs | None:
        """Of the model that acts; None without one."""
        return self._graphs

    @property
    def draws(self) -> bool:
        """Whether the model can show what it believes."""
        return self._model is not None and 'decode' in self._model.bundle.drawing

    @property
    def horizon(self) -> str:
        """How long its gate found the model useful, in words; '' where nobody measured it."""
        if self._model is None:
            return ''
        return horizon_words(self._model.bundle.manifest['provenance'].get('gate'))

    def use(self, acting: Mapping[str, Any] | None) -> None:
        """Follow the bundle that acts, as the agent's ~/release names it; None: no model acts."""
        about = acting or {}
        wanted = (str(about.get('bundle_sha', '')), str(about.get('bundle', '')))
        if wanted == self._wanted:
            return
        self._wanted = wanted
        self._model, self._graphs, self.problem = None, None, NO_MODEL
        digest, path = wanted
        if not digest:
            return
        try:
            model = self._load(path, int(about.get('release', 0)))
        except (BundleError, ProviderError, ValueError, OSError, ImportError) as error:
            self.problem = f'its bundle cannot be loaded here: {str(error)[:300]}'
            return
        if model.digest != digest:
            self.problem = f'{path} holds another bundle by now: {model.digest[:12]}'
            return
        self._model, self.problem = model, ''
        self._graphs = Graphs(model.bundle, model.bundle.drawing)
        if not self.draws:
            self.problem = 'its bundle cannot decode: it has no graph that draws beliefs'

    def _begin_again(self) -> None:
        """What was believed long ago says nothing of now."""
        self._history = History()
        if self._model is not None:
            self._model.mind.reset(0)
            self._model.held = 0

    def take(self, record: TickRecord, observation: Observation) -> Believed | None:
        """Go on to a tick; None without a model, or where the model fails."""
        sent: np.ndarray = record.sent.astype(np.float32)
        last, self._last = self._last, record
        if last is not None and not record.first:
            # Ticks that the agent passed over, and those whose records did not come here.
            gap = round((record.t_ns - last.t_ns) / self._period_ns) - 1
            if not 0 <= gap <= HISTORY_TICKS:  # nobody looked meanwhile, or time jumped
                self._begin_again()
                gap = 0
            for _ in range(gap):
                self._history.add_skipped(sent)
        self.unrebuilt += record.valid and not observation.valid
        self._history.add(observation, sent, record.first)
        model, graphs = self._model, self._graphs
        if model is None or graphs is None or not isinstance(model.mind, Brain):
            return None
        before = model.mind.belief
        model.follow(self._history)
        belief = model.mind.belief
        reward = float('nan')
        if observation.valid and not record.first:
            reward = graphs.outcomes(before, sent, belief).reward
        return Believed(belief, reward)
