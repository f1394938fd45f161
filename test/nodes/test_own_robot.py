# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The tutorial of an own robot, from an empty folder, on an arm that no file of ours knows.

Robot file, reward node and launch line come from the page itself. Real processes in real time: the
robot explores, a trainer without ROS and without a simulator learns from what it recorded, and its
releases act on the robot, one after the other.
"""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('onnxruntime')
pytest.importorskip('torch')

import recorded
import robot_processes
from std_msgs.msg import String

from world_model_ros.bundle import check_bundle
from world_model_ros.contract import interface_hash, load_contract
from world_model_ros.deploy.launching import declared, judged, settings_from
from world_model_ros.deploy.nodes_table import ROBOT, UPDATER
from world_model_ros.experience import check_episode, list_episodes
from world_model_ros.nodes import _common
from world_model_ros.releases import fetch_release, releases
from world_model_ros.store import Store, complete_episodes, open_store

pytestmark = pytest.mark.ros
ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = (ROOT / 'docs' / 'tutorials' / 'your_own_robot.md').read_text()
ENTRIES = (*ROBOT, UPDATER)
BETTER = 0.8  # of the error of copying the last value, five ticks ahead
# Of the tutorial's file, for a test on a busy machine: short segments, few small pictures, and
# velocities, which move more in half a minute than positions around a start do.
CHANGED = {
    'command_timeout: 0.2': 'command_timeout: 0.5',
    'segment_ticks: 600': 'segment_ticks: 40',
    'rate: 30.0 ': 'rate: 10.0 ',
    'max_age: 0.1 ': 'max_age: 0.3 ',
    'max_age: 0.06': 'max_age: 0.15',
    'kind: position ': 'kind: velocity ',
    'low: [-1.0, -0.5]': 'low: [-1.0, -1.0]',
    'high: [1.0, 1.5]': 'high: [1.0, 1.0]',
    'rate_limit: [0.5, 0.5]': 'rate_limit: [10.0, 10.0]',
    '  acceleration_limit: [2.0, 2.0]    # rad/s²\n': '',
    'safe: hold ': 'safe: zero ',
    'shape: [64, 64, 3]': 'shape: [32, 32, 3]',
}
# The driver allows more than the robot file does, as most do: a busy machine delivers in bursts.
OF_THE_DRIVER = {
    'rate_limit: [10.0, 10.0]': 'rate_limit: [50.0, 50.0]',
}
SEGMENTS = 11  # explored before anything is learned
FIRST, AGAIN = 200, 60  # updates to a candidate
SETTINGS = {
    'blocked': True, 'strict': True, 'nominal_ticks': 0, 'start_ticks': 120, 'held_out': 0.2,
    'replay_ratio': 1e6, 'publish_every_s': 1e9, 'poll_s': 0.5, 'status_every_s': 1.0,
}  # fmt: skip
SIZES = replace(recorded.SMALL, deter=128, hidden=128, head=128)
RECIPE = replace(
    recorded.QUICK,
    batch=24,
    length=8,
    starts=4,
    horizon=1,
    average=0.1,
    model_lr=1e-2,
    picture_scale=0.05,
)
OWN = {'plan', 'policy'}  # sources of what a release decides
PATIENCE_SEC = 180.0  # of each step, on a busy machine


def block(language: str) -> str:
    """The tutorial's first block of code in a language."""
    return re.search(rf'^```{language}\n(.*?)^```', TUTORIAL, re.MULTILINE | re.DOTALL)[1]


def changed(text: str, words: dict[str, str]) -> str:
    """The text with each of these words, which stands there once, replaced."""
    for each, instead in words.items():
        assert text.count(each) == 1, each
        text = text.replace(each, instead)
    return text


def launch_words(page: str) -> dict[str, str]:
    """Arguments of the page's first line with robot.launch.py."""
    line = re.search(r'ros2 launch world_model_ros robot\.launch\.py ((?:.*\\\n)*.*)', page)[1]
    return dict(word.split(':=') for word in shlex.split(line.replace('\\\n', ' ')))


