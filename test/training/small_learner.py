# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The smallest learner that has every part, and a batch for it."""

import torch

from world_model_ros.contract import find_robot, load_contract
from world_model_ros.families.dreamer.algorithm import Learner, LearnerConfig
from world_model_ros.families.dreamer.net import Dreamer, DreamerConfig

SMALL = DreamerConfig(
    deter=32, groups=4, classes=4, hidden=32, head=32, widths=(4, 4, 8), embed=16
)


def learner(**settings) -> Learner:
    torch.manual_seed(0)
    contract = load_contract(find_robot('reacher'))
    quick = {'batch': 4, 'length': 8, 'starts': 16, 'horizon': 3, 'bf16': False}
    config = LearnerConfig(**{**quick, **settings})
    return Learner(Dreamer(contract, SMALL), config)


def batch(size: int = 4, length: int = 8) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    first = torch.zeros(size, length, dtype=torch.bool)
    first[:, 0] = True
    return {
        'obs_camera': torch.randint(
            0, 256, (size, length, 64, 64, 3), generator=generator, dtype=torch.uint8
        ),
        'obs_joints': torch.randn(size, length, 4, generator=generator),
        'ages': torch.zeros(size, length, 2),
        'action_sent': 0.02 * torch.randn(size, length, 2, generator=generator),
        'reward': torch.rand(size, length, generator=generator),
        'is_first': first,
        'terminal': torch.zeros(size, length, dtype=torch.bool),
    }
