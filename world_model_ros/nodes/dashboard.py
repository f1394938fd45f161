# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The dashboard node: a page in the browser with what a robot sees, believes and imagines.

It subscribes while somebody looks, and to nothing while nobody does. Beliefs are made again in
this process, at a lower priority, from what the agent publishes anyway: the agent pays nothing for
it. The page and its server are in view/, the hands in _dashboard_hands.py; this file holds
parameters, topics and the process. One process may serve several robots, each with a node in its
own namespace.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from socket import socket as Socket
from typing import Any

import numpy as np
from rclpy.node import Node
from rclpy.subscription import Subscription
from std_msgs.msg import Header, String
from trajectory_msgs.msg import JointTrajectory

from world_model_ros.contract import Contract, find_robot, load_contract
from world_model_ros.deploy.node_parameters import DASHBOARD
from world_model_ros.nodes import _common, _wire
from world_model_ros.nodes._boundary import Boundary, ends_nothing
from world_model_ros.nodes._dashboard_hands import RobotHands
from world_model_ros.nodes._robot_ears import RobotEars, hear_streams
from world_model_ros.nodes.recorder_topics import IMAGINED_TOPIC
from world_model_ros.onboard.guard.guard_status import GuardStatus, read_status
from world_model_ros.view.about import about_robot
from world_model_ros.view.access import Access, is_loopback, new_token
from world_model_ros.view.address import address_of, leave_address
from world_model_ros.view.alarms import SILENT_SEC
from world_model_ros.view.belief_follower import loader
from world_model_ros.view.board import Board
from world_model_ros.view.imagined_state import imagined_state
from world_model_ros.view.live import LiveRobot
from world_model_ros.view.outcomes import Outcomes
from world_model_ros.view.port import listening_socket
from world_model_ros.view.server import Server, make_app
from world_model_ros.view.source import Hands
from world_model_ros.view.state import state_of
from world_model_ros.view.viewers import Viewers
from world_model_ros.wire.message_json import message_json

LOOK_PERIOD_SEC = 0.1  # between looks whether somebody looks
LINGER_SEC = 3.0  # a page that is loaded again finds everything as it was
NICE = 10  # whatever the robot runs comes first


class LiveSource:
    """A running robot, as the server knows it."""

    def __init__(
        self, contract: Contract, board: Board, hands: RobotHands, namespace: str
    ) -> None:
        self._contract, self._namespace = contract, namespace
        self.board: Board | None = board
        self.hands: Hands | None = hands

    def about(self) -> Mapping[str, Any]:
        """What a viewer gets when it comes."""
        return {**about_robot(self._contract, 'live'), 'namespace': self._namespace}

    def frame(self, number: int) -> bytes:
        """Of an episode only."""
        raise LookupError(f'tick {number} of a running robot')


