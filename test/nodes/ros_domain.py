# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""DDS domains for tests: each is used by one test at a time on this machine.

Tests run in several processes, and several clones may run theirs at once. A lock on a file, one
file a domain, keeps them apart; the system takes the lock back however a process ends.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import random
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Above 101 the ports of a domain lie among those that the system gives to others.
DOMAINS = range(1, 101)
# A domain is not used again before the others: messages on their way belong to a test that ended.
_NEXT = itertools.count(random.randrange(len(DOMAINS)))


@contextmanager
def claimed() -> Iterator[int]:
    """A domain of one's own until the end of the block.

    Raises:
        RuntimeError: all are in use.
    """
    folder = Path(tempfile.gettempdir()) / f'world_model_ros_test_domains_{os.getuid()}'
    folder.mkdir(exist_ok=True)
    for _ in DOMAINS:
        domain = DOMAINS[next(_NEXT) % len(DOMAINS)]
        with (folder / str(domain)).open('w') as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield domain
            return
    raise RuntimeError(f'all {len(DOMAINS)} DDS domains are in use, see the locks in {folder}')
