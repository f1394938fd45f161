# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The object store, the only link between robots and trainers (docs/reference/store.md).

Owns formats 1 and 2: keys, records and the order of writing, so that a reader finds whole objects.
They are moved by obstore; a folder is the default. May import contract only; must not import ROS,
torch, numpy or ONNX Runtime.
"""

from world_model_ros.store.episode_store import (
    EpisodeRef,
    complete_episodes,
    download_episode,
    upload_episode,
)
from world_model_ros.store.errors import (
    StoreDamaged,
    StoreError,
    StoreMissing,
    StoreUrlError,
)
from world_model_ros.store.keys import NEWEST_FORMAT
from world_model_ros.store.object_store import Entry, Store, open_store
from world_model_ros.store.url import parse_url

__all__ = [
    'NEWEST_FORMAT',
    'Entry',
    'EpisodeRef',
    'Store',
    'StoreDamaged',
    'StoreError',
    'StoreMissing',
    'StoreUrlError',
    'complete_episodes',
    'download_episode',
    'open_store',
    'parse_url',
    'upload_episode',
]
