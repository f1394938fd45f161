# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A URDF file as MuJoCo reads it: links by name, joints that mimic others, files of meshes.

Only what collides is kept. Whatever cannot be used is refused in one line that names the file.
"""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

MAX_URDF_BYTES = 8 * 1024 * 1024
MESH_FILES = ('.stl', '.obj', '.msh')  # that MuJoCo reads
MOVING = ('revolute', 'continuous', 'prismatic')


class UrdfError(ValueError):
    """A URDF that cannot be used; one line."""


@dataclass(frozen=True)
class Mimic:
    """A joint that follows another one: multiplier * position + offset."""

    joint: str
    multiplier: float
    offset: float


@dataclass(frozen=True)
class Urdf:
    """What MuJoCo is given, and what it would not say."""

    xml: str
    joints: tuple[str, ...]  # that move
    mimics: dict[str, Mimic]
    neighbours: frozenset[frozenset[str]]  # pairs of links that a joint connects


def read_urdf(path: Path) -> Urdf:
    """Read a file.

    Raises:
        UrdfError: it is absent, damaged, or holds what the guard cannot check.
    """
    robot = _parse(path)
    joints = robot.findall('joint')
    moving, neighbours = [], []
    mimics: dict[str, Mimic] = {}
    for joint in joints:
        name, kind = joint.get('name', ''), joint.get('type', '')
        ends = [end.get('link', '') for end in (*joint.findall('parent'), *joint.findall('child'))]
        neighbours.append(frozenset(ends))
        if kind == 'fixed':
            continue
        if kind not in MOVING:
            raise UrdfError(
                f'{path}: joint {name!r} is of type {kind!r}; expected fixed or '
                f'{", ".join(MOVING)}'
            )
        moving.append(name)
        mimic = joint.find('mimic')
        if mimic is not None:
            mimics[name] = _mimic(path, name, mimic)
            joint.remove(mimic)
    for name, mimic_of in mimics.items():
        if mimic_of.joint not in moving or mimic_of.joint in mimics:
            raise UrdfError(
                f'{path}: joint {name!r} mimics {mimic_of.joint!r}; expected a joint that moves '
                'and mimics none'
            )
    for link in robot.findall('link'):
        for visual in link.findall('visual'):
            link.remove(visual)
        for mesh in link.iter('mesh'):
            mesh.set('filename', str(_mesh_file(path, link, mesh.get('filename', ''))))
    for other in [child for child in robot if child.tag not in ('link', 'joint')]:
        robot.remove(other)  # Gazebo's and others' own; MuJoCo's too: these are ours to set
    settings = ET.SubElement(ET.SubElement(robot, 'mujoco'), 'compiler')
    for key, value in _COMPILER.items():
        settings.set(key, value)
    xml = ET.tostring(robot, encoding='unicode')
    return Urdf(xml, tuple(moving), mimics, frozenset(neighbours))


# Fixed links keep their names; masses, which a kinematic check does not need, refuse no file.
_COMPILER = {
    'fusestatic': 'false',
    'strippath': 'false',
    'discardvisual': 'false',
    'balanceinertia': 'true',
    'boundmass': '0.001',
    'boundinertia': '0.000001',
}


def _parse(path: Path) -> ET.Element:
    try:
        raw = path.read_bytes()[: MAX_URDF_BYTES + 1]
        text = raw.decode('utf-8')
    except (OSError, UnicodeDecodeError) as error:
        raise UrdfError(f'{path}: unreadable as UTF-8 text ({error})') from error
    if len(raw) > MAX_URDF_BYTES or '<!DOCTYPE' in text or '<!ENTITY' in text:
        raise UrdfError(f'{path}: expected a URDF of at most {MAX_URDF_BYTES} bytes, no DOCTYPE')
    try:
        robot = ET.fromstring(text)
    except ET.ParseError as error:
        raise UrdfError(f'{path}: no XML ({error})') from error
    if robot.tag != 'robot' or '<xacro:' in text:
        raise UrdfError(f'{path}: no URDF; of a xacro file: xacro {path.name} > robot.urdf')
    return robot


def _mimic(path: Path, name: str, element: ET.Element) -> Mimic:
    try:
        multiplier = float(element.get('multiplier', '1'))
        offset = float(element.get('offset', '0'))
    except ValueError as error:
        raise UrdfError(f'{path}: mimic of joint {name!r} is no number ({error})') from error
    return Mimic(element.get('joint', ''), multiplier, offset)


def _mesh_file(path: Path, link: ET.Element, given: str) -> Path:
    where = f'{path}: the mesh {given!r} of link {link.get("name")!r}'
    if given.startswith('package://'):
        package, _, inside = given.removeprefix('package://').partition('/')
        prefixes = os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep)
        places = [Path(prefix) / 'share' / package / inside for prefix in prefixes if prefix]
        found = next((place for place in places if place.is_file()), None)
        if found is None:
            raise UrdfError(f'{where} is not there; source the workspace of package {package}')
    else:
        found = path.parent / given.removeprefix('file://')
        if not found.is_file():
            raise UrdfError(f'{where} is not there')
    if found.suffix.lower() not in MESH_FILES:
        raise UrdfError(f'{where}: expected {", ".join(MESH_FILES)}, or a box, cylinder or sphere')
    return found.resolve()
