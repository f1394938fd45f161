# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Sealed episodes go into the store: by the recorder's own process, once, whatever fails."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

rclpy = pytest.importorskip('rclpy')

import counter
import robot_processes

from world_model_ros.contract import find_robot, interface_hash, load_contract
from world_model_ros.experience import check_episode
from world_model_ros.nodes import _common
from world_model_ros.nodes._message_class import message_class
from world_model_ros.store import (
    complete_episodes,
    download_episode,
    open_store,
)
from world_model_ros.store.episode_store import episode_record
from world_model_ros.telemetry.present_faults import find_faults
from world_model_ros.telemetry.robot_view import NodeStatus, RobotView

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group('patient')]
FIXTURE = Path(__file__).parents[1] / 'fixtures' / 'episode_v1'
INTERFACE = interface_hash(load_contract(find_robot('reacher')))


@pytest.fixture
def robot(tmp_path, domain):
    (tmp_path / 'logs').mkdir()
    with robot_processes.Robot(domain, tmp_path / 'logs') as robot:
        yield robot


@pytest.fixture
def recorded(tmp_path):
    """A folder with two sealed episodes of an earlier process."""
    folder = tmp_path / 'recorded'
    folder.mkdir()
    open_store(tmp_path / 'store', create=True)
    seal(folder / 'earlier-1')
    seal(folder / 'earlier-2')
    return folder


def seal(folder):
    """Put a sealed episode there as the recorder does: by rename."""
    made = folder.with_name(f'{folder.name}.active')
    shutil.copytree(FIXTURE, made)
    made.rename(folder)


def start(robot, folder, store, **parameters):
    robot.start(
        'recorder',
        contract='reacher',
        robot_id='counter-1',  # as the fixture's episodes
        directory=folder,
        store=store,
        **parameters,
    )


def values(robot):
    return robot.values.get('/recorder', {})


def uuids(store):
    return [ref.uuid for ref in complete_episodes(store)]


def shown(robot) -> list[str]:
    """What the demo's view says of the recorder's faults."""
    view = RobotView({'recorder': NodeStatus(*robot.status('/recorder'), values(robot))})
    return [str(fault).partition(' → ')[0] for fault in find_faults(view, [])]


def test_what_lies_sealed_goes_up_under_its_contracts_interface(robot, recorded, tmp_path):
    start(robot, recorded, tmp_path / 'store')
    robot.until(lambda: values(robot).get('shipped') == '2', 'two shipped episodes')
    store = open_store(tmp_path / 'store')
    assert uuids(store) == ['earlier-1', 'earlier-2']
    ref = complete_episodes(store, INTERFACE)[0]
    assert ref.robot_id == 'counter-1'
    record = episode_record(store, ref)
    assert (record['ticks'], record['status']) == (10, 'whole')
    back = download_episode(store, ref, tmp_path / 'back')
    assert check_episode(back, rebuilt=True) == []
    assert values(robot)['waiting'] == '0' and values(robot)['shipping_error'] == ''


def test_an_episode_goes_up_as_soon_as_it_is_sealed(robot, tmp_path):
    open_store(tmp_path / 'store', create=True)
    start(robot, tmp_path / 'recorded', tmp_path / 'store')
    publishers = {
        role: robot.node.create_publisher(
            message_class(topic.type),
            topic.name,
            _common.LATCHED_QOS if role == 'episode' else _common.RELIABLE_QOS,
        )
        for role, topic in counter.TOPICS.items()
    }
    robot.until(
        lambda: all(each.get_subscription_count() for each in publishers.values()), 'the recorder'
    )
    publishers['episode'].publish(counter.announcement())
    for message in counter.run(20):
        publishers[message.role].publish(message.cdr)
        robot.executor.spin_once(timeout_sec=0.005)
    robot.until(lambda: values(robot).get('shipped') == '1', 'the shipped episode')
    (ref,) = complete_episodes(open_store(tmp_path / 'store'), INTERFACE)
    assert ref.uuid == counter.UUID
    back = download_episode(open_store(tmp_path / 'store'), ref, tmp_path / 'back')
    here = tmp_path / 'recorded' / counter.UUID
    assert {f.name: f.read_bytes() for f in back.iterdir()} == {
        f.name: f.read_bytes() for f in here.iterdir()
    }


def test_nothing_is_sent_twice_and_the_rest_goes_after_the_next_start(robot, recorded, tmp_path):
    start(robot, recorded, tmp_path / 'store')
    robot.until(lambda: values(robot).get('shipped') == '2', 'two shipped episodes')
    assert robot.end('recorder') == 0
    robot.values.clear()
    store = open_store(tmp_path / 'store')
    before = {e.key: (store.folder / e.key).stat().st_mtime_ns for e in store.list('robots')}
    seal(recorded / 'later')

    start(robot, recorded, tmp_path / 'store')
    robot.until(lambda: values(robot).get('shipped') == '1', 'the episode that was left')
    assert uuids(store) == ['earlier-1', 'earlier-2', 'later']
    after = {e.key: (store.folder / e.key).stat().st_mtime_ns for e in store.list('robots')}
    assert {key: after[key] for key in before} == before


