# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is or went wrong in a running demo: who says so, how often, the newest reason.

Every part counts its own faults; this file gathers what they say (their diagnostics, their status
documents in the store), in the words of `fault_table.py`. Imports neither rclpy nor torch.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from world_model_ros.deploy.nodes_table import SIM, UPDATER
from world_model_ros.fault_table import AGENT, RECORDER, TRAINER

if TYPE_CHECKING:
    from world_model_ros.deploy.supervisor import Child
    from world_model_ros.telemetry.learning_loop import LearningLoop
    from world_model_ros.telemetry.robot_view import RobotView

_WARN, _ERROR = 1, 2  # levels of diagnostics
SILENT_SEC = 60.0  # the trainer tells every 5 s, and an export takes half a minute at most
NODE_SILENT_SEC = 10.0  # a node tells every second; loading its first model may take some
_NODES = {entry.executable for entry in (*SIM, UPDATER)}


@dataclass(frozen=True)
class Fault:
    """One kind of fault."""

    who: str
    what: str
    count: int = 1
    reason: str = ''  # the newest
    now: bool = False  # it still holds
    remedy: str = ''  # what to do

    def __str__(self) -> str:
        """In one line."""
        times = f' {self.count}×' if self.count > 1 or not self.now else ''
        reason = f': {self.reason}' if self.reason else ''
        remedy = f' → {self.remedy}' if self.remedy else ''
        return f'{self.who}: {self.what}{times}{reason}{remedy}'


def find_faults(
    view: RobotView, children: Sequence[Child], loop: LearningLoop | None = None
) -> list[Fault]:
    """Everything that is or went wrong, what holds now first."""
    found = [
        Fault(child.name, 'ended', 1, f'status {child.process.returncode}: {_last(child)}', True)
        for child in children
        if child.died
    ]
    gone = {child.name for child in children if child.died}
    found += _said_by_nodes(view) + _silent(view, children, gone)
    if loop is not None:
        if loop.error:
            found.append(Fault('store', 'cannot be read', 1, loop.error, True))
        found += _of_updater(loop.updater) + _of_trainer(loop.trainer)
    return sorted(found, key=lambda fault: not fault.now)


def _last(child: Child) -> str:
    return next((line for line in reversed(child.last_lines()) if line.strip()), 'no words')


def _said_by_nodes(view: RobotView) -> list[Fault]:
    found, remaining = (
        [],
        {(name, known.message): known for (name, _), known in view.errors.items()},
    )
    for name, status in view.nodes.items():
        if status.level in (_WARN, _ERROR):
            known = remaining.pop((name, status.message), None)
            found.append(Fault(name, status.message, known.count if known else 1, now=True))
    found += [Fault(name, message, known.count) for (name, message), known in remaining.items()]
    agent = view.status('agent')
    for kind in AGENT:
        if count := agent.number(kind.name, 0.0):
            found.append(Fault('agent', kind.text, int(count), remedy=kind.remedy))
    found += [
        Fault('agent', f'messages of {key.removeprefix("lost.")} lost', int(agent.number(key)))
        for key in agent.values
        if key.startswith('lost.')
    ]
    recorder = view.status('recorder')
    more = {
        'shipping_failures': (
            f' ({recorder.values.get("waiting", "?")} waiting)',
            recorder.values.get('last_shipping_error', ''),
        )
    }
    for kind in RECORDER:
        if count := recorder.number(kind.name, 0.0):
            detail, reason = more.get(kind.name, ('', ''))
            text = f'{kind.text}{detail}'
            found.append(Fault('recorder', text, int(count), reason, remedy=kind.remedy))
    return found


def _silent(view: RobotView, children: Sequence[Child], gone: set[str]) -> list[Fault]:
    """Nodes that do not tell how they are, or no longer: stopped, hung, or out of reach."""
    now_s = time.monotonic()
    begun_s = {child.name: child.begun_s for child in children if child.name in _NODES}
    heard_s = begun_s | view.heard_s
    return [
        Fault(name, f'silent for {now_s - since_s:.0f} s', now=True)
        for name, since_s in heard_s.items()
        if now_s - since_s > NODE_SILENT_SEC and name not in gone
    ]


def _of_updater(updater: dict[str, Any]) -> list[Fault]:
    bad = updater.get('bad') or {}
    if not bad:
        return []
    sha = updater.get('newest_bad') or next(iter(bad))
    reason = bad.get(sha, '')
    return [Fault('updater', 'bundles refused', len(bad), f'{sha[:12]}: {reason}')]


def _of_trainer(trainer: dict[str, Any]) -> list[Fault]:
    if not trainer:
        return []
    rows, found = trainer.get('faults', {}), []
    refused = trainer.get('episodes', {}).get('refused', 0)  # in all, not since this start
    for kind in TRAINER:
        row = rows.get(kind.name, {})
        count = max(row.get('count', 0), trainer.get(kind.counted, 0) if kind.counted else 0)
        reason = row.get('reason', '')
        if kind.name == 'refused' and refused:
            uuid, why = list(trainer['refusals'].items())[-1]
            count, reason = refused, f'{uuid}: {why}'
        if count:
            now = bool(kind.holds and trainer.get(kind.holds))
            found.append(Fault('trainer', kind.text, count, reason, now, kind.remedy))
    silent_s = time.time() - trainer.get('time_ns', 0) / 1e9
    if silent_s > SILENT_SEC and trainer.get('phase') != 'left':
        text = f'has not reached the store for {silent_s:.0f} s'
        found.append(Fault('trainer', text, now=True))
    return found
