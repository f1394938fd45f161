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
from collections.abc import Callable
from dataclasses import asdict, replace
from itertools import pairwise
from pathlib import Path

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('onnxruntime')
pytest.importorskip('torch')

import recorded
import robot_processes
from lifecycle_msgs.msg import Transition
from std_msgs.msg import String

from world_model_ros.bundle import check_bundle
from world_model_ros.contract import interface_hash, load_contract
from world_model_ros.deploy.launching import declared, judged, settings_from
from world_model_ros.deploy.nodes_table import ROBOT, UPDATER
from world_model_ros.experience import check_episode, list_episodes
from world_model_ros.nodes import _common
from world_model_ros.releases import fetch_release, releases
from world_model_ros.store import Store, complete_episodes, open_store

pytestmark = [pytest.mark.ros, pytest.mark.alone]
ROOT = Path(__file__).resolve().parents[2]
TUTORIAL = (ROOT / 'docs' / 'tutorials' / 'your_own_robot.md').read_text()
ENTRIES = (*ROBOT, UPDATER)
ACTIVATE = Transition.TRANSITION_ACTIVATE
BETTER = 0.8  # of the error of copying the last value, five ticks ahead
# Of the tutorial's file, for a test on a busy machine: short segments, few and small pictures.
CHANGED = {
    'command_timeout: 0.2': 'command_timeout: 0.5',
    'segment_ticks: 600': 'segment_ticks: 40',
    'rate: 30.0 ': 'rate: 5.0 ',
    'max_age: 0.1 ': 'max_age: 0.5 ',
    'max_age: 0.06': 'max_age: 0.15',
    'shape: [64, 64, 3]': 'shape: [32, 32, 3]',
}
# The driver allows more than the robot file does, as most do: a busy machine delivers in bursts.
OF_THE_DRIVER = {
    'rate_limit: [0.5, 0.5]': 'rate_limit: [20.0, 20.0]',
    '  acceleration_limit: [2.0, 2.0]    # rad/s²\n': '',
}
SETTINGS = {
    'blocked': True, 'nominal_ticks': 0, 'start_ticks': 800, 'held_out': 0.2,
    'replay_ratio': 1e6, 'publish_every_s': 1e9, 'publish_updates': 250, 'least_updates': 250,
    'poll_s': 0.5, 'status_every_s': 1.0,
    # A first release must predict far better than copying does, or it learns on. What so small a
    # model thinks of values is never judged.
    'gate': {'copying': 0.6, 'part': 1e3, 'calibration': 1e3},
}  # fmt: skip
SIZES = replace(recorded.SMALL, deter=64, hidden=96, head=64)
RECIPE = replace(
    recorded.QUICK,
    batch=16,
    length=12,
    starts=4,
    horizon=1,
    average=0.03,
    free_nats=0.3,
    model_lr=1e-2,
    picture_scale=0.01,
    decode_share=0.05,
)
OWN = {'plan', 'policy'}  # sources of what a release decides
PATIENCE_SEC = 240.0  # of each step, on a busy machine


def block(language: str) -> str:
    """The tutorial's first block of code in a language."""
    return re.search(rf'^```{language}\n(.*?)^```', TUTORIAL, re.MULTILINE | re.DOTALL)[1]


def changed(text: str, words: dict[str, str]) -> str:
    """The text with each of these words, which stands there once, replaced."""
    for each, instead in words.items():
        assert text.count(each) == 1, each
        text = text.replace(each, instead)
    return text


def launch_words(page: str, line: int = 0) -> dict[str, str]:
    """Arguments of a page's lines with robot.launch.py, the first or a later one."""
    lines = re.findall(r'ros2 launch world_model_ros robot\.launch\.py ((?:.*\\\n)*.*)', page)
    return dict(word.split(':=') for word in shlex.split(lines[line].replace('\\\n', ' ')))


def world_model(folder: Path, *words: str) -> str:
    """Run the command line as its user does."""
    line = [sys.executable, '-m', 'world_model_ros.cli.main', *words]
    done = subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


