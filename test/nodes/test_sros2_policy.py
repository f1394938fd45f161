# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""config/sros2/policy.xml against what the nodes open: nothing missing, nothing spare."""

from __future__ import annotations

import contextlib
import xml.etree.ElementTree as xml
from pathlib import Path

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('uvicorn', reason='the page is in the extra "view"')

from rclpy.node import NodeNameNonExistentError
from robot_processes import Robot, tiny_bundle
from sensor_msgs.msg import CameraInfo, Image, JointState
from websockets.sync.client import connect

from world_model_ros.contract import load_contract
from world_model_ros.store import open_store

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group('patient')]
POLICY = Path(__file__).resolve().parents[2] / 'config' / 'sros2' / 'policy.xml'
NODES = ('agent', 'guard', 'recorder', 'updater', 'dashboard')
DRIVER = (
    (Image, 'camera/image_raw'),
    (CameraInfo, 'camera/camera_info'),
    (JointState, 'joint_states'),
    (JointState, 'reward'),
)
# Kind of rule -> the graph's question.
QUESTIONS = {
    ('topics', 'publish'): 'get_publisher_names_and_types_by_node',
    ('topics', 'subscribe'): 'get_subscriber_names_and_types_by_node',
    ('services', 'reply'): 'get_service_names_and_types_by_node',
    ('services', 'request'): 'get_client_names_and_types_by_node',
}


def profiles():
    """Every profile of the policy by its node's name."""
    rows = xml.parse(POLICY).iterfind('enclaves/enclave/profiles/profile')
    return {row.get('node'): row for row in rows}


def allowed(node):
    """(kind, rule) -> names that the policy allows a node, in the namespace /."""
    profile = profiles().get(node, xml.Element('profile'))
    found = {question: set() for question in QUESTIONS}
    for (kind, rule), names in found.items():
        for group in profile.findall(kind):
            if group.get(rule) == 'ALLOW':
                names |= {full(row.text, node) for row in group}
    return found


def full(name, node):
    return name.replace('~', f'/{node}') if name.startswith('~') else f'/{name.lstrip("/")}'


def opened(robot, node):
    """(kind, rule) -> names that a node has open; none where it is not discovered yet."""
    found = {question: set() for question in QUESTIONS}
    with contextlib.suppress(NodeNameNonExistentError):
        for question, ask in QUESTIONS.items():
            found[question] = {name for name, _ in getattr(robot.node, ask)(node, '/')}
    return found


def test_the_policy_has_an_enclave_for_each_node():
    root = xml.parse(POLICY).getroot()
    assert root.tag == 'policy' and root.get('version') == '0.2.0'
    paths = {row.get('path'): row for row in root.findall('enclaves/enclave')}
    assert set(paths) == {f'/world_model_ros/{node}' for node in NODES}
    for path, enclave in paths.items():
        inside = enclave.findall('profiles/profile')
        assert inside[0].get('node') == path.rsplit('/', 1)[1]
        assert {profile.get('ns') for profile in inside} == {'/'}
        for group in (group for profile in inside for group in profile):
            assert set(group.attrib) <= {rule for _, rule in QUESTIONS}
            assert all(row.tag == group.tag[:-1] and row.text.strip() for row in group)


def test_only_the_guard_may_command():
    for node in profiles():
        assert ('/command' in allowed(node)['topics', 'publish']) is (node == 'guard')


def test_it_allows_what_the_nodes_open_and_no_more(tmp_path, domain):
    contract = load_contract('reacher')
    bundle = tiny_bundle(tmp_path, contract)
    store = tmp_path / 'store'
    open_store(store, create=True)
    with Robot(domain, tmp_path) as robot, contextlib.ExitStack() as ended:
        robot.start('guard', contract='reacher')
        robot.start('recorder', contract='reacher', directory=tmp_path / 'episodes')
        robot.start('agent', contract='reacher', bundle=bundle)
        robot.start('updater', contract='reacher', store=store, slots=tmp_path / 'slots')
        address = tmp_path / 'address'
        robot.start('dashboard', contract='reacher', port=0, address_file=address)
        for kind, topic in DRIVER:  # the recorder follows who publishes
            robot.node.create_publisher(kind, topic, 10)
        robot.until(lambda: robot.node.count_publishers('/agent/tick'), 'a configured agent')
        robot.activate_guard()
        robot.until(address.is_file, 'a page')
        page = address.read_text().split('#')[0].replace('http', 'ws')
        looks = ended.enter_context(connect(f'{page}live'))  # it subscribes while somebody looks

        def differences():
            there = {name for name in robot.node.get_node_names() if name != 'test_ears'}
            lines = [
                f'{node} runs, and has no profile' for node in sorted(there - set(profiles()))
            ]
            for node in profiles():
                wanted, found = allowed(node), opened(robot, node)
                for question in QUESTIONS:
                    for name in sorted(found[question] - wanted[question]):
                        lines.append(f'{node} {question}: {name} is opened, not allowed')
                    for name in sorted(wanted[question] - found[question]):
                        lines.append(f'{node} {question}: {name} is allowed, not opened')
            return lines

        lacks = ['nothing was looked at']

        def fits():
            lacks[:] = differences()
            return not lacks

        try:
            robot.until(fits, 'a policy that fits', 40.0)
            assert looks.close_code is None
        except AssertionError:
            raise AssertionError('\n'.join(lacks)) from None