def test_a_store_that_vanishes_and_returns_loses_nothing(robot, recorded, tmp_path):
    store = open_store(tmp_path / 'store', create=True)
    start(robot, recorded, store.url)
    robot.until(lambda: values(robot).get('shipped') == '2', 'two shipped episodes')
    os.rename(store.folder, tmp_path / 'away')
    seal(recorded / 'later')
    robot.until(lambda: values(robot).get('shipping_error'), 'word of the missing store')
    level, text = robot.status('/recorder')
    assert level == _common.WARN[0] and f'store {store.url}' in text and 'no such folder' in text
    assert values(robot)['waiting'] == '1' and not store.folder.exists()
    now, counted = shown(robot)
    assert 'recorder: recording; not shipped: store' in now
    assert counted.startswith('recorder: not shipped (1 waiting)') and 'no such folder' in counted

    os.rename(tmp_path / 'away', store.folder)
    robot.until(lambda: values(robot).get('shipped') == '3', 'the episode that waited')
    assert uuids(store) == ['earlier-1', 'earlier-2', 'later']
    robot.until(lambda: robot.status('/recorder')[0] == _common.OK[0], 'no more complaint')
    [was] = shown(robot)
    assert was.startswith('recorder: not shipped (0 waiting)') and 'no such folder' in was
    assert int(values(robot)['shipping_failures']) >= 1


def test_a_recorder_killed_while_it_ships_leaves_nothing_half_done(robot, recorded, tmp_path):
    for number in range(20):
        seal(recorded / f'more-{number:02}')
    store = open_store(tmp_path / 'store', create=True)
    start(robot, recorded, store.url)
    robot.until(lambda: len(store.list('robots')) > 4, 'some objects')
    robot.kill('recorder')
    shutil.copytree(FIXTURE, recorded / 'open.active')  # as a killed recorder leaves one
    for ref in complete_episodes(store):
        download_episode(store, ref, tmp_path / 'back')
    robot.values.clear()
    start(robot, recorded, store.url)
    robot.until(lambda: len(uuids(store)) == 23, 'all episodes, the recovered one among them')
    for ref in complete_episodes(store):
        download_episode(store, ref, tmp_path / 'again')
    assert 'open' in uuids(store) and not (recorded / 'open.active').exists()


def test_an_episode_that_cannot_go_is_named_and_the_others_go(robot, recorded, tmp_path):
    metadata = recorded / 'earlier-1' / 'metadata.yaml'
    metadata.write_text('rosbag2_bagfile_information: {}\n')  # of another recorder
    start(robot, recorded, tmp_path / 'store')
    robot.until(lambda: values(robot).get('unshippable') == '1', 'the refused episode')
    robot.until(lambda: values(robot).get('shipped') == '1', 'the other episode')
    assert str(metadata) in values(robot)['shipping_error']
    assert uuids(open_store(tmp_path / 'store')) == ['earlier-2']


def test_a_folder_in_an_episode_keeps_that_one_back_and_no_other(robot, recorded, tmp_path):
    stray = recorded / 'earlier-1' / '.ipynb_checkpoints'
    stray.mkdir()
    start(robot, recorded, tmp_path / 'store')
    robot.until(lambda: values(robot).get('shipped') == '1', 'the other episode')
    robot.until(lambda: values(robot)['waiting'] == '0', 'the end of the queue')
    assert str(stray) in values(robot)['shipping_error'] and values(robot)['unshippable'] == '1'
    assert uuids(open_store(tmp_path / 'store')) == ['earlier-2']


@pytest.mark.parametrize(
    ('name', 'words'),
    [
        ("''", 'parameter robot_id is empty'),
        ('lab/arm1', "parameter robot_id 'lab/arm1' cannot"),
    ],
)
def test_a_robot_whose_name_no_key_could_carry_is_refused_at_the_start(
    robot, tmp_path, name, words
):
    folder, store = tmp_path / 'r', tmp_path / 'store'
    robot.start('recorder', contract='reacher', directory=folder, store=store, robot_id=name)
    robot.until(lambda: robot.processes['recorder'].poll() is not None, 'the end')
    assert robot.processes['recorder'].returncode == 1
    assert words in robot.logs()
    assert not (tmp_path / 'store').exists()


def test_without_a_store_nothing_is_shipped(robot, recorded, tmp_path):
    robot.start('recorder', contract='reacher', robot_id='arm_07', directory=recorded)
    robot.until(lambda: 'shipped' in values(robot), 'diagnostics')
    assert (values(robot)['shipped'], values(robot)['waiting']) == ('0', '0')
    assert robot.end('recorder') == 0
