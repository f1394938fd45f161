# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A trainer gives way to the robot's processes, also where Linux schedules sessions."""

import subprocess
import sys

import pytest

from world_model_ros.training.core.process import AUTOGROUP

SCRIPT = (
    'import os; from world_model_ros.training.core.process import AUTOGROUP, give_way; '
    'give_way(idle=False); print(os.nice(0), AUTOGROUP.read_text())'
)


@pytest.mark.skipif(not AUTOGROUP.exists(), reason='this kernel does not schedule sessions')
@pytest.mark.parametrize('own', [True, False])
def test_the_session_of_a_trainer_gives_way_if_it_is_its_own(own):
    before = AUTOGROUP.read_text().strip()  # this session may give way already
    said = subprocess.check_output(
        [sys.executable, '-c', SCRIPT], start_new_session=own, text=True
    )
    nice, _, group = said.partition(' ')
    assert nice == '19'
    assert group.strip().endswith('nice 19') if own else group.strip() == before
