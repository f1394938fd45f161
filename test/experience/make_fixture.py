# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Wrote test/fixtures/episode_v1; run again only for a new format, under a new name."""

from __future__ import annotations

import sys
from pathlib import Path

import counter

from world_model_ros.experience import EpisodeWriter


def main(target: Path) -> None:
    writer = EpisodeWriter(target.parent, counter.info(target.name), min_free_bytes=0)
    writer.write(counter.TOPICS['episode'], counter.announcement(target.name), counter.T0_NS)
    for message in counter.run(10, target.name):
        writer.write(counter.TOPICS[message.role], message.cdr, message.t_ns)
    writer.close()
    if not writer.join(10) or not writer.sealed:
        raise SystemExit(writer.error)


if __name__ == '__main__':
    main(Path(sys.argv[1]))
