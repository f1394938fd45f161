# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Episodes of a simulated robot through the real writer; sizes of the smallest trainer."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import counter
import numpy as np

from world_model_ros.contract import Contract, interface_hash, load_contract, parse_contract
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.experience import EpisodeInfo, EpisodeWriter
from world_model_ros.families.dreamer.algorithm import LearnerConfig
from world_model_ros.families.dreamer.net import DreamerConfig
from world_model_ros.onboard.tick.tick_record import TickRecord
from world_model_ros.store import Store, upload_episode
from world_model_ros.training.data.sides import KEY_FILE

SMALL = DreamerConfig(
    deter=32, groups=4, classes=4, hidden=32, head=32, widths=(4, 4, 8), embed=16
)
QUICK = LearnerConfig(
    batch=4, length=8, starts=8, horizon=3, warmup_updates=10, model_lr=3e-3, bf16=False
)
# With this secret the first nine are learned from and the last one is held out, and of episodes
# that are all learned from the fifth is held out.
SECRET = (86).to_bytes(32, 'big')
TRAINED = [f'{k:08x}-0000-4000-8000-00000000000a' for k in range(9)]
HELD_OUT = '00000009-0000-4000-8000-00000000000a'


def keep_secret(out: Path) -> None:
    """Give a trainer's folder the secret of these tests, unless it has one."""
    out.mkdir(parents=True, exist_ok=True)
    if not (out / KEY_FILE).exists():
        (out / KEY_FILE).write_text(SECRET.hex())


def robot() -> Contract:
    """The cartpole with small pictures."""
    text = load_contract('cartpole').text.replace('[64, 64, 3]', '[32, 32, 3]')
    return parse_contract(text)


def swing(tick: int) -> np.ndarray:
    """An action about the pole's own rhythm."""
    return np.array([10.0 * math.sin(tick * 0.22)])


def record(
    root: Path,
    uuid: str,
    ticks: int = 60,
    seed: int = 0,
    contract: Contract | None = None,
    act: Callable[[int], np.ndarray] = swing,
) -> Path:
    """Live an episode in the simulator and write it as the recorder does."""
    from world_model_ros.robots import make_env

    contract = contract or robot()
    roles = [*(f'stream.{stream.name}' for stream in contract.streams), 'tick']
    topics = {role: counter.TOPICS[role] for role in roles}
    info = EpisodeInfo(
        uuid,
        robot_id='r1',
        contract_text=contract.text,
        interface_hash=interface_hash(contract),
        topics={role: topic.name for role, topic in topics.items()},
    )
    writer = EpisodeWriter(root, info, min_free_bytes=0)
    env = make_env(contract, seed=seed)
    step = env.reset(seed)
    names = tuple(contract.action.names)
    for tick in range(ticks):
        action = act(tick)
        record = TickRecord(
            uuid,
            step.t_ns,
            tick,
            first=step.is_first,
            last=tick == ticks - 1,
            truncated=tick == ticks - 1,
            valid=step.observation.valid,
            source='explore',
            reward=math.nan if step.is_first else step.reward,
            obs_crc=step.observation.crc,
            joints=names,
            asked=action,
            sent=step.action_sent,
            streams=step.observation.samples,
        )
        messages = {
            **{
                f'stream.{stream.name}': stream_kind(stream.kind).simulated(
                    stream, env.robot, step.t_ns
                )
                for stream in contract.streams
            },
            'tick': counter.joint_state(
                step.t_ns, record.names(), record.to_doubles(), record.frame_id
            ),
        }
        for role, cdr in messages.items():
            writer.write(topics[role], cdr, step.t_ns)
        if tick < ticks - 1:
            step = env.step(action)
    env.close()
    writer.close()
    assert writer.join(60) and writer.sealed, writer.error
    return writer.path


def upload(store: Store, folder: Path, contract: Contract | None = None) -> None:
    """Put a recorded episode into a store."""
    assert upload_episode(store, folder, 'r1', interface_hash(contract or robot()))
