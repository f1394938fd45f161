# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An episode of format 2: joints of two publishers and a task come back from the bag exactly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import counter
import numpy as np

from world_model_ros.contract import contract_hash, interface_hash, parse_contract
from world_model_ros.experience import (
    EpisodeInfo,
    EpisodeReader,
    EpisodeWriter,
    Topic,
    parity,
    rebuild,
    to_arrays,
)
from world_model_ros.onboard.tick.assembly import Assembler
from world_model_ros.onboard.tick.tick_record import TickRecord, tick_schema

TEXT = """
format: 2
name: arm_and_finger
control: {period: 0.04, tick: {source: timer}, command_rate: 25, command_timeout: 0.2}
streams:
  joints:
    kind: joints
    topic: joint_states
    rate: 50
    max_age: 0.06
    names: [j1, j2, finger]
    fields: [position]
actions:
  arm:
    topic: arm/command
    kind: velocity
    names: [j1, j2]
    low: [-1, -1]
    high: [1, 1]
    limits: {acceleration: [9, 9]}
    safe: zero
task: {names: [goal], low: [0], high: [100], default: [1]}
episode: {reset: manual}
"""
ROBOT = parse_contract(TEXT)
TOPICS = {
    'stream.joints': Topic('/joint_states', 'sensor_msgs/msg/JointState'),
    'tick': Topic('/agent/tick', 'sensor_msgs/msg/JointState'),
}
TICKS = 12
MS = counter.MS


def write(root: Path, keep: Callable[[int, str], bool] = lambda tick, part: True) -> Path:
    """The arm's joints at each tick, the finger's 7 ms before it; the task is 42."""
    info = EpisodeInfo(
        uuid=counter.UUID,
        robot_id='arm-1',
        contract_text=TEXT,
        interface_hash=interface_hash(ROBOT),
        contract_hash=contract_hash(ROBOT),
        bundle='',
        clock='lockstep',
        started_ns=counter.T0_NS,
        topics={role: topic.name for role, topic in TOPICS.items()},
        announced='{}',
    )
    writer = EpisodeWriter(root, info, min_free_bytes=0)
    assembler = Assembler(ROBOT)
    assembler.set_task(np.array([42.0]))
    for k in range(TICKS):
        t_ns = counter.T0_NS + k * ROBOT.period_ns
        parts = {
            'finger': counter.joint_state(t_ns - 7 * MS, ['finger'], [k / 100]),
            'arm': counter.joint_state(t_ns, ['j2', 'j1'], [float(-k), float(k)]),
        }
        for part, cdr in parts.items():
            assembler.store('joints', cdr, t_ns)
            if keep(k, part):
                writer.write(TOPICS['stream.joints'], cdr, t_ns)
        seen = assembler.assemble(t_ns)
        record = TickRecord(
            counter.UUID,
            t_ns,
            k,
            first=k == 0,
            last=k == TICKS - 1,
            valid=seen.valid,
            obs_crc=seen.crc,
            joints=ROBOT.action.names,
            asked=np.zeros(2),
            sent=np.zeros(2),
            streams=seen.samples,
            schema=tick_schema(ROBOT),
            task={'goal': 42.0},
        )
        tick = counter.joint_state(t_ns, record.names(), record.to_doubles(), record.frame_id)
        writer.write(TOPICS['tick'], tick, t_ns + 5 * MS)
    writer.close()
    assert writer.join(20) and writer.sealed, writer.error
    return writer.path


def test_every_tick_is_rebuilt_from_the_messages_of_both_publishers(tmp_path):
    path = write(tmp_path)
    report = parity(path)
    assert (report.ticks, report.rebuilt) == (TICKS, TICKS), report.first_problem
    arrays = to_arrays(path)
    assert arrays['observed'].all() and (arrays['obs_task'] == 42.0).all()
    assert arrays['obs_joints'][5].tolist() == [5.0, -5.0, np.float32(0.05)]
    np.testing.assert_allclose(arrays['ages'], np.tile([0.007, 0.0], (TICKS, 1)), atol=1e-6)


def test_a_part_that_the_recorder_lost_marks_its_tick_only(tmp_path):
    path = write(tmp_path, keep=lambda tick, part: (tick, part) != (3, 'finger'))
    ticks = list(rebuild(EpisodeReader(path)))
    assert [tick.record.tick for tick in ticks if not tick.usable] == [3]
    assert 'joints is not in the bag' in ticks[3].reason


def test_a_contract_without_the_task_reads_the_rest(tmp_path):
    path = write(tmp_path)
    plain = parse_contract('\n'.join(line for line in TEXT.splitlines() if 'goal' not in line))
    assert parity(path, plain).rebuilt == TICKS
    arrays = to_arrays(path, plain)
    assert 'obs_task' not in arrays and arrays['observed'].all()
