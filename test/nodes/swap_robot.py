# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What the tests of swaps share: a robot of short episodes, hand-overs, observations kept."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import robot_processes
from rcl_interfaces.msg import Parameter, ParameterValue
from rcl_interfaces.srv import SetParametersAtomically
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import String

from world_model_ros.bundle import load_bundle, write_manifest
from world_model_ros.bundle.manifest import read_manifest
from world_model_ros.contract import Contract, find_robot, load_contract
from world_model_ros.nodes import _common
from world_model_ros.onboard.policy.brain import Brain
from world_model_ros.onboard.tick.assembly import Assembler
from world_model_ros.onboard.tick.observation import Observation
from world_model_ros.onboard.tick.tick_record import TickRecord
from world_model_ros.wire.cdr import checksum, header_stamp_ns

EPISODES = '{reset: service, max_ticks: 12}'
SEGMENTS = '{reset: none, segment_ticks: 12}'
RECENT_TICKS = 100
FIRST_TICK_SEC = 60.0


def reacher(folder: Path, rules: str = EPISODES) -> tuple[Path, Contract]:
    """The reacher with these episode rules: the file and what it says."""
    text = find_robot('reacher').read_text()
    shipped = 'episode: {reset: service, max_ticks: 500}'
    assert shipped in text
    path = folder / 'reacher.yaml'
    path.write_text(text.replace(shipped, f'episode: {rules}'))
    return path, load_contract(path)


def with_nan(bundle: Path, contract: Contract) -> Path:
    """Spoil the policy's weights and sign the bundle again: a file check finds nothing."""
    weights = np.frombuffer((bundle / 'weights.bin').read_bytes(), np.float32).copy()
    weights[-1] = np.nan
    (bundle / 'weights.bin').write_bytes(weights.tobytes())
    manifest = read_manifest(bundle)[0]
    names = ('name', 'belief_dim', 'planner', 'return_scale', 'provenance')
    write_manifest(bundle, contract, **{name: manifest[name] for name in names})
    return bundle


class SwapRobot(robot_processes.Robot):
    """Simulated robot, guard and agent, with ears for ~/release and for what the agent sees."""

    def __init__(self, domain: int, folder: Path, path: Path, contract: Contract) -> None:
        super().__init__(domain, folder)
        self.path, self.contract = path, contract
        self.releases: list[dict] = []
        self._seen: dict[tuple[str, int, int], bytes] = {}
        self.node.create_subscription(
            String,
            'agent/release',
            lambda message: self.releases.append(json.loads(message.data)),
            _common.LATCHED_QOS,
        )
        for stream in contract.streams:
            self.node.create_subscription(
                Image if stream.kind == 'image' else JointState,
                stream.topic,
                lambda cdr, name=stream.name: self._keep(name, cdr),
                _common.SENSOR_QOS,
                raw=True,
            )

    def _keep(self, name: str, cdr: bytes) -> None:
        self._seen[name, header_stamp_ns(cdr), checksum(cdr)] = cdr

    def go(self, **agent) -> None:
        """Start everything; the agent acts."""
        self.start('sim_robot', contract=self.path)
        self.start('guard', contract=self.path, use_sim_time=True)
        self.start('agent', contract=self.path, use_sim_time=True, robot_id='r',
                   allow_other_bundles=True, **agent)  # fmt: skip
        self.listen()
        self.activate()
        self.until(lambda: self.acted(), 'acting')

    def acted(self) -> list[TickRecord]:
        """Ticks of episodes that were more than shadow."""
        acting = self.acting
        return [tick for tick in self.ticks if tick.episode in acting]

    def hand(self, bundle: Path, release: int):
        """Hand a bundle over as the updater does; the agent's answer."""
        values = (
            Parameter(name='bundle', value=ParameterValue(type=4, string_value=str(bundle))),
            Parameter(name='release', value=ParameterValue(type=2, integer_value=release)),
        )
        request = SetParametersAtomically.Request(parameters=list(values))
        answer = self.call('agent/set_parameters_atomically', SetParametersAtomically, request)
        return answer.result

    def until_told(self, what: str, done) -> dict:
        """Listen until the newest ~/release is as wanted."""
        return self.until(
            lambda: self.releases[-1] if self.releases and done(self.releases[-1]) else None, what
        )

    def until_acts(self, release: int) -> None:
        """Listen until a release acts, in ticks and in words."""
        self.until_told(
            f'release {release}', lambda told: (told['acting'] or {}).get('release') == release
        )
        self.until(lambda: self.acted()[-1].release == release, f'ticks of release {release}')

    def observation(self, tick: TickRecord) -> Observation:
        """What the agent saw at a tick, from the messages kept here."""
        return Assembler(self.contract).assemble_exact(
            tick.t_ns,
            {name: sample.messages for name, sample in tick.streams.items()},
            lambda *key: self._seen.get(key),
        )

    def first_tick(self, release: int) -> tuple[TickRecord, Observation]:
        """The first tick of an acting episode that was heard whole, and its observation."""

        def found():
            # Asked after every message: whoever goes through all ticks each time falls behind,
            # and the pictures that are waited for are dropped on the way.
            for tick in self.ticks[-RECENT_TICKS:]:
                plain = tick.source == 'policy' and not tick.explore
                wanted = tick.first and tick.release == release and plain
                if wanted and tick.episode in self.acting:
                    observation = self.observation(tick)
                    if observation.valid and observation.crc == tick.obs_crc:
                        return tick, observation
            return None

        # Whole episodes pass between two of them, and pictures are lost on a busy machine.
        return self.until(
            found, f'a first tick of release {release} with all its messages', FIRST_TICK_SEC
        )

    def action(self, bundle: Path, tick: TickRecord, observation: Observation) -> np.ndarray:
        """What a bundle's policy does at the first tick of an episode."""
        brain = Brain(self.contract, load_bundle(bundle, self.contract), plan=False)
        sent = tick.sent.astype(np.float32)
        pending = np.zeros((self.contract.offset_ticks, self.contract.action_dim), np.float32)
        return brain.step(observation, sent, pending, True, tick.tick).chunk[0]
