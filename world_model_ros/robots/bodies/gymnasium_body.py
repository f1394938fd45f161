# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Any Gymnasium environment as a simulated body: `body: gymnasium:ID` in a contract.

One environment step is one frame. The rendered picture is what every camera sees, the flattened
observation vector is the positions of the contract's joints in their order, and the contract's
action box is mapped onto the environment's. Must not import onboard, nodes, torch or rclpy.
"""

from __future__ import annotations

import math
from typing import Any

import gymnasium
import numpy as np

from world_model_ros.contract import Contract
from world_model_ros.robots.bodies.body import BodyError, JointState, refuse_others
from world_model_ros.robots.reality import Reality

_HIGHEST_SEED = 2**31


class GymnasiumBody:
    """One Gymnasium environment behind the protocol of a body.

    After the end of an episode it stands still, and earns nothing, until the next reset.
    """

    command_kinds = ('effort', 'velocity', 'position')  # what the numbers mean is the contract's

    def __init__(self, contract: Contract) -> None:
        """Make the environment and hold the contract to its spaces.

        Raises:
            BodyError: there is no such environment, or the contract does not fit it.
        """
        self._id = contract.body.partition(':')[2]
        if not self._id:
            raise BodyError(
                f'contract {contract.name!r}: the body gymnasium needs the id of an environment; '
                'write `body: gymnasium:ID`, such as gymnasium:Pendulum-v1'
            )
        try:
            self._env: gymnasium.Env[Any, Any] = gymnasium.make(
                self._id,
                render_mode='rgb_array' if contract.image_streams else None,
                disable_env_checker=True,
            )
        except Exception as error:
            raise BodyError(
                f'contract {contract.name!r}: Gymnasium cannot make {self._id!r} '
                f'({_one_line(error)})'
            ) from error
        self.actuators = contract.action.names
        self.frame_s = self._frame_s(contract)
        self._scale = self._action_scale(contract)
        self._names = self._observation_names(contract)
        self._strength = 1.0
        self._command = np.zeros(len(self.actuators))
        self._observation = np.zeros(len(self._names))
        self._picture: np.ndarray | None = None  # of the present frame, once rendered
        self._reward = 0.0
        self._terminal = self._truncated = False

    def reset(self, rng: np.random.Generator) -> None:
        """Start an episode; the environment's seed comes from `rng`."""
        observation, _ = self._env.reset(seed=int(rng.integers(_HIGHEST_SEED)))
        self._terminal = self._truncated = False
        self._reward = 0.0
        self._see(observation)

    def set_reality(self, reality: Reality) -> None:
        """Change the motor strength; an environment has no other quantity that can change.

        Exposure, hue and delay are the camera's and the driver's: they work with any body.
        """
        refuse_others(reality, frozenset({'motor_strength'}), 'a Gymnasium environment')
        self._strength = reality.motor_strength

    def apply(self, command: np.ndarray) -> None:
        """Set the action [A], in the units of the contract."""
        self._command = np.asarray(command, np.float64)

    def advance(self) -> None:
        """Take one step of the environment."""
        self._reward = 0.0
        if self._terminal or self._truncated:
            return
        factor, offset = self._scale
        space = self._env.action_space
        assert isinstance(space, gymnasium.spaces.Box)
        flat = np.clip(  # the low ends of the two boxes meet only up to rounding
            self._strength * self._command * factor + offset, space.low.ravel(), space.high.ravel()
        )
        observation, reward, terminal, truncated, _ = self._env.step(
            flat.astype(space.dtype).reshape(space.shape)
        )
        self._reward, self._terminal, self._truncated = float(reward), terminal, truncated
        if not math.isfinite(self._reward):
            raise BodyError(f'{self._id}: its reward is {self._reward}, which is no finite number')
        self._see(observation)

    def joints(self) -> dict[str, JointState]:
        """The observation as positions; actuators that are not among them stand at 0."""
        state = {
            name: (0.0, 0.0, float(value))
            for name, value in zip(self.actuators, self._command, strict=True)
        }
        for name, value in zip(self._names, self._observation, strict=True):
            state[name] = (float(value), 0.0, state.get(name, (0.0, 0.0, 0.0))[2])
        return state

    def render(self, camera: str, height: int, width: int) -> np.ndarray:
        """Return the rendered picture, uint8 [h, w, 3], in the environment's own size."""
        if self._picture is None:
            try:
                picture = self._env.render()
            except Exception as error:
                raise BodyError(f'{self._id} cannot render ({_one_line(error)})') from error
            if (
                not isinstance(picture, np.ndarray)
                or picture.dtype != np.uint8
                or picture.ndim != 3
                or picture.shape[2] != 3
            ):
                raise BodyError(
                    f'{self._id} renders {_what(picture)}; a camera needs uint8 [h, w, 3]: an '
                    "environment with the render mode 'rgb_array'"
                )
            self._picture = picture
        return self._picture

    def reward(self) -> float:
        """Return the reward of the last step."""
        return self._reward

    def terminal(self) -> bool:
        """Whether the environment terminated."""
        return self._terminal

    def truncated(self) -> bool:
        """Whether the environment, or its time limit, truncated the episode."""
        return self._truncated

    def close(self) -> None:
        """Close the environment."""
        self._env.close()

    def _see(self, observation: Any) -> None:
        self._picture = None
        if self._names:
            flat = gymnasium.spaces.flatten(self._env.observation_space, observation)
            self._observation = np.asarray(flat, np.float64)

    def _frame_s(self, contract: Contract) -> float:
        """The environment's time step where it has one; else a frame takes what the contract says.

        Gymnasium defines no time; MuJoCo environments and Pendulum have an attribute `dt`.
        """
        step_s = getattr(self._env.unwrapped, 'dt', None)
        if isinstance(step_s, float) and 0.0 < step_s < math.inf:
            return step_s
        return contract.period_s / contract.frames_per_tick

    def _observation_names(self, contract: Contract) -> tuple[str, ...]:
        """Name of each component of the observation vector; empty where nothing reads it."""
        names = tuple(dict.fromkeys(n for s in contract.joint_streams for n in s.names))
        if not names:
            return ()
        for stream in contract.joint_streams:
            if stream.fields != ('position',):
                raise BodyError(
                    f'streams.{stream.name}.fields is {list(stream.fields)}; {self._id} has an '
                    'observation vector, which is read as [position]'
                )
        space = self._env.observation_space
        try:
            size = gymnasium.spaces.flatdim(space)
        except (NotImplementedError, ValueError) as error:
            raise BodyError(
                f'{self._id} observes {type(space).__name__}, which is no vector ({error})'
            ) from error
        if len(names) != size:
            raise BodyError(
                f'the observation vector of {self._id} has {size} components, but the joints '
                f'streams of contract {contract.name!r} name {len(names)}: write one name for '
                'each component, in order'
            )
        return names

    def _action_scale(self, contract: Contract) -> tuple[np.ndarray, np.ndarray]:
        """Factor and offset [A] that map the contract's box onto the environment's."""
        space = self._env.action_space
        if not isinstance(space, gymnasium.spaces.Box):
            raise BodyError(
                f'{self._id} takes {type(space).__name__} actions; only continuous ones (Box) '
                'can be commanded'
            )
        low, high = (np.asarray(end, np.float64).ravel() for end in (space.low, space.high))
        if len(low) != len(contract.action.names):
            raise BodyError(
                f'{self._id} takes {len(low)} actions, but contract {contract.name!r} names '
                f'{len(contract.action.names)}'
            )
        from_low, from_high = (
            np.asarray(end, np.float64) for end in (contract.action.low, contract.action.high)
        )
        bounded = np.isfinite(low) & np.isfinite(high)
        span = np.where(bounded, high, 1.0) - np.where(bounded, low, 0.0)
        factor = np.where(bounded, span / (from_high - from_low), 1.0)
        offset = np.where(bounded, low, 0.0) - np.where(bounded, factor * from_low, 0.0)
        return factor, offset


def _one_line(error: Exception) -> str:
    return ' '.join(f'{type(error).__name__}: {error}'.split())[:300]


def _what(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f'{value.dtype} {list(value.shape)}'
    return type(value).__name__
