# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The trainer service under test: as a process, and in this one step by step."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import recorded
from shared_traces import shared_traces

from world_model_ros.families.device import ON_CPU, Chosen
from world_model_ros.training.core.service import Service
from world_model_ros.training.core.settings import ServiceConfig
from world_model_ros.training.core.trainer_state import Start

TICKS = 40
PATIENCE_SEC = 180.0  # for anything to happen on a busy machine
QUIET = ServiceConfig(
    nominal_ticks=0, start_ticks=30, publish_every_s=1e9, checkpoint_every_s=1e9, poll_s=0.0,
    status_every_s=0.0, align=False,
)  # fmt: skip

TRACED = shared_traces()


def fill(store, bags, *uuids: str) -> None:
    for name in uuids or bags:
        recorded.upload(store, bags[name])


class Child:
    """small_service.py as a process, its lines as they come."""

    def __init__(self, store, out: Path, learner_file: Path | str, **settings) -> None:
        recorded.keep_secret(out)
        contract = out.with_name('cartpole.yaml')
        contract.write_text(recorded.robot().text)
        full = {
            'contract': str(contract), 'recipe': asdict(recorded.QUICK), 'nominal_ticks': 0,
            'start_ticks': 30, 'poll_s': 0.05, 'status_every_s': 0.1, **settings,
        }  # fmt: skip
        self.process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name('small_service.py')), store.url,
             str(out), str(learner_file), json.dumps(full)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.lines: list[dict] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout:
            if line.startswith('{'):
                self.lines.append(json.loads(line))

    def wait_for(self, seen: Callable[[dict], bool]) -> dict:
        """Return the first line that fits, waiting for it."""
        at, give_up = 0, time.monotonic() + PATIENCE_SEC
        while time.monotonic() < give_up:
            ended = self.process.poll() is not None
            while at < len(self.lines):
                if seen(self.lines[at]):
                    return self.lines[at]
                at += 1
            if ended and not self._reader.is_alive():
                break
            time.sleep(0.02)
        self.process.kill()
        raise AssertionError(f'{self.lines[-3:]} {self.process.communicate()[1]}')

    def status(self, fits: Callable[[dict], bool]) -> dict:
        return self.wait_for(lambda line: 'status' in line and fits(line['status']))['status']

    def event(self, name: str) -> dict:
        return self.wait_for(lambda line: line.get('event') == name)

    def end(self, number: int) -> None:
        self.process.send_signal(number)
        self.wait()

    def wait(self) -> None:
        """Wait for its end, and for its last line."""
        self.process.wait(PATIENCE_SEC)
        self._reader.join(PATIENCE_SEC)
        self.process.stderr.close()


class Told:
    """Events of a service; ``steps`` are done one per status, the last one leaves."""

    def __init__(self, *steps: Callable[[Service, dict], bool]) -> None:
        self.events: list[dict] = []
        self.steps = list(steps)
        self.service: Service | None = None
        self.statuses: list[dict] = []
        self.give_up = time.monotonic() + PATIENCE_SEC

    def say(self, event, **fields) -> None:
        self.events.append({'event': event, **fields})

    def report(self, status: dict) -> None:
        self.statuses.append(status)
        if status['phase'] == 'left' or self.service is None:
            return
        assert time.monotonic() < self.give_up, status
        if self.steps and self.steps[0](self.service, status):
            self.steps.pop(0)
        if not self.steps:
            self.service.leave()

    def of(self, event: str) -> list[dict]:
        return [fields for fields in self.events if fields['event'] == event]


def serve(
    place, out, learner_file, told: Told, config=QUIET, bundle=None, chosen: Chosen = ON_CPU
) -> Service:
    start = Start('file', learner_file) if learner_file else Start('scratch')
    recorded.keep_secret(out)
    service = Service(
        str(place), recorded.robot(), out, config, start, say=told.say, report=told.report,
        sizes=recorded.SMALL, recipe=recorded.QUICK, bundle=bundle, chosen=chosen,
    )  # fmt: skip
    service.publisher.traced = TRACED
    told.service = service
    return service


def reach(updates: int) -> Callable[[Service, dict], bool]:
    return lambda service, status: status['updates'] >= updates
