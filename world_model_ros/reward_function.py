# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A reward computed from what was recorded: `reward.function: MODULE:FUNCTION` in a contract.

The same function rates simulated ticks and recorded ones, so that a task can be changed after the
recordings were made. Belongs to no floor. Only a contract that a person gives may name one: the
contract inside of a recording is never asked.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Mapping

import numpy as np

from world_model_ros.plugins import PluginError

Arrays = Mapping[str, np.ndarray]


@functools.lru_cache(maxsize=16)
def reward_function(name: str) -> Callable[[Arrays], np.ndarray]:
    """Import a function by its name.

    Raises:
        PluginError: there is none, or its module fails; one line.
    """
    module, _, attribute = name.partition(':')
    try:
        found = getattr(importlib.import_module(module), attribute)
    except Exception as error:
        reason = ' '.join(f'{type(error).__name__}: {error}'.split())[:300]
        raise PluginError(
            f'reward.function {name!r} cannot be loaded ({reason}): install or repair the package '
            'of this module, or correct the name'
        ) from error
    if not callable(found):
        raise PluginError(f'reward.function {name!r} is a {type(found).__name__}, no function')
    return found


def rewards(name: str, arrays: Arrays) -> np.ndarray:
    """Rate T ticks: float32 [T]; NaN where the function cannot tell.

    `arrays` has T rows each of `obs_STREAM`, `action_sent` [T, A], `ages` [T, S] and `is_first`:
    row k is the observation at t_k and the action that was executed over [t_{k-1}, t_k). A row may
    be judged by itself and the one before.

    Raises:
        PluginError: the function fails, or returns something else.
    """
    size = len(arrays['is_first'])
    try:
        given = np.asarray(reward_function(name)(arrays), np.float32)
    except PluginError:
        raise
    except Exception as error:
        reason = ' '.join(f'{type(error).__name__}: {error}'.split())[:300]
        raise PluginError(f'reward.function {name!r} fails ({reason})') from error
    if given.shape != (size,):
        raise PluginError(
            f'reward.function {name!r} returns shape {list(given.shape)}, expected [{size}]: one '
            'number for each tick'
        )
    if np.isinf(given).any():
        raise PluginError(f'reward.function {name!r} returns an infinite reward')
    return given
