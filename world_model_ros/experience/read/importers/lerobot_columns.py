# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which numbers of a LeRobot dataset are which of the contract's.

Owns the names by which joints, fields, cameras and actions are found, and what a map changes. Must
not import ROS or torch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from world_model_ros.contract import Contract, Stream
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.experience.read.importers.arrived import ImportRefused
from world_model_ros.experience.read.importers.import_map import DIFFERENCE, ImportMap, Place
from world_model_ros.experience.read.importers.lerobot_dataset import Feature, LeRobotDataset

STATE, ACTION = 'observation.state', 'action'
CAMERAS = 'observation.images.'
REWARD, TERMINATED, SUCCESS = 'next.reward', 'next.terminated', 'next.success'
# What stands behind a joint's name; the first is how we write it.
ENDINGS = {
    'position': ('.pos', '', '.position'),
    'velocity': ('.vel', '.velocity'),
    'effort': ('.effort', '.torque'),
}
_SHOWN = 20  # names in one text


@dataclass(frozen=True)
class Columns:
    """Some numbers of a feature, in SI units once scaled."""

    feature: Feature
    at: tuple[int, ...]  # of its numbers
    scale: np.ndarray  # [len(at)]
    offset: np.ndarray

    def take(self, numbers: np.ndarray) -> np.ndarray:
        """Of [T, n] those that are wanted; unscaled numbers stay the same to the last bit."""
        picked = numbers[:, list(self.at)]
        if (self.scale == 1.0).all() and (self.offset == 0.0).all():
            return picked
        return picked * self.scale + self.offset


@dataclass(frozen=True)
class StreamColumns:
    """A vector stream: the columns of each of its fields; None: by difference of positions."""

    stream: Stream
    fields: tuple[Columns | None, ...]


def camera_of(dataset: LeRobotDataset, contract: Contract, names: ImportMap, name: str) -> Feature:
    """The feature of an image stream.

    Raises:
        ImportRefused: there is none, or no one can tell which.
    """
    cameras = [f for f in dataset.features.values() if f.picture]
    wanted = names.stream(name)
    if wanted.converts:
        raise ImportRefused(f'{names.where}: streams.{name}: a picture has only a feature')
    for key in [wanted.source] if wanted.source else [CAMERAS + name, f'observation.{name}']:
        if key in dataset.features and dataset.features[key].picture:
            return dataset.features[key]
    alone = len(cameras) == 1 and len(contract.image_streams) == 1
    if not wanted.source and alone:
        return cameras[0]
    raise ImportRefused(
        f'{dataset.root}: stream {name!r}: expected pictures called '
        f'{wanted.source or CAMERAS + name}, the dataset has '
        f'{", ".join(f.name for f in cameras) or "none"}: name the right one under streams in a '
        'file for --map'
    )


def vector_of(dataset: LeRobotDataset, names: ImportMap, stream: Stream) -> StreamColumns:
    """The columns of a stream of numbers.

    Raises:
        ImportRefused: a feature or a name is missing.
    """
    place, what = names.stream(stream.name), f'stream {stream.name!r}'
    if not stream_kind(stream.kind).joints:
        key = place.source or f'observation.{stream.name}'
        found = _columns(dataset, what, key, place, math.prod(stream.shape))
        return StreamColumns(stream, (found,))
    return StreamColumns(
        stream, tuple(_field(dataset, what, place, field, stream) for field in stream.fields)
    )


def action_of(dataset: LeRobotDataset, names: ImportMap, contract: Contract) -> Columns | None:
    """The columns of the action; None where the dataset has none.

    Raises:
        ImportRefused: it has one with other names.
    """
    place = names.action
    key = place.source or ACTION
    if key not in dataset.features and not place.source:
        return None
    return _columns(
        dataset,
        'action',
        key,
        place,
        contract.action_dim,
        contract.action.names,
        [ENDINGS[field_of(kind)] for kind in contract.action.kinds],
    )


def field_of(kind: str) -> str:
    """The field of a joint that a kind of command is about."""
    return kind if kind in ENDINGS else 'position'


def difference(positions: np.ndarray, turning: Sequence[int], step_s: float) -> np.ndarray:
    """Velocities [T, n] of positions [T, n]: over the step before; 0 at the first."""
    change = np.diff(positions, axis=0, prepend=positions[:1])
    turns = list(turning)
    change[:, turns] = (change[:, turns] + np.pi) % (2 * np.pi) - np.pi
    return change / step_s


