# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An episode on simulated time shows that time and the wall clock's; an old one, what it knows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import counter
import pytest
from hypothesis import given
from hypothesis import strategies as st

from world_model_ros.cli.episodes import _moment
from world_model_ros.experience import EpisodeWriter
from world_model_ros.experience.read.describe import describe
from world_model_ros.experience.read.figures import episode_figures
from world_model_ros.experience.record.began import began

WALL_NS = 1_795_883_574 * 10**9  # 2026-11-28 16:32:54 UTC
SECOND = 10**9


def announced(**clock):
    return json.dumps({'uuid': 'u', 'clock': {'source': 'sim_time', **clock}})


@pytest.mark.parametrize(
    'clock_ns, clock, text',
    [
        (
            12 * SECOND,
            {'simulated': True, 'wall_ns': WALL_NS},
            '2026-11-28 16:32:54, 12.0 s simulated',
        ),
        (12 * SECOND, {'simulated': True}, '12.0 s simulated'),
        (12 * SECOND, {}, '12.0 s simulated'),
        (WALL_NS, {'simulated': False, 'wall_ns': WALL_NS + SECOND}, '2026-11-28 16:32:54'),
        (WALL_NS, {}, '2026-11-28 16:32:54'),
        (
            WALL_NS - 3600 * SECOND,
            {'simulated': True, 'wall_ns': WALL_NS},
            '2026-11-28 16:32:54, 2026-11-28 15:32:54 simulated',
        ),
        (12 * SECOND, {'simulated': True, 'wall_ns': 'soon'}, '12.0 s simulated'),
        (12 * SECOND, {'simulated': True, 'wall_ns': 3}, '12.0 s simulated'),
    ],
)
def test_both_clocks_are_shown_as_far_as_they_are_known(clock_ns, clock, text):
    assert began(clock_ns, announced(**clock)).text == text


@given(st.integers(-(2**63), 2**63 - 1), st.text(max_size=40) | st.just('{"clock": []}'))
def test_any_announcement_has_a_beginning(clock_ns, text):
    assert began(clock_ns, text).text


def test_list_and_report_show_both_clocks(tmp_path: Path):
    told = announced(simulated=True, wall_ns=WALL_NS)
    info = replace(counter.info(), announced=told)
    writer = EpisodeWriter(tmp_path, info, min_free_bytes=0)
    for message in counter.run(3, t0_ns=7 * SECOND):
        writer.write(counter.TOPICS[message.role], message.cdr, message.t_ns)
    writer.close()
    assert writer.join(20) and writer.sealed, writer.error
    row = describe(writer.path)
    assert row['began'] == '2026-11-28 16:32:54' and row['simulated_time'] == '7.0 s simulated'
    assert _moment(row) == '11-28 16:32, 7.0 s simulated'
    assert episode_figures(writer.path).began.text == '2026-11-28 16:32:54, 7.0 s simulated'
