# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A recorded episode as the page shows it: every tick with its belief, made again at the start.

The same figures, pictures and imagination as of a running robot; a viewer asks for one tick after
the other. The model need not be the one that acted: what another believes of the same recording is
a question worth asking.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from world_model_ros.bundle import find_bundle
from world_model_ros.contract import Contract
from world_model_ros.contract.kinds import command_kind
from world_model_ros.experience.read.reader import EpisodeReader
from world_model_ros.experience.read.rebuild import readable, rebuild
from world_model_ros.experience.record.agent_messages import announced_episode
from world_model_ros.onboard.tick.observation import Observation
from world_model_ros.telemetry.robot_view import RobotView
from world_model_ros.view.about import about_robot
from world_model_ros.view.ahead import KEPT_CHUNKS, CommandsAhead, imagine_ahead
from world_model_ros.view.belief_follower import Follower, loader
from world_model_ros.view.board import Board
from world_model_ros.view.scene import Followed, figures_of, followed, numbers_of, pictures_of
from world_model_ros.view.source import Hands
from world_model_ros.view.state import state_of
from world_model_ros.view.step_inside import inside_line
from world_model_ros.view.update import ahead_head, ahead_pictures, encode, plain, sample
from world_model_ros.view.view_picture import Picture
from world_model_ros.wire.cdr import MessageError, decode, header_stamp_ns

MOST_TICKS = 20_000  # a quarter of an hour at 25 Hz; pictures and beliefs of them are in memory
TRAJECTORY = 'trajectory_msgs/msg/JointTrajectory'


