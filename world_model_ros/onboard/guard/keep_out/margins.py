# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""How far the links of a pose are from where they must not be.

Input: positions [A] in the order of the action vector. Output: one margin in m for each pair of
bodies that may not touch and each wall of the workspace: what is left, negative where it is too
near. MuJoCo does the kinematics and the distances; nothing is simulated.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from world_model_ros.onboard.guard.keep_out.urdf import Urdf, UrdfError, read_urdf
from world_model_ros.onboard.guard.reasons import Reason, ReasonKind

if TYPE_CHECKING:
    from world_model_ros.contract import Contract

NEAR_M = 0.5  # distances beyond `distance` + this are not worth their exact number
TINY_M = 1e-9  # a joint that moves a body by less does not move it
NO_MUJOCO = 'guard.workspace and guard.collision need MuJoCo: pip install mujoco'


class Margins:
    """Kinematics and distances of one robot."""

    def __init__(self, contract: Contract, folder: Path) -> None:
        """Load the URDF of a contract whose file lies in `folder`.

        Raises:
            UrdfError: MuJoCo is missing, or the URDF does not fit; in one line.
        """
        try:
            self._mujoco: Any = importlib.import_module('mujoco')
        except ImportError as error:
            raise UrdfError(NO_MUJOCO) from error
        settings = contract.guard
        path = folder / settings.urdf
        urdf = read_urdf(path)
        try:
            self._model: Any = self._mujoco.MjModel.from_xml_string(urdf.xml)
        except ValueError as error:
            raise UrdfError(f'{path}: {" ".join(str(error).split())[:300]}') from error
        self._data: Any = self._mujoco.MjData(self._model)
        # Views of MuJoCo's own memory, which stays where it is.
        self._qpos, self._geoms_at = self._data.qpos, self._data.geom_xpos
        self._bodies_at = self._data.xpos
        self._exact, self._fromto = self._mujoco.mj_geomDistance, np.zeros(6)
        self._read_joints(path, urdf, contract)
        self._pairs = self._find_pairs(path, urdf, contract)
        self._points = self._find_points(path, contract)
        self._build()
        if workspace := settings.workspace:
            self._low, self._high = np.array(workspace.low), np.array(workspace.high)
        self.distance = settings.collision.distance if settings.collision else 0.0
        # How much a margin changes at most per unit of each joint [P, A].
        self.reach = self._reach()
        self._slack = self.reach @ _behind(contract)  # [P]: of groups that are sent less often
        self.joints = self.reach.any(axis=0)  # bool [A]: which commands matter

    def __call__(self, positions: np.ndarray) -> np.ndarray:
        """Margins [P] in m; first the pairs of bodies, then low and high of each point."""
        np.matmul(self._matrix, positions, out=self._qpos)
        self._qpos += self._constant
        self._mujoco.mj_kinematics(self._model, self._data)
        count = len(self._pairs)
        if count:
            between = self._geoms_at[self._first] - self._geoms_at[self._second]
            apart = np.sqrt(np.einsum('ij,ij->i', between, between)) - self._radii
            most = self.distance + NEAR_M
            exact, model, data, fromto = self._exact, self._model, self._data, self._fromto
            for i in np.flatnonzero(apart < most).tolist():
                first, second = self._pairs[i]
                apart[i] = exact(model, data, first, second, most, fromto)
            self._out[:count] = apart - self.distance
        if len(self._points):
            at = self._bodies_at[self._points]
            self._out[count:] = np.concatenate([at - self._low, self._high - at]).ravel()
        return self._out - self._slack

    def why(self, margins: np.ndarray) -> Reason:
        """What the smallest margin is about, in words."""
        i = int(np.argmin(margins))
        if i < len(self._pairs):
            first, second = self._pairs[i]
            text = (
                f'{self._link(first)} would come within {margins[i] + self.distance:.3f} m of '
                f'{self._link(second)}, expected {self.distance:g} m: holding'
            )
            return Reason(ReasonKind.COLLISION, text)
        count = len(self._points)
        side, rest = divmod(i - len(self._pairs), 3 * count)
        point, axis = divmod(rest, 3)
        name = self._model.body(int(self._points[point])).name
        wall = (self._low, self._high)[side][axis]
        text = f'{name} would leave the workspace at {"xyz"[axis]} = {wall:g} m: holding'
        return Reason(ReasonKind.WORKSPACE, text)

    def _link(self, geom: int) -> str:
        return self._model.body(int(self._model.geom_bodyid[geom])).name

    # Building

    def _build(self) -> None:
        pairs = np.array(self._pairs, int).reshape(-1, 2)
        self._first, self._second = pairs[:, 0], pairs[:, 1]
        radius = self._model.geom_rbound
        self._radii = radius[self._first] + radius[self._second]
        self._out = np.zeros(len(pairs) + 6 * len(self._points))

    def _read_joints(self, path: Path, urdf: Urdf, contract: Contract) -> None:
        """Positions of the URDF's joints = constant + matrix @ action vector."""
        settings, model = contract.guard, self._model
        commanded = dict(zip(contract.action.names, contract.action.positions, strict=True))
        column = {name: i for i, name in enumerate(contract.action.names)}
        fixed: Mapping[str, float] = dict(settings.joint_positions)
        _check_names(path, 'guard.joint_positions', fixed, urdf.joints)
        self._matrix = np.zeros((model.nq, len(column)))
        self._constant = np.zeros(model.nq)
        for joint in urdf.joints:
            row = int(model.joint(joint).qposadr[0])
            mimic = urdf.mimics.get(joint)
            source = mimic.joint if mimic else joint
            share, offset = (mimic.multiplier, mimic.offset) if mimic else (1.0, 0.0)
            if commanded.get(source):
                self._matrix[row, column[source]] = share
                self._constant[row] = offset
            elif source in fixed:
                self._constant[row] = offset + share * fixed[source]
            else:
                raise UrdfError(
                    f'{path}: nobody commands the position of joint {source!r}: say where it '
                    f'stands, guard.joint_positions: {{{source}: 0.0}}, or make it fixed'
                )
        if not np.any(self._matrix):
            raise UrdfError(
                f'{path}: it has none of the joints {", ".join(column)}; its joints are '
                f'{", ".join(urdf.joints) or "all fixed"}'
            )

    def _find_pairs(self, path: Path, urdf: Urdf, contract: Contract) -> list[tuple[int, int]]:
        """Geoms that move towards each other, but for links that a joint connects."""
        collision = contract.guard.collision
        if collision is None:
            return []
        model = self._model
        links = [model.body(i).name for i in range(model.nbody)]
        _check_names(
            path, 'guard.collision.ignore', [n for pair in collision.ignore for n in pair], links
        )
        ignored = urdf.neighbours | {frozenset(pair) for pair in collision.ignore}
        pairs = []
        for second in range(model.ngeom):
            for first in range(second):
                a, b = (int(model.geom_bodyid[geom]) for geom in (first, second))
                rigid = model.body_weldid[a] == model.body_weldid[b]
                if not rigid and frozenset((links[a], links[b])) not in ignored:
                    pairs.append((first, second))
        if not pairs:
            raise UrdfError(f'{path}: no two links with <collision> can meet: nothing to check')
        return pairs

    def _find_points(self, path: Path, contract: Contract) -> np.ndarray:
        workspace = contract.guard.workspace
        if workspace is None:
            return np.zeros(0, int)
        model = self._model
        moving = [
            model.body(i).name for i in range(1, model.nbody) if int(model.body_weldid[i]) != 0
        ]
        _check_names(path, 'guard.workspace.links', workspace.links, moving)
        return np.array([model.body(name).id for name in workspace.links or moving])

    def _reach(self) -> np.ndarray:
        """How much each margin changes at most per unit of each joint of the action [P, A]."""
        model = self._model
        far = np.zeros(model.nbody)  # of what belongs to a body, from its origin
        for geom in range(model.ngeom):
            body = int(model.geom_bodyid[geom])
            out = float(np.linalg.norm(model.geom_pos[geom])) + float(model.geom_rbound[geom])
            far[body] = max(far[body], out)
        geoms = self._arms(far)  # [nbody, nq]
        first, second = (geoms[model.geom_bodyid[part]] for part in (self._first, self._second))
        # A joint that moves both of them moves neither towards the other.
        pairs = np.where((first > 0.0) & (second > 0.0), 0.0, np.maximum(first, second))
        points = np.repeat(self._arms(np.zeros(model.nbody))[self._points], 3, axis=0)
        return np.concatenate([pairs, points, points]) @ np.abs(self._matrix)

    def _arms(self, far: np.ndarray) -> np.ndarray:
        """Metres that a point within `far` of each body moves at most per unit of each joint."""
        model = self._model
        slide = self._mujoco.mjtJoint.mjJNT_SLIDE
        arms = np.zeros((model.nbody, model.nq))
        for body in range(1, model.nbody):
            out, at = float(far[body]), body
            while at:
                joint = int(model.body_jntadr[at])
                if joint >= 0:
                    slides = model.jnt_type[joint] == slide
                    arms[body, joint] = 1.0 if slides else max(out, TINY_M)
                    out += float(np.max(np.abs(model.jnt_range[joint]))) if slides else 0.0
                out += float(np.linalg.norm(model.body_pos[at]))
                at = int(model.body_parentid[at])
        return arms


def _behind(contract: Contract) -> np.ndarray:
    """How far the command that is in force may be behind the newest one [A]."""
    step = 1.0 / contract.command_rate_hz
    late = [
        rate * (1.0 / group.rate_hz - step) if group.rate_hz else 0.0
        for group in contract.groups
        for rate in group.rate_limit
    ]
    return np.array(late)


def _check_names(
    path: Path, key: str, given: Sequence[str] | Mapping[str, float], known: Sequence[str]
) -> None:
    for name in given:
        if name not in known:
            raise UrdfError(f'{key} names {name!r}; {path} has {", ".join(known)}')
