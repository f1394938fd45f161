# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One recorded episode in figures: what it returned, how it ran, how well it was foreseen.

Input: an episode directory. Output: plain numbers from its tick records; no message of a stream is
decoded. Must not import ROS or torch.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from world_model_ros.contract import Contract, ContractError
from world_model_ros.experience.bag import EpisodeError
from world_model_ros.experience.read.reader import EpisodeReader
from world_model_ros.experience.read.rebuild import lost_records, read_ticks
from world_model_ros.experience.record.began import Began, began
from world_model_ros.onboard.tick.assembly import too_old
from world_model_ros.onboard.tick.observation import NO_CHECKSUM
from world_model_ros.onboard.tick.tick_record import TickRecord

MAX_REASON = 500  # characters; an error may repeat what it read


@dataclass(frozen=True)
class StreamFigures:
    """One stream over one episode; counts are of ticks, ages of the messages used, in s."""

    missing: int  # no message at all
    old: int  # older than the contract allows, or used before where that is not allowed
    repeated: int  # the message of the tick before was used again
    age_p50_s: float  # NaN without any message
    age_p99_s: float

    @property
    def invalid(self) -> int:
        """Ticks at which it gave nothing that counts."""
        return self.missing + self.old


@dataclass(frozen=True)
class EpisodeFigures:
    """One episode; counts are of ticks unless said otherwise."""

    uuid: str
    robot_id: str
    contract: str  # name of the robot type, '' where the episode holds none
    t_ns: int  # stamp of the first tick, by the robot's clock
    seconds: float
    ticks: int
    lost: int  # tick records that were published and are not in the bag
    status: str  # as the recorder ended it: whole, incomplete, unsealed
    ended: bool  # the last tick is there
    cut_short: bool  # it ended before the contract's last tick, neither terminal
    evaluation: bool
    exploring: bool
    measured: int  # with a reward
    total_reward: float  # sum of the measured ones
    late: int  # the command left after its time
    skipped: int  # passed over
    invalid: int  # the belief was imagined, not observed
    intervention: int
    sources: dict[str, int]
    releases: dict[int, int]  # by the release that acted; 0: none of a store
    surprise: dict[int, tuple[float, float]] = field(default_factory=dict)  # p50, p90 in nat
    streams: dict[str, StreamFigures] = field(default_factory=dict)
    began: Began = field(default_factory=lambda: Began(0, 0, True))
    imagined: bool = False  # it happened in a model alone

    @property
    def whole(self) -> bool:
        """Whether its return is that of a robot's complete episode, from first to last tick."""
        recorded = self.status == 'whole' and self.ended and not self.lost
        return recorded and not self.cut_short and self.measured > 0 and not self.imagined

    @property
    def kind(self) -> str:
        """How its return counts: evaluation, exploring, or neither (acting)."""
        return 'evaluation' if self.evaluation else 'exploring' if self.exploring else 'acting'

    @property
    def release(self) -> int:
        """The release that acted longest."""
        return max(self.releases, key=lambda number: self.releases[number], default=0)


def episode_figures(path: Path | str) -> EpisodeFigures:
    """Read one episode.

    Raises:
        EpisodeError: it cannot be read, or holds no tick record; the text says which file and why.
    """
    try:
        reader = EpisodeReader(path)
        ticks = read_ticks(reader)
        if not ticks:
            raise EpisodeError(f'{reader.file}: no tick record; was the agent running?')
        return _figures(reader, ticks)
    except Exception as error:  # an episode may be anything; the next one is read
        reason = f'{type(error).__name__}: {error}'[:MAX_REASON]
        raise EpisodeError(f'{path}: cannot be read: {reason}') from error


def _figures(reader: EpisodeReader, ticks: Sequence[TickRecord]) -> EpisodeFigures:
    try:
        contract: Contract | None = reader.contract
    except (EpisodeError, ContractError):  # the ticks can be read without it
        contract = None
    rewards = np.array([tick.reward for tick in ticks])
    measured = rewards[np.isfinite(rewards)]
    return EpisodeFigures(
        uuid=reader.info.uuid,
        robot_id=reader.info.robot_id,
        contract=contract.name if contract is not None else '',
        t_ns=ticks[0].t_ns,
        seconds=(ticks[-1].t_ns - ticks[0].t_ns) * 1e-9,
        ticks=len(ticks),
        lost=lost_records(reader, ticks),
        status=reader.end.status,
        ended=ticks[-1].last,
        cut_short=_cut_short(ticks[-1], contract),
        evaluation=any(tick.eval for tick in ticks),
        exploring=any(tick.explore for tick in ticks),
        measured=measured.size,
        total_reward=float(measured.sum()),
        late=sum(tick.lateness > 0.0 for tick in ticks),
        skipped=sum(tick.skipped for tick in ticks),
        invalid=sum(not tick.valid for tick in ticks),
        intervention=sum(tick.intervention for tick in ticks),
        sources=dict(Counter(tick.source for tick in ticks)),
        releases=dict(Counter(tick.release for tick in ticks)),
        surprise=_surprise(ticks),
        streams={name: _stream(ticks, name, contract) for name in ticks[0].streams},
        began=began(ticks[0].t_ns, reader.info.announced),
        imagined=bool(reader.imagined),
    )


def _cut_short(last: TickRecord, contract: Contract | None) -> bool:
    """Whether somebody ended it, the robot's stop included: such a return says nothing."""
    rules = contract.episode if contract is not None else None
    if rules is None or not rules.max_ticks:
        return False
    return not last.terminal and last.tick < rules.max_ticks


def _surprise(ticks: Sequence[TickRecord]) -> dict[int, tuple[float, float]]:
    """Median and 90th percentile per release; releases without a model have none."""
    by_release: dict[int, list[float]] = defaultdict(list)
    for tick in ticks:
        if np.isfinite(tick.surprise):
            by_release[tick.release].append(tick.surprise)
    return {
        number: (float(np.percentile(values, 50)), float(np.percentile(values, 90)))
        for number, values in by_release.items()
    }


def _stream(ticks: Sequence[TickRecord], name: str, contract: Contract | None) -> StreamFigures:
    samples = [tick.streams[name] for tick in ticks if name in tick.streams]
    used = [sample for sample in samples if sample.checksum != NO_CHECKSUM]
    stream = None
    if contract is not None and name in {each.name for each in contract.sensed}:
        stream = contract.stream(name)
    old = [s for s in used if stream is not None and too_old(stream, s.age_s, s.fresh)]
    ages = np.array([sample.age_s for sample in used])
    ages = ages[np.isfinite(ages)]
    p50, p99 = np.percentile(ages, (50, 99)) if ages.size else (np.nan, np.nan)
    return StreamFigures(
        missing=len(samples) - len(used),
        old=len(old),
        repeated=sum(not sample.fresh for sample in used),
        age_p50_s=float(p50),
        age_p99_s=float(p99),
    )
