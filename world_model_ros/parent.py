# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A process that ends with the one that started it, however that died.

Plain Python: imports neither rclpy nor torch.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

# Holds the id of the process to follow.
PARENT_ENV = 'WORLD_MODEL_PARENT_PID'
_PR_SET_PDEATHSIG = 1


def follow_parent() -> None:
    """End with the supervisor that started this process, if one did, however it died."""
    parent = os.environ.get(PARENT_ENV)
    if not parent or not sys.platform.startswith('linux'):
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != int(parent):  # it died before the line above
        sys.exit(1)
