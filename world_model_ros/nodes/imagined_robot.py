# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A robot that exists only in a model, behind the topics that a real driver would have.

It is a simulated robot whose body is a bundle's imagination (world_model_ros/imagined): topics,
time and the driver's timeout are those of sim_robot. What is its own: it says on `~/state` that it
is imagined and how far it has left what was recorded, and it keeps away from real robots: it does
not start, and ends, where somebody else listens to its commands or sends its streams.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Mapping
from typing import Any

from std_msgs.msg import String

from world_model_ros.contract import Stream
from world_model_ros.deploy.node_parameters import IMAGINED_ROBOT
from world_model_ros.deploy.nodes_table import IMAGINED_NAMESPACE, robot_topics
from world_model_ros.imagined import ImaginedWorld, begin_world, imagined_robot
from world_model_ros.nodes import _common
from world_model_ros.nodes._strangers import DISCOVERY_SEC, NAMELESS, Strangers
from world_model_ros.nodes.sim_robot import SimRobotNode
from world_model_ros.robots import SimRobot

STATE_FORMAT = 1
STATE_PERIOD_SEC = 0.1  # at most; a border that fades needs no more
# A node is discovered before its name is: who it is shows within so many looks, a second apart.
LOOKS = 3


class ImaginedRobotNode(SimRobotNode):
    """One imagined robot; in the namespace `imagined` unless it is given another one."""

    def __init__(self) -> None:
        self._state_s = -math.inf  # when the state was published last, by time.monotonic()
        super().__init__('imagined_robot', namespace=IMAGINED_NAMESPACE)

    def _read_parameters(self) -> dict[str, Any]:
        return _common.parameters(self, IMAGINED_ROBOT)

    def _make_robot(self, value: Mapping[str, Any]) -> SimRobot:
        self._strangers = Strangers(self, value['allowed_listeners'])
        self._commands = [self._topic(group.topic) for group in self.contract.groups]
        topics = [self._topic(name) for name in (*robot_topics(self.contract), '/clock')]
        self._sent_by_us = [topic for topic in topics if topic not in self._commands]
        self._seen = 0  # how often in turn somebody was there who does not belong here
        self._refuse_company()
        self._world = begin_world(
            value['world'],
            value['start'],
            value['known'],
            self.contract,
            value['threads'],
            self.get_logger().warning,
        ).world
        self._fade, self._measures = 0.0, dict[str, object]()
        self._state = self.create_publisher(String, '~/state', _common.LATCHED_QOS)
        return imagined_robot(self._world)

    def _intruder(self) -> str:
        """Who makes this place one of a real robot, ''."""
        strangers = self._strangers
        return strangers.listening(self._commands) or strangers.sending(self._sent_by_us)

    def _refuse_company(self) -> None:
        """Look around before anything is made that others could hear."""
        for _ in range(LOOKS):
            time.sleep(DISCOVERY_SEC)
            intruder = self._intruder()
            if not intruder:
                return
            if not intruder.startswith(NAMELESS):
                break
        raise ValueError(f'not started: {intruder}')

    def _topic(self, name: str) -> str:
        """An absolute topic that nobody remapped is moved into the namespace."""
        space = self.get_namespace().rstrip('/')
        moved = self.resolve_topic_name(name) != name
        if not name.startswith('/') or moved or name.startswith(f'{space}/'):
            return name
        return f'{space}{name}'

    def _sensed(self) -> tuple[Stream, ...]:
        return self.contract.sensed if self._world.decodes else ()

    def _succeeded(self, reward: float) -> bool:
        """Never: no model predicts success."""
        return False

    def _condition(self) -> tuple[bytes, str, dict[str, object]]:
        world = self._world
        level, text = _common.OK, 'imagined'
        intruder = self._intruder()
        self._seen = self._seen + 1 if intruder else 0
        if intruder:
            level, text = _common.ERROR, intruder
            if self._seen >= LOOKS or not intruder.startswith(NAMELESS):
                self.get_logger().fatal(f'ends: {intruder}')
                self.exit_status, self.finished = 1, True
        elif world.failure:
            level, text = _common.ERROR, f'{world.failure} of the bundle gives NaN or infinity'
        elif self._fade >= 1.0:
            level, text = _common.WARN, 'imagined, far from all that was recorded'
        elif world.lacks:
            level, text = _common.WARN, f'imagined, with {" and ".join(world.lacks)}'
        return level, text, {'bundle': world.bundle.name, **self._measures}

    def _stepped(self) -> None:
        """Publish the state: before the first stream, after a reset, and ten times a second."""
        now_s = time.monotonic()
        if self._world.steps and now_s - self._state_s < STATE_PERIOD_SEC:
            return
        self._state_s = now_s
        world = self._world
        self._fade = world.fade
        known = world.known
        self._measures = {
            'step': world.steps,
            'distance': world.distance,
            'limit': math.nan if known is None else known.limit,
            'fade': self._fade,
        }
        self._state.publish(String(data=state_text(world, self._measures)))


def state_text(world: ImaginedWorld, measures: Mapping[str, object]) -> str:
    """The state as JSON: where the world began, and how far it has come; null: nobody can tell."""
    start = world.start
    return json.dumps(
        {
            'format': STATE_FORMAT,
            'imagined': {
                'bundle': world.bundle.name,
                'bundle_sha': world.bundle.digest,
                'robot_id': start.robot_id,
                'episode': start.episode,
                'tick': start.tick,
            },
            **{
                key: None if isinstance(number, float) and math.isnan(number) else number
                for key, number in measures.items()
            },
            'lacks': list(world.lacks),
        }
    )


def main(args: list[str] | None = None) -> None:
    """Run the node."""
    sys.exit(_common.run_node(ImaginedRobotNode, args))


if __name__ == '__main__':
    main()
