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
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import psutil
import typer

from world_model_ros.bench.measure import machine
from world_model_ros.bench.results import reported
from world_model_ros.cli._arguments import new_file
from world_model_ros.contract import config_directories
from world_model_ros.experience import EpisodeReader
from world_model_ros.experience.record.writer import COMPRESSIONS

PROFILE = 'dds/fastdds_large_messages.xml'
PATIENCE_S = 20.0  # for the last messages to be written and the episode to be sealed
# Not the default domain: a robot on this machine must not hear the bench, nor a second bench it.
DOMAIN = str(40 + os.getpid() % 60)


def record_command(
    seconds: Annotated[float, typer.Option(min=1.0, help='How long to publish.')] = 60.0,
    width: Annotated[int, typer.Option(min=16)] = 640,
    height: Annotated[int, typer.Option(min=16)] = 480,
    image_rate: Annotated[float, typer.Option(min=1.0, help='Hz')] = 30.0,
    joint_rate: Annotated[float, typer.Option(min=1.0, help='Hz')] = 100.0,
    best_effort: Annotated[
        bool, typer.Option('--best-effort', help='Publish the camera as drivers do, best effort.')
    ] = False,
    stock_dds: Annotated[
        bool, typer.Option('--stock-dds', help='Publish without the shipped Fast DDS profile.')
    ] = False,
    compression: Annotated[str, typer.Option(help='none, lz4 or zstd.')] = 'zstd',
    folder: Annotated[Path | None, typer.Option(help='Record here and keep it.')] = None,
    as_json: Annotated[bool, typer.Option('--json', help='End with one JSON object.')] = False,
) -> None:
    """Measure MB/s, messages/s, processor use and lost messages of the recorder."""
    if compression not in COMPRESSIONS:
        raise typer.BadParameter(
            f'--compression {compression}: expected one of {", ".join(COMPRESSIONS)}'
        )
    if folder is not None:
        new_file(folder / 'episode', '--folder')
    figures: dict[str, Any] = {'bench': 'record', 'compression': compression}
    figures |= {'width': width, 'height': height, 'best_effort': best_effort}
    figures |= {'stock_dds': stock_dds, 'machine': machine()}
    with (
        tempfile.TemporaryDirectory(prefix='world_model_bench_') as temporary,
        reported(figures, _show, as_json=as_json),
    ):
        target = (folder or Path(temporary) / 'recorded').resolve()
        target.mkdir(parents=True, exist_ok=True)
        load = {
            'seconds': seconds,
            'width': width,
            'height': height,
            'image_rate': image_rate,
            'joint_rate': joint_rate,
            'best_effort': best_effort,
        }
        figures |= measure(load, target, compression, stock_dds=stock_dds)
    if figures['lost']:
        raise typer.Exit(1)


def _show(figures: dict[str, Any]) -> None:
    if 'mb_per_s' in figures:
        typer.echo(
            f'{figures["mb_per_s"]:.1f} MB/s, {figures["messages_per_s"]:.0f} messages/s, '
            f'{figures["cores"]:.3f} cores, lost {figures["lost"]} of {figures["published"]}'
        )


def measure(
    load: dict[str, Any], target: Path, compression: str, *, stock_dds: bool
) -> dict[str, Any]:
    """Run recorder and load, and count what arrived."""
    python, nodes = [sys.executable, '-m'], 'world_model_ros.nodes'
    environment = {
        **os.environ,
        'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        'ROS_DOMAIN_ID': os.environ.get('WORLD_MODEL_BENCH_DOMAIN', DOMAIN),
    }
    parameters = {'contract': 'reacher', 'robot_id': 'bench', 'directory': str(target)}
    parameters['compression'] = compression
    arguments = [part for item in parameters.items() for part in ('-p', '{}:={}'.format(*item))]
    recorder = subprocess.Popen(
        [*python, f'{nodes}.recorder', '--ros-args', *arguments], env=environment
    )
    publisher = subprocess.Popen(
        [*python, f'{nodes}.recorder_load', json.dumps(load)],
        env=environment if stock_dds else {**environment, **large_messages(environment)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        used = use_between_lines(publisher, recorder.pid)
        published = json.loads(used.pop('told'))
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
    told = publisher.stdout.readline()
    if not told:
        raise FileNotFoundError('the publisher ended early; see its message above')
    lasted_s = time.monotonic() - began_s
    cores = (sum(process.cpu_times()[:2]) - began_cpu) / lasted_s
    return {
        'told': told,
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
