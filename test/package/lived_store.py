# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A store that holds recorded episodes with chosen figures, releases, and what went wrong."""

from __future__ import annotations

import math
import re
from pathlib import Path

import counter
import numpy as np
from stored import make_bundle

from world_model_ros.contract import Contract, interface_hash, parse_contract
from world_model_ros.experience import EpisodeInfo, EpisodeWriter
from world_model_ros.onboard.tick.observation import NO_CHECKSUM, StreamSample
from world_model_ros.onboard.tick.tick_record import TickRecord
from world_model_ros.releases import Release, publish_release
from world_model_ros.store import Store, upload_episode

TICKS = 20
T0_NS = 1_790_000_000_000_000_000  # in 2026
LONG = counter.contract()
ROBOT = parse_contract(re.sub(r'max_ticks: \d+', f'max_ticks: {TICKS - 1}', LONG.text))
INTERFACE = interface_hash(ROBOT)


def uuid(number: int) -> str:
    return f'{number:08x}-0000-4000-8000-00000000000b'


def record(
    root: Path,
    number: int,
    robot_id: str = 'arm_1',
    reward: float = 1.0,
    t0_ns: int | None = None,
    status: str = 'whole',
    late: int = 0,
    skipped: int = 0,
    missing: int = 0,
    age_s: float = 0.01,
    contract: Contract = ROBOT,
    **fields,
) -> Path:
    """Write an episode of TICKS tick records as the recorder does; `fields` are the ticks'."""
    tick_topic = counter.TOPICS['tick']
    info = EpisodeInfo(
        uuid(number),
        robot_id=robot_id,
        contract_text=contract.text,
        interface_hash=interface_hash(contract),
        topics={'tick': tick_topic.name},
    )
    writer = EpisodeWriter(root, info, min_free_bytes=0)
    t0_ns = T0_NS + number * 60 * 10**9 if t0_ns is None else t0_ns
    names = tuple(contract.action.names)
    for tick in range(TICKS):
        t_ns = t0_ns + tick * contract.period_ns
        used = StreamSample(t_ns - round(age_s * 1e9), 7, True, age_s, True, '')
        gone = StreamSample(0, NO_CHECKSUM, False, math.nan, False, '')
        ticked = {
            'first': tick == 0,
            'last': tick == TICKS - 1,
            'valid': tick >= missing,
            'source': 'plan',
            'reward': math.nan if tick == 0 else reward,
            'lateness': 0.002 if tick < late else -0.002,
            'joints': names,
            'asked': np.zeros(len(names)),
            'sent': np.zeros(len(names)),
            'streams': {
                s.name: gone if s.kind == 'image' and tick < missing else used
                for s in contract.streams
            },
            'skipped': skipped if tick == TICKS - 1 else 0,
        } | {name: value[tick] if isinstance(value, list) else value
             for name, value in fields.items()}  # fmt: skip
        number_of = tick + (skipped if tick == TICKS - 1 else 0)
        made = TickRecord(uuid(number), t_ns, number_of, **ticked)
        data = counter.joint_state(t_ns, made.names(), made.to_doubles(), made.frame_id)
        writer.write(tick_topic, data, t_ns)
    writer.close(status)
    assert writer.join(60) and writer.sealed, writer.error
    return writer.path


def upload(store: Store, path: Path, robot_id: str = 'arm_1') -> None:
    assert upload_episode(store, path, robot_id, INTERFACE)


def gate_figures(scale: float) -> dict[str, float]:
    """As the trainer's gate gives them."""
    out: dict[str, float] = {'passed': True, 'against': 'acdc01234567'}
    for horizon, growth in ((1, 1.0), (5, 1.6), (15, 2.5)):
        for part, size in (('joints', 0.1), ('picture', 0.002), ('reward', 0.3)):
            out[f'{part}_{horizon}'] = size * growth * scale
            out[f'acting_{part}_{horizon}'] = size * growth * scale * 1.3
            out[f'last_{part}_{horizon}'] = size * growth * 2.5
    for part in ('reward', 'value'):
        out |= {f'{part}_error': 0.4 * scale, f'{part}_bias': -0.1 * scale}
        out[f'acting_{part}_error'] = 0.5 * scale
    for of, seconds in (('', 2.5), ('acting_', 2.0)):
        out |= {f'{of}horizon_joints_s': seconds, f'{of}horizon_predicted_s': 5.0}
    out |= {'imagined': 'used: 30 against 28', 'imagined_difference_high': 3.0}
    return out | {'imagined_return': 30.0, 'acting_imagined_return': 28.0}


def publish(store: Store, root: Path, seed: int, scale: float = 1.0, **info) -> Release:
    bundle = make_bundle(root / f'bundle_{seed}', seed)
    given = {'gate': gate_figures(scale), 'updates': 100 * seed, 'episodes': [uuid(seed)]} | info
    return publish_release(store, bundle, INTERFACE, **given)
