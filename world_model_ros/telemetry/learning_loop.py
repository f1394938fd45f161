# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The learning half of `demo`: a trainer beside the robot, and what store and agent say of it.

Owns the folders, the trainer's command line and the figures on releases; starts no process and
draws nothing.
Imports neither rclpy nor torch.
"""

from __future__ import annotations

import importlib.util
import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from world_model_ros.contract import Contract, interface_hash
from world_model_ros.releases import Release, releases
from world_model_ros.store import open_store

if TYPE_CHECKING:
    from world_model_ros.telemetry.robot_view import RobotView

EPISODES = Path('episodes')
POLL_SEC = 2.0
LAST_POLL_SEC = 2.0  # a store that is gone holds up neither the robot's stop nor the figures
TRAINER_NEEDS = ('torch', 'onnx', 'onnxscript', 'safetensors')

# Exploring episodes are as short as in training in simulation: a target, or a fall, is learned
# from the first seconds, and more of them are met.
EXPLORE_TICKS = 125
EVALUATE_EVERY = 8  # episodes: seven explore, the eighth is whole and a figure
# Nobody stands near a simulated robot: wilder than what a real one is given by default.
EXPLORE_STD, EXPLORE_AMPLITUDE = 0.7, 0.8


def missing_for_training() -> list[str]:
    """Modules of the extra `train` that are not installed."""
    return [name for name in TRAINER_NEEDS if importlib.util.find_spec(name) is None]


@dataclass
class LearningLoop:
    """What is known of store and trainer; asked every POLL_SEC once start() was called."""

    store: str
    contract_file: Path
    contract: Contract
    robot_id: str
    out: Path  # the trainer's folder
    start_from: Path | None  # learner.safetensors; None: from no weights at all
    releases: list[Release] = field(default_factory=list)
    trainer: dict[str, Any] = field(default_factory=dict)  # its status document
    updater: dict[str, Any] = field(default_factory=dict)  # the robot's status document
    error: str = ''
    resumed: bool = False  # what an earlier run learned was there at the start

    def found(self) -> str:
        """What an earlier run left and this one goes on with; '' where there is nothing."""
        self.poll()
        trained = self.out.is_dir() and any(self.out.iterdir())
        self.resumed = trained or bool(self.releases)
        if not self.resumed:
            return ''
        return (
            f'going on with what an earlier run learned: {len(self.releases)} releases in '
            f'{self.store}' + (f', the trainer in {self.out}' if trained else '') + '. To begin '
            'again, delete these or give another --directory'
        )

    def trainer_line(self) -> list[str]:
        """Module and arguments of the trainer's process."""
        line = ['world_model_ros.cli.main', 'train', self.store]
        line += [
            '--contract',
            str(self.contract_file),
            '--out',
            str(self.out),
            '--threads',
            '1',
            '--idle',
        ]
        return line + (['--from', str(self.start_from)] if self.start_from else ['--from-scratch'])

    def start(self) -> None:
        """Ask in a thread: a store that hangs must not keep the robot from being stopped."""
        threading.Thread(target=self._follow, name='store', daemon=True).start()

    def _follow(self) -> None:
        while True:
            self.poll()
            time.sleep(POLL_SEC)

    def poll(self) -> None:
        """Read the store's news; a store that is away is said in `error`."""
        try:
            store = open_store(self.store)
            self.releases = releases(store, interface_hash(self.contract))
            trainer = store.layout.trainer_key(interface_hash(self.contract))
            if store.exists(trainer):
                self.trainer = json.loads(store.get(trainer))
            updater = store.layout.status_key(self.robot_id, 'updater')
            if store.exists(updater):
                self.updater = json.loads(store.get(updater))
            self.error = ''
        except Exception as error:  # noqa: BLE001 - whatever lies there, this thread goes on asking
            self.error = str(error)

    def figures(self, view: RobotView) -> list[dict[str, Any]]:
        """One row per release: when it was published, ready and acting (Unix seconds)."""
        last = threading.Thread(target=self.poll, daemon=True)
        last.start()
        last.join(LAST_POLL_SEC)
        return [
            {
                'number': release.number,
                'weights_sha': release.bundle_sha,
                'published': release.published_ns / 1e9,
                'ready': view.ready_s.get(release.bundle_sha),
                'acting': view.acting_s.get(release.bundle_sha),
                'episodes': list(release.episodes),
                'episode_count': release.episode_count,
                'updates': release.updates,
            }
            for release in self.releases
        ]


def folders(robot: str, given: Path | None, *, from_scratch: bool) -> tuple[Path, Path]:
    """Where episodes are recorded, and where store, trainer and slots of the learning lie.

    Each robot, and each beginning (its bundle or nothing), has folders of its own: episodes and
    weights of one mean nothing to another. A folder that is given is taken as it is.
    """
    name = f'{robot}_from_scratch' if from_scratch else robot
    root = given or EPISODES
    learning = root.absolute().with_name(f'{root.absolute().name}_learning')
    return given or root / name, learning / name


def prepare(
    contract: Contract, contract_file: Path, learner: Path | None, store: str, folder: Path
) -> LearningLoop:
    """What learns beside the robot, from the weights in `learner` on; None: from none.

    Makes the store where it is not there yet. `folder` is for what the trainer keeps, and for a
    store unless one is named.
    """
    url = open_store(store or folder / 'store', create=True).url
    folder.mkdir(parents=True, exist_ok=True)  # the updater makes its slots, not what is above
    out = folder / 'trainer'
    return LearningLoop(url, contract_file.resolve(), contract, robot_id(contract), out, learner)


def learner_beside(model: Path) -> Path:
    """The learner file beside a bundle.

    Raises:
        FileNotFoundError: there is none.
    """
    learner = model.with_name(f'{model.name}.learner.safetensors')
    if not learner.is_file():
        raise FileNotFoundError(
            f'{model} has no {learner.name} beside it to go on learning from: give another '
            '--bundle, --from-scratch or --no-learn'
        )
    return learner


def robot_id(contract: Contract) -> str:
    """Name of the demo's robot in all records."""
    return f'{contract.name}_demo'
