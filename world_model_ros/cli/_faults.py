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

if TYPE_CHECKING:
    from world_model_ros.cli._circle import Circle
    from world_model_ros.cli._supervisor import Child
    from world_model_ros.nodes._monitor import RobotView

_WARN, _ERROR = 1, 2  # levels of diagnostics
SILENT_SEC = 60.0  # the trainer tells every 5 s, and an export takes half a minute at most
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
    found += _said_by_nodes(view)
    if circle is not None:
        if circle.error:
            found.append(Fault('store', 'cannot be read', 1, circle.error, True))
        found += _of_updater(circle.updater) + _of_trainer(circle.trainer)
    return sorted(found, key=lambda fault: not fault.now)


def _last(child: Child) -> str:
    return next((line for line in reversed(child.last_lines()) if line.strip()), 'no words')


def _said_by_nodes(view: RobotView) -> list[Fault]:
    found = []
    for name in ('agent', 'guard', 'sim_robot', 'recorder', 'updater'):
        status = view.status(name)
        if status.level in (_WARN, _ERROR):
            found.append(Fault(name, status.message, now=True))
    recorder = view.status('recorder')
    if lost := recorder.number('shipping_failures', 0.0):
        waiting = recorder.values.get('waiting', '?')
        error = recorder.values.get('last_shipping_error', '')
        found.append(Fault('recorder', f'not shipped ({waiting} waiting)', int(lost), error))
    if unshippable := recorder.number('unshippable', 0.0):
        found.append(Fault('recorder', 'episodes that cannot be shipped', int(unshippable)))
    return found


def _of_updater(updater: dict[str, Any]) -> list[Fault]:
    bad = updater.get('bad') or {}
    if not bad:
        return []
    sha, reason = list(bad.items())[-1]
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
    if silent_s > SILENT_SEC and trainer.get('doing') != 'left':
        text = f'has not reached the store for {silent_s:.0f} s'
        found.append(Fault('trainer', text, now=True))
    return found
