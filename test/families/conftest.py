# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Settings of the tests of families."""

from __future__ import annotations

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    """More than one thread on shared cores costs ten times the work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
