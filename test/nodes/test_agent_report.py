# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The agent's diagnostics: which fault wins, at which level, and what programs compare."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip('rclpy')

from world_model_ros.nodes import _common
from world_model_ros.nodes._agent_report import AgentReport
from world_model_ros.onboard.agent.given_up import CALM, ERROR, WARN
from world_model_ros.onboard.agent.stats import Stats
from world_model_ros.onboard.agent.worker_state import Phase, State
from world_model_ros.onboard.policy.surprise import SurpriseWatch

OK = (CALM, '')


def published(
    phase=Phase.RUNNING,
    detail='',
    acting=True,
    alive=True,
    failed=False,
    lacks=OK,
    not_acting='',
    clock_silent_s=0.0,
    sent_problem='',
    refused='',
):
    """Level, text and values of the diagnostics for a worker in this state."""
    told = []
    report = AgentReport.__new__(AgentReport)
    report._diagnostics = SimpleNamespace(publish=lambda *args: told.append(args))
    boundary = SimpleNamespace(
        values=dict,
        level=lambda level, text: (_common.WARN, refused) if refused else (level, text),
    )
    model = SimpleNamespace(release=3, provider='cpu')
    worker = SimpleNamespace(
        state=State(phase, detail),
        stats=Stats(),
        alive=alive,
        failed=failed,
        episodes=SimpleNamespace(acting=acting, ended=2, episode=None),
        delay_meter=SimpleNamespace(found=None),
        surprise=SurpriseWatch(),
        given_up=SimpleNamespace(counts={}),
        thinking=SimpleNamespace(model=model, swaps=0, rollbacks=0),
    )
    report.publish(
        worker,
        SimpleNamespace(lost={}, boundary=boundary, sent_problem=sent_problem),
        SimpleNamespace(status=lambda *_: lacks, ignored=dict),
        SimpleNamespace(status=None, lost=lambda: 'no guard', problem=''),
        SimpleNamespace(silent_s=clock_silent_s),
        not_acting,
    )
    return told[0]


@pytest.mark.parametrize(
    ('state', 'level', 'words'),
    [
        ({}, _common.OK, 'active: running'),
        ({'acting': False}, _common.OK, 'shadow: running'),
        ({'refused': 'a message was refused'}, _common.WARN, 'a message was refused'),
        ({'phase': Phase.HELD}, _common.WARN, 'active: held: nothing moves until'),
        ({'phase': Phase.WAITING_FOR_RESET}, _common.WARN, 'active: waiting for reset'),
        ({'sent_problem': 'another contract'}, _common.ERROR, 'active: running: another contract'),
        ({'lacks': (WARN, 'no usable camera')}, _common.WARN, 'active: no usable camera'),
        ({'lacks': (ERROR, 'no usable camera')}, _common.ERROR, 'active: no usable camera'),
        ({'clock_silent_s': 3.0, 'lacks': (ERROR, 'x')}, _common.WARN, '/clock stands still'),
        (
            {'phase': Phase.NO_GUARD, 'detail': 'silent', 'lacks': (WARN, 'x')},
            _common.ERROR,
            'active: no guard: silent',
        ),
        (
            {'phase': Phase.NO_GUARD, 'not_acting': 'the guard left'},
            _common.ERROR,
            'the guard left',
        ),
        (
            {'phase': Phase.NO_MODEL, 'detail': 'policy', 'not_acting': 'x'},
            _common.ERROR,
            'active: no usable model: policy',
        ),
        (
            {'phase': Phase.NO_MODEL, 'failed': True, 'alive': False},
            _common.ERROR,
            'the tick thread has ended',
        ),
    ],
)
def test_the_most_urgent_fault_wins(state, level, words):
    told_level, text, _ = published(**state)
    assert told_level == level and words in text


@pytest.mark.parametrize('phase', Phase)
def test_programs_compare_the_phase_and_the_role(phase):
    _, text, values = published(phase, 'camera', acting=False)
    assert (values['phase'], values['role']) == (phase.value, 'shadow')
    assert '{' not in text and (values['episodes'], values['release']) == (2, 3)
