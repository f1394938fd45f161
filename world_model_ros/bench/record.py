# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench record`: the recorder node under a camera and joints, as a process of its own.

Starts the recorder, publishes stored frames (not rendered ones) and joints at their rates from a
second process, and compares what was published with what is in the sealed episode. Frames are
noise, the worst case for compression. DDS stays on this machine, in a domain of its own.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from world_model_ros.bench.domain import bench_domain
from world_model_ros.contract import config_directories
from world_model_ros.experience import EpisodeReader

PROFILE = 'dds/fastdds_large_messages.xml'
PATIENCE_S = 20.0  # for the last messages to be written and the episode to be sealed


def measure(
    load: dict[str, Any], target: Path, compression: str, *, stock_dds: bool
) -> dict[str, Any]:
    """Run recorder and load, and count what arrived."""
    python = [sys.executable, '-m']
    environment = {
        **os.environ,
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        'ROS_DOMAIN_ID': str(bench_domain()),
    }
    parameters = {'contract': 'reacher', 'robot_id': 'bench', 'directory': str(target)}
    parameters['compression'] = compression
    arguments = [part for item in parameters.items() for part in ('-p', '{}:={}'.format(*item))]
    recorder = subprocess.Popen(
        [*python, 'world_model_ros.nodes.recorder', '--ros-args', *arguments], env=environment
    )
    publisher = subprocess.Popen(
        [*python, 'world_model_ros.nodes.load.recorder_load', json.dumps(load)],
        env=environment if stock_dds else {**environment, **large_messages(environment)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        used = use_between_lines(publisher, recorder.pid)
        published = json.loads(used.pop('report'))
        path = target / published['uuid']
        deadline = time.monotonic() + PATIENCE_S
        while not path.is_dir() and recorder.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
    finally:
        for process in (publisher, recorder):
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        for process in (publisher, recorder):
            try:
                process.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                process.kill()
    if not path.is_dir():
        raise FileNotFoundError(f'{path}: the recorder sealed no episode within {PATIENCE_S} s')
    return {**used, **compare(path, published)}


def large_messages(environment: dict[str, str]) -> dict[str, str]:
    """The shipped profile for a publisher of large pictures, unless the user has one."""
    if 'FASTRTPS_DEFAULT_PROFILES_FILE' in environment:
        return {}
    found = [folder / PROFILE for folder in config_directories() if (folder / PROFILE).is_file()]
    return {'FASTRTPS_DEFAULT_PROFILES_FILE': str(found[0])} if found else {}


def use_between_lines(publisher: subprocess.Popen, recorder: int) -> dict[str, Any]:
    """Processor use of the recorder from the publisher's first line to its last."""
    assert publisher.stdout is not None
    process = psutil.Process(recorder)
    begin = publisher.stdout.readline()
    if not begin:
        raise FileNotFoundError('the publisher ended before it began; see its message above')
    began_s, began_cpu = time.monotonic(), sum(process.cpu_times()[:2])
    report = publisher.stdout.readline()
    if not report:
        raise FileNotFoundError('the publisher ended early; see its message above')
    lasted_s = time.monotonic() - began_s
    cores = (sum(process.cpu_times()[:2]) - began_cpu) / lasted_s
    return {
        'report': report,
        'seconds': round(lasted_s, 2),
        'cores': round(cores, 4),
        'memory_mb': round(process.memory_info().rss / 1e6, 1),
    }


def compare(path: Path, published: dict[str, Any]) -> dict[str, Any]:
    """Hold the sealed episode against what was published."""
    reader = EpisodeReader(path)
    counts = reader.contents.topic_counts()
    sent: dict[str, int] = published['counts']
    lost = {topic: sent[topic] - counts.get(topic, 0) for topic in sent}
    size = sum(len(message.data) for message in reader.messages(set(sent)))
    return {
        'published': sum(sent.values()),
        'recorded': sum(counts.get(topic, 0) for topic in sent),
        'lost': sum(lost.values()),
        'lost_by_topic': {topic: count for topic, count in lost.items() if count},
        'dropped': sum(reader.end.dropped.values()),
        'mb_per_s': round(size / published['seconds'] / 1e6, 2),
        'messages_per_s': round(sum(sent.values()) / published['seconds'], 1),
        'file_mb': round(reader.contents.size / 1e6, 1),
    }
