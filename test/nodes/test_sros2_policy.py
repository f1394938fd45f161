# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""config/sros2/policy.xml against what the nodes open: nothing missing, nothing spare."""

from __future__ import annotations

import xml.etree.ElementTree as xml
from pathlib import Path

import pytest

pytest.importorskip('rclpy')

from robot_processes import Robot, tiny_bundle

from world_model_ros.contract import load_contract
from world_model_ros.store import open_store

pytestmark = pytest.mark.ros
POLICY = Path(__file__).resolve().parents[2] / 'config' / 'sros2' / 'policy.xml'
NODES = ('agent', 'guard', 'recorder', 'updater')
# Kind of rule -> the graph's question.
QUESTIONS = {
    ('topics', 'publish'): 'get_publisher_names_and_types_by_node',
    ('topics', 'subscribe'): 'get_subscriber_names_and_types_by_node',
    ('services', 'reply'): 'get_service_names_and_types_by_node',
    ('services', 'request'): 'get_client_names_and_types_by_node',
}


def allowed(node):
    """(kind, rule) -> names that the policy allows a node, in the namespace /."""
    profile = xml.parse(POLICY).find(f"enclaves/enclave/profiles/profile[@node='{node}']")
    found = {question: set() for question in QUESTIONS}
    for (kind, rule), names in found.items():
        for group in profile.findall(kind):
            if group.get(rule) == 'ALLOW':
                names |= {full(row.text, node) for row in group}
    return found


def full(name, node):
    return name.replace('~', f'/{node}') if name.startswith('~') else f'/{name.lstrip("/")}'


def opened(robot, node):
    return {
        question: {name for name, _ in getattr(robot.node, ask)(node, '/')}
        for question, ask in QUESTIONS.items()
    }


def test_the_policy_has_an_enclave_for_each_node():
    root = xml.parse(POLICY).getroot()
    assert root.tag == 'policy' and root.get('version') == '0.2.0'
    paths = {row.get('path'): row for row in root.findall('enclaves/enclave')}
    assert set(paths) == {f'/world_model_ros/{node}' for node in NODES}
    for path, enclave in paths.items():
        (profile,) = enclave.findall('profiles/profile')
        assert profile.get('ns') == '/' and profile.get('node') == path.rsplit('/', 1)[1]
        for group in profile:
            assert set(group.attrib) <= {rule for _, rule in QUESTIONS}
            assert all(row.tag == group.tag[:-1] and row.text.strip() for row in group)


def test_only_the_guard_may_command():
    for node in NODES:
        assert ('/command' in allowed(node)['topics', 'publish']) is (node == 'guard')


def test_it_allows_what_the_nodes_open_and_no_more(tmp_path):
    contract = load_contract('reacher')
    bundle = tiny_bundle(tmp_path, contract)
    store = tmp_path / 'store'
    open_store(store, create=True)
    with Robot(84, tmp_path) as robot:
        robot.start('guard', contract='reacher')
        robot.start('recorder', contract='reacher', directory=tmp_path / 'episodes')
        robot.start('agent', contract='reacher', bundle=bundle)
        robot.start('updater', contract='reacher', store=store, slots=tmp_path / 'slots')
        robot.until(lambda: robot.node.count_publishers('/agent/tick'), 'a configured agent')
        robot.activate_guard()

        def differences():
            lines = []
            for node in NODES:
                wanted, found = allowed(node), opened(robot, node)
                for question in QUESTIONS:
                    for name in sorted(found[question] - wanted[question]):
                        lines.append(f'{node} {question}: {name} is opened, not allowed')
                    for name in sorted(wanted[question] - found[question]):
                        lines.append(f'{node} {question}: {name} is allowed, not opened')
            return lines

        try:
            robot.until(lambda: not differences(), 'a policy that fits', 15.0)
        except AssertionError:
            raise AssertionError('\n'.join(differences())) from None
