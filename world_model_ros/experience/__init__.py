# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Episodes: recorded as rosbag2 MCAP directories, read back, rebuilt tick by tick.

Owns the episode format (docs/reference/episode.md). May import contract and onboard's assembly;
must not import ROS or torch.
"""

from world_model_ros.experience.bag import EpisodeError, EpisodeInfo, Qos, Topic
from world_model_ros.experience.read.arrays import load_arrays, save_arrays, to_arrays
from world_model_ros.experience.read.check import check_episode
from world_model_ros.experience.read.reader import EpisodeReader, RawMessage, list_episodes
from world_model_ros.experience.read.rebuild import ParityReport, RebuiltTick, parity, rebuild
from world_model_ros.experience.read.video import export_video
from world_model_ros.experience.record.recover import recover_leftovers
from world_model_ros.experience.record.writer import EpisodeWriter

__all__ = [
    'EpisodeError',
    'EpisodeInfo',
    'EpisodeReader',
    'EpisodeWriter',
    'ParityReport',
    'Qos',
    'RawMessage',
    'RebuiltTick',
    'Topic',
    'check_episode',
    'export_video',
    'list_episodes',
    'load_arrays',
    'parity',
    'rebuild',
    'recover_leftovers',
    'save_arrays',
    'to_arrays',
]
