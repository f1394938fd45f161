# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The updater as a process between a folder store and an agent in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

rclpy = pytest.importorskip('rclpy')
pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

import fleet_bundles
import robot_processes
from rcl_interfaces.msg import Parameter, ParameterValue
from rcl_interfaces.srv import SetParametersAtomically
from std_msgs.msg import String

from world_model_ros.contract import interface_hash, load_contract
from world_model_ros.nodes import _common
from world_model_ros.parent import PARENT_ENV
from world_model_ros.releases import publish_release
from world_model_ros.store import complete_episodes, open_store
from world_model_ros.telemetry.present_faults import find_faults
from world_model_ros.telemetry.robot_view import NodeStatus, RobotView

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group('patient')]


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp('made')
    contract = fleet_bundles.write_contract(folder / 'robot.yaml')
    return contract, [
        fleet_bundles.make_bundle(folder / f'bundle{seed}', contract, seed) for seed in range(3)
    ]


class Fleet:
    """A store, an updater and an agent."""

    def __init__(self, robot, folder: Path, contract: Path, bundles: list[Path]) -> None:
        self.robot, self.folder, self.contract, self.bundles = robot, folder, contract, bundles
        self.store = open_store(folder / 'store', create=True)
        self.told: dict = {}
        robot.node.create_subscription(
            String, 'agent/release', self._on_release, _common.LATCHED_QOS
        )

    def _on_release(self, message: String) -> None:
        with contextlib.suppress(ValueError):  # forged ones
            self.told = json.loads(message.data)

    def publish(self, number: int):
        interface = interface_hash(load_contract(self.contract))
        return publish_release(self.store, self.bundles[number], interface)

    def start_updater(self, **parameters) -> None:
        given = {
            'contract': self.contract,
            'robot_id': 'arm_07',
            'store': self.store.url,
            'slots': self.folder / 'slots',
            'poll_period': 0.2,
        }
        self.robot.start('updater', **{**given, **parameters})

    def start_agent(self, **parameters) -> None:
        line = [sys.executable, str(Path(__file__).with_name('fake_agent.py')), '--ros-args']
        for name, value in {'bundle': self.bundles[2], **parameters}.items():
            line += ['-p', f'{name}:={value}']
        environment = {
            **os.environ,
            'ROS_DOMAIN_ID': str(self.robot.domain),
            PARENT_ENV: str(os.getpid()),
            'PYTHONPATH': str(robot_processes.ROOT),
        }
        log = (self.robot.folder / 'agent.log').open('ab')
        self.robot.processes['agent'] = subprocess.Popen(
            line, env=environment, stdout=log, stderr=subprocess.STDOUT
        )

    def agent(self, key: str, release) -> bool:
        """Whether the agent says this release of `acting` or `candidate`."""
        return (self.told.get(key) or {}).get('bundle_sha') == release.bundle_sha

    def updater(self, key: str) -> str:
        return self.robot.values.get('/updater', {}).get(key, '')

    def take(self, number: int):
        """Publish a bundle and play the agent's episode boundary once it has it."""
        release = self.publish(number)
        self.robot.until(lambda: self.agent('candidate', release), f'candidate {release.number}')
        assert self.robot.call('agent/safe_point').success
        number = str(release.number)
        self.robot.until(lambda: self.updater('acting') == number, f'acting {release.number}')
        return release


@pytest.fixture
def fleet(tmp_path, domain, made):
    (tmp_path / 'logs').mkdir()
    with robot_processes.Robot(domain, tmp_path / 'logs') as robot:
        yield Fleet(robot, tmp_path, *made)


