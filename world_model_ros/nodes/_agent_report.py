# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The agent's diagnostics: one level, one line for people, and the figures.

Owns the order in which faults win. Decides nothing.
"""

from __future__ import annotations

from rclpy.node import Node

from world_model_ros.nodes import _common
from world_model_ros.nodes._agent_topics import AgentTopics
from world_model_ros.nodes._guard_link import GuardLink
from world_model_ros.nodes._lacking import Lacking
from world_model_ros.onboard.agent.acting import Role
from world_model_ros.onboard.agent.worker import Worker
from world_model_ros.onboard.agent.worker_state import Phase
from world_model_ros.onboard.tick.clock import RobotClock

CLOCK_SILENT_SEC = 2.0  # a simulator that is slow to step is not paused
_LEVELS = (_common.OK, _common.WARN, _common.ERROR)


class AgentReport:
    """Publishes the diagnostics of one agent."""

    def __init__(self, node: Node, robot_id: str) -> None:
        self._diagnostics = _common.Diagnostics(node, robot_id)

    def unconfigured(self, refusal: str) -> None:
        """There is no worker; `refusal` is why the last try to configure failed, ''."""
        level = _common.ERROR if refusal else _common.WARN
        text = ': '.join(filter(None, ('unconfigured', refusal)))
        self._diagnostics.publish(level, text, {})

    def publish(
        self,
        worker: Worker,
        topics: AgentTopics,
        lacking: Lacking,
        link: GuardLink,
        clock: RobotClock,
        not_acting: str,
    ) -> None:
        """What the worker does; `not_acting` is why the agent does not act though asked to, ''."""
        level, text = _level_and_text(worker, topics, lacking, clock, not_acting)
        stats, thinking = worker.stats, worker.thinking
        self._diagnostics.publish(
            level,
            text,
            {
                'role': _role(worker).value,
                'phase': worker.state.phase.value,
                'ticks': stats.ticks,
                'late_ticks': stats.late,
                'skipped_ticks': stats.skipped,
                'invalid_ticks': stats.invalid,
                'episodes': worker.episodes.ended,
                'release': thinking.model.release,
                'provider': thinking.model.provider,
                'swaps': thinking.swaps,
                'rollbacks': thinking.rollbacks,
                'tick_ms.p50': stats.tick.quantile_ms(0.5),
                'tick_ms.p99': stats.tick.quantile_ms(0.99),
                'graph_ms.p50': stats.graphs.quantile_ms(0.5),
                'graph_ms.p99': stats.graphs.quantile_ms(0.99),
                'overhead_ms.p50': stats.overhead.quantile_ms(0.5),
                'overhead_ms.p99': stats.overhead.quantile_ms(0.99),
                **_delays(worker),
                'iterations': stats.iterations / max(1, stats.ticks),
                **{f'age.{name}': age for name, age in stats.ages.items()},
                **{f'source.{name}': count for name, count in stats.sources.items()},
                **{f'lost.{name}': count for name, count in topics.lost.items() if count},
                **{f'given_up.{name}': n for name, n in worker.given_up.counts.items()},
                **lacking.ignored(),
                **topics.boundary.values(),
                'guard': _of_guard(link),
                'rejected_ticks': stats.rejected,
                'surprise.mean': worker.surprise.mean,
                'surprise.limit': worker.surprise.limit,
                'surprised_ticks': worker.surprise.surprised_ticks,
                'input_error': stats.error,
            },
        )


def _delays(worker: Worker) -> dict[str, float | str]:
    """From the sensor to the command, and from there to what moves."""
    seen, found = worker.stats.sensor_to_command, worker.delay_meter.found
    episode = worker.episodes.episode
    return {
        'delay_ms.sensor_to_command.p50': seen.quantile_ms(0.5),
        'delay_ms.sensor_to_command.p99': seen.quantile_ms(0.99),
        'delay_ms.command_to_effect': 'unknown'
        if found is None
        else round(1e3 * found.delay_s, 1),
        'delay_ms.compensated': 0.0 if episode is None else round(1e3 * episode.extra_delay_s, 1),
    }


def _role(worker: Worker) -> Role:
    return Role.ACTIVE if worker.episodes.acting else Role.SHADOW


def _level_and_text(
    worker: Worker,
    topics: AgentTopics,
    lacking: Lacking,
    clock: RobotClock,
    not_acting: str,
) -> tuple[bytes, str]:
    """The most urgent first."""
    state, role = worker.state, _role(worker).value
    text = f'{role}: {state.text}'
    lacks, why = lacking.status(state, worker.given_up)
    if worker.failed and not worker.alive:
        return _common.ERROR, f'the tick thread has ended: {state.text}'
    if state.phase is Phase.NO_MODEL:
        return _common.ERROR, f'{text}: {worker.stats.error}'
    if not_acting:
        return _common.ERROR, f'{text}: {not_acting}'
    if state.phase is Phase.NO_GUARD:
        return _common.ERROR, text
    if state.phase is Phase.SURPRISED:
        return _common.WARN, text
    if clock.silent_s > CLOCK_SILENT_SEC:
        return _common.WARN, f'{text}: /clock stands still for {clock.silent_s:.0f} s'
    if lacks:
        return _LEVELS[lacks], f'{role}: {why}'
    if topics.sent_problem:
        return _common.ERROR, f'{text}: {topics.sent_problem}'
    if state.phase is not Phase.RUNNING:
        return _common.WARN, text
    return topics.boundary.level(_common.OK, text)


def _of_guard(link: GuardLink) -> str:
    status = link.status
    words = link.lost() or link.problem
    return words or (f'{status.state.value} {status.stop_reason}'.strip() if status else '')
