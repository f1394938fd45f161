# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""What somebody else commands, as one action vector: in shadow it is what happened.

Input: serialised commands of the groups. Output: stamp and vector. Must not import ROS.
"""

from __future__ import annotations

import numpy as np

from world_model_ros.contract import Contract
from world_model_ros.contract.kinds import command_kind
from world_model_ros.wire.command_codec import command_decoder


class ForeignCommands:
    """The newest command of each group that is not the guard's."""

    def __init__(self, contract: Contract) -> None:
        self._groups = [
            (group, command_kind(group.kind), command_decoder(group), part)
            for group, part in zip(contract.groups, contract.action.parts, strict=True)
        ]
        self._values = np.full(contract.action_dim, np.nan)
        self._newest_ns = 0

    def take(
        self, group: int, cdr: bytes, now_ns: int, rest: np.ndarray
    ) -> tuple[int, np.ndarray] | None:
        """Stamp and vector [A] after a command of one group; None for one that moves nothing.

        `rest` [A] stands for the groups that nobody has commanded yet.

        Raises:
            ValueError: the bytes are no command of this group.
        """
        action, kind, decode, part = self._groups[group]
        values = decode(cdr)
        if values is None:
            return None
        self._values[part] = values
        known = np.isfinite(self._values)
        stamp_ns = kind.stamp_ns(action, cdr) or now_ns
        # Two groups may be commanded at one time; the later command knows both.
        self._newest_ns = stamp_ns + (stamp_ns == self._newest_ns)
        return self._newest_ns, np.where(known, self._values, rest)
