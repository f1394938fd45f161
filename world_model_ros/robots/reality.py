# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Reality: how a simulated robot differs from the one the model learned on.

Owns the list of things that may shift, the strict YAML of `config/reality/`, and random
draws from a ranges file. Must not import mujoco, onboard, nodes, torch or rclpy.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from world_model_ros.contract import ContractError
from world_model_ros.contract.contract_lookup import find_config

# name -> (lowest, highest) value that still means something
LIMITS: dict[str, tuple[float, float]] = {
    'camera_exposure': (0.05, 10.0),  # gain on the picture
    'camera_hue_rad': (-math.pi, math.pi),  # turn of the colour circle
    'camera_tilt_rad': (-1.0, 1.0),  # about the camera's own x axis
    'camera_roll_rad': (-math.pi, math.pi),  # about the line of sight
    'motor_strength': (0.0, 5.0),  # torque delivered / torque asked
    'friction': (0.0, 1000.0),  # factor on joint damping
    'action_delay_frames': (0, 50),  # frames a command waits in the driver
    'lens_dirt': (0.0, 1.0),  # how opaque a fixed pattern of spots on the lens is
    'camera_forward_m': (-1.0, 1.0),  # of the camera's mount, in the frame of the robot
    'camera_left_m': (-1.0, 1.0),
    'camera_up_m': (-1.0, 1.0),
    'right_wheel_strength': (0.0, 5.0),  # as motor_strength, of one wheel
    'ground_friction': (0.0, 10.0),  # factor on the friction between wheels and floor
    'payload_kg': (0.0, 50.0),  # on the robot, beside its middle
    'side_light': (0.0, 1.0),  # share of the light that comes from one side
    'floor': (0, 2),  # which floor; 0 is the nominal one
    'finger_longer_m': (0.0, 0.06),  # what stands out of each finger's tip
}
# Outside of the body: the camera's chip and lens, and the driver. They work with any body.
ANY_BODY = frozenset({'camera_exposure', 'camera_hue_rad', 'lens_dirt', 'action_delay_frames'})
# In the hash only where it is not its default: results of before it keep their names.
_LATER = frozenset(
    {
        'lens_dirt',
        'camera_forward_m',
        'camera_left_m',
        'camera_up_m',
        'right_wheel_strength',
        'ground_friction',
        'payload_kg',
        'side_light',
        'floor',
        'finger_longer_m',
    }
)


class RealityError(ValueError):
    """A reality file that cannot be meant; the message says what is wrong where."""


@dataclass(frozen=True)
class Reality:
    """What is different about this robot; the defaults are the nominal robot."""

    camera_exposure: float = 1.0
    camera_hue_rad: float = 0.0
    camera_tilt_rad: float = 0.0
    camera_roll_rad: float = 0.0
    motor_strength: float = 1.0
    friction: float = 1.0
    action_delay_frames: int = 0
    lens_dirt: float = 0.0
    camera_forward_m: float = 0.0
    camera_left_m: float = 0.0
    camera_up_m: float = 0.0
    right_wheel_strength: float = 1.0
    ground_friction: float = 1.0
    payload_kg: float = 0.0
    side_light: float = 0.0
    floor: int = 0
    finger_longer_m: float = 0.0
    name: str = 'nominal'

    def __post_init__(self) -> None:
        """Refuse values outside LIMITS."""
        problems = [p for key in LIMITS for p in _check(key, getattr(self, key))]
        if problems:
            raise RealityError(f'reality {self.name!r}: ' + '; '.join(problems))

    @property
    def changed(self) -> frozenset[str]:
        """The quantities that differ from those of the nominal robot."""
        defaults = {field.name: field.default for field in fields(self) if field.name in LIMITS}
        return frozenset(k for k, value in defaults.items() if getattr(self, k) != value)

    @property
    def sha256(self) -> str:
        """Hash of the numbers, for results; the name does not count."""
        changed = self.changed
        numbers = {k: float(getattr(self, k)) for k in LIMITS if k in changed or k not in _LATER}
        return hashlib.sha256(json.dumps(numbers, sort_keys=True).encode()).hexdigest()