class DashboardNode(Node):
    """Topics and services around the page of one robot."""

    def __init__(self, namespace: str = '', *, served: bool = True) -> None:
        """A page that is served with the one of another robot needs no port of its own."""
        super().__init__('dashboard', namespace=namespace or None)
        value = _common.parameters(self, DASHBOARD)
        os.nice(max(0, NICE - os.getpriority(os.PRIO_PROCESS, 0)))
        contract = load_contract(find_robot(value['contract']))
        self._listening: Socket | None = None
        if served:  # refused before anything else runs
            self._listening = listening_socket(value['host'], value['port'])
        self._contract, self._host, self._file = contract, value['host'], value['address_file']
        self._boundary = Boundary(self)
        self._status: tuple[GuardStatus | None, float] = (None, 0.0)
        self._announced: Mapping[str, Any] = {}
        self._imagined: Mapping[str, Any] | None = None  # of a robot that is one
        self._sealed = ''
        self._outcomes = Outcomes()
        board = Board()
        self._robot = LiveRobot(
            contract, board, loader(contract), self._state, value['update_rate']
        )
        self._ears = RobotEars(
            contract.episode.max_ticks, self.get_namespace(), self._robot.put_tick
        )
        self._hands = RobotHands(
            self, contract, self._outcomes, self._guard, self._episode, self._robot.joints
        )
        space = self.get_namespace().strip('/')
        self.page_name = space.replace('/', '.') or contract.name  # where several are served
        self._source = LiveSource(contract, board, self._hands, space)
        self._board = board
        self._heard: list[Subscription] = []
        self._left_s = 0.0  # when the last viewer went
        self._viewers: Viewers | None = None  # from serve() on
        self._server: Server | None = None
        self._address_file: Path | None = None
        self.beside: list[DashboardNode] = []  # whose pages this one serves too

    def serve(self, *others: DashboardNode) -> DashboardNode:
        """Serve the page of this robot, and those of others beside it, from now on."""
        assert self._listening is not None
        self.beside = list(others)
        robots = {robot.page_name: robot for robot in (self, *others)}
        if len(robots) <= len(others):
            raise ValueError(f'two robots would have one page: {", ".join(robots)}')
        token, port = new_token(), self._listening.getsockname()[1]
        app, viewers = make_app(
            {name: robot._source for name, robot in robots.items()},
            Access(self._host, port, token),
        )
        for name, robot in robots.items():
            robot._begin(viewers[name])
        self._server = Server(app, self._listening)
        self._server.start()
        self._address_file = _tell(self, self._host, port, token, self._file)
        return self

    def _begin(self, viewers: Viewers) -> None:
        self._viewers = viewers
        self._robot.start()
        look = ends_nothing(self, self._look)
        self.create_timer(LOOK_PERIOD_SEC, look, clock=_common.STEADY_CLOCK)

    # Executor thread

    def _look(self) -> None:
        """Listen while somebody looks."""
        now_s = time.monotonic()
        if self._board.viewers:
            self._left_s = now_s
            if not self._heard:
                self._listen()
        elif self._heard and now_s - self._left_s > LINGER_SEC:
            self._robot.watch(False)
            for subscription in self._heard:
                self.destroy_subscription(subscription)
            self._heard = []
            self._status, self._imagined = (None, 0.0), None
        if self._heard:
            self._follow_view()

    def _listen(self) -> None:
        contract = self._contract
        reliable, latched = _common.RELIABLE_QOS, _common.LATCHED_QOS
        # The guard's status is latched, but what it said before it died is no sign of life.
        rows = [
            *self._ears.topics(),
            (JointTrajectory, 'agent/chunk', self._on_chunk, reliable),
            (String, 'agent/episode', self._on_episode, latched),
            (String, 'guard/status', self._on_status, reliable),
            (String, IMAGINED_TOPIC, self._on_imagined, latched),
            (Header, 'agent/alive', lambda _: self._robot.alarms.heard('agent'), reliable),
        ]
        for kind, topic, callback, qos in rows:
            heard = self._boundary.wrap(topic, callback)
            self._heard.append(self.create_subscription(kind, topic, heard, qos))
        self._heard += hear_streams(self, contract, self._boundary, self._robot.put_message)
        self._ears.view.heard_s.clear()  # who was silent while nobody listened is not known
        self._robot.watch(True)

    def _follow_view(self) -> None:
        """Hand on what the view's thread needs of what was heard."""
        view = self._ears.view
        self._robot.put_release(view.release.get('acting'))
        self._robot.tick_ms = view.status('agent').number('tick_ms.p99')
        sealed = view.status('recorder').values.get('last_episode', '')
        if sealed != self._sealed:
            self._sealed = sealed
            if words := self._outcomes.sealed(sealed):
                self.get_logger().info(words)

    def _on_chunk(self, message: JointTrajectory) -> None:
        if not message.points:
            nothing: np.ndarray = np.zeros((0, self._contract.action_dim))
            self._robot.put_chunk(0, nothing)
            return
        names, times, values = _wire.chunk_arrays(self._contract, message)
        order = [names.index(name) for name in self._contract.action.names]
        self._robot.put_chunk(times[0], values[:, order])

    def _on_episode(self, message: String) -> None:
        self._announced = message_json(message.data, 'the announcement of an episode')
        delay_s = self._announced.get('extra_delay_s', 0.0)
        self._robot.put_delay(float(delay_s) if isinstance(delay_s, (int, float)) else 0.0)

    def _on_imagined(self, message: String) -> None:
        self._imagined = imagined_state(message.data)

    def _on_status(self, message: String) -> None:
        self._status = (read_status(message.data)[0], time.monotonic())
        self._robot.alarms.heard('guard')

    # Any thread

    def _guard(self) -> GuardStatus | None:
        status, heard_s = self._status
        return status if time.monotonic() - heard_s < SILENT_SEC else None

    def _episode(self) -> str:
        tick = self._ears.view.tick
        return '' if tick is None or tick.last else tick.episode

    def _state(self) -> Mapping[str, Any]:
        viewers = self._viewers
        assert viewers is not None  # for the type checker: called from _begin on
        return {
            **state_of(self._ears.view, self._guard(), self._announced),
            'viewers': viewers.count,
            'dropped': dict(viewers.dropped),
            'driven': viewers.driver is not None,
            'outcome_problem': self._outcomes.problem,
            'imagined': self._imagined,
        }

    @property
    def finished(self) -> bool:
        """Whether the server broke: the supervisor sees the node end."""
        return self._server is not None and not self._server.alive

    def close(self) -> None:
        """Send the viewers away and end."""
        self._hands.close()
        if self._server is not None:
            self._server.close()
        self._robot.close()
        for robot in self.beside:
            robot.close()
            robot.destroy_node()
        if self._address_file is not None:
            self._address_file.unlink(missing_ok=True)


def _tell(node: Node, host: str, port: int, token: str, file: str) -> Path | None:
    """Say where the page is; the token goes to a terminal, or to a file that only we may read."""
    look, act = address_of(host, port), address_of(host, port, token)
    node.get_logger().info(f'the view is on {look} (looking only)')
    if not is_loopback(host):
        node.get_logger().warning(
            f'listening on {host}: whoever reaches this machine there can look, and what is sent, '
            'the token too, is not encrypted; an SSH tunnel to 127.0.0.1 is safer'
        )
    if not file and sys.stdout.isatty():
        sys.stdout.write(f'\n  look:          {look}\n  look and act:  {act}\n\n')
        sys.stdout.flush()
        return None
    path = leave_address(act, file, port)
    node.get_logger().info(f'the address with the token, to act: in {path}')
    return path


def dashboards(namespaces: Sequence[str] = ()) -> DashboardNode:
    """The dashboard of a robot; of the robots in some namespaces: the first serves all pages."""
    first = DashboardNode(*namespaces[:1])
    return first.serve(*(DashboardNode(name, served=False) for name in namespaces[1:]))


def main(args: list[str] | None = None) -> None:
    """Run the node."""
    sys.exit(_common.run_node(dashboards, args))


if __name__ == '__main__':
    main()
