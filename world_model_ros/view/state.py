# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The words and numbers beside the pictures: who is in which state, and what is wrong.

Input: what was heard of a robot. Output: plain data, as docs/reference/view.md lists it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from world_model_ros.onboard.guard.guard_status import GuardStatus
from world_model_ros.telemetry.present_faults import find_faults
from world_model_ros.telemetry.robot_view import RobotView
from world_model_ros.view.marks import marks_of
from world_model_ros.view.step_inside import inside_now

SHOWN_RETURNS = 12
SHOWN_FAULTS = 12


def state_of(
    view: RobotView,
    guard: GuardStatus | None,
    episode: Mapping[str, Any],
) -> dict[str, Any]:
    """The state of a robot; `guard` is None while it is silent."""
    agent, tick = view.status('agent'), view.tick
    recorded = view.status('recorder').values.get('last_episode', '')
    return {
        'agent': {
            'role': agent.values.get('role', ''),
            'phase': agent.values.get('phase', ''),
            'text': agent.message,
            'level': agent.level,
        },
        'guard': _guard(view, guard),
        'nodes': [
            {'name': name, 'level': status.level, 'text': status.message}
            for name, status in sorted(view.nodes.items())
        ],
        'episode': {
            'uuid': tick.episode if tick else '',
            'tick': tick.tick if tick else 0,
            'return': view.episode_return,
            'source': tick.source if tick else '',
            'explore': bool(tick and tick.explore),
            'eval': bool(tick and tick.eval),
            'acting': bool(episode.get('acting')),
            'ended': bool(tick and tick.last),
            'returns': [
                {'value': score.value, 'release': score.release, 'eval': score.eval}
                for score in view.returns[-SHOWN_RETURNS:]
            ],
        },
        'release': _release(view.release),
        'surprise': {
            'mean': agent.number('surprise.mean'),
            'limit': agent.number('surprise.limit'),
        },
        'tick_ms': {
            'p50': agent.number('tick_ms.p50'),
            'p99': agent.number('tick_ms.p99'),
        },
        'counts': {name: agent.number(f'{name}_ticks') for name in ('late', 'skipped', 'invalid')},
        'marks': marks_of(view, episode),
        'recorder': recorded,
        'inside': inside_now(recorded, view.release),
        'faults': [asdict(fault) for fault in find_faults(view, ())[:SHOWN_FAULTS]],
    }


def _guard(view: RobotView, status: GuardStatus | None) -> dict[str, Any]:
    if status is None:
        return {'state': '', 'enabled': False, 'stopped': '', 'text': 'silent', 'sent': view.guard}
    words = (
        f'stopped: {status.stop_reason}' if status.stop_reason else '',
        '' if status.enabled else 'disabled',
        status.silenced,
        status.foreign,
        status.outside and f'outside of its limits: {status.outside}',
        status.held_back,
        status.problem,
        status.refusal if not status.active else '',
    )
    return {
        'state': status.state.value,
        'enabled': status.enabled,
        'stopped': status.stop_reason,
        'text': next(filter(None, words), view.guard if status.active else 'nothing is sent'),
        'sent': view.guard,
    }


def _release(release: Mapping[str, Any]) -> dict[str, Any]:
    """Which release acts, and what is on its way."""
    acting, candidate = release.get('acting') or {}, release.get('candidate') or {}
    back = release.get('rolled_back') or {}
    return {
        'acting': acting.get('release', 0),
        'bundle': str(acting.get('bundle', '')).rstrip('/').rsplit('/', 1)[-1],
        'sha': str(acting.get('bundle_sha', ''))[:12],
        'next': ' '.join(
            str(candidate.get(name) or '') for name in ('release', 'state', 'reason')
        ).strip(),
        'rolled_back': str(back.get('reason', '')),
    }
