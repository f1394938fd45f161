# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What is or went wrong in a running demo: who says so, how often, the newest reason.

Owns the words; every part counts its own faults, and this file only gathers what they say (their
diagnostics, their status documents in the store). Imports neither rclpy nor torch.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from world_model_ros.deploy.nodes_table import SIM, UPDATER

if TYPE_CHECKING:
    from world_model_ros.deploy.supervisor import Child
    from world_model_ros.telemetry.learning_loop import Circle
    from world_model_ros.telemetry.robot_view import RobotView

_WARN, _ERROR = 1, 2  # levels of diagnostics
SILENT_SEC = 60.0  # the trainer tells every 5 s, and an export takes half a minute at most
NODE_SILENT_SEC = 10.0  # a node tells every second; loading its first model may take some
_NODES = {entry.executable for entry in (*SIM, UPDATER)}
_AGENT_COUNTS = {
    'rollbacks': 'rolled back to the model before',
    'invalid_ticks': 'ticks without a usable observation',
}
_TRAINER_SAYS = {
    'store_lost': 'store lost',
    'half_copied': 'episodes half copied',
    'not_fetched': 'episodes not fetched',
    'held_out_unreadable': 'held-out episodes unreadable',
    'camera_not_understood': 'camera not understood',
    'bad_update': 'updates not finite',
    'rollback': 'went back to a checkpoint',
    'not_saved': 'not saved',
    'not_published': 'not published',
    'not_charted': 'curves not written',
    'not_lived': 'no room to live in its own simulator',
    'learner_file_unreadable': 'its own weights unreadable',
}


@dataclass(frozen=True)
class Fault:
    """One kind of fault."""

    who: str
    what: str
    count: int = 1
    reason: str = ''  # the newest
    now: bool = False  # it still holds

    def __str__(self) -> str:
        """In one line."""
        times = f' {self.count}×' if self.count > 1 or not self.now else ''
        return f'{self.who}: {self.what}{times}' + (f': {self.reason}' if self.reason else '')


def find_faults(
    view: RobotView, children: Sequence[Child], circle: Circle | None = None
) -> list[Fault]:
    """Everything that is or went wrong, what holds now first."""
    found = [
        Fault(child.name, 'ended', 1, f'status {child.process.returncode}: {_last(child)}', True)
        for child in children
        if child.died
    ]
    gone = {child.name for child in children if child.died}
    found += _said_by_nodes(view) + _silent(view, children, gone)
    if circle is not None:
        if circle.error:
            found.append(Fault('store', 'cannot be read', 1, circle.error, True))
        found += _of_updater(circle.updater) + _of_trainer(circle.trainer)
    return sorted(found, key=lambda fault: not fault.now)


def _last(child: Child) -> str:
    return next((line for line in reversed(child.last_lines()) if line.strip()), 'no words')


def _said_by_nodes(view: RobotView) -> list[Fault]:
    found, told = [], {(name, known.message): known for (name, _), known in view.errors.items()}
    for name, status in view.nodes.items():
        if status.level in (_WARN, _ERROR):
            known = told.pop((name, status.message), None)
            found.append(Fault(name, status.message, known.count if known else 1, now=True))
    found += [Fault(name, message, known.count) for (name, message), known in told.items()]
    agent = view.status('agent')
    for key, words in _AGENT_COUNTS.items():
        if count := agent.number(key, 0.0):
            found.append(Fault('agent', words, int(count)))
    found += [
        Fault('agent', f'messages of {key.removeprefix("lost.")} lost', int(agent.number(key)))
        for key in agent.values
        if key.startswith('lost.')
    ]
    recorder = view.status('recorder')
    if lost := recorder.number('shipping_failures', 0.0):
        waiting = recorder.values.get('waiting', '?')
        error = recorder.values.get('last_shipping_error', '')
        found.append(Fault('recorder', f'not shipped ({waiting} waiting)', int(lost), error))
    if unshippable := recorder.number('unshippable', 0.0):
        found.append(Fault('recorder', 'episodes that cannot be shipped', int(unshippable)))
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
    if refused := trainer.get('episodes', {}).get('refused', 0):
        uuid, reason = list(trainer['refusals'].items())[-1]
        found.append(Fault('trainer', 'episodes refused', refused, f'{uuid}: {reason}'))
    counts = {'store_lost': 'store_errors', 'bad_update': 'bad_updates', 'rollback': 'rollbacks'}
    still = {
        'store_lost': trainer.get('store_error'),
        'half_copied': trainer.get('half_copied'),
        'not_fetched': trainer.get('failing'),
    }
    for kind, words in _TRAINER_SAYS.items():
        row = rows.get(kind, {})
        count = max(row.get('count', 0), trainer.get(counts.get(kind, ''), 0))
        if count:
            now = bool(still.get(kind))
            found.append(Fault('trainer', words, count, row.get('reason', ''), now))
    silent_s = time.time() - trainer.get('time_ns', 0) / 1e9
    if silent_s > SILENT_SEC and trainer.get('phase') != 'left':
        text = f'has not reached the store for {silent_s:.0f} s'
        found.append(Fault('trainer', text, now=True))
    return found
