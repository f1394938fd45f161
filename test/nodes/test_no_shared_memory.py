# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""No process that is killed can block the guard through shared memory."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

pytest.importorskip('rclpy')

from robot_processes import Robot

from world_model_ros.nodes._no_shared_memory import PROFILE_VARIABLES, udp_only


@pytest.mark.ros
def test_guard_shares_no_memory_with_who_hears_its_commands(tmp_path, domain):
    with Robot(domain, folder=tmp_path) as robot:
        robot.start('guard', contract='unfriendly_arm', tick_source='timer')
        robot.call('guard/stop')  # they have found each other
        memory = Path(f'/proc/{robot.processes["guard"].pid}/maps').read_text()
        own = Path('/proc/self/maps').read_text()
    assert '/dev/shm/fastrtps_' in own  # what would be shared
    assert '/dev/shm/fastrtps_' not in memory


@pytest.mark.parametrize(
    'environment',
    [{'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}, {'ROS_LOCALHOST_ONLY': '1'}],
)
def test_localhost_takes_the_profile_that_keeps_to_loopback(environment):
    changes, caution = udp_only(environment)
    profile = Path(changes[PROFILE_VARIABLES[0]]).read_text()
    assert re.findall(r'<type>(.*)</type>', profile) == ['UDPv4']
    assert '<address>127.0.0.1</address>' in profile.split('interfaceWhiteList')[1]
    assert changes['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'SUBNET' and caution == ''


def test_other_ranges_keep_their_peers():
    assert udp_only({}) == ({'FASTDDS_BUILTIN_TRANSPORTS': 'UDPv4'}, '')
    assert udp_only({'FASTDDS_BUILTIN_TRANSPORTS': 'UDPv4'})[1] == ''


@pytest.mark.parametrize('name', ['FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_BUILTIN_TRANSPORTS'])
def test_a_choice_of_the_user_stays_and_is_named(name):
    changes, caution = udp_only({name: 'LARGE_DATA', 'ROS_LOCALHOST_ONLY': '1'})
    assert changes == {} and name in caution
