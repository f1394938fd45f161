# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Where a process may run and how urgent it is: CPU affinity and the real-time scheduling class.

Owns the two node parameters `cpus` and `priority` and what they do to a process with all its
threads; threads that come later inherit both. What is not permitted is said, and the process goes
on as an ordinary one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Above it are threads of the kernel that a robot needs, such as those of its network card.
MAX_PRIORITY = 80
_RANGE = re.compile(r'(\d{1,4})(?:-(\d{1,4}))?\Z')
NOT_PERMITTED = (
    'not permitted: give the user a limit (a line "USER - rtprio 80" in '
    '/etc/security/limits.d/robot.conf, then log in again), or the service '
    'LimitRTPRIO=80 (systemd); in a container --cap-add=sys_nice'
)


@dataclass(frozen=True)
class Placed:
    """What came of it: `text` for diagnostics, '' where nothing was asked; `problem` or ''."""

    text: str = ''
    problem: str = ''


def read_cpus(text: str) -> frozenset[int]:
    """The cores of a list such as `2`, `0,3` or `1-3`; empty: any.

    Raises:
        ValueError: it is no such list.
    """
    cores: set[int] = set()
    for part in text.replace(' ', '').split(',') if text.strip() else ():
        found = _RANGE.match(part)
        if found is None or int(found[2] or found[1]) < int(found[1]):
            raise ValueError(
                f'parameter cpus: expected numbers of CPU cores such as 2, 0,3 or 1-3, got '
                f'{text[:60]!r}'
            )
        cores.update(range(int(found[1]), int(found[2] or found[1]) + 1))
    return frozenset(cores)


def place(
    cpus: str,
    priority: int,
    system: Any = os,
    threads: Callable[[], Iterable[int]] | None = None,
) -> Placed:
    """Put every thread of this process on its cores and into its scheduling class.

    Args:
        cpus: as `read_cpus` takes it.
        priority: of SCHED_FIFO, 1 to MAX_PRIORITY; 0: the ordinary class.
        system: stands for the module os in tests.
        threads: the process's threads, in tests.
    """
    cores = read_cpus(cpus)
    if not cores and not priority:
        return Placed()
    done, problems = [], []
    for tid in list((threads or _threads)()):
        try:
            if cores:
                system.sched_setaffinity(tid, cores)
        except ProcessLookupError:
            continue  # it has ended meanwhile
        except OSError as error:
            there = ','.join(str(core) for core in sorted(system.sched_getaffinity(0)))
            problems.append(f'cpus {cpus}: {error.strerror}; this process may use {there}')
        try:
            if priority:
                rule = system.sched_param(priority)
                system.sched_setscheduler(tid, system.SCHED_FIFO, rule)
        except ProcessLookupError:
            continue
        except PermissionError:
            problems.append(f'priority {priority} (SCHED_FIFO): {NOT_PERMITTED}')
        except OSError as error:
            problems.append(f'priority {priority} (SCHED_FIFO): {error.strerror}')
    problem = '; '.join(dict.fromkeys(problems))
    if cores and 'cpus' not in problem:
        done.append(f'cpus {cpus}')
    if priority and 'SCHED_FIFO' not in problem:
        done.append(f'SCHED_FIFO {priority}')
    return Placed('; '.join(filter(None, [', '.join(done), problem])), problem)


def _threads() -> list[int]:
    return [int(path.name) for path in Path('/proc/self/task').iterdir()]
