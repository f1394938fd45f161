# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""With autostart the agent acts again after a restart, never against a person's decision."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

pytest.importorskip('rclpy')

from world_model_ros.nodes._guard_report import GuardStatus
from world_model_ros.nodes.agent import AgentNode

INACTIVE = GuardStatus('inactive', '', '', True, '', '', '', '', '')


class Stage(SimpleNamespace):
    """What AgentNode._watch_guard touches, without a node."""

    def __init__(self, status, instance='first', agent='active'):
        super().__init__(
            _link=SimpleNamespace(
                status=status, instance=instance, silent_s=0.0, state=agent, lost=lambda: ''
            ),
            _worker=object(),
            _acted_with='first',
            _wants_to_act=True,
            _not_acting='',
            _next_try_s=0.0,
            asked=[],
        )
        self._guard_left = lambda: AgentNode._guard_left(self)

    def get_logger(self):
        return SimpleNamespace(error=lambda text: None)

    def trigger_activate(self):
        self.asked.append('activate')

    def trigger_deactivate(self):
        self.asked.append('deactivate')

    def _think(self):
        pass

    def look(self):
        """Look at the guard, with no wait between the tries."""
        self._next_try_s = 0.0
        AgentNode._watch_guard(self)


def changed(**fields):
    return GuardStatus(**{**INACTIVE.__dict__, **fields})


@pytest.mark.parametrize('why', [{}, {'silenced': 'driver commands'}], ids=['by hand', 'silenced'])
def test_a_guard_that_a_person_deactivated_stays_so(why):
    stage = Stage(changed(**why))
    for _ in range(3):
        stage.look()
    assert stage.asked == ['deactivate']


def test_a_guard_that_was_started_again_is_activated_again():
    stage = Stage(INACTIVE, instance='second')
    for _ in range(2):
        stage.look()
    assert stage.asked == ['deactivate', 'activate']


@pytest.mark.parametrize(
    'latched', [{'stop_reason': 'x'}, {'enabled': False}, {'silenced': 'driver commands'}]
)
def test_an_agent_that_was_started_again_respects_what_was_latched(latched):
    stage = Stage(changed(**latched), agent='shadow')
    for _ in range(2):
        stage.look()
    stage._link.status = INACTIVE  # released: the person has not asked the agent to act
    stage.look()
    assert stage.asked == [] and stage._not_acting
