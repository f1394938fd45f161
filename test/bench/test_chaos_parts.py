# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every subcommand of `world-model chaos` finds the injector that it names."""

import pytest

from world_model_ros.bench.chaos.runs import _one_run
from world_model_ros.cli.chaos import app

PARTS = [command.name or command.callback.__name__ for command in app.registered_commands]


@pytest.mark.parametrize('part', PARTS)
def test_each_part_has_its_injector(part):
    assert callable(_one_run(part))
