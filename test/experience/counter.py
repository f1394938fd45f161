# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The counter environment as messages: what was executed and seen can be read off every number.

Observation of tick k shows k (joint angle k, a picture of k); the action asked at tick k is k + 1
and is executed one offset later; the reward of tick k is the action executed before it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType, SimpleNamespace

import cv2
import numpy as np

from world_model_ros.contract import Contract, contract_hash, interface_hash, load_contract
from world_model_ros.experience import EpisodeInfo, Topic
from world_model_ros.experience.pictures import COMPRESSED_IMAGE, MODEL_INPUT_SUFFIX
from world_model_ros.onboard.tick.assembly import Assembler
from world_model_ros.onboard.tick.tick_record import TickRecord
from world_model_ros.wire.cdr import encode, typestore

UUID = 'c0ffee00-0000-4000-8000-000000000001'
T0_NS = 1_700_000_000_000_000_000
MS = 1_000_000

TOPICS = {
    'stream.camera': Topic('/camera/image_raw', 'sensor_msgs/msg/Image'),
    'stream.joints': Topic('/joint_states', 'sensor_msgs/msg/JointState'),
    'reward': Topic('/reward', 'sensor_msgs/msg/JointState'),
    'command': Topic('/command', 'sensor_msgs/msg/JointState'),
    'sent': Topic('/guard/sent', 'sensor_msgs/msg/JointState'),
    'tick': Topic('/agent/tick', 'sensor_msgs/msg/JointState'),
    'episode': Topic('/agent/episode', 'std_msgs/msg/String'),
}

# By the contract's `record`: how the camera's topic is called in the bag.
CAMERA_TOPICS = {
    'raw': TOPICS['stream.camera'],
    'model_input': Topic(f'/camera/image_raw{MODEL_INPUT_SUFFIX}', 'sensor_msgs/msg/Image'),
    'compressed': Topic('/camera/image_raw/compressed', COMPRESSED_IMAGE),
}


def contract() -> Contract:
    return load_contract('reacher')


def _header(t_ns: int, frame_id: str = '') -> object:
    types = typestore().types
    stamp = types['builtin_interfaces/msg/Time'](t_ns // 10**9, t_ns % 10**9)
    return types['std_msgs/msg/Header'](stamp, frame_id)


def joint_state(
    t_ns: int, names: list[str], position: list[float], frame_id: str = '', **fields: list[float]
) -> bytes:
    kind = typestore().types['sensor_msgs/msg/JointState']
    message = kind(
        _header(t_ns, frame_id),
        names,
        np.array(position, np.float64),
        np.array(fields.get('velocity', []), np.float64),
        np.array(fields.get('effort', []), np.float64),
    )
    return encode('sensor_msgs/msg/JointState', message)


def image(t_ns: int, pixels: np.ndarray) -> bytes:
    height, width = pixels.shape[:2]
    kind = typestore().types['sensor_msgs/msg/Image']
    message = kind(_header(t_ns, 'camera'), height, width, 'rgb8', 0, width * 3, pixels.ravel())
    return encode('sensor_msgs/msg/Image', message)


def string(text: str) -> bytes:
    kind = typestore().types['std_msgs/msg/String']
    return encode('std_msgs/msg/String', kind(text))


def picture(k: int) -> np.ndarray:
    pixels = np.full((64, 64, 3), k % 256, np.uint8)
    pixels[:8, :8, 0] = k // 256
    return pixels


def scene(k: int) -> np.ndarray:
    """A camera's picture: three times the model's size, smooth and with edges, other in each k."""
    y, x = np.mgrid[:192, :192]
    pixels = np.stack([x + k, y + 2 * k, (x * y) // 150 + 3 * k], -1).astype(np.uint8)
    pixels[40 : 90 + k, 60:130] = (250, 30, 5 * k)
    return pixels


def announcement(uuid: str = UUID, robot: Contract | None = None) -> bytes:
    robot = robot or contract()
    return string(
        json.dumps(
            {
                'uuid': uuid,
                'robot_id': 'counter-1',
                'contract': robot.text,
                'interface_hash': interface_hash(robot),
                'contract_hash': contract_hash(robot),
                'bundle': 'untrained',
                'clock': 'lockstep',
            }
        )
    )


def compressed_image(t_ns: int, pixels: np.ndarray, suffix: str) -> bytes:
    """As image_transport compresses: `pixels` in RGB, `suffix` .png or .jpg."""
    kind = typestore().types['sensor_msgs/msg/CompressedImage']
    _, data = cv2.imencode(suffix, pixels[:, :, ::-1])
    message = kind(_header(t_ns, 'camera'), f'rgb8; {suffix[1:]} compressed bgr8', data.ravel())
    return encode('sensor_msgs/msg/CompressedImage', message)


def info(uuid: str = UUID, topics: Mapping[str, Topic] = MappingProxyType(TOPICS)) -> EpisodeInfo:
    robot = contract()
    return EpisodeInfo(
        uuid=uuid,
        robot_id='counter-1',
        contract_text=robot.text,
        interface_hash=interface_hash(robot),
        contract_hash=contract_hash(robot),
        bundle='untrained',
        clock='lockstep',
        started_ns=T0_NS,
        topics={role: topic.name for role, topic in topics.items()},
        announced='{}',
    )


def run(
    ticks: int,
    uuid: str = UUID,
    first: int = 0,
    t0_ns: int = T0_NS,
    draw: Callable[[int], np.ndarray] = picture,
) -> Iterator[SimpleNamespace]:
    """Messages in the order of time: role, cdr, t_ns. The tick record is published last."""
    robot = contract()
    assembler = Assembler(robot)
    asked = np.zeros(2)  # executed over the interval that follows the next tick
    committed = np.zeros(2)
    names = list(robot.action.names)
    for k in range(first, first + ticks):
        t_ns = t0_ns + k * robot.period_ns
        sent, committed = committed, asked
        asked = np.full(2, (k + 1) * 1e-4)
        out: list[tuple[str, bytes, int]] = []
        # The second joint message of the period, and the one at the tick.
        for stamp in (t_ns - 20 * MS, t_ns):
            angle = [float(k), -float(k)] if stamp == t_ns else [k - 0.5, 0.5 - k]
            data = joint_state(stamp, names, angle, velocity=[1.0, 2.0])
            out.append(('stream.joints', data, stamp))
        out.append(('stream.camera', image(t_ns, draw(k)), t_ns))
        reward = joint_state(t_ns, ['reward', 'terminal', 'success'], [float(sent[0]), 0.0, 0.0])
        out.append(('reward', reward, t_ns))
        for role, data, stamp in out:
            if role.startswith('stream.'):
                assembler.store(role.removeprefix('stream.'), data, stamp)
            yield SimpleNamespace(role=role, cdr=data, t_ns=stamp)
        seen = assembler.assemble(t_ns)
        record = TickRecord(
            episode=uuid,
            t_ns=t_ns,
            tick=k,
            first=k == first,
            last=k == first + ticks - 1,
            truncated=k == first + ticks - 1,
            valid=seen.valid,
            source='policy',
            reward=float(sent[0]) if k > first else float('nan'),
            obs_crc=seen.crc,
            joints=tuple(names),
            asked=asked,
            sent=sent,
            streams=dict(seen.samples),
        )
        tick = joint_state(t_ns, record.names(), record.to_doubles(), record.frame_id)
        yield SimpleNamespace(role='tick', cdr=tick, t_ns=t_ns + 5 * MS)
