# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Wrote test/fixtures/store_format1 and 2; run again only for a new format, under a new name."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from world_model_ros.releases import publish_release
from world_model_ros.store import open_store, upload_episode

INTERFACE = 'a' * 64
STARTED_NS = 1_795_305_600_000_000_000  # 2026-11-22


def main(target: Path) -> None:
    store = open_store(target, create=True)
    with tempfile.TemporaryDirectory() as folder:
        episode = Path(folder, 'uuid-1')
        episode.mkdir()
        (episode / 'uuid-1.mcap').write_bytes(b'messages')
        (episode / 'metadata.yaml').write_bytes(b'rosbag2_bagfile_information: {}\n')
        upload_episode(store, episode, 'arm_07', INTERFACE, started_ns=STARTED_NS, ticks=12)
        half = Path(folder, 'uuid-2')
        half.mkdir()
        (half / 'uuid-2.mcap').write_bytes(b'half')
        begun = store.layout.episode_prefix(INTERFACE, 'arm_07', '2026-01-01', 'uuid-2')
        store.put(f'{begun}/uuid-2.mcap', b'half')
        updater = store.layout.status_key('arm_07', 'updater')
        store.put(updater, b'{"format": 1, "robot_id": "arm_07", "state": "idle"}\n')
        trainer = store.layout.trainer_key(INTERFACE)
        store.put(trainer, b'{"format": 1, "doing": "learn"}\n')
        for seed in (1, 2):
            bundle = Path(folder, f'bundle{seed}')
            bundle.mkdir()
            (bundle / 'manifest.json').write_text(f'{{"seed": {seed}}}')
            (bundle / 'weights.bin').write_bytes(bytes([seed]) * 8)
            publish_release(
                store,
                bundle,
                INTERFACE,
                episodes=['uuid-1'],
                updates=100 * seed,
                gate={'open_loop_15': 0.5},
                note='fixture',
            )


if __name__ == '__main__':
    main(Path(sys.argv[1]))
