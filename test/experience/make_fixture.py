# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Wrote test/fixtures/episode_v1*; run again only for a new format, under a new name.

python make_fixture.py FOLDER [model_input|compressed]
"""

from __future__ import annotations

import sys
from pathlib import Path

import counter

from world_model_ros.experience import EpisodeWriter
from world_model_ros.experience.pictures import model_input


def main(target: Path, record: str = 'raw') -> None:
    raw = record == 'raw'
    topics = {**counter.TOPICS, 'stream.camera': counter.CAMERA_TOPICS[record]}
    writer = EpisodeWriter(
        target.parent, counter.info(target.name, topics=topics), min_free_bytes=0
    )
    writer.write(topics['episode'], counter.announcement(target.name), counter.T0_NS)
    ticks, draw = (10, counter.picture) if raw else (5, counter.scene)
    for message in counter.run(ticks, target.name, draw=draw):
        data = message.cdr
        if message.role == 'stream.camera' and record == 'model_input':
            data = model_input(counter.contract().stream('camera'), data)
        elif message.role == 'stream.camera' and record == 'compressed':
            tick = (message.t_ns - counter.T0_NS) // counter.contract().period_ns
            data = counter.compressed_image(message.t_ns, draw(tick), '.jpg')
        writer.write(topics[message.role], data, message.t_ns)
    writer.close()
    if not writer.join(10) or not writer.sealed:
        raise SystemExit(writer.error)


if __name__ == '__main__':
    main(Path(sys.argv[1]), *sys.argv[2:])
