# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The trainer service at the smallest size, as a process: STORE OUT LEARNER_FILE SETTINGS(JSON).

With `"blocked"` among the settings neither ROS nor a simulator can be imported, with
`"traces_itself"` its graphs are not those that another process has traced. The gate lets through
whatever is finite, unless its margins are named in `"gate"`: then the others are the real
trainer's. Prints every event and status as a line of JSON.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

BLOCKED = ('rclpy', 'mujoco', 'dm_control', 'world_model_ros.robots')


class Blocker:
    """Refuses to import what a trainer must live without."""

    def find_spec(self, name, path=None, target=None):
        if any(name == root or name.startswith(f'{root}.') for root in BLOCKED):
            raise ImportError(f'{name} is blocked', name=name)


def main() -> None:
    store, out, learner = sys.argv[1:4]
    settings = json.loads(sys.argv[4])
    if settings.pop('blocked', False):
        sys.meta_path.insert(0, Blocker())
    from shared_traces import shared_traces

    from world_model_ros.contract import parse_contract
    from world_model_ros.families.dreamer.algorithm import LearnerConfig
    from world_model_ros.families.dreamer.net import DreamerConfig
    from world_model_ros.training.core.service import Service
    from world_model_ros.training.core.settings import ServiceConfig
    from world_model_ros.training.core.trainer_state import Start
    from world_model_ros.training.judge.gate import GateConfig

    contract = parse_contract(Path(settings.pop('contract')).read_text())
    recipe = LearnerConfig(**settings.pop('recipe'))
    sizes = settings.pop('sizes', None)
    traces_itself = settings.pop('traces_itself', False)
    sizes = DreamerConfig(**{**sizes, 'widths': tuple(sizes['widths'])}) if sizes else None
    # What is tested is the service; how strict the gate is has tests of its own.
    lenient = {'open_loop': 1e3, 'part': 1e3, 'calibration': 1e3, 'copying': 1e3}
    gate = GateConfig(**settings.pop('gate', lenient))

    def say(event, **fields):
        print(json.dumps({'event': event, **fields}), flush=True)

    service = Service(
        store,
        contract,
        Path(out),
        ServiceConfig(**{'gate': gate, 'align': False, **settings}),
        Start('file', Path(learner)) if learner else Start('scratch'),
        say=say,
        report=lambda status: print(json.dumps({'status': status}), flush=True),
        sizes=sizes,
        recipe=recipe,
    )
    if not traces_itself:
        service.publisher.traced = shared_traces()
    signal.signal(signal.SIGTERM, lambda *_: service.leave())
    service.run()
    loaded = [name for name in sys.modules if name.split('.')[0] in ('rclpy', 'mujoco')]
    print(json.dumps({'event': 'end', 'loaded': loaded}), flush=True)


if __name__ == '__main__':
    main()
