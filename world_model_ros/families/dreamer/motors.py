# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What happened to motors since a model learned to drive them: a gain on each command.

A hot motor, a flat battery, a heavier load: of what is asked, a share arrives. Under friction it
is the share of the motion, which is what a belief foresees and a policy is after. A late driver is
not undone. Owns the map, not how it is found.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from world_model_ros.contract import Contract
from world_model_ros.families.dreamer.net import Dreamer

# Beyond them a motor is broken, or friction hides it; driven harder still, a policy earns no more
# on the robot that changed and loses on the one that did not.
LEAST, MOST = 1 / 3, 3.0


class MotorGains(nn.Module):
    """Gain [A] of each command; ``log_gains`` all zero: nothing happened.

    A command that asks for a position has none: what arrives is not a share of it.
    """

    free: torch.Tensor  # [A], 1 where a command has a gain

    def __init__(self, contract: Contract) -> None:
        super().__init__()
        action = contract.action
        self.names = action.names
        self.log_gains = nn.Parameter(torch.zeros(contract.action_dim))
        # A share of a range that is not centred on rest would shift it as well.
        centred = [
            math.isclose(low, -high) for low, high in zip(action.low, action.high, strict=True)
        ]
        pairs = zip(centred, action.positions, strict=True)
        free = torch.tensor([centre and not position for centre, position in pairs])
        self.register_buffer('free', free.float())

    @property
    def known(self) -> bool:
        """Tell whether there is a command that has a gain."""
        return bool(self.free.any())

    def gains(self) -> torch.Tensor:
        """Return the gains [A]."""
        return torch.exp((self.log_gains * self.free).clamp(math.log(LEAST), math.log(MOST)))

    @torch.no_grad()
    def fold_into(self, model: Dreamer) -> None:
        """Let ``model`` foresee what arrives, and its policy ask for so much more.

        Beliefs foresee exactly. The policy's mean, tanh(x), becomes tanh(x / gain): right for
        small commands, while large ones reach the ends of the range as before.
        """
        gains = self.gains()
        model.gru_in.weight[:, model.stoch :] *= gains
        mean = model.policy_head.out
        mean.weight[: model.action_dim] /= gains[:, None]
        mean.bias[: model.action_dim] /= gains
