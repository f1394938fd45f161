# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The driver of one command group of a simulated robot: its newest command, and how old it is.

Input: serialised commands and the time at which they come. Must not import ROS.
"""

from __future__ import annotations

import numpy as np

from world_model_ros.contract import Action
from world_model_ros.contract.kinds import command_kind
from world_model_ros.wire.command_codec import command_decoder


class GroupDriver:
    """Takes the commands of one group; `part` is its place in the action vector."""

    def __init__(self, group: Action, part: slice) -> None:
        self.group, self.part = group, part
        self._kind, self._decode = command_kind(group.kind), command_decoder(group)
        self.forget()

    def forget(self) -> None:
        """No command has come."""
        self.values = np.zeros(len(self.group.names))
        # The time that the newest command is for: its stamp, or when it came; -1: none came.
        self.time_ns = self._arrived_ns = -1

    def take(self, cdr: bytes, now_ns: int) -> bool:
        """Take a command; whether it says something for all joints.

        Raises:
            ValueError: the bytes are no command of this group.
        """
        values = self._decode(cdr)
        if values is None:
            return False
        stamp_ns = self._kind.stamp_ns(self.group, cdr)
        self.values, self._arrived_ns = values, now_ns
        self.time_ns = now_ns if stamp_ns is None else stamp_ns
        return True

    def commanded(self, after_ns: int) -> np.ndarray | None:
        """The newest command; None if it came before this time, or never."""
        return None if self._arrived_ns < max(0, after_ns) else self.values

    @property
    def rest_words(self) -> str:
        """What the driver does without a command, in words."""
        return 'position held' if self.group.safe == 'hold' else f'zero {self.group.kind}'
