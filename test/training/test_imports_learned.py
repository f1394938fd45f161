# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From a LeRobot dataset alone a bundle is learned whose policy does what the demonstrator did."""

from __future__ import annotations

import itertools
import json
import time
from pathlib import Path

import foreign_data as foreign
import numpy as np
import pytest
import recorded
import torch
from typer.testing import CliRunner

pytest.importorskip('pyarrow')

from world_model_ros.bundle import check_bundle, load_bundle
from world_model_ros.cli.main import app
from world_model_ros.contract import interface_hash, load_contract
from world_model_ros.experience import list_episodes, rebuild
from world_model_ros.families.dreamer.algorithm import Learner, LearnerConfig
from world_model_ros.families.dreamer.imitation import demonstration_loss
from world_model_ros.families.dreamer.net import Dreamer
from world_model_ros.onboard.policy.brain import Brain
from world_model_ros.store import open_store, upload_episode
from world_model_ros.training.core.service import Service
from world_model_ros.training.core.settings import ServiceConfig
from world_model_ros.training.core.trainer_state import Start
from world_model_ros.training.judge.gate import GateConfig

# One worker runs all of it, also the test with a node: the bundle is learned once.
pytestmark = pytest.mark.xdist_group('patient')

FOLDER = Path(__file__).resolve().parents[1] / 'fixtures/import_contract'
PUSHER = load_contract(FOLDER / 'pusher.yaml')
EPISODES, FRAMES, UPDATES = 8, 40, 180
RECIPE = LearnerConfig(
    batch=8, length=10, warmup_updates=10, model_lr=3e-3, policy_lr=6e-3, average=2e-2, bf16=False
)


def bring_in(dataset: Path, out: Path) -> list[Path]:
    words = ['episodes', 'import', str(dataset), '--contract', str(FOLDER / 'pusher.yaml')]
    words += ['--out', str(out), '--map', str(FOLDER / 'pusher_map.yaml')]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    return list_episodes(out)


@pytest.fixture(scope='module')
def learned(tmp_path_factory) -> Path:
    """A bundle of a policy that nothing but a dataset taught."""
    tmp_path = tmp_path_factory.mktemp('imports')
    dataset = foreign.write_v30(tmp_path / 'dataset', EPISODES, FRAMES)
    store = open_store(str(tmp_path / 'store'), create=True)
    for episode in bring_in(dataset, tmp_path / 'episodes'):
        assert upload_episode(store, episode, 'imported', interface_hash(PUSHER))
    recorded.keep_secret(tmp_path / 'out')

    def leave(status):
        if status['published']:
            service.leave()

    config = ServiceConfig(
        nominal_ticks=0,
        start_ticks=EPISODES * FRAMES // 2,
        replay_ratio=1e6,
        publish_updates=UPDATES,
        least_updates=UPDATES,
        publish_every_s=1e9,
        poll_s=0.5,
        status_every_s=0.0,
        align=False,
        gate=GateConfig(open_loop=1e3, part=1e3, calibration=1e3),
    )
    service = Service(
        store.url, PUSHER, tmp_path / 'out', config, Start('scratch'),
        say=lambda event, **fields: print(event, fields), report=leave,
        sizes=recorded.SMALL, recipe=RECIPE,
    )  # fmt: skip
    service.run()
    return tmp_path / 'out/bundle'


def test_the_bundle_is_whole_and_says_that_it_imitates(learned):
    assert check_bundle(learned, PUSHER) == []
    manifest = json.loads((learned / 'manifest.json').read_text())
    # Plans are scored by rewards, and none was seen.
    assert manifest['planner']['iteration_count'] == 0
    assert manifest['provenance']['policy'] == 'imitation'


