# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Keeps a process that is started again off the shared-memory port of the one that was killed.

Fast DDS numbers the participants of a computer from 0 and takes the lowest number that is free;
port names follow from it (RTPS 2.2, 9.6.1.1). For 20 s after a kill the other processes still
write to the old port and repair it. If the new process opens the same port meanwhile, each can
end with a memory of its own: a camera that publishes, and an agent that receives nothing until
one of them restarts (one restart in 20 with two VGA cameras, Fast DDS 2.14.5). Here the first
number to try changes with the time, so that a restart takes another one.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator, Mapping

PORT_BASE, DOMAIN_GAIN, PARTICIPANT_GAIN, DISCOVERY_OFFSET = 7400, 250, 2, 10
# rmw_fastrtps looks for 32 participants on one computer: eight more may start at one time.
FIRST_NUMBERS = 24
STEP = 7  # has no divisor in common with 24: numbers of neighbouring seconds lie far apart


def first_number(now_s: float) -> int:
    """The first participant number to try; starts that are 1 to 23 s apart never share it."""
    return STEP * int(now_s) % FIRST_NUMBERS


@contextlib.contextmanager
def another_participant_id(environment: Mapping[str, str] = os.environ) -> Iterator[int]:
    """Within, the numbers below the first one are in use; that number."""
    first = 0 if environment.get('ROS_STATIC_PEERS') else first_number(time.time())
    text = environment.get('ROS_DOMAIN_ID', '')
    base = PORT_BASE + DOMAIN_GAIN * (int(text) if text.isdecimal() else 0) + DISCOVERY_OFFSET
    with contextlib.ExitStack() as stack:
        for number in range(first):
            holder = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            # OSError: another process has it; OverflowError: no such domain, which rcl refuses
            with contextlib.suppress(OSError, OverflowError):
                holder.bind(('', base + PARTICIPANT_GAIN * number))
        yield first
