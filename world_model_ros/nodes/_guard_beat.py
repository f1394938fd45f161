# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""When the guard samples: by a real robot's steady clock, by /clock, or in lockstep.

A beat owns the guard's clocks. It calls `send(t_ns, timeout_s, rest)` for each command that is
due: the robot's time, the clock that times out, and why the safe action must be taken, ''
otherwise.
"""

from world_model_ros.nodes._lockstep_beat import LockstepBeat
from world_model_ros.nodes._sim_beat import SimBeat
from world_model_ros.nodes._wall_beat import WallBeat

Beat = WallBeat | SimBeat | LockstepBeat
