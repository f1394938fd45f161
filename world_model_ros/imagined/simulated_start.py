# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Beginnings of imagined worlds without a recording: from ticks of a simulated robot.

Must not import ROS or torch.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from world_model_ros.bundle import Bundle
from world_model_ros.imagined.recorded_beliefs import ImaginedError
from world_model_ros.imagined.world import Start
from world_model_ros.onboard.policy.capabilities import Graphs
from world_model_ros.robots import Env, Step


def simulated_start(
    bundle: Bundle, env: Env, seed: int, ticks: int, act: Callable[[Step], np.ndarray]
) -> Start:
    """The belief of a bundle after so many ticks of a simulated episode.

    Args:
        bundle: whose belief it is.
        env: the simulated robot.
        seed: of the episode.
        ticks: to observe; at least 1.
        act: decides the actions [A] or chunks of these ticks.

    Raises:
        ImaginedError: the episode ends before.
    """
    graphs = Graphs(bundle)
    step = env.reset(seed)
    belief = bundle.initial_belief
    for k in range(ticks):
        if k:
            step = env.step(act(step))
        if step.terminal or step.truncated:
            raise ImaginedError(f'seed {seed}: the simulated episode ends within {ticks} ticks')
        belief = graphs.observe(
            belief, step.action_sent, step.is_first, step.arrays, step.ages
        ).belief
    seen = {name: array.copy() for name, array in step.arrays.items()}
    return Start(belief, seen, f'simulated {seed}', 'simulated', step.tick)
