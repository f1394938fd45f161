# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What `doctor` says of the graph, of discovery and of the disk, and in which order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from world_model_ros.bringup.live_graph import (
    Controller,
    GraphSeen,
    Mismatch,
    TopicSeen,
    judge_graph,
)
from world_model_ros.deploy.finding import Finding, warn, worst_first
from world_model_ros.deploy.machine import disk_finding
from world_model_ros.deploy.network import discovery_finding, domains_here, nobody_finding

COMMAND = TopicSeen('/command', 'a/msg/B', subscribers=('/driver',))
SOUND = GraphSeen(('/driver',), '/guard', (COMMAND,), None, ())
REWARD = TopicSeen('/reward', 'a/msg/B')
MISMATCH = Mismatch('/r', '/agent', 'best effort against reliable', ours=True)


def first(seen):
    return worst_first(judge_graph(seen))[0]


def test_worst_comes_first_and_causes_before_what_follows():
    rows = [Finding('a', True, ''), Finding('b', None, ''), warn('c', ''), Finding('d', False, '')]
    more = [Finding('e', False, '')]
    assert [row.what for row in worst_first(rows + more)] == ['d', 'e', 'c', 'a', 'b']


def test_a_sound_graph_has_nothing_bad():
    assert first(SOUND).ok


@pytest.mark.parametrize(
    'seen, what, words',
    [
        (
            replace(SOUND, commands=(replace(COMMAND, publishers=('/guard', '/teleop')),)),
            'commands',
            ['/teleop has a publisher', 'allowed_publishers'],
        ),
        (replace(SOUND, commands=(replace(COMMAND, subscribers=()),)), 'driver', ['start the']),
        (
            replace(SOUND, commands=(replace(COMMAND, subscribers=(), other_types=('x/msg/Y',)),)),
            'driver',
            ['has the type x/msg/Y', 'expected a/msg/B'],
        ),
        (replace(SOUND, reward=REWARD), 'reward', ['no publisher']),
        (
            replace(SOUND, reward=replace(REWARD, publishers=('/r',), mismatches=(MISMATCH,))),
            'qos',
            ['/r', '/agent', 'be reliable'],
        ),
        (
            replace(SOUND, managers=('/cm/list',), controllers=(Controller('j', 'inactive', ()),)),
            'controllers',
            ['no active controller', 'j (inactive)', 'set_controller_state'],
        ),
    ],
)
def test_each_fault_of_the_graph_is_first_with_its_remedy(seen, what, words):
    finding = first(seen)
    assert finding.what == what and all(word in finding.text for word in words), finding


def test_our_guard_is_no_rival_and_a_foreign_mismatch_only_a_warning():
    assert first(replace(SOUND, commands=(replace(COMMAND, publishers=('/guard',)),))).ok
    foreign = replace(MISMATCH, ours=False)
    finding = first(replace(SOUND, streams=(replace(REWARD, mismatches=(foreign,)),)))
    assert finding.what == 'qos' and finding.mark == 'WARN'


def test_controllers_that_cannot_be_asked_are_untested():
    seen = replace(SOUND, managers=('/cm/list',), controllers=None, controllers_why='install it')
    rows = [row for row in judge_graph(seen) if row.what == 'controllers']
    assert rows[0].ok is None and 'untested' in rows[0].text and 'install it' in rows[0].text
    active = (Controller('j', 'active', ('a/position',)),)
    rows = judge_graph(replace(seen, controllers=active))
    assert any(row.ok and 'j claims a/position' in row.text for row in rows)


@pytest.mark.parametrize(
    'environment, ok, word',
    [
        ({}, True, 'SUBNET'),
        ({'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}, True, 'only nodes of this computer'),
        ({'ROS_AUTOMATIC_DISCOVERY_RANGE': 'OFF'}, False, 'RANGE=LOCALHOST'),
        ({'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCLHOST'}, False, "did you mean 'LOCALHOST'"),
        ({'ROS_DOMAIN_ID': '233'}, False, 'from 0 to 232'),
        ({'ROS_DOMAIN_ID': 'lab'}, False, "'lab'"),
        ({'ROS_LOCALHOST_ONLY': '1'}, None, 'unset it'),
    ],
)
def test_discovery_that_reaches_nobody_is_named(environment, ok, word):
    finding = discovery_finding(environment)
    assert finding.ok is ok and word in finding.text


def test_domains_are_read_from_open_ports(tmp_path):
    table = tmp_path / 'udp'
    rows = [
        f'  1: 00000000:{port:04X} 00000000:0000 07' for port in (53, 7400, 7411, 28410, 65000)
    ]
    table.write_text('\n'.join(['head', *rows, 'not a row', '  2: x:y']))
    assert domains_here((table, tmp_path / 'none')) == [0, 84]
    text = nobody_finding(5, 'LOCALHOST', [0, 5, 84]).text
    assert 'domain 0, 84' in text and 'ROS_DOMAIN_ID=0' in text and 'SUBNET' in text
    assert 'start the driver' in nobody_finding(0, 'SUBNET', [0]).text


def test_room_for_recordings_is_told_in_hours(tmp_path):
    folder = tmp_path / 'not' / 'yet'
    assert disk_finding(folder).ok
    assert 'room for at least' in disk_finding(folder, bytes_per_sec=1.0).text
    assert disk_finding(folder, bytes_per_sec=1e15).mark == 'WARN'
    assert 'make room' in disk_finding(folder, min_free_mb=1 << 40).text
