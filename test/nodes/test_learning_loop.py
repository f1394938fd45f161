# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The whole learning loop, small and real: processes with a folder between them, from no weights.

A robot without a model explores, its episodes go to the store, a trainer that can import neither
ROS nor a simulator learns from them, and its releases act on the robot while it lives.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import psutil
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('onnxruntime')
pytest.importorskip('mujoco')
pytest.importorskip('torch')

import recorded
from swap_robot import SwapRobot

from world_model_ros.contract import find_robot, interface_hash, load_contract
from world_model_ros.releases import fetch_release, latest_release, read_release, releases
from world_model_ros.store import complete_episodes, open_store

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group('patient')]
TICKS = 25
LEARNS_WITHIN_SEC = 240.0  # the first export alone takes 10 s of processor time
SETTINGS = {
    'blocked': True,
    'nominal_ticks': 0,
    'start_ticks': 2 * TICKS,
    'held_out': 0.4,
    'publish_updates': 20,
    'least_updates': 20,
    'poll_s': 0.2,
    'status_every_s': 0.2,
}


def cartpole(folder: Path) -> Path:
    """The cartpole with small pictures and short episodes."""
    text = find_robot('cartpole').read_text()
    shipped = 'episode: {reset: service, max_ticks: 250}'
    assert shipped in text and '[64, 64, 3]' in text
    path = folder / 'cartpole.yaml'
    short = text.replace(shipped, f'episode: {{reset: service, max_ticks: {TICKS}}}')
    path.write_text(short.replace('[64, 64, 3]', '[32, 32, 3]'))
    return path


def start_trainer(url: str, folder: Path, contract: Path) -> subprocess.Popen:
    settings = {'contract': str(contract), 'recipe': asdict(recorded.QUICK), **SETTINGS}
    settings['sizes'] = asdict(recorded.SMALL)
    service = Path(__file__).parents[1] / 'training' / 'small_service.py'
    with (folder / 'trainer.log').open('w') as log:
        return subprocess.Popen(
            [sys.executable, str(service), url, str(folder / 'out'), '', json.dumps(settings)],
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def test_a_robot_without_weights_explores_is_learned_from_and_acts_on_what_was_learned(
    tmp_path, domain
):
    path = cartpole(tmp_path)
    contract = load_contract(path)
    store = open_store(tmp_path / 'store', create=True)
    started_ns = time.time_ns()
    trainer = start_trainer(store.url, tmp_path, path)
    try:
        with SwapRobot(domain, tmp_path, path, contract) as robot:
            robot.start(
                'recorder',
                contract=path,
                robot_id='r',
                use_sim_time=True,
                directory=tmp_path / 'episodes',
                store=store.url,
            )
            robot.start(
                'updater',
                contract=path,
                robot_id='r',
                use_sim_time=True,
                slots=tmp_path / 'slots',
                store=store.url,
                poll_period=0.5,
            )
            robot.go(explore=True, evaluate_every=2, plan=False, slots=tmp_path / 'slots')
            own = {process.pid for process in robot.processes.values()}
            assert len(own | {trainer.pid}) == 6
            assert not {psutil.Process(pid).ppid() for pid in own} & {trainer.pid}
            robot.until(
                lambda: trainer.poll() is not None or robot.acted()[-1].release >= 2,
                'two releases',
                LEARNS_WITHIN_SEC,
            )
            assert trainer.poll() is None, (tmp_path / 'trainer.log').read_text()[-2000:]
            trainer.terminate()
            assert trainer.wait(30.0) == 0
            # One more may have been published meanwhile, and takes over from the one that acted.
            last = latest_release(store, interface_hash(contract)).number
            robot.until_acts(last)
            tick, observation = robot.first_tick(last)
            ticks = robot.acted()
    finally:
        trainer.kill()
        trainer.wait()

    # Before the first release it explored; then releases acted, later ones later.
    acted = [t.release for t in ticks]
    assert acted == sorted(acted) and {0, 1} <= set(acted)
    assert {t.source for t in ticks if not t.release} <= {'explore', 'safe'}
    assert any(t.eval and not t.explore for t in ticks if t.release)
    # Neither ROS nor the simulator was in the trainer; it learned from what this robot recorded.
    ended = json.loads((tmp_path / 'trainer.log').read_text().splitlines()[-1])
    assert ended == {'event': 'end', 'loaded': []}
    stored = {ref.uuid for ref in complete_episodes(store, interface_hash(contract))}
    # No release was prepared: each names episodes, and only such as lie in the recorder's folder,
    # which was empty at the start.
    lived = {path.name for path in (tmp_path / 'episodes').iterdir()}
    published = releases(store, interface_hash(contract))
    assert [release.number for release in published][:last] == list(range(1, last + 1))
    for release in published:
        assert release.episodes and set(release.episodes) <= stored & lived
        assert release.published_ns > started_ns
    # What acts are the weights that were published, and they act differently from those before.
    bundles = [
        fetch_release(
            store, read_release(store, interface_hash(contract), number), tmp_path / str(number)
        )
        for number in (last - 1, last)
    ]
    before, now = (robot.action(bundle, tick, observation) for bundle in bundles)
    np.testing.assert_allclose(tick.asked, now, atol=1e-5)
    assert np.abs(before - now).max() > 1e-6
