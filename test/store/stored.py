# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Small folders to store, and a process that can be ended while it stores them."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from pathlib import Path

INTERFACE = 'a' * 64


def make_bundle(folder: Path, seed: int = 0) -> Path:
    """What the store sees of a bundle: files, one of them manifest.json."""
    folder.mkdir(parents=True, exist_ok=True)
    drawn = random.Random(seed)
    (folder / 'weights.bin').write_bytes(drawn.randbytes(200_000))
    (folder / 'plan.onnx').write_bytes(drawn.randbytes(3_000))
    (folder / 'manifest.json').write_text(f'{{"seed": {seed}}}')
    return folder


def make_episode(folder: Path, seed: int = 0) -> Path:
    """What the store sees of a sealed episode."""
    folder.mkdir(parents=True)
    (folder / f'{folder.name}.mcap').write_bytes(random.Random(seed).randbytes(100_000))
    (folder / 'metadata.yaml').write_text('rosbag2_bagfile_information: {}\n')
    return folder


class Interrupted:
    """Ends this process with SIGKILL at its n-th write to the store, before or after it."""

    def __init__(self, store, write: int, when: str) -> None:
        self.store, self.left, self.when = store, write, when

    def __getattr__(self, name):
        method = getattr(self.store, name)
        if name not in ('put', 'put_new', 'put_file', 'replace'):
            return method

        def call(*args):
            self.left -= 1
            if self.left == 0 and self.when == 'before':
                os.kill(os.getpid(), signal.SIGKILL)
            result = method(*args)
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return call


def run(code: str, *arguments: object, wait: bool = True) -> subprocess.Popen:
    """Run code in a process of its own, with sys.argv[1:]."""
    prelude = f'import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n'
    process = subprocess.Popen(
        [sys.executable, '-c', prelude + code, *map(str, arguments)], stdout=subprocess.PIPE
    )
    if wait:
        process.communicate(timeout=60)
    return process
