# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The toy package as its user installs it, and contracts of its robot."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).with_name('wmr_toy')
# A robot that only the toy package can simulate: cameras need no renderer, rates are moderate.
CONTRACT = """
format: 1
name: toy
body: toy_mass
control:
  period: 0.04
  tick: {source: timer}
  command_rate: 50.0
  command_timeout: 0.2
  frames_per_tick: 2
streams:
  joints: {kind: joints, topic: joint_states, rate: 50.0, max_age: 0.1,
           names: [mass], fields: [position, velocity]}
action:
  topic: command
  kind: effort
  names: [mass]
  low: [-1.0]
  high: [1.0]
  rate_limit: [50.0]
  safe: zero
  gravity_safe: true
reward: {topic: reward, sampling: sum}
episode: {reset: service, max_ticks: 40}
"""


def install(folder: Path) -> Path:
    """Install the package with pip into a folder of its own, which goes on sys.path."""
    source, target = folder / 'source', folder / 'installed'
    shutil.copytree(SOURCE, source, ignore=shutil.ignore_patterns('__pycache__'))
    options = ['--quiet', '--no-deps', '--no-build-isolation', '--no-index', '--target']
    subprocess.run(
        [sys.executable, '-m', 'pip', 'install', *options, str(target), str(source)], check=True
    )
    return target