def parse_reality(text: str, name: str = 'reality') -> Reality:
    """Read a reality from YAML; unknown keys and odd values are refused."""
    data = _mapping(text, name, allowed={*LIMITS, 'name'})
    if not isinstance(data.get('name', name), str):
        raise RealityError(f'{name}: name must be text, not {data["name"]!r}')
    problems = [p for key, value in data.items() if key != 'name' for p in _check(key, value)]
    if problems:
        raise RealityError(f'{name}: ' + '; '.join(problems))
    return Reality(**{'name': name, **data})


def load_reality(name_or_path: str | Path) -> Reality:
    """Load `config/reality/NAME.yaml`, or the file at a path."""
    path = _find(name_or_path)
    return parse_reality(path.read_text(encoding='utf-8'), path.stem)


def sample_reality(rng: np.random.Generator, ranges: Mapping[str, Any] | None = None) -> Reality:
    """Draw a reality; `ranges` maps a quantity to [low, high], from randomize.yaml if absent."""
    ranges = load_ranges('randomize') if ranges is None else ranges
    drawn: dict[str, Any] = {}
    for key in LIMITS:  # fixed order: the same seed gives the same reality
        if key not in ranges:
            continue
        low, high = ranges[key]
        if isinstance(LIMITS[key][0], int):
            drawn[key] = int(rng.integers(int(low), int(high) + 1))
        else:
            drawn[key] = float(rng.uniform(low, high))
    return Reality(name='random', **drawn)


def load_ranges(name_or_path: str | Path) -> dict[str, tuple[float, float]]:
    """Load a ranges file."""
    path = _find(name_or_path)
    return parse_ranges(path.read_text(encoding='utf-8'), path.stem)


def parse_ranges(text: str, name: str = 'ranges') -> dict[str, tuple[float, float]]:
    """Read ranges from YAML: QUANTITY: [low, high]."""
    data = _mapping(text, name, allowed=set(LIMITS))
    problems = []
    for key, value in data.items():
        if not isinstance(value, list) or len(value) != 2:
            problems.append(f'{key} must be [low, high], not {value!r}')
            continue
        bad = [p for bound in value for p in _check(key, bound)]
        if not bad and value[0] > value[1]:
            bad = [f'{key}: low {value[0]} is above high {value[1]}']
        problems += bad
    if problems:
        raise RealityError(f'{name}: ' + '; '.join(problems))
    return {key: (value[0], value[1]) for key, value in data.items()}


def _check(key: str, value: Any) -> list[str]:
    low, high = LIMITS[key]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return [f'{key} must be a number, not {value!r}']
    if isinstance(low, int) and not isinstance(value, int):
        return [f'{key} must be a whole number, not {value!r}']
    if not low <= value <= high:  # also catches nan
        return [f'{key} must be within [{low:.6g}, {high:.6g}], not {value!r}']
    return []


def _mapping(text: str, name: str, allowed: set[str]) -> dict[str, Any]:
    try:
        data = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: impossible dates and the like
        raise RealityError(f'{name}: not YAML: {error}') from error
    data = {} if data is None else data
    if not isinstance(data, dict):
        raise RealityError(f'{name}: expected "key: value" lines, found {type(data).__name__}')
    unknown = [str(key) for key in data if key not in allowed]
    if unknown:
        known = ', '.join(sorted(allowed))
        raise RealityError(f'{name}: unknown {", ".join(unknown)}; known are {known}')
    return data


def _find(name_or_path: str | Path) -> Path:
    try:
        return find_config('reality', name_or_path)
    except ContractError as error:
        raise RealityError(str(error)) from error


NOMINAL = Reality()
