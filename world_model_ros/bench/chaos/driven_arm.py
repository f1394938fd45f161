# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The robot file of the unfriendly arm whose driver reports its faults: format 2.

The shipped file is of format 1, which has no section `driver`. Pure.
"""

from __future__ import annotations

from typing import Any

import yaml

from world_model_ros.contract import find_robot

FOLLOWING_RAD = 0.06  # above hold_tolerance; the arm sags by 0.01
FAULT_MAX_AGE_SEC = 0.2  # its driver says 50 times a second whether it is in a fault


def driven_arm(cameras: bool = True, **driver: Any) -> str:
    """The text; `driver` are further keys of that section."""
    data = yaml.safe_load(find_robot('unfriendly_arm').read_text())
    action = data.pop('action')
    joints = len(action['names'])
    streams: dict[str, Any] = {
        name: stream for name, stream in data['streams'].items() if stream['kind'] == 'image'
    }
    first = data['streams']['joints']
    data['streams'] = {
        **(streams if cameras else {}),
        'joints': {**first, 'names': action['names']},  # its parts are one stream here
    }
    data |= {
        'format': 2,
        'name': 'driven_arm',
        'actions': {
            'arm': {
                **{key: action[key] for key in ('topic', 'kind', 'names', 'low', 'high', 'safe')},
                'limits': {
                    'velocity': action['rate_limit'],
                    'acceleration': action['acceleration_limit'],
                },
                'following_error': [FOLLOWING_RAD] * joints,
                'home': [0.0] * joints,
            }
        },
        'driver': {
            'fault': {'topic': 'unfriendly_arm/fault', 'max_age': FAULT_MAX_AGE_SEC},
            **driver,
        },
    }
    return yaml.safe_dump(data, sort_keys=False)