class RecordedEpisode:
    """One episode, ready to be looked at; a Source without board and hands.

    Raises:
        EpisodeError: it cannot be read.
        BundleError: the bundle is of another robot, or damaged.
    """

    board: Board | None = None
    hands: Hands | None = None

    def __init__(
        self,
        path: Path,
        bundle: str = '',
        progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Read `path` with the beliefs of a bundle; the shipped one of the robot by default."""
        reader = EpisodeReader(path)
        self._contract: Contract = readable(reader.contract)
        self._name, self._path = path.name, path.resolve()
        found = find_bundle(bundle or self._contract.name)
        self._chosen = str(found.resolve()) if bundle else ''
        self._bundle = f'{found.name} (beliefs)'
        model = loader(self._contract)(
            str(found), 0
        )  # refused here, with everything that is wrong
        self._follower = Follower(lambda *_: model, self._contract.period_ns)
        self._follower.use({'bundle_sha': model.digest, 'bundle': str(found)})
        self._chunks = _chunks(reader, self._contract)
        self._announced = {'marks': _marks(reader)}
        self._ticks: list[tuple[Followed, tuple[Picture, ...]]] = []
        self._samples: list[dict[str, Any]] = []
        self._return = 0.0
        self._returns: list[float] = []
        self.cut = False
        for tick in rebuild(reader, self._contract):
            if len(self._ticks) >= MOST_TICKS:
                self.cut = True
                break
            nothing = Observation(tick.record.t_ns, {}, np.zeros(0, np.float32), {}, False)
            self._add(tick.record, tick.observation or nothing)
            if len(self._ticks) % 250 == 0:
                progress(f'{len(self._ticks)} ticks')
        if not self._ticks:
            raise ValueError(f'{path}: the episode holds no tick: nothing can be shown')

    def _add(self, record: Any, observation: Observation) -> None:
        observation.valid = record.valid and observation.decoded and bool(observation.samples)
        believed = self._follower.take(record, observation)
        tick = followed(self._contract, self._follower, record, observation, believed)
        self._samples.append(sample(figures_of(self._contract, tick)))
        pictures = pictures_of(self._contract, tick)
        numbers = numbers_of(self._contract, tick)  # pictures are kept as PNG, arrays of them not
        empty = Observation(record.t_ns, {}, observation.ages, {}, observation.valid)
        self._ticks.append((replace(tick, observation=empty, decoded=numbers), pictures))
        self._return += record.reward if np.isfinite(record.reward) else 0.0
        self._returns.append(self._return)

    def about(self) -> Mapping[str, Any]:
        """What a viewer gets when it comes."""
        ticks = len(self._ticks)
        return {**about_robot(self._contract, 'episode'), 'ticks': ticks, 'name': self._name}

    def frame(self, number: int) -> bytes:
        """The message for a tick, by its place; the first one brings all curves."""
        place = min(number, len(self._ticks) - 1)
        tick, pictures = self._ticks[place]
        t_ns = tick.record.t_ns
        head: dict[str, Any] = {
            'number': place,
            'place': place,
            'now': t_ns * 1e-9,
            'seconds': (t_ns - self._ticks[0][0].record.t_ns) * 1e-9,
            'state': plain(self._state(tick, place)),
            'samples': self._samples if place == 0 else [],
            'ahead': None,
        }
        graphs = self._follower.graphs
        if graphs is not None and tick.believed is not None and self._follower.draws:
            ahead = imagine_ahead(
                graphs,
                tick.believed.belief,
                t_ns,
                self._contract,
                self._commands(t_ns),
                begin=tick.decoded,
                source=tick.record.source,
            )
            head['ahead'] = ahead_head(ahead)
            pictures = (*pictures, *ahead_pictures(ahead))
        return encode(head, pictures)

    def _commands(self, t_ns: int) -> CommandsAhead:
        """The chunks that had been decided by then."""
        commands = CommandsAhead(self._contract.period_ns)
        known = [c for c in self._chunks if c[0] <= t_ns + self._contract.command_offset_ns]
        for start_ns, values in known[-KEPT_CHUNKS:]:
            commands.put(start_ns, values)
        return commands

    def _state(self, tick: Followed, place: int) -> dict[str, Any]:
        view = RobotView()
        view.tick = tick.record
        view.episode_return = self._returns[place]
        source = tick.record.source
        return {
            **state_of(view, None, self._announced),
            'agent': {'role': '', 'phase': '', 'text': f'decided by {source}', 'level': 0},
            'guard': {'state': 'recorded', 'enabled': True, 'stopped': '', 'text': source},
            'release': {'acting': 0, 'bundle': self._bundle, 'sha': '', 'next': ''},
            'no_belief': self._follower.problem,
            'inside': '' if tick.believed is None else self._inside(tick.record.tick),
        }

    def _inside(self, tick: int) -> str:
        return inside_line(f'{self._path}@{tick}', self._chosen)


def _marks(reader: EpisodeReader) -> list[Any]:
    """The marks of an episode: its newest announcement has them all."""
    topic = reader.topic('episode')
    marks: Any = []
    for message in reader.messages({topic}) if topic else ():
        try:
            marks = announced_episode(message.data).content.get('marks', marks)
        except MessageError:
            continue  # anybody may publish there
    return marks if isinstance(marks, list) else []


def _chunks(reader: EpisodeReader, contract: Contract) -> list[tuple[int, np.ndarray]]:
    """Start and values [H, A] of the chunks that were recorded, in their order."""
    topic, kinds = reader.topic('chunk'), contract.action.kinds
    found: list[tuple[int, np.ndarray]] = []
    fields = [command_kind(kind).point_field for kind in kinds]
    for message in reader.messages({topic}) if topic else ():
        try:
            chunk = decode(TRAJECTORY, message.data)
            order = [list(chunk.joint_names).index(name) for name in contract.action.names]
            rows = [
                [float(getattr(point, f)[i]) for f, i in zip(fields, order, strict=True)]
                for point in chunk.points
            ]
            values: np.ndarray = np.asarray(rows, np.float32).reshape(len(rows), len(kinds))
            found.append((header_stamp_ns(message.data), values))
        except (MessageError, ValueError, IndexError):
            continue  # anybody may publish there
    return found