def test_a_release_reaches_the_agent_and_the_store_hears_of_it(fleet):
    fleet.start_updater()
    fleet.start_agent()
    first = fleet.take(0)
    second = fleet.take(1)
    assert fleet.told['acting'] == {
        'bundle_sha': second.bundle_sha,
        'release': 2,
        'bundle': str(fleet.folder / 'slots' / second.bundle_sha / 'bundle'),
    }
    fleet.robot.until(lambda: fleet.updater('state') == 'acting', 'acting')
    assert (fleet.updater('previous'), fleet.updater('bad')) == ('1', '0')

    def reported():
        report = json.loads(fleet.store.get('robots/arm_07/status/updater.json'))
        return report if report['state'] == 'acting' else None

    report = fleet.robot.until(reported, 'the report')
    rows = {row['release']: row for row in report['history']}
    assert rows[1]['bundle_sha'] == first.bundle_sha
    for number in (1, 2):
        row = rows[number]
        assert 0 < row['published_ns'] < row['ready_ns'] < row['acting_ns']


def test_the_operator_rolls_back_at_once_and_the_release_does_not_return(fleet):
    fleet.start_updater()
    fleet.start_agent()
    first, second = fleet.take(0), fleet.take(1)
    answer = fleet.robot.call('updater/rollback')
    assert answer.success and 'release 1' in answer.message
    fleet.robot.until(lambda: fleet.agent('acting', first), 'the release before')
    fleet.robot.until(lambda: fleet.updater('state') == 'refused', 'the refused release')
    assert "operator's word" in fleet.updater('reason')
    assert fleet.updater('bundle_sha') == second.bundle_sha
    answer = fleet.robot.call('updater/rollback')
    assert not answer.success and 'no previous' in answer.message
    assert fleet.agent('acting', first)


def test_what_broke_at_a_tick_goes_on_the_bad_list(fleet):
    fleet.start_updater()
    fleet.start_agent()
    first, second = fleet.take(0), fleet.take(1)
    assert fleet.robot.call('agent/break').success
    fleet.robot.until(lambda: fleet.updater('state') == 'refused', 'the refused release')
    assert 'belief is not finite' in fleet.updater('reason')
    assert fleet.updater('bundle_sha') == second.bundle_sha
    assert fleet.agent('acting', first) and fleet.updater('acting') == '1'
    answer = fleet.robot.call('updater/check')
    assert not answer.success and 'refused' in answer.message


def test_a_bundle_that_the_agent_refuses_is_not_offered_again(fleet):
    fleet.start_updater()
    fleet.start_agent(fault='the warm-up failed')
    fleet.publish(0)
    fleet.robot.until(lambda: fleet.updater('state') == 'refused', 'the refused release')
    assert 'the agent refused it: the warm-up failed' in fleet.updater('reason')
    assert fleet.updater('bad') == '1'


def test_an_agent_that_is_busy_is_asked_again(fleet):
    fleet.start_updater()
    fleet.start_agent(busy=True)
    release = fleet.publish(0)
    fleet.robot.until(lambda: 'busy' in fleet.updater('problem'), 'word of the busy agent')
    fleet.robot.until(lambda: fleet.agent('candidate', release), 'the second try')
    fleet.robot.until(lambda: fleet.updater('problem') == '', 'no more complaint')


def test_an_agent_that_comes_late_or_anew_is_handed_the_newest(fleet):
    fleet.start_updater()
    release = fleet.publish(0)
    fleet.robot.until(lambda: 'no agent' in fleet.updater('problem'), 'word of the missing agent')
    fleet.start_agent()
    fleet.robot.until(lambda: fleet.agent('candidate', release), 'the candidate')
    assert fleet.robot.call('agent/safe_point').success
    fleet.robot.until(lambda: fleet.updater('state') == 'acting', 'acting')

    fleet.robot.kill('agent')
    fleet.told = {}
    fleet.start_agent()  # from its own bundle
    fleet.robot.until(lambda: fleet.agent('candidate', release), 'the same candidate again')


