# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A contract as plain data for the tests of onboard/: no YAML, every field open to change."""

from types import SimpleNamespace

import numpy as np

from world_model_ros.contract import Action
from world_model_ros.contract.action_vector import action_vector
from world_model_ros.contract.guard_settings import GuardSettings
from world_model_ros.contract.schema import Driver

PERIOD_NS = 40_000_000


def make_action(**changes):
    """An effort action of two joints in ±0.05 N·m."""
    fields = {
        'topic': 'command',
        'type': 'sensor_msgs/msg/JointState',
        'kind': 'effort',
        'names': ('shoulder', 'wrist'),
        'low': (-0.05, -0.05),
        'high': (0.05, 0.05),
        'rate_limit': (2.5, 2.5),
        'safe': 'zero',
        'gravity_safe': True,
    }
    return Action(**{**fields, **changes})


def make_stream(kind, **changes):
    """A camera of 4x6 pixels or two joints with position and velocity."""
    fields = {
        'rate_hz': 25.0,
        'max_age_s': 0.1,
        'sampling': 'hold',
        'tolerance_s': 0.01,
        'stamp': 'header',
        'record': 'raw',
        'names': (),
        'fields': (),
        'wrap': (),
        'encoding': '',
        'fit': 'none',
        'parts': False,
        'options': (),
    }
    if kind == 'image':
        fields.update(name='camera', topic='camera/image_raw', shape=(4, 6, 3), encoding='rgb8')
    else:
        fields.update(
            name='joints',
            topic='joint_states',
            rate_hz=50.0,
            shape=(4,),
            names=('shoulder', 'wrist'),
            fields=('position', 'velocity'),
            wrap=('shoulder',),
        )
    return SimpleNamespace(**{**fields, 'kind': kind, **changes})


def make_contract(streams=None, action=None, **changes):
    """The reacher contract in small."""
    action = action or make_action()
    streams = streams or (make_stream('image'), make_stream('joints'))
    fields = {
        'format': 1,
        'name': 'test',
        'period_s': 0.04,
        'period_ns': PERIOD_NS,
        'command_offset_s': 0.04,
        'offset_ticks': 1,
        'command_rate_hz': 50.0,
        'command_timeout_s': 0.2,
        'commands_per_tick': 2,
        'streams': streams,
        'sensed': streams,
        'task': None,
        'groups': (action,),
        'action': (vector := action_vector((action,))),
        'action_dim': len(action.names),
        'driver': Driver(),
        'guard': GuardSettings(),
        'low': np.array(vector.low, np.float32),
        'high': np.array(vector.high, np.float32),
        'limit_low': np.array(vector.limit_low, np.float32),
        'limit_high': np.array(vector.limit_high, np.float32),
        'tick_source': 'timer',
        'tick_stream': '',
        'frames_per_tick': 2,
        'safe_action': np.zeros(len(action.names), np.float32),
    }
    return SimpleNamespace(**{**fields, **changes})