def test_its_policy_does_what_the_demonstrator_did(learned, tmp_path):
    """On an episode that it never saw, through the code that runs on the robot."""
    dataset = foreign.write_v30(tmp_path / 'dataset', EPISODES + 1, FRAMES)
    episode = max(
        bring_in(dataset, tmp_path / 'episodes'),
        key=lambda path: next(rebuild(path)).record.t_ns,  # the last of the dataset
    )
    phase = 0.9 * EPISODES
    brain = Brain(PUSHER, load_bundle(learned, PUSHER))
    brain.reset(0)
    decided, first = [], True
    ticks = [tick for tick in rebuild(episode) if tick.record.tick < FRAMES]
    for tick, after in itertools.pairwise(ticks):
        record = tick.record
        np.testing.assert_allclose(after.record.sent, foreign.command(record.tick, phase))
        # Under way when the decision takes effect: what the demonstrator commanded now.
        pending = after.record.sent.astype(np.float32)[None]
        decision = brain.step(
            tick.observation, record.sent.astype(np.float32), pending, first, record.tick
        )
        assert decision.source == 'policy' and not decision.failure
        decided.append(decision.chunk[0])
        first = False
    wanted = np.array([foreign.command(k + 1, phase) for k in range(len(decided))])
    settled = slice(6, None)  # the belief needs a few ticks
    error = np.sqrt(np.square(np.array(decided) - wanted)[settled].mean())
    indifferent = wanted[settled].std()
    print(f'policy {error:.3f} rad from the demonstrator, the mean action {indifferent:.3f} rad')
    assert error < 0.6 * indifferent


@pytest.mark.ros
def test_the_bundle_thinks_along_in_shadow(learned, tmp_path, domain):
    """The third command: the agent beside a controller of somebody else's, which it follows."""
    pytest.importorskip('rclpy')
    import robot_processes
    from sensor_msgs.msg import Image, JointState

    with robot_processes.Robot(domain, tmp_path) as robot:
        driver = {
            'camera/image_raw': Image,
            'joint_states': JointState,
            'command': JointState,
        }
        topics = {name: robot.node.create_publisher(kind, name, 10)
                  for name, kind in driver.items()}  # fmt: skip
        robot.start('agent', contract=FOLDER / 'pusher.yaml', bundle=learned)
        robot.listen()
        frame = itertools.count()
        next_s = [0.0]

        def drive() -> bool:
            """Say what the robot sees and does, 20 times a second; whether ticks know it."""
            if time.monotonic() >= next_s[0]:
                next_s[0] = time.monotonic() + 0.045
                k, now_ns = next(frame), time.time_ns()
                speed = (foreign.position(k) - foreign.position(k - 1)) / 0.05
                joints = foreign.joint_state(now_ns, foreign.JOINTS, foreign.position(k), speed)
                topics['joint_states'].publish(joints)
                topics['camera/image_raw'].publish(foreign.image(now_ns, foreign.picture(k)))
                said = foreign.joint_state(now_ns, foreign.JOINTS, foreign.command(k))
                topics['command'].publish(said)
            known = [t for t in robot.ticks if t.valid and np.isfinite(t.surprise)]
            return sum(t.source == 'foreign' for t in known) >= 20

        robot.until(drive, 'ticks that follow the controller', 60.0)
        assert not robot.acting and not robot.sent
        assert {t.release for t in robot.ticks} == {0}


def windows(rewards: float, size: int = 4, length: int = 10):
    """A batch of the pusher in which a belief says nothing: the policy learns one action."""
    torch.manual_seed(0)
    return {
        'obs_camera': torch.zeros(size, length, 32, 32, 3, dtype=torch.uint8),
        'obs_joints': torch.zeros(size, length, 4),
        'ages': torch.zeros(size, length, 2),
        'action_sent': torch.full((size, length, 2), 0.4),
        'reward': torch.full((size, length), rewards),
        'is_first': torch.zeros(size, length, dtype=torch.bool),
        'terminal': torch.zeros(size, length, dtype=torch.bool),
    }


def test_only_what_has_no_reward_is_imitated():
    torch.manual_seed(0)
    learner = Learner(Dreamer(PUSHER, recorded.SMALL), RECIPE)
    assert 'loss/policy_imitation' in learner.update(windows(float('nan')))
    assert 'loss/policy_imitation' not in learner.update(windows(0.0))
    part = windows(float('nan'))
    part['reward'][1, 3] = 1.0  # a success somewhere: returns say what is good
    assert 'loss/policy' in learner.update(part)


def test_what_another_piece_did_is_not_imitated():
    model = Dreamer(PUSHER, recorded.SMALL)
    batch = windows(float('nan'))
    beliefs = torch.randn(4, 10, model.belief_dim)
    batch['action_sent'][:, 8:] = -0.9  # done in another piece of life
    batch['is_first'][:, 8] = True
    within = demonstration_loss(model, batch, beliefs)
    batch['action_sent'][:, 8:] = 0.9
    assert torch.equal(within, demonstration_loss(model, batch, beliefs))
    assert torch.isfinite(within)
    batch['is_first'][:] = True
    assert demonstration_loss(model, batch, beliefs) == 0.0
