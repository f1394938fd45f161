# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Every fault that a process counts or a view shows: its name, what it means, what to do.

Owns the words, once: the trainer counts by these names, `telemetry/present_faults.py` shows them,
and docs/reference/faults.md is made of them. A new fault is one row here. Imports nothing of ours.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FaultKind:
    """One kind of fault of one process."""

    name: str  # of the trainer's event, or of the value in a node's diagnostics
    text: str
    remedy: str
    counted: str = ''  # key of the total in the trainer's status, if it is not counted by event
    holds: str = ''  # key of the trainer's status that is true while the fault lasts


TRAINER = (
    FaultKind(
        'store_lost',
        'store lost',
        'check the address of the store, the network and the keys; it goes on by itself',
        counted='store_errors',
        holds='store_error',
    ),
    FaultKind(
        'half_copied',
        'episodes half copied',
        'copy complete.json last; it is learned from when complete.json is there',
        holds='half_copied',
    ),
    FaultKind(
        'not_fetched',
        'episodes not fetched',
        'it tries again; check the network and the room on the disk',
        holds='failing',
    ),
    FaultKind(
        'refused',
        'episodes refused',
        'world-model episodes check FOLDER names what is wrong with each',
    ),
    FaultKind(
        'state_damaged',
        'own state damaged',
        'the second copy was used; check the disk',
    ),
    FaultKind(
        'held_out_unreadable',
        'held-out episodes unreadable',
        'check the disk of the trainer; the gate judges by the others',
    ),
    FaultKind(
        'camera_not_understood',
        'camera not understood',
        'compare the picture with that of the robot the weights come from; light, focus, mounting',
    ),
    FaultKind(
        'bad_update',
        'updates not finite',
        'it skips them and goes back to a checkpoint; look for extreme values in the episodes',
        counted='bad_updates',
    ),
    FaultKind(
        'rollback',
        'went back to a checkpoint',
        'look for extreme values in the newest episodes',
        counted='rollbacks',
    ),
    FaultKind(
        'plugin_failed',
        'a plug-in cannot be used',
        'it learns without it; repair or uninstall the package that is named',
    ),
    FaultKind('not_saved', 'not saved', 'make room on the disk of the trainer'),
    FaultKind('not_published', 'not published', 'check the store and the room on the disk'),
    FaultKind('not_charted', 'curves not written', 'make room on the disk of the trainer'),
    FaultKind(
        'not_lived',
        'no room for data of its own simulator',
        'make room on the disk of the trainer, or give --nominal-ticks 0',
    ),
    FaultKind(
        'learner_file_unreadable',
        'its own weights unreadable',
        'it starts from the shipped weights; check the disk of the trainer',
    ),
)

# Values of the agent's diagnostics that count a fault.
AGENT = (
    FaultKind(
        'rollbacks',
        'rolled back to the model before',
        'the newest release was worse or failed; see ~/release for the reason',
    ),
    FaultKind(
        'invalid_ticks',
        'ticks without a usable observation',
        'world-model doctor --contract FILE measures the topics',
    ),
    FaultKind(
        'rejected_ticks',
        'every plan would take joints out of their limits: held',
        'move the robot inwards by hand, or look at the limits of the contract',
    ),
    FaultKind(
        'surprised_ticks',
        'the model is surprised by what it sees',
        'look at camera, light and load; control.on_surprise says what the agent does',
    ),
)

# Values of the recorder's diagnostics.
RECORDER = (
    FaultKind(
        'shipping_failures',
        'not shipped',
        'check the store; episodes wait on the disk of the robot',
    ),
    FaultKind(
        'unshippable',
        'episodes that cannot be shipped',
        'world-model episodes check FOLDER names what is wrong with each',
    ),
)

TABLE = {'trainer': TRAINER, 'agent': AGENT, 'recorder': RECORDER}


def fault_table() -> str:
    """The table as Markdown, for docs/reference/faults.md."""
    lines = ['| process | fault | what to do |', '|---|---|---|']
    lines += [
        f'| {process} | {kind.text} (`{kind.name}`) | {kind.remedy} |'
        for process, kinds in TABLE.items()
        for kind in kinds
    ]
    return '\n'.join(lines)
