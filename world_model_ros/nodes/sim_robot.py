# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A simulated robot behind the topics that a real driver would have.

Publishes camera, joints, reward samples and /clock; takes commands and a reset. Physics and
pictures are robots.SimRobot's; here are topics, time and the driver's own command timeout.
Must not import the agent, the guard or onboard.brain: it is the robot, not its mind.

A command holds over [t, t + 1/command_rate): running freely, that period is simulated when it is
over, so a command that arrives within it counts from its beginning, as it would in lockstep.
With tick source `timer` its messages keep to the wall clock, for nodes that live by it.
It may become another robot while it runs (`reality`), also by itself (`reality_after`).
"""

from __future__ import annotations

import json
import math
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from rcl_interfaces.msg import SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.publisher import Publisher
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import CameraInfo, JointState
from std_srvs.srv import Trigger

from world_model_ros.contract import Stream, find_robot, load_contract
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.contract.stream_kind import StreamKind
from world_model_ros.contract.task_section import task_option, task_values
from world_model_ros.deploy.node_parameters import SIM_ROBOT
from world_model_ros.nodes import _common, _wire
from world_model_ros.nodes._boundary import Boundary
from world_model_ros.nodes._common import NANOSECONDS
from world_model_ros.nodes._demonstrator import Demonstrator
from world_model_ros.nodes._message_class import message_class
from world_model_ros.nodes._pace import Pace
from world_model_ros.robots import (
    NOMINAL,
    BodyError,
    Reality,
    RealityError,
    SimRobot,
    load_reality,
)
from world_model_ros.robots.bodies.body import SUCCESS
from world_model_ros.robots.group_driver import GroupDriver
from world_model_ros.wire.kinds.image import CAMERA_INFO
from world_model_ros.wire.kinds.stamped import optical_frame

RESET_WAIT_SEC = 3.0  # a step in progress, with its pictures, ends well within this
CLOCK_REPEAT_SEC = 0.5  # lockstep: a guard that starts late must still hear the time
DIAGNOSTICS_PERIOD_SEC = 1.0


class SimRobotNode(Node):
    """One simulated robot; a thread of its own steps it."""

    def __init__(self, name: str = 'sim_robot', **of_node: Any) -> None:
        """Take another name where another robot is run; `of_node` goes to rclpy."""
        super().__init__(name, **of_node)
        value = self._read_parameters()
        self._seed, speed, start_s = value.get('seed', 0), value['speed'], value['start_time']
        self.contract = load_contract(find_robot(value['contract']))
        source = value['tick_source'] or self.contract.tick_source
        self._lockstep = source == 'lockstep'
        self._speed = speed
        self._on_wall_clock = source == 'timer' and speed == 1.0 and not start_s
        self._step_ns = round(NANOSECONDS / self.contract.command_rate_hz)
        self._timeout_ns = round(self.contract.command_timeout_s * NANOSECONDS)
        self._later: Reality | None = None  # what it becomes by itself
        self._later_ns = round(value.get('reality_after', 0.0) * NANOSECONDS)
        self._acted_ns = 0  # for so long it was commanded before
        self._changed: dict[str, object] = {}  # when it became what it is
        self._robot = self._make_robot(value)
        if self.contract.task is not None:  # until a reset draws one, or the agent names one
            self._robot.set_task(task_option(self.contract.task, 'default'))
        self._episodes = 0
        self._start_ns = round(start_s * NANOSECONDS)
        self._t_ns = 0  # set when the simulation begins
        self._wake = threading.Condition()
        self._new_reality: Reality | None = None
        self._new_task: np.ndarray | None = None
        self._reset_asked = 0
        self._reset_done = (0, '')  # count, answer
        self._stopping = False
        self._timed_out = True
        self._timeouts = 0
        self.finished = False
        self.exit_status = 0
        self._create_topics(value.get('demonstrate', 0))
        self.add_on_set_parameters_callback(self._on_parameters)
        self._thread = threading.Thread(target=self._run, name='simulation', daemon=True)
        self._thread.start()

    # What another robot does otherwise: nodes/imagined_robot.py

    def _read_parameters(self) -> dict[str, Any]:
        return _common.parameters(self, SIM_ROBOT)

    def _make_robot(self, value: Mapping[str, Any]) -> SimRobot:
        """The robot behind the topics, from the node's parameters."""
        reality = load_reality(value['reality'])
        robot = SimRobot(self.contract, self._seed, reality)  # refused here if it cannot be that
        if self._later_ns:
            self._later = reality
            robot.set_reality(NOMINAL)
        return robot

    def _topic(self, name: str) -> str:
        """The topic that stands for one of the contract's, or for /clock."""
        return name

    def _sensed(self) -> tuple[Stream, ...]:
        """The streams that are published."""
        return self.contract.sensed

    def _succeeded(self, reward: float) -> bool:
        """Whether the body says so, or the reward of a command period is the whole one."""
        outcome = self._robot.outcome()
        return reward >= self._robot.frames_per_command if outcome is None else outcome == SUCCESS

    def _condition(self) -> tuple[bytes, str, dict[str, object]]:
        """Level, text and values of the diagnostics beside those of the driver."""
        return _common.OK, '', {'reality': self._robot.reality.name, **self._changed}

    def _stepped(self) -> None:
        """Called in the simulation's thread before anything of a time is published."""

    def _create_topics(self, shown: int) -> None:
        contract = self.contract
        self._boundary = Boundary(self)
        self._clock_publisher = self.create_publisher(ClockMessage, self._topic('/clock'), 10)
        self._streams: list[tuple[Stream, StreamKind, Publisher]] = []
        self._infos: dict[str, Publisher] = {}
        # The picture last: it is the slow one.
        pictures = contract.image_streams
        sensed = self._sensed()
        for stream in sorted(sensed, key=lambda s: s in pictures):
            kind = stream_kind(stream.kind)
            publisher = self.create_publisher(
                message_class(kind.type_of(stream)),
                self._topic(stream.topic),
                _common.RELIABLE_QOS,
            )
            self._streams.append((stream, kind, publisher))
            for beside in kind.companions(stream):
                if beside.type == CAMERA_INFO and kind.rendered:
                    self._infos[stream.name] = self.create_publisher(
                        CameraInfo, self._topic(beside.topic), _common.RELIABLE_QOS
                    )
        self._demonstrator: Demonstrator | None = None
        if shown:
            self._demonstrator = Demonstrator(self, contract, self._robot, shown, self._boundary)
        if contract.task is not None:
            on_task = self._boundary.wrap('agent/task', self._on_task)
            self.create_subscription(JointState, 'agent/task', on_task, _common.LATCHED_QOS)
        self._reward = None
        if contract.reward.topic:
            self._reward = self.create_publisher(
                JointState, self._topic(contract.reward.topic), _common.RELIABLE_QOS
            )
        self._drivers = [
            GroupDriver(group, part)
            for group, part in zip(contract.groups, contract.action.parts, strict=True)
        ]
        for driver in self._drivers:
            topic = self._topic(driver.group.topic)
            self.create_subscription(
                message_class(driver.group.type),
                topic,
                self._boundary.wrap(topic, partial(self._on_command, driver)),
                _common.RELIABLE_QOS,
                raw=True,
            )
        self.create_service(Trigger, 'reset', self._on_reset)
        self._diagnostics = _common.Diagnostics(self, contract.name)
        self.create_timer(
            DIAGNOSTICS_PERIOD_SEC, self._publish_diagnostics, clock=_common.STEADY_CLOCK
        )

    # Executor thread

    def _on_command(self, driver: GroupDriver, cdr: bytes) -> None:
        with self._wake:
            taken = driver.take(cdr, self._t_ns)
            self._wake.notify()
        if not taken:
            self.get_logger().warning(
                f'command ignored: expected finite values for {list(driver.group.names)}',
                throttle_duration_sec=1.0,
            )

    def _on_task(self, message: JointState) -> None:
        assert self.contract.task is not None
        given = dict(zip(message.name, message.position, strict=False))
        with self._wake:
            self._new_task = task_values(self.contract.task, given)

    def _on_reset(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self._demonstrator is not None:
            response.message = self._demonstrator.refuses(self._episodes)
            if response.message:
                return response
        with self._wake:
            self._reset_asked += 1
            asked = self._reset_asked
            self._wake.notify()
            done = self._wake.wait_for(
                lambda: self._reset_done[0] >= asked or self._stopping, RESET_WAIT_SEC
            )
            response.message = self._reset_done[1]
        response.success = bool(done) and not self._stopping
        return response

    def _on_parameters(self, parameters: Sequence[Parameter]) -> SetParametersResult:
        for parameter in parameters:
            if parameter.name == 'reality':
                try:
                    reality = load_reality(parameter.value)
                except RealityError as error:
                    return SetParametersResult(successful=False, reason=str(error))
                with self._wake:
                    self._new_reality, self._later = reality, None
        return SetParametersResult(successful=True)

    def _publish_diagnostics(self) -> None:
        level, said, values = self._condition()
        if self._timed_out and level == _common.OK:
            level = _common.WARN
        rests = dict.fromkeys(driver.rest_words for driver in self._drivers)
        text = f'no command: {" and ".join(rests)}' if self._timed_out else 'commanded'
        if self._robot.truncated():
            level = max(level, _common.WARN)
            text = 'stands still: its body cut the episode off; give episode.max_ticks, or reset'
        text = f'{said}; {text}' if said else text
        counts = {'episodes': self._episodes, 'command_timeouts': self._timeouts}
        self._diagnostics.publish(level, text, counts | values)

    def close(self) -> None:
        """End the simulation thread, which alone may free its renderers."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        self._thread.join(timeout=2.0)

    # Simulation thread

    def _run(self) -> None:
        try:
            for stream in (stream for stream, kind, _ in self._streams if kind.rendered):
                self._robot.image(stream)  # the first picture takes long: time begins after it
            now_ns, period_ns = self._start_ns or time.time_ns(), self.contract.period_ns
            self._t_ns = now_ns // period_ns * period_ns
            self._pace = Pace(now_ns, self._speed, period_ns if self._on_wall_clock else 0)
            self._publish(None, all_streams=True)
            while True:
                command = self._wait_for_lockstep() if self._lockstep else self._wait_for_step()
                if self._stopping:
                    return
                if command is None:
                    self._reset()
                    continue
                self._take_changes()  # a task that was named before this command counts for it
                reward = self._robot.advance(command)
                self._note_acting()
                with self._wake:
                    self._t_ns += self._step_ns
                self._publish(reward)
        finally:
            self._robot.close()
            self.exit_status = 0 if self._stopping else 1
            self.finished = True

    def _note_acting(self) -> None:
        """Become another robot after having acted as the nominal one for long enough."""
        with self._wake:
            if self._later is None or self._timed_out:
                return
            self._acted_ns += self._step_ns
            if self._acted_ns >= self._later_ns:
                self._new_reality, self._later = self._later, None

    def _interrupted(self) -> bool:
        return self._stopping or self._reset_asked > self._reset_done[0]

    def _wait_for_step(self) -> np.ndarray | None:
        """Sleep to the end of this step; return its command, or None to reset or stop."""
        with self._wake:
            self._t_ns += self._pace.missed_ns(self._t_ns + self._step_ns)
            due_s = self._pace.due_s(self._t_ns + self._step_ns)
            while (left_s := due_s - time.monotonic()) > 0.0:
                if self._wake.wait_for(self._interrupted, left_s):
                    return None
            if self._interrupted():
                return None
            values = self._robot.rest.copy()
            late = False
            for driver in self._drivers:
                command = driver.commanded(self._t_ns - self._timeout_ns)
                late |= command is None
                if command is not None:
                    values[driver.part] = command
        if late and not self._timed_out:
            self._timeouts += 1
        self._timed_out = late
        return values

    def _wait_for_lockstep(self) -> np.ndarray | None:
        """Wait for the command of this very time; return None to reset or stop."""

        def here() -> bool:
            return all(driver.time_ns == self._t_ns for driver in self._drivers)

        with self._wake:
            topics = [self._topic(driver.group.topic) for driver in self._drivers]
            if not all(self.count_publishers(topic) for topic in topics):
                # Nobody was activated: time goes on all the same, with the safe action.
                self._timed_out = True
                step_s = self._step_ns / NANOSECONDS
                interrupted = self._wake.wait_for(self._interrupted, step_s)
                return None if interrupted else self._robot.rest
            while not self._wake.wait_for(lambda: here() or self._interrupted(), CLOCK_REPEAT_SEC):
                self._publish_clock()
            self._timed_out = False
            if self._interrupted():
                return None
            return np.concatenate([driver.values for driver in self._drivers])

    def _reset(self) -> None:
        seed = self._seed + self._episodes
        self._episodes += 1
        robot = self._robot
        robot.reset(seed, robot.task if self.contract.task and not robot.draws_task else None)
        with self._wake:
            before_ns = self._t_ns
            # The next start of a control period: every stream has a message there.
            self._t_ns = (before_ns // self.contract.period_ns + 1) * self.contract.period_ns
            for driver in self._drivers:
                driver.forget()
            self._new_task = None  # whatever was named, it was for the episode before
            # Only messages stamped after this time show the new start.
            answer: dict[str, object] = {'stamp_ns': before_ns, 'seed': seed}
            if self.contract.task and robot.draws_task:
                answer['task'] = dict(
                    zip(self.contract.task.names, robot.task.tolist(), strict=True)
                )
            self._reset_done = (self._reset_asked, json.dumps(answer))
            self._wake.notify_all()
            if self._on_wall_clock:  # there nothing may be stamped ahead of time
                left_s = self._pace.due_s(self._t_ns) - time.monotonic()
                self._wake.wait_for(lambda: self._stopping, left_s)
        if self._demonstrator is not None:
            self._demonstrator.begin()
        self._publish(None, all_streams=True)

    def _publish_clock(self) -> None:
        self._clock_publisher.publish(ClockMessage(clock=_common.to_time(self._t_ns)))

    def _take_changes(self) -> None:
        """Change task and reality as was asked for meanwhile."""
        with self._wake:
            reality, self._new_reality = self._new_reality, None
            task, self._new_task = self._new_task, None
        if task is not None and not np.array_equal(task, self._robot.task):
            self._robot.set_task(task)
        if reality is not None:
            try:
                self._robot.set_reality(reality)
                self._changed = {'changed_ns': self._t_ns}
                self.get_logger().info(f'from now on the robot is {reality.name}')
            except BodyError as error:
                self.get_logger().error(f'{error}; the reality stays {self._robot.reality.name}')

    def _publish(self, reward: float | None, *, all_streams: bool = False) -> None:
        """Publish what there is at this time."""
        self._take_changes()
        self._stepped()
        if self._demonstrator is not None and self._episodes:
            # Before the time and the pictures: in lockstep nobody moves on without it.
            self._demonstrator.show(self._t_ns)
        self._publish_clock()
        stamp = _common.to_time(self._t_ns)
        if reward is not None and self._reward is not None and not math.isnan(reward):
            terminal, success = self._robot.terminal(), self._succeeded(reward)
            self._reward.publish(_wire.reward_message(self._t_ns, reward, terminal, success))
        for stream, kind, publisher in self._streams:
            if not all_streams and not self._due(stream):
                continue
            if stream.name not in self._infos:
                publisher.publish(kind.simulated(stream, self._robot, self._t_ns))
                continue
            picture = self._robot.image(stream)  # a body may have a size of its own
            publisher.publish(kind.encode(stream, picture, self._t_ns))
            # No calibration: k[0] = 0, as CameraInfo defines it.
            info = CameraInfo(height=picture.shape[0], width=picture.shape[1])
            info.header.stamp = stamp
            info.header.frame_id = optical_frame(stream)
            self._infos[stream.name].publish(info)

    def _due(self, stream: Stream) -> bool:
        period_ns = round(NANOSECONDS / stream.rate_hz)
        return self._t_ns // period_ns != (self._t_ns - self._step_ns) // period_ns


def main(args: list[str] | None = None) -> None:
    """Run the node."""
    sys.exit(_common.run_node(SimRobotNode, args))


if __name__ == '__main__':
    main()
