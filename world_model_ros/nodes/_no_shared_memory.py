# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Keeps a process out of Fast DDS's shared memory, which a killed process can leave blocked.

When a reader is killed, a writer that sends to its shared-memory port waits for a health check of
one second or more inside of publish() (SharedMemGlobal::Port::healthy_check, Fast DDS 2.14). The
guard was silent for up to four seconds after `kill -9` of the agent. UDP on the same computer has
no such lock. Call `avoid_shared_memory()` before rclpy.init(); other middlewares are left alone.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import rclpy

from world_model_ros.contract.contract_lookup import config_directories

PROFILE = 'dds/fastdds_guard_localhost.xml'
PROFILE_VARIABLES = ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE')
TRANSPORTS = 'FASTDDS_BUILTIN_TRANSPORTS'
RANGE, LOCALHOST_ONLY = 'ROS_AUTOMATIC_DISCOVERY_RANGE', 'ROS_LOCALHOST_ONLY'


def avoid_shared_memory() -> str:
    """Set what the middleware reads when it starts; a caution for the log, '' if all is well."""
    if not rclpy.get_rmw_implementation_identifier().startswith('rmw_fastrtps'):
        return ''
    changes, caution = udp_only(os.environ)
    os.environ.update(changes)
    return caution


def udp_only(environment: Mapping[str, str]) -> tuple[dict[str, str], str]:
    """The variables to set for UDP alone, and a caution where that is left to the user.

    rmw_fastrtps adds shared memory itself for the range LOCALHOST; hence a profile that keeps to
    the loopback interface, under a range for which rmw_fastrtps adds nothing.
    """
    own = [name for name in (*PROFILE_VARIABLES, TRANSPORTS) if environment.get(name)]
    if environment.get(TRANSPORTS) == 'UDPv4':
        own.remove(TRANSPORTS)
    if own:
        return {}, (
            f'{own[0]} is set: if it asks for shared memory, a process that is killed can block '
            'the commands for seconds. Expected UDP alone for the guard'
        )
    localhost = (
        environment.get(RANGE, '').upper() == 'LOCALHOST' or environment.get(LOCALHOST_ONLY) == '1'
    )
    if not localhost:
        return {TRANSPORTS: 'UDPv4'}, ''
    for folder in config_directories():
        if (folder / PROFILE).is_file():
            profile = str(folder / PROFILE)
            changes = {PROFILE_VARIABLES[0]: profile, RANGE: 'SUBNET'}
            if LOCALHOST_ONLY in environment:
                changes[LOCALHOST_ONLY] = '0'
            return changes, ''
    return {}, (
        f'config/{PROFILE} is not installed: a process that is killed can block the commands for '
        'seconds. Install the package again'
    )
