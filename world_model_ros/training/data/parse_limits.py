# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the process that reads uploaded episodes may take, shared by it and the trainer.

Imports nothing of ours but names of limits. Must not import torch, ROS or a simulator.
"""

from __future__ import annotations

import numpy as np

from world_model_ros.contract import Contract
from world_model_ros.experience.episode_limits import ARRAYS_BYTES
from world_model_ros.training.data.replay import tick_spec

# Beside what Python and its libraries take when they are loaded: an episode of 200,000 ticks with
# one 64 x 64 camera is held twice while it is made.
MEMORY_BYTES = 6 << 30
# Processor time: 1,000 ticks of a camera take 2 to 5 s on a slow core and have 2 MiB and more.
CPU_SEC = 60
CPU_SEC_PER_MIB = 1
# The clock on the wall counts while others have the processor (the trainer gives way to all).
WALL_FACTOR = 10
FILE_BYTES = ARRAYS_BYTES  # of each file that it writes
OPEN_FILES = 256
START_SEC = 120.0  # to load Python and its libraries
ANSWER_BYTES = 1 << 16
REASON = 500  # characters


def cpu_limit_sec(episode_bytes: int) -> int:
    """Processor time for an episode of so many bytes."""
    return CPU_SEC + CPU_SEC_PER_MIB * (episode_bytes >> 20)


def answer_spec(contract: Contract) -> dict[str, tuple[tuple[int, ...], np.dtype]]:
    """Shape and type of each array of one tick: a file NAME.bin each, rows one after another."""
    spec = {name: (shape, np.dtype(kind)) for name, (shape, kind) in tick_spec(contract).items()}
    return spec | {'t_ns': ((), np.dtype(np.int64))}