def world_model(folder: Path, *words: str) -> str:
    """Run the command line as its user does."""
    line = [sys.executable, '-m', 'world_model_ros.cli.main', *words]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Trainer:
    """The trainer as a process of low priority, with a model of a size for tests."""

    def __init__(self, folder: Path, store: Store, contract: Path, updates: int) -> None:
        settings = {'contract': str(contract), 'recipe': asdict(RECIPE), 'sizes': asdict(SIZES)}
        settings |= {**SETTINGS, 'publish_updates': updates, 'least_updates': updates}
        service = ROOT / 'test' / 'training' / 'small_service.py'
        line = ['nice', '-n', '10', sys.executable, str(service), store.url]
        self.store, self.log = store, folder / f'trainer_{updates}.log'
        with self.log.open('w') as log:
            self.process = subprocess.Popen(
                [*line, str(folder / 'trainer'), '', json.dumps(settings)],
                stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip

    def __enter__(self) -> Trainer:
        return self

    def __exit__(self, *_error) -> None:
        self.process.kill()
        self.process.wait()

    def works(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()[-3000:]
        return True

    def until_published(self, interface: str) -> None:
        """Wait for its first release."""
        give_up_s = time.monotonic() + PATIENCE_SEC
        while not releases(self.store, interface):
            assert self.works() and time.monotonic() < give_up_s, self.log.read_text()[-3000:]
            time.sleep(0.2)  # polls another process

    def end(self) -> None:
        """Ask it to leave; neither ROS nor a simulator was in it."""
        self.process.terminate()
        assert self.process.wait(PATIENCE_SEC) == 0
        ended = json.loads(self.log.read_text().splitlines()[-1])
        assert ended == {'event': 'end', 'loaded': []}


class Lab(robot_processes.Robot):
    """The robot with all that robot.launch.py starts with these words, in the folder's own."""

    def __init__(self, domain: int, folder: Path, words: dict[str, str]) -> None:
        super().__init__(domain, folder / f'run_{len(list(folder.glob("run_*")))}')
        self.folder.mkdir()
        self.cwd, self.driver = folder, {}
        given = frozenset(words)
        texts = {row['name']: row.get('default_value', '') for row in declared(ENTRIES)} | words
        settings = judged(settings_from(ENTRIES, texts, given))
        self.start('unfriendly_arm', contract='driver.yaml', camera_rate=10.0, joint_rate=50.0)
        for entry in ENTRIES:
            assert settings.starts(entry)
            self.start(entry.executable, **settings.parameters(entry))
        self.run('reward', [sys.executable, 'reward.py', '--ros-args'])
        self.listen()
        self.node.create_subscription(
            String, 'unfriendly_arm/status', lambda m: self.driver.update(json.loads(m.data)),
            _common.RELIABLE_QOS,
        )  # fmt: skip

    def until_in_shadow(self, release: int) -> None:
        """Listen until it runs in shadow, as it begins; it commands nothing."""
        self.until(
            lambda: self.driver and [t.release for t in self.ticks[-5:]] == [release] * 5,
            'ticks in shadow',
        )
        assert self.node.count_publishers('command') == 0 and self.driver['commands'] == 0

    def until_stored(self, segments: int) -> None:
        """Listen until the recorder has brought so many segments to the store."""

        def stored() -> bool:
            return float(self.values.get('/recorder', {}).get('shipped', 0)) >= segments

        self.until(stored, f'{segments} segments in the store', PATIENCE_SEC)

    def until_acts_on(self, release: int, works: Callable[[], bool] = lambda: True) -> None:
        """Listen until the plan or policy of a release is what the driver gets."""

        def acts() -> bool:
            assert works()
            newest = [t.release == release and t.source in OWN for t in self.ticks[-20:]]
            # A busy machine may lose some of them; the driver got those that it says.
            return sum(newest) > 15 and newest[-1] and self.sent[-1][1] in ('chunk', 'chunk_rest')

        self.until(acts, f'release {release}', PATIENCE_SEC)
        taken = self.driver['taken']
        self.until(lambda: self.driver['taken'] > taken + 20, 'commands at the driver')
        assert self.driver['fault_count'] == 0, self.driver

    def end_in_order(self) -> None:
        """Deactivate, and let the recorder seal and store what it has."""
        assert self.change_state(4)
        assert self.end('agent') == 0 and self.end('recorder') == 0


def test_the_tutorial_brings_an_own_robot_from_an_empty_folder_to_its_second_release(
    tmp_path, monkeypatch, domain
):
    monkeypatch.chdir(tmp_path)
    # 1 and 2: the robot file and the reward node.
    path, text = tmp_path / 'my_robot.yaml', changed(block('yaml'), CHANGED)
    path.write_text(text)
    (tmp_path / 'driver.yaml').write_text(changed(text, OF_THE_DRIVER))
    (tmp_path / 'reward.py').write_text(block('python'))
    assert 'my_robot.yaml is valid' in world_model(tmp_path, 'contract', 'check', path.name)
    contract = load_contract(path)
    interface = interface_hash(contract)
    words = launch_words(TUTORIAL)
    assert words == launch_words((ROOT / 'README.md').read_text())
    words |= {'store': 'store', 'explore_amplitude': '0.5'}
    store = open_store(tmp_path / 'store', create=True)

    # 3 and 4: in shadow it records and commands nothing; then it explores.
    with Lab(domain, tmp_path, words) as robot:
        robot.until_in_shadow(0)
        robot.activate()
        robot.until_stored(SEGMENTS)
        robot.end_in_order()
        assert robot.driver['fault_count'] == 0, robot.driver
        assert {tick.source for tick in robot.ticks} <= {'none', 'explore', 'safe'}
        assert robot.acting
    # 5: it learns from what was recorded.
    with Trainer(tmp_path, store, path, FIRST) as trainer:
        trainer.until_published(interface)
        trainer.end()
    # What was learned runs in shadow, and acts; what is learned once more acts after it.
    with Lab(domain, tmp_path, words) as robot:
        robot.until_in_shadow(1)
        robot.activate()
        robot.until_acts_on(1)
        robot.until_stored(4)
        with Trainer(tmp_path, store, path, AGAIN) as trainer:
            robot.until_acts_on(2, trainer.works)
            trainer.end()
        robot.end_in_order()
        numbers = [tick.release for tick in robot.ticks]
        assert numbers == sorted(numbers)

    recordings = {folder.name for folder in list_episodes('episodes')}
    stored = {ref.uuid for ref in complete_episodes(store, interface)}
    first, second, *_ = releases(store, interface)
    assert set(first.episodes) < set(second.episodes) <= recordings & stored
    # The first predicts better than copying does; the gate compared the second with it.
    assert first.gate['against'] == 'copy-last'
    assert first.gate['joints_5'] <= BETTER * first.gate['last_joints_5']
    assert second.gate['against'] == first.bundle_sha[:12] and second.gate['ratio_5'] <= 1.1
    bundle = fetch_release(store, second, tmp_path / 'bundle')
    assert check_bundle(bundle, contract) == []
    acting = [folder for folder in list_episodes('episodes') if folder.name in robot.acting]
    found = [problem for folder in acting for problem in check_episode(folder, rebuilt=True)]
    # A busy machine may lose pictures on the way; they are counted and named.
    assert acting and [problem for problem in found if 'lost on the way' not in problem] == []