def test_an_agent_without_a_model_is_handed_the_newest_that_is_not_bad(fleet):
    fleet.start_updater()
    fleet.start_agent()
    first = fleet.take(0)
    bad = fleet_bundles.make_bundle(
        fleet.folder / 'bad', fleet.contract, 7, policy=fleet_bundles.growing_policy
    )
    publish_release(fleet.store, bad, interface_hash(load_contract(fleet.contract)))
    fleet.robot.until(lambda: fleet.updater('state') == 'refused', 'the refused release')
    assert 'outside the contract' in fleet.updater('reason')
    fleet.robot.kill('agent')
    fleet.told = {}
    fleet.start_agent(bundle="''")
    fleet.robot.until(lambda: fleet.agent('candidate', first), 'the release that is good')
    assert fleet.updater('state') == 'refused' and fleet.told['acting'] is None


def test_an_updater_killed_and_started_again_goes_on(fleet):
    fleet.start_updater()
    fleet.start_agent()
    first = fleet.take(0)
    fleet.robot.kill('updater')
    fleet.robot.values.clear()
    second = fleet.publish(1)
    fleet.start_updater()
    fleet.robot.until(lambda: fleet.agent('candidate', second), 'the candidate')
    assert fleet.agent('acting', first)
    assert fleet.robot.call('agent/safe_point').success
    fleet.robot.until(lambda: fleet.updater('acting') == '2', 'acting')
    assert fleet.updater('previous') == '1'
    assert fleet.robot.end('updater') == 0


def test_a_store_that_vanishes_is_said_and_returns(fleet):
    fleet.start_updater()
    fleet.start_agent()
    fleet.take(0)
    os.rename(fleet.store.folder, fleet.folder / 'away')
    fleet.robot.until(lambda: fleet.updater('state') == 'unreachable', 'word of the missing store')
    level, text = fleet.robot.status('/updater')
    assert level == _common.WARN[0] and f'store {fleet.store.url}' in text
    [shown] = find_faults(RobotView({'updater': NodeStatus(level, text, {})}), [])
    assert str(shown) == f'updater: {text}'
    os.rename(fleet.folder / 'away', fleet.store.folder)
    fleet.take(1)


@pytest.mark.parametrize(
    ('parameters', 'words'),
    [
        ({'store': "''"}, 'parameter store is empty'),
        ({'robot_id': "''"}, 'parameter robot_id is empty'),
        ({'robot_id': 'lab/arm1'}, "parameter robot_id 'lab/arm1' cannot be part of a key"),
        ({'contract': 'nobody'}, 'nobody'),
        ({'store': 'ftp://x'}, 'ftp://x'),
    ],
)
def test_a_missing_setting_ends_it_with_its_name(fleet, parameters, words):
    fleet.start_updater(**parameters)
    process = fleet.robot.processes['updater']
    fleet.robot.until(lambda: process.poll() is not None, 'the end')
    assert process.returncode == 1 and words in fleet.robot.logs()


def test_the_real_agent_begins_without_a_bundle_takes_releases_and_goes_back(tmp_path, domain):
    path = robot_processes.counter_contract(tmp_path, '{reset: service, max_ticks: 50}')
    bundles = [fleet_bundles.make_bundle(tmp_path / f'b{seed}', path, seed) for seed in (0, 1)]
    common = {'contract': path, 'tick_source': 'sim_time'}
    (tmp_path / 'logs').mkdir()
    with robot_processes.Robot(domain, tmp_path / 'logs') as robot:
        fleet = Fleet(robot, tmp_path, path, bundles)
        fleet.start_updater()
        robot.start('recorder', contract=path, robot_id='arm_07', store=fleet.store.url,
                    directory=tmp_path / 'recorded', use_sim_time=True)  # fmt: skip
        robot.start('sim_robot', **common)
        robot.start('guard', use_sim_time=True, **common)
        robot.start('agent', use_sim_time=True, robot_id='arm_07', explore=True,
                    slots=tmp_path / 'slots', **common)  # fmt: skip
        robot.listen()
        robot.activate()
        robot.until(lambda: any(tick.source == 'explore' for tick in robot.ticks), 'exploration')
        assert {tick.release for tick in robot.ticks} == {0}

        first = fleet.publish(0)
        robot.until(lambda: robot.ticks[-1].release == 1, 'ticks of release 1')
        robot.until(lambda: fleet.updater('state') == 'acting', 'the updater to hear of it')
        second = fleet.publish(1)
        robot.until(lambda: robot.ticks[-1].release == 2, 'ticks of release 2')
        robot.until(lambda: fleet.updater('previous') == '1', 'the updater to hear of it')
        assert fleet.agent('acting', second)

        assert robot.call('updater/rollback').success
        robot.until(lambda: robot.ticks[-1].release == 1, 'ticks of release 1 again')
        robot.until(lambda: fleet.updater('state') == 'refused', 'the refused release')
        assert fleet.agent('acting', first)
        robot.until(lambda: len(complete_episodes(fleet.store)) > 1, 'shipped episodes')
    assert {ref.robot_id for ref in complete_episodes(fleet.store)} == {'arm_07'}


