# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The toy robot's contract and messages, made by the typestore, not by the kinds under test."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from world_model_ros.contract import contract_hash, interface_hash, load_contract
from world_model_ros.experience import EpisodeInfo, EpisodeWriter, Topic
from world_model_ros.onboard.tick.assembly import Assembler
from world_model_ros.onboard.tick.tick_record import TickRecord
from world_model_ros.wire.cdr import JOINT_STATE, encode, typestore

FILE = Path(__file__).parent / 'toy.yaml'
TEMPERATURE = 'sensor_msgs/msg/Temperature'
T0_NS = 1_700_000_000_000_000_000
UUID = 'c0ffee00-0000-4000-8000-00000000070e'
TOPICS = {
    'stream.joints': Topic('/joint_states', JOINT_STATE),
    'stream.oven': Topic('/oven/temperature', TEMPERATURE),
    'tick': Topic('/agent/tick', JOINT_STATE),
}


def header(t_ns, frame_id=''):
    types = typestore().types
    stamp = types['builtin_interfaces/msg/Time'](*divmod(t_ns, 10**9))
    return types['std_msgs/msg/Header'](stamp, frame_id)


def temperature(t_ns, degrees):
    return encode(TEMPERATURE, typestore().types[TEMPERATURE](header(t_ns, 'oven'), degrees, 0.1))


def joint_state(t_ns, names, position, velocity=(), frame_id=''):
    columns = (np.array(numbers, np.float64) for numbers in (position, velocity, ()))
    kind = typestore().types[JOINT_STATE]
    return encode(JOINT_STATE, kind(header(t_ns, frame_id), list(names), *columns))


def write_episode(root, ticks=5):
    """Record an episode of the toy robot, as agent and recorder do; its folder and its arrays."""
    contract = load_contract(FILE)
    info = EpisodeInfo(
        UUID,
        robot_id='toy-1',
        contract_text=contract.text,
        interface_hash=interface_hash(contract),
        contract_hash=contract_hash(contract),
        topics={role: topic.name for role, topic in TOPICS.items()},
    )
    writer = EpisodeWriter(root, info, min_free_bytes=0)
    assembler = Assembler(contract)
    seen = []
    for k in range(ticks):
        t_ns = T0_NS + k * contract.period_ns
        messages = {
            'joints': joint_state(t_ns, ['left', 'right'], [k, -k], [0.5, 0.25]),
            'oven': temperature(t_ns - 1_000_000, 20.0 + k),
        }
        for name, cdr in messages.items():
            assembler.store(name, cdr, t_ns)
            writer.write(TOPICS[f'stream.{name}'], cdr, t_ns)
        observation = assembler.assemble(t_ns)
        record = TickRecord(
            UUID,
            t_ns,
            k,
            first=k == 0,
            last=k == ticks - 1,
            truncated=k == ticks - 1,
            valid=observation.valid,
            source='explore',
            reward=float(k),
            obs_crc=observation.crc,
            joints=contract.action.names,
            asked=np.zeros(2),
            sent=np.zeros(2),
            streams=dict(observation.samples),
        )
        tick = joint_state(t_ns, record.names(), record.to_doubles(), frame_id=record.frame_id)
        writer.write(TOPICS['tick'], tick, t_ns)
        seen.append(observation.arrays)
    writer.close()
    assert writer.join(60) and writer.sealed, writer.error
    return writer.path, seen
