# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The imagined robot as a process, with the agent, guard and recorder that a real one has."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('onnx')
pytest.importorskip('onnxruntime')

import counter
from imagined_parts import world_at, write_episode
from robot_processes import Robot
from sensor_msgs.msg import JointState
from tiny_bundle import make_tiny_bundle

from world_model_ros.contract import load_contract
from world_model_ros.experience import EpisodeReader, check_episode, list_episodes, to_arrays
from world_model_ros.training.data.segments import Unserviceable, check_serves

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group('patient')]
TICKS, START = 20, 60
SPACE, CLOCK = 'imagined', '/clock:=/imagined/clock'


@pytest.fixture
def given(tmp_path: Path) -> dict:
    """A robot with short episodes, its bundle, and the place to begin at."""
    contract = tmp_path / 'reacher.yaml'
    text = counter.contract().text
    assert 'max_ticks: 500' in text
    contract.write_text(text.replace('max_ticks: 500', f'max_ticks: {TICKS}'))
    return {
        'contract': contract,
        'bundle': make_tiny_bundle(tmp_path / 'bundle', load_contract(contract)),
        'episode': write_episode(tmp_path / 'real'),
    }


def start_imagined(robot: Robot, given: dict) -> None:
    """Without a namespace: it has one of its own."""
    robot.start(
        'imagined_robot',
        contract=given['contract'],
        world=given['bundle'],
        start=f'{given["episode"]}@{START}',
        tick_source='lockstep',
    )


def test_agent_guard_and_recorder_run_on_it_and_what_is_recorded_is_marked(
    tmp_path: Path, domain, given
) -> None:
    episodes = tmp_path / 'episodes'
    common = {'contract': given['contract'], 'use_sim_time': True}
    with Robot(domain, tmp_path) as robot:
        robot.start('recorder', CLOCK, namespace=SPACE, directory=episodes, **common)
        start_imagined(robot, given)
        common['tick_source'] = 'lockstep'
        robot.start('guard', CLOCK, namespace=SPACE, **common)
        robot.start('agent', CLOCK, namespace=SPACE, bundle=given['bundle'], plan=False, **common)
        robot.listen(SPACE)
        streams = {f'/{SPACE}/camera/image_raw', f'/{SPACE}/joint_states', f'/{SPACE}/reward'}

        def heard() -> bool:
            values = robot.values.get(f'/{SPACE}/recorder')
            return values is not None and not streams & set(values['silent'].split())

        robot.until(heard, 'the recorder to find the imagined robot')
        robot.activate(SPACE)

        def sealed() -> list[Path]:
            return [path for path in list_episodes(episodes) if path.name in robot.acting]

        robot.until(lambda: len(sealed()) >= 1, 'a sealed episode')
        path = sealed()[0]
        assert robot.values[f'/{SPACE}/recorder']['imagined']
    assert check_episode(path, rebuilt=True) == []
    reader = EpisodeReader(path)
    assert reader.info.to_record()['format'] == '2' and reader.info.robot_id == 'r'
    origin = json.loads(reader.imagined)
    assert (origin['episode'], origin['tick'], origin['robot_id']) == ('real', START, 'counter-1')
    assert origin['bundle'] == 'tiny_reacher'
    with pytest.raises(Unserviceable, match=r'^imagined: imagined by the bundle tiny_reacher'):
        check_serves(reader, load_contract(given['contract']))
    # What was seen is what the model gives for what was executed, tick by tick.
    arrays = to_arrays(reader)
    world = world_at(given['bundle'], given['episode'], START)
    count = len(arrays['tick'])
    assert count > 1 and arrays['observed'].all()
    for k in range(count):
        if k:
            reward = world.step(arrays['action_sent'][k]).reward
            assert arrays['reward'][k] == pytest.approx(reward, abs=1e-4)
        seen = arrays['obs_camera'][k].astype(int)
        assert np.abs(seen - world.observation['camera']).max() <= 1
        np.testing.assert_allclose(arrays['obs_joints'][k], world.observation['joints'], atol=1e-4)


def test_it_keeps_away_from_real_robots(tmp_path: Path, domain, given) -> None:
    with Robot(domain, tmp_path) as robot:
        log = tmp_path / 'imagined_robot.log'
        driver = robot.node.create_subscription(
            JointState, f'{SPACE}/command', lambda message: None, 10
        )
        start_imagined(robot, given)
        refused = robot.processes['imagined_robot']
        robot.until(lambda: refused.poll() is not None, 'the refusal')
        assert refused.returncode == 1
        assert '/test_ears listens to the commands on /imagined/command' in log.read_text()
        robot.node.destroy_subscription(driver)

        start_imagined(robot, given)
        running = robot.processes['imagined_robot']
        name = f'/{SPACE}/imagined_robot'
        robot.until(lambda: name in robot.values, 'the imagined robot')
        assert robot.values[name]['bundle'] == 'tiny_reacher'
        robot.node.create_publisher(JointState, f'{SPACE}/joint_states', 10)
        robot.until(lambda: running.poll() is not None, 'its end')
        assert running.returncode == 1
        assert '/test_ears publishes on /imagined/joint_states' in log.read_text()
