# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What takes seconds to make, made by one process of a run of the tests and read by all others.

Only within one run, where the code that makes it cannot change.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

FOLDER_ENV = 'WORLD_MODEL_TEST_SHARED'  # set in conftest.py


def made_once(name: str, make: Callable[[Path], object]) -> Path:
    """Return the file or folder of a name; `make` puts it at the path that it gets, if nobody has.

    Nobody may change what is in it.
    """
    path = Path(os.environ[FOLDER_ENV]) / name
    with path.with_name(f'{name}.lock').open('w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # others wait: to make it twice costs more
        if not path.exists():
            own = path.with_name(f'{name}.new')
            make(own)
            os.replace(own, path)
    return path