def test_forged_messages_offer_nothing_and_make_nothing_bad(fleet):
    fleet.start_updater()
    fleet.start_agent()
    first, second = fleet.take(0), fleet.take(1)
    recordings = fleet.folder / 'recordings'
    (recordings / 'one').mkdir(parents=True)
    forger = fleet.robot.node.create_publisher(String, 'agent/release', _common.LATCHED_QOS)
    names = {'bundle_sha': second.bundle_sha, 'release': 2, 'bundle': str(recordings)}
    left = {'bundle_sha': second.bundle_sha, 'release': 2, 'reason': 'x' * 5000}
    for text in ('', '[' * 100_000, '{"format": 1, "acting": "\\ud800"}', 'x' * 1_000_000):
        forger.publish(String(data=text))
    for forged in (
        {'format': 1, 'acting': {**names, 'bundle_sha': 'e' * 64, 'release': 9}},
        {'format': 1, 'acting': names, 'rolled_back': left},
        {'format': 1, 'acting': None, 'candidate': {**left, 'state': 'refused'}},
        {'format': 1, 'acting': {**names, 'release': 10**400}},
        {'format': 1, 'acting': names, 'rolled_back': left},
    ):
        forger.publish(String(data=json.dumps(forged)))
    fleet.robot.until(lambda: 'nodes publish it' in fleet.updater('problem'), 'word of two nodes')
    assert fleet.updater('bad') == '0'
    fleet.robot.node.destroy_publisher(forger)
    fleet.robot.until(lambda: fleet.updater('problem') == '', 'one agent again')
    fleet.robot.until(lambda: fleet.updater('acting') == '2', 'the true word')
    assert (recordings / 'one').is_dir()
    third = fleet.publish(2)
    fleet.robot.until(lambda: fleet.agent('candidate', third), 'the next release')
    assert fleet.updater('bad') == '0' and first.number == 1


def test_an_agent_takes_only_what_is_vouched_for(tmp_path, domain):
    path = robot_processes.counter_contract(tmp_path, '{reset: service, max_ticks: 50}')
    own, other = (fleet_bundles.make_bundle(tmp_path / f'b{seed}', path, seed) for seed in (0, 1))
    (tmp_path / 'logs').mkdir()
    with robot_processes.Robot(domain, tmp_path / 'logs') as robot:
        robot.start('agent', contract=path, robot_id='arm_07', bundle=own, autoconfigure=False,
                    slots=tmp_path / 'slots')  # fmt: skip

        def hand(bundle):
            request = SetParametersAtomically.Request(
                parameters=[
                    Parameter(
                        name='bundle', value=ParameterValue(type=4, string_value=str(bundle))
                    )
                ]
            )
            return robot.call(
                'agent/set_parameters_atomically', SetParametersAtomically, request
            ).result

        refused = hand(other)
        assert not refused.successful
        assert 'only bundles that the updater has tried are loaded' in refused.reason
        assert hand(own).successful