def _field(
    dataset: LeRobotDataset, what: str, place: Place, field: str, stream: Stream
) -> Columns | None:
    given = place.fields.get(field, '')
    if given == DIFFERENCE:
        if field != 'velocity' or 'position' not in stream.fields:
            raise ImportRefused(
                f'{what}: {field}: {DIFFERENCE} is for the velocity of a stream that has positions'
            )
        return None
    # A dataset may have a feature for each field, where the plain names of the joints stand.
    own = f'observation.{field}'
    key = given or place.source or (own if own in dataset.features else STATE)
    alone = bool(given) or key == own
    if place.names and not alone and field != 'position':
        raise ImportRefused(
            f'{what}: names say which numbers are positions only: name a feature for {field} '
            f'({field}: FEATURE, or {field}: {DIFFERENCE} for velocities)'
        )
    endings = ('', *ENDINGS[field]) if alone else ENDINGS[field]
    count = len(stream.names)
    place = place if field == 'position' else Place('', {}, place.names, place.scale)
    if field == 'effort':
        place = Place('', {}, place.names)
    return _columns(dataset, what, key, place, count, stream.names, [endings] * count, field)


def _columns(
    dataset: LeRobotDataset,
    what: str,
    key: str,
    place: Place,
    count: int,
    joints: Sequence[str] = (),
    endings: Sequence[Sequence[str]] = (),
    what_of: str = 'number',
) -> Columns:
    """Columns of a feature; `endings` are those of each joint."""
    feature = dataset.features.get(key)
    if feature is None or feature.picture or len(feature.shape) > 1:
        vectors = [f.name for f in dataset.features.values() if not f.picture]
        raise ImportRefused(
            f'{dataset.root}: {what}: expected a feature of numbers called {key}, the dataset has '
            f'{", ".join(vectors[:_SHOWN])}: name the right one in a file for --map'
        )
    at = _places(dataset, what, feature, place, count, joints, endings, what_of)
    return Columns(
        feature,
        at,
        np.broadcast_to(np.array(place.scale or (1.0,)), (count,)),
        np.broadcast_to(np.array(place.offset or (0.0,)), (count,)),
    )


def _places(
    dataset: LeRobotDataset,
    what: str,
    feature: Feature,
    place: Place,
    count: int,
    joints: Sequence[str],
    endings: Sequence[Sequence[str]],
    what_of: str,
) -> tuple[int, ...]:
    """Where the wanted numbers stand in a feature."""
    width = max(1, math.prod(feature.shape))
    known = {name: i for i, name in enumerate(feature.names[:width])}
    if not joints and not place.names:
        if width != count:
            raise _unnamed(dataset, what, feature, f'{count} numbers', width)
        return tuple(range(count))
    wanted: Sequence[str | int] = place.names or tuple(joints)
    found: list[int] = []
    for number, name in enumerate(wanted):
        if isinstance(name, int):
            at = name if 0 <= name < width else None
        else:
            spelled = [name] if place.names else [name + end for end in endings[number]]
            at = next((known[each] for each in spelled if each in known), None)
        if at is None:
            ending = '' if place.names else f' (as {name}{endings[number][0]})'
            raise _unnamed(dataset, what, feature, f'the {what_of} of {name!r}{ending}', width)
        found.append(at)
    return tuple(found)


def _unnamed(
    dataset: LeRobotDataset, what: str, feature: Feature, expected: str, width: int
) -> ImportRefused:
    got = f'{width} numbers'
    got += f' called {", ".join(feature.names[:_SHOWN])}' if feature.names else ' without names'
    key = 'action' if what == 'action' else f'streams: {what.split()[-1][1:-1]}'
    also = f'; or velocity: {DIFFERENCE}' if expected.startswith('the velocity') else ''
    return ImportRefused(
        f'{dataset.root}: {what}: expected {expected} in {feature.name}, got {got}: say which '
        f'they are, in the order of the contract, with names under {key} in a file for --map{also}'
    )


def known_flags(dataset: LeRobotDataset, names: ImportMap) -> Mapping[str, Feature]:
    """Features of reward and end that the dataset has."""
    wanted = {'reward': names.reward or REWARD, 'terminated': TERMINATED, 'success': SUCCESS}
    found = {
        what: dataset.features[key] for what, key in wanted.items() if key in dataset.features
    }
    if names.reward and 'reward' not in found:
        raise ImportRefused(
            f'{dataset.root}: reward: expected a feature called {names.reward}, there is none'
        )
    return found
