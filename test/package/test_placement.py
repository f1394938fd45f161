# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""CPU cores and scheduling class of a process: what is taken, and what is said where it is not."""

from __future__ import annotations

import errno
import os
import threading
from types import SimpleNamespace

import pytest

from world_model_ros.deploy.node_parameters import GUARD, fitting
from world_model_ros.deploy.placement import Placed, place, read_cpus


class System:
    """Stands for the module os; notes what each thread was given."""

    SCHED_FIFO = 1

    def __init__(self, cores=(0, 1, 2, 3), permitted=True):
        self.cores, self.permitted, self.given = set(cores), permitted, []

    def sched_param(self, priority):
        return priority

    def sched_getaffinity(self, _tid):
        return self.cores

    def sched_setaffinity(self, tid, cores):
        if not set(cores) & self.cores:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        self.given.append((tid, set(cores)))

    def sched_setscheduler(self, tid, _rule, priority):
        if not self.permitted:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        self.given.append((tid, priority))


def placed(cpus='', priority=0, **system):
    fake = System(**system)
    return place(cpus, priority, fake, lambda: [7, 8]), fake.given


def test_nothing_asked_changes_nothing():
    assert placed() == (Placed(), [])


def test_every_thread_gets_its_cores_and_its_class():
    found, given = placed('1-2', 40)
    assert found == Placed('cpus 1-2, SCHED_FIFO 40')
    assert given == [(7, {1, 2}), (7, 40), (8, {1, 2}), (8, 40)]


def test_what_is_not_permitted_is_said_with_its_remedy_and_the_rest_is_done():
    found, given = placed('3', 40, permitted=False)
    assert 'rtprio' in found.problem and 'sys_nice' in found.problem
    assert found.text.startswith('cpus 3; ') and given == [(7, {3}), (8, {3})]


def test_cores_that_are_not_there_are_named_beside_those_that_are():
    found, _ = placed('9', cores=(0, 1))
    assert 'cpus 9' in found.problem and 'may use 0,1' in found.problem


def test_real_threads_are_moved():
    core = min(os.sched_getaffinity(0))
    here, end = SimpleNamespace(tid=0), threading.Event()

    def wait():
        here.tid = threading.get_native_id()
        begun.set()
        end.wait()

    begun = threading.Event()
    thread = threading.Thread(target=wait)
    before = os.sched_getaffinity(0)
    thread.start()
    try:
        begun.wait()
        assert place(str(core), 0, threads=lambda: [here.tid]).text == f'cpus {core}'
        assert os.sched_getaffinity(here.tid) == {core}
        assert os.sched_getaffinity(0) == before
    finally:
        end.set()
        thread.join()


@pytest.mark.parametrize(
    'text, cores', [('', set()), ('2', {2}), ('0, 3', {0, 3}), ('1-3', {1, 2, 3})]
)
def test_lists_of_cores(text, cores):
    assert read_cpus(text) == cores


@pytest.mark.parametrize('text', ['a', '3-1', '1,,2', '-1', '1.5'])
def test_what_is_no_list_of_cores_is_refused(text):
    with pytest.raises(ValueError, match='expected numbers of CPU cores'):
        fitting('cpus', GUARD['cpus'], text)
