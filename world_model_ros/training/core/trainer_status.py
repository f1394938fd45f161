# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The status of a trainer as one JSON object, for the store, the progress bar and the log.

`status/trainer/INTERFACE/trainer.json`, format 1; docs/reference/trainer.md is the same list for
readers. Must not import ROS or a simulator.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from world_model_ros.training.data.segments import IMAGINED

if TYPE_CHECKING:
    from world_model_ros.training.core.service import Service

STATUS_FORMAT = 1
SHOWN = 3  # newest refusals, failures and half-copied episodes


def status_of(service: Service) -> dict[str, Any]:
    """Return everything worth showing."""
    ingest, learner = service.ingest, service.state.learner
    ledger, nominal = ingest.ledger, service.nominal
    refused = ledger.of('refused')
    steps = learner.updates * learner.batch_size * learner.window_ticks
    return {
        'format': STATUS_FORMAT,
        'contract': service.contract.name,
        'family': learner.family,
        'device': str(service.state.chosen.device),
        'interface_hash': service.interface,
        'time_ns': time.time_ns(),
        'phase': service.activity.phase.value,
        'doing': service.activity.text,
        'updates': learner.updates,
        'updates_allowed': service.updates_allowed,
        'replay_ratio': round(steps / max(1, ingest.ticks), 1),
        'updates_per_s': round(service.rate, 2),
        'ticks': {
            'ingested': ingest.ticks,
            'held': len(ingest.replay),
            'held_out': sum(entry.ticks for entry in ledger.of('held_out')),
            'nominal': 0 if nominal is None else len(nominal.replay),
        },
        'episodes': {
            'ingested': len(ledger.of('ingested')),
            'held_out': len(ledger.of('held_out')),
            'refused': len(refused),
            'imagined': sum(entry.reason.startswith(IMAGINED) for entry in refused),  # of these
            'waiting': len(ingest.waiting) + ingest.deferred,
            'failing': len(ingest.failing),
            'half_copied': len(ingest.half_copied),
        },
        'refusals': {entry.uuid: entry.reason for entry in refused[-SHOWN:]},
        'failing': {k: v[0] for k, v in list(ingest.failing.items())[-SHOWN:]},
        'half_copied': sorted(ingest.half_copied)[-SHOWN:],
        'faults': service.faults.as_dict(),
        'store_errors': service.link.errors,
        'store_error': service.link.error,
        **service.state.counters,
        'losses': {k[5:]: round(v, 4) for k, v in service.figures.items() if k[:5] == 'loss/'},
        'gate': None if service.verdict is None else service.verdict.as_dict(),
        'release': service.release,
    }
