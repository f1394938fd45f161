# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A slow driver, compensated: Env and the agent pair actions with what they moved."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from world_model_ros.contract import find_robot, load_contract
from world_model_ros.onboard.agent.chunks_sent import Commands
from world_model_ros.onboard.tick.ticker import Tick
from world_model_ros.robots import Reality, make_env

REACHER = load_contract(find_robot('reacher'))
ROOMY = replace(REACHER, groups=(replace(REACHER.groups[0], rate_limit=(1e6, 1e6)),))
FRAME_S = 0.02  # of the simulated reacher, two in a tick
TICKS = 14


class _Probe:
    """A body that writes down what it is told."""

    frame_s = FRAME_S
    actuators = ('shoulder', 'wrist')

    def __init__(self):
        self.applied = []

    def reset(self, rng):
        self.applied = []

    def set_reality(self, reality):
        pass

    def apply(self, command):
        self.command = np.array(command)

    def advance(self):
        self.applied.append(self.command)

    def joints(self):
        return dict.fromkeys(self.actuators, (0.0, 0.0, 0.0))

    def render(self, camera, height, width):
        return np.zeros((height, width, 3), np.uint8)

    def reward(self):
        return 0.0

    def terminal(self):
        return False

    def close(self):
        pass


class _Port:
    def __init__(self):
        self.starts_ns = []

    def send_chunk(self, start_ns, chunk):
        self.starts_ns.append(start_ns)
        return True

    def drop_chunk(self):
        pass

    def warn(self, text):
        pass


def run(frames, offset, extra_s):
    """Steps of one episode, the commands that moved the body at each frame, actions decided."""
    contract = replace(ROOMY, command_offset_s=offset * REACHER.period_s)
    body = _Probe()
    env = make_env(contract, 0, Reality(action_delay_frames=frames), body, extra_s)
    port = _Port()
    commands = Commands(contract, port, lambda *_: None)
    commands.begin(extra_s)
    steps, decided, agent = [env.reset()], [], []
    for k in range(TICKS):
        step = steps[-1]
        agent.append(commands.pending(Tick(k, step.t_ns, 0), step.action_sent, env._sent))
        decided.append(np.array([1e-3 * (k + 1), -1e-3 * (k + 1)]))
        commands.send(Tick(k, step.t_ns, 0), decided[-1][None])
        steps.append(env.step(decided[-1]))
    return SimpleNamespace(
        steps=steps, moved=body.applied, decided=decided, agent=agent, starts=port.starts_ns
    )


@pytest.mark.parametrize('offset', [1, 2])
@pytest.mark.parametrize('frames', [0, 1, 2, 3, 5])
def test_actions_are_paired_with_the_interval_in_which_they_move_the_robot(frames, offset):
    lived = run(frames, offset, frames * FRAME_S)
    ticks = offset + (frames + 1) // 2  # from the decision to its effect
    for k, step in enumerate(lived.steps[:-ticks]):
        if k:
            moved = np.mean(lived.moved[2 * k - 2 : 2 * k], 0)
            np.testing.assert_allclose(step.action_sent, moved, rtol=1e-6)
        assert step.pending.shape == (ticks, 2)
        for row in range(min(ticks - frames % 2, TICKS - k)):  # half of the last is undecided
            will = np.mean(lived.moved[2 * (k + row) : 2 * (k + row + 1)], 0)
            np.testing.assert_allclose(step.pending[row], will, rtol=1e-6, atol=1e-9)
        if k + ticks < TICKS:
            acts = lived.moved[2 * (k + offset) + frames :][:2]
            np.testing.assert_allclose(acts, [lived.decided[k]] * 2, rtol=1e-6)


@pytest.mark.parametrize('offset', [1, 2])
@pytest.mark.parametrize('frames', [0, 1, 2, 3, 5])
def test_the_agent_knows_the_same_commands_to_be_on_their_way(frames, offset):
    lived = run(frames, offset, frames * FRAME_S)
    for step, pending in zip(lived.steps, lived.agent, strict=False):
        np.testing.assert_allclose(pending, step.pending, rtol=1e-6, atol=1e-9)
    first_ns = offset * REACHER.period_ns
    assert lived.starts[:2] == [first_ns, first_ns + REACHER.period_ns]


def test_without_an_extra_delay_nothing_of_the_driver_is_known():
    lived = run(5, 1, 0.0)
    assert all(step.pending.shape == (1, 2) for step in lived.steps)
    np.testing.assert_allclose(lived.steps[3].action_sent, lived.decided[1], rtol=1e-6)
