# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A process that is started again does not open the port of the one that was killed."""

from __future__ import annotations

import socket

import pytest

pytest.importorskip('rclpy')

from world_model_ros.nodes._participant_id import another_participant_id, first_number


def port_is_free(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(('', port))
        except OSError:
            return False
    return True


@pytest.mark.parametrize('apart_s', range(1, 24))
def test_a_restart_begins_with_another_number(apart_s):
    for start_s in range(48):
        assert first_number(start_s + apart_s + 0.5) != first_number(start_s + 0.5)


def test_numbers_below_the_first_are_in_use_while_the_participant_is_made(domain):
    environment, base = {'ROS_DOMAIN_ID': str(domain)}, 7400 + 250 * domain + 10
    first = 0
    while first == 0:  # one second in 24
        with another_participant_id(environment) as first:
            assert [port_is_free(base + 2 * number) for number in range(24)] == [
                number >= first for number in range(24)
            ]
    assert port_is_free(base)


@pytest.mark.parametrize(
    'environment', [{'ROS_STATIC_PEERS': '192.0.2.1'}, {'ROS_STATIC_PEERS': '192.0.2.1;192.0.2.2'}]
)
def test_a_computer_that_is_named_as_a_peer_is_found_under_low_numbers(environment):
    with another_participant_id(environment) as first:
        assert first == 0


def test_a_domain_that_rcl_refuses_is_left_to_rcl():
    with another_participant_id({'ROS_DOMAIN_ID': '9999'}):
        pass