class Trainer:
    """The trainer as a process of low priority, with a model of a size for tests."""

    def __init__(self, folder: Path, store: Store, contract: Path) -> None:
        settings = {'contract': str(contract), 'recipe': asdict(RECIPE), 'sizes': asdict(SIZES)}
        service = ROOT / 'test' / 'training' / 'small_service.py'
        line = ['nice', '-n', '10', sys.executable, str(service), store.url]
        self.log = folder / 'trainer.log'
        with self.log.open('w') as log:
            self.process = subprocess.Popen(
                [*line, str(folder / 'trainer'), '', json.dumps(settings | SETTINGS)],
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

    def end(self) -> None:
        """Ask it to leave; neither ROS nor a simulator was in it."""
        self.process.terminate()
        assert self.process.wait(PATIENCE_SEC) == 0
        ended = json.loads(self.log.read_text().splitlines()[-1])
        assert ended == {'event': 'end', 'loaded': []}


class Lab(robot_processes.Robot):
    """The robot with all that robot.launch.py starts with these words, in the folder's own."""

    def __init__(self, domain: int, folder: Path, words: dict[str, str]) -> None:
        super().__init__(domain, folder / 'logs')
        self.folder.mkdir()
        self.cwd, self.driver = folder, {}
        texts = {row['name']: row.get('default_value', '') for row in declared(ENTRIES)} | words
        settings = judged(settings_from(ENTRIES, texts, frozenset(words)))
        self.start('unfriendly_arm', contract='driver.yaml', camera_rate=5.0, joint_rate=50.0)
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
        """Listen until this release or a later one runs in shadow; nothing is commanded."""
        self.until(lambda: self.driver, 'the driver')
        commands = self.driver['commands']
        self.until(
            lambda: len(self.ticks) > 5 and self.ticks[-5].release >= release,
            f'release {release} in shadow',
        )
        assert self.node.count_publishers('command') == 0
        assert self.driver['commands'] == commands

    def acts_on(self) -> bool:
        """Activate again where a machine that stood still for seconds has ended that."""
        if self.status('/agent')[1].startswith('shadow'):
            self.change_state(ACTIVATE)
        return True

    def until_acts_on(self, release: int, works: Callable[[], bool]) -> int:
        """Listen until what this release or a later one decides is what the driver gets."""

        def acts() -> bool:
            assert works() and self.acts_on()
            newest = [t.release >= release and t.source in OWN for t in self.ticks[-20:]]
            # A busy machine may lose some of them; the driver got those that it says.
            return sum(newest) > 15 and newest[-1] and self.sent[-1][1] in ('chunk', 'chunk_rest')

        self.until(acts, f'release {release}', PATIENCE_SEC)
        taken, release = self.driver['taken'], self.ticks[-1].release
        self.until(lambda: self.driver['taken'] > taken + 20, 'commands at the driver')
        return release


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
    # The first line moves less than the second; all else is the same, and in the README.
    gently, words = launch_words(TUTORIAL), launch_words(TUTORIAL, 1)
    assert (
        gently == launch_words((ROOT / 'README.md').read_text()) and gently.items() < words.items()
    )
    words['store'] = 'store'
    store = open_store(tmp_path / 'store', create=True)

    # 5 begins before there is anything to learn from.
    with Trainer(tmp_path, store, path) as trainer, Lab(domain, tmp_path, words) as robot:
        # 3 and 4: in shadow it records and commands nothing; then it explores until it is known.
        robot.until_in_shadow(0)
        robot.until_recorder_hears_the_agent()
        robot.activate()
        robot.until(
            lambda: trainer.works() and robot.acts_on() and releases(store, interface),
            'a release',
            PATIENCE_SEC,
        )
        explored = {tick.source for tick in robot.ticks if not tick.release}
        assert explored <= {'none', 'explore', 'safe'} and robot.driver['taken'] > 0
        # What was learned runs in shadow, and acts; what is learned after it acts after it.
        assert robot.change_state(Transition.TRANSITION_DEACTIVATE)
        robot.until_in_shadow(1)
        robot.activate()
        acted = robot.until_acts_on(1, trainer.works)
        last = robot.until_acts_on(acted + 1, trainer.works)
        trainer.end()
        assert robot.change_state(Transition.TRANSITION_DEACTIVATE)
        assert robot.end('agent') == 0 and robot.end('recorder') == 0
        assert robot.driver['fault_count'] == 0, robot.driver
        numbers = [tick.release for tick in robot.ticks]
        assert numbers == sorted(numbers)

    recordings = {folder.name for folder in list_episodes('episodes')}
    stored = {ref.uuid for ref in complete_episodes(store, interface)}
    first, *later = releases(store, interface)[:last]
    assert set(first.episodes) < set(later[-1].episodes) <= recordings & stored
    # The first predicts better than copying does; the gate compared each with the one before.
    assert first.gate['against'] == 'copy-last'
    assert first.gate['joints_5'] <= BETTER * first.gate['last_joints_5']
    for before, release in pairwise([first, *later]):
        assert release.gate['against'] == before.bundle_sha[:12]
        assert release.gate['ratio_5'] <= 1.1
    bundle = fetch_release(store, later[-1], tmp_path / 'bundle')
    assert check_bundle(bundle, contract) == []
    acting = [folder for folder in list_episodes('episodes') if folder.name in robot.acting]
    found = [problem for folder in acting for problem in check_episode(folder, rebuilt=True)]
    # A busy machine may lose pictures on the way; they are counted and named.
    assert acting and [problem for problem in found if 'lost on the way' not in problem] == []
