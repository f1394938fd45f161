# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""When the guard samples: by a real robot's steady clock, by /clock, or in lockstep.

A beat owns the guard's clocks. It calls `send(t_ns, timeout_s, rest)` for each command that is
due: the robot's time, the clock that times out, and why the safe action must be taken, ''
otherwise.
"""

from __future__ import annotations

from collections.abc import Callable

from rclpy.node import Node

from world_model_ros.contract import Contract
from world_model_ros.nodes._lockstep_beat import LockstepBeat
from world_model_ros.nodes._sim_beat import SimBeat
from world_model_ros.nodes._wall_beat import Send, WallBeat

Beat = WallBeat | SimBeat | LockstepBeat


def make_beat(
    node: Node,
    contract: Contract,
    lockstep_s: float | None,
    newest: Callable[[], int | None],
    send: Send,
    again: Callable[[int], None],
) -> Beat:
    """Return the beat of a guard.

    Args:
        node: the guard; its use_sim_time decides where there is no lockstep.
        contract: of the robot.
        lockstep_s: patience with a chunk in lockstep; None: no lockstep.
        newest: start of the newest chunk, ns.
        send: sends one command.
        again: repeats the newest command at a time, in lockstep.
    """
    if lockstep_s is not None:
        return LockstepBeat(node, contract.period_ns, lockstep_s, newest, send, again)
    period_ns = round(1e9 / contract.command_rate_hz)
    if node.get_parameter('use_sim_time').value:
        return SimBeat(node, period_ns, contract.command_timeout_s, send)
    return WallBeat(node, period_ns, send)
