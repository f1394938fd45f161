# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What was measured of live topics, and what is said of it, each fault with its remedy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from onboard_messages import image_cdr, joints_cdr

from world_model_ros.bringup.live_topics import Expected, Measured, expected_of, judge
from world_model_ros.contract import load_contract
from world_model_ros.wire.cdr import IMAGE, JOINT_STATE

CONTRACT = load_contract('reacher')
CAMERA, JOINTS = expected_of(CONTRACT)
VGA = image_cdr(picture=np.zeros((480, 640, 3), np.uint8))


def measured(kind=IMAGE, messages=126, newest=(), **changes):
    """Five seconds of a sound camera of 25 Hz."""
    fields = {'seconds': 5.0, 'largest_bytes': 921_600, 'offset_s': 0.01, **changes}
    got = Measured('/camera/image_raw', kind, messages, **fields)
    got.newest.extend(newest)
    return got


def test_a_sound_camera_is_well():
    finding = judge(CAMERA, measured())
    assert finding.ok and '25.00 Hz of 25 Hz' in finding.text and '0.0 % lost' in finding.text


@pytest.mark.parametrize(
    'expected, got, words',
    [
        (
            CAMERA,
            measured(messages=80, lost=46),
            ['36.5 % lost', 'FASTRTPS_DEFAULT_PROFILES_FILE'],
        ),
        (CAMERA, measured(messages=80, lost=46), ['fastdds_large_messages.xml', 'segment']),
        (CAMERA, measured(messages=63), ['driver sends 12.4 Hz', 'exposure']),
        (CAMERA, measured(offset_s=10_800.0), ['3.0 h before arrival', 'stamp: receive']),
        (CAMERA, measured(offset_s=-0.5), ['0.500 s after arrival', 'stamp: receive']),
        (CAMERA, measured(messages=0, absence='/x has no publisher'), ['/x has no publisher']),
        (CAMERA, measured(newest=[VGA]), ['640x480', 'fit: crop']),
        (JOINTS, measured(JOINT_STATE, 251, [joints_cdr(names=('a', 'b'))]), ["'shoulder'"]),
        (JOINTS, measured(JOINT_STATE, 200, lost=51), ['51 messages lost', 'too busy']),
    ],
)
def test_what_a_robot_cannot_run_with_is_bad_and_has_its_remedy(expected, got, words):
    finding = judge(expected, got)
    assert finding.ok is False and all(word in finding.text for word in words), finding.text


def test_lost_pictures_do_not_make_the_driver_slow():
    assert 'driver sends' not in judge(CAMERA, measured(messages=80, lost=46)).text


def test_parts_of_other_publishers_between_do_not_matter_nor_stamps_of_receive():
    parts = [joints_cdr(), joints_cdr(names=('finger', 'thumb'))]
    assert judge(JOINTS, measured(JOINT_STATE, 251, parts)).ok
    received = Expected('camera', 'c', IMAGE, 25.0, 0.1, stamped=False)
    assert judge(received, measured(offset_s=1e9)).ok
    assert judge(CAMERA, measured(offset_s=math.nan)).ok  # simulated time: not compared
