# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The agent's topics and services: the worker's port to ROS.

Owns every entity that exists only while the agent is configured, and the one lock that keeps a
chunk from following the last safe command. The executor's thread stores; the worker publishes.
"""

from __future__ import annotations

import json
import threading
import time
from functools import partial

import numpy as np
from rclpy.duration import Duration
from rclpy.event_handler import QoSMessageLostInfo, SubscriptionEventCallbacks
from rclpy.lifecycle import LifecycleNode
from rclpy.publisher import Publisher
from rclpy.service import Service
from rclpy.subscription import Subscription
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from world_model_ros.contract import Contract, Stream, contract_hash, interface_hash
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.nodes import _common, _wire
from world_model_ros.nodes._boundary import Boundary
from world_model_ros.nodes._guard_link import GuardLink
from world_model_ros.nodes._message_class import message_class
from world_model_ros.nodes._qos import subscribe
from world_model_ros.nodes._robot_reset import RobotReset
from world_model_ros.onboard.agent.episode import Episode
from world_model_ros.onboard.agent.episode_phase import EpisodePhase
from world_model_ros.onboard.agent.foreign_commands import ForeignCommands
from world_model_ros.onboard.agent.inputs import Inputs
from world_model_ros.onboard.agent.worker import Worker
from world_model_ros.onboard.tick.clock import RobotClock
from world_model_ros.onboard.tick.tick_record import TickRecord

LAST_WORDS = Duration(seconds=0.3)  # at the end, for what was published last to arrive
EPISODE_FORMAT = 1
HOME = 'home'  # source of the guard on the way home


class AgentTopics:
    """What the worker publishes through, and what feeds its inputs."""

    def __init__(
        self,
        node: LifecycleNode,
        contract: Contract,
        inputs: Inputs,
        clock: RobotClock,
        robot_id: str,
        tick_source: str,
        link: GuardLink,
    ) -> None:
        self.lost = {stream.name: 0 for stream in contract.sensed}
        self.sent_problem = ''  # why the guard's newest report could not be used
        self._node, self._contract, self._inputs, self._clock = node, contract, inputs, clock
        self._about = {
            'format': EPISODE_FORMAT,
            'robot_id': robot_id,
            'contract': contract.text,
            'interface_hash': interface_hash(contract),
            'contract_hash': contract_hash(contract),
        }
        self._source, self._link = tick_source, link
        self.boundary = Boundary(node)
        self._low = np.asarray(contract.action.limit_low)
        self._high = np.asarray(contract.action.limit_high)
        self._foreign = ForeignCommands(contract)
        self._lock = threading.Lock()
        self._allowed = False
        self._episode: Episode | None = None
        self._marks: list[int] = []
        self._wall_ns = 0
        self._episodes: EpisodePhase  # of the worker, from serve() on
        node_qos = _common.RELIABLE_QOS
        self._tick = node.create_publisher(JointState, '~/tick', node_qos)
        self._announcement = node.create_publisher(String, '~/episode', _common.LATCHED_QOS)
        self._chunk = node.create_lifecycle_publisher(JointTrajectory, '~/chunk', node_qos)
        self._reset = RobotReset(node, self.now_ns, self.warn)
        self._subscriptions = [
            self._subscribe(stream, tick_source == 'lockstep') for stream in contract.sensed
        ]
        others = [
            (JointState, 'guard/sent', self._on_sent, node_qos),
        ]
        if contract.reward.topic:
            others.append((JointState, contract.reward.topic, self._on_reward, node_qos))
        self._task: Publisher | None = None
        if contract.task is not None:
            others.append((JointState, '~/set_task', self._on_task, node_qos))
            self._task = node.create_publisher(JointState, '~/task', _common.LATCHED_QOS)
        for kind, topic, callback, qos in others:
            self._subscriptions.append(
                subscribe(node, kind, topic, self.boundary.wrap(topic, callback), qos)
            )
        # In shadow: what another controller commands is the action that happened.
        self._subscriptions += [
            node.create_subscription(
                message_class(group.type),
                group.topic,
                self.boundary.wrap(group.topic, partial(self._on_command, i)),
                _common.SENSOR_QOS,
                raw=True,
            )
            for i, group in enumerate(contract.groups)
        ]
        self._services: list[Service] = []

    def serve(self, worker: Worker) -> None:
        """Offer the services that steer the worker."""
        self._episodes = worker.episodes
        for name, callback in (('start', self._on_start), ('end', self._on_end)):
            self._services.append(
                self._node.create_service(Trigger, f'~/{name}_episode', callback)
            )
        self._services.append(self._node.create_service(Trigger, '~/mark', self._on_mark))

    def close(self) -> None:
        """Destroy every entity, once what was said last has arrived."""
        self._reset.abort()
        self._tick.wait_for_all_acked(LAST_WORDS)  # the last tick tells the recorder to seal
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        for service in self._services:
            self._node.destroy_service(service)
        self._reset.close()
        self._node.destroy_lifecycle_publisher(self._chunk)
        for publisher in (self._tick, self._announcement, self._task):
            if publisher is not None:
                self._node.destroy_publisher(publisher)

    def abort_waits(self) -> None:
        """Let the worker come back from a reset that nobody answers."""
        self._reset.abort()

    # Executor thread: only stores

    def _subscribe(self, stream: Stream, lockstep: bool) -> Subscription:
        """Best effort as sensors are; in lockstep not one message may be lost."""
        name, put = stream.name, self._inputs.put_stream
        clock = self._clock

        def store(cdr: bytes) -> None:
            put(name, cdr, clock.now_ns())

        def lost(event: QoSMessageLostInfo) -> None:
            self.lost[name] = event.total_count

        return subscribe(
            self._node,
            message_class(stream_kind(stream.kind).type_of(stream)),
            stream.topic,
            self.boundary.wrap(stream.topic, store),
            _common.RELIABLE_QOS if lockstep else _common.SENSOR_QOS,
            raw=True,
            event_callbacks=SubscriptionEventCallbacks(message_lost=lost),
        )

    def _on_sent(self, message: JointState) -> None:
        try:
            sent = _wire.sent_values(self._contract, message)
        except (KeyError, IndexError, ValueError):
            self.sent_problem = (
                f'guard/sent names {list(message.name)}, expected '
                f'{[*self._contract.action.names, _wire.SENT_SOURCE]}: the guard runs with '
                'another contract, or is the guard of another robot'
            )
            return
        self.sent_problem = ''
        came_home = self._inputs.guard_source == HOME != sent[2]
        self._inputs.put_sent(*sent)
        if came_home:
            self._mark()

    def _on_command(self, group: int, cdr: bytes) -> None:
        if self._allowed or self._link.commands:
            return  # the guard's own commands; guard/sent says more of them
        now_ns = self._clock.now_ns()
        command = self._foreign.take(group, cdr, now_ns, self._inputs.resting_action(now_ns))
        if command is not None:
            self._inputs.put_sent(*command, 'foreign')

    def _on_reward(self, message: JointState) -> None:
        self._inputs.put_reward(*_wire.reward_values(message))

    def _on_task(self, message: JointState) -> None:
        # Refused with a ValueError, which the rim logs and counts.
        self._inputs.put_task(dict(zip(message.name, message.position, strict=False)))
        self._episodes.ask_end()  # a task is constant within an episode

    def _on_start(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._episodes.ask_start()
        response.success, response.message = True, 'a new episode begins'
        return response

    def _on_end(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._episodes.ask_end(hold=True)
        response.success = True
        response.message = 'the episode ends with the next tick; start_episode begins another'
        return response

    def _on_mark(self, _request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        uuid = self._mark()
        response.success = bool(uuid)
        marked = f'mark {len(self._marks)} in episode {uuid}'
        response.message = marked if uuid else 'no episode to mark'
        return response

    def _mark(self) -> str:
        """Mark the episode that runs; its name, '' without one."""
        episode = self._episode
        if episode is None or self._episodes.episode is None:  # one that has ended is sealed
            return ''
        self._marks.append(self._clock.now_ns())
        self._publish_episode(episode)
        return episode.uuid

    def allow_chunks(self) -> None:
        """The node is active."""
        with self._lock:
            self._allowed = True
        self._inputs.expect_commands(True)

    def wait_for_guard(self, seconds: float) -> bool:
        """Until the guard hears our chunks: the first one must not be lost."""
        return self._reset.wait(lambda: self._chunk.get_subscription_count() > 0, seconds)

    def forbid_chunks(self) -> None:
        """The node is no longer active: a last word to the guard, and none after it."""
        with self._lock:
            if self._allowed:
                self._publish_drop()
            self._allowed = False
        self._inputs.expect_commands(False)

    # Worker thread

    def now_ns(self) -> int:
        """The robot's time."""
        return self._clock.now_ns()

    def guard_problem(self) -> str:
        """Why no command reaches the robot now, '' while the guard lives; lockstep waits."""
        return '' if self._source == 'lockstep' else self._link.lost()

    def warn(self, text: str) -> None:
        """Log, throttled."""
        self._node.get_logger().warning(text, throttle_duration_sec=1.0)

    def announce(self, episode: Episode) -> None:
        """Publish who, what and with which model, for everyone who comes later as well."""
        if episode is not self._episode:
            self._episode, self._marks, self._wall_ns = episode, [], time.time_ns()
            self._publish_task(episode)
        self._publish_episode(episode)

    def _publish_task(self, episode: Episode) -> None:
        if self._task is None:
            return
        message = JointState(name=list(episode.task), position=list(episode.task.values()))
        message.header.stamp = _common.to_time(self._clock.now_ns())
        message.header.frame_id = episode.uuid
        self._task.publish(message)

    def _publish_episode(self, episode: Episode) -> None:
        self._announcement.publish(
            String(
                data=json.dumps(
                    {
                        **self._about,
                        'uuid': episode.uuid,
                        'index': episode.index,
                        'acting': episode.acting,
                        'explore': episode.explore,
                        'eval': episode.eval,
                        **({'task': episode.task} if episode.task else {}),
                        'bundle': {'name': episode.bundle_name, 'digest': episode.digest},
                        'release': episode.release,
                        'first_tick': episode.first_tick,
                        'extra_delay_s': episode.extra_delay_s,
                        'marks': self._marks,
                        'clock': {
                            'source': self._source,
                            'now_ns': self._clock.now_ns(),
                            'wall_ns': self._wall_ns,  # when the episode began
                            'simulated': self._node.get_parameter('use_sim_time').value,
                        },
                    }
                )
            )
        )

    def publish_tick(self, record: TickRecord) -> None:
        """Publish the record of a tick."""
        message = JointState(name=record.names(), position=record.to_doubles())
        message.header.stamp = _common.to_time(record.t_ns)
        message.header.frame_id = record.frame_id
        self._tick.publish(message)

    def send_chunk(self, start_ns: int, chunk: np.ndarray) -> bool:
        """Send a chunk to the guard, if the node is still active."""
        # float32 limits lie a hair outside: without this the guard reports them as clipped.
        inside = np.clip(chunk.astype(np.float64), self._low, self._high)
        message = _wire.chunk_message(self._contract, start_ns, inside)
        with self._lock:
            if self._allowed:
                self._chunk.publish(message)
            return self._allowed

    def drop_chunk(self) -> None:
        """Make the guard give up the chunk it has."""
        with self._lock:
            if self._allowed:
                self._publish_drop()

    def _publish_drop(self) -> None:
        none = np.empty((0, len(self._low)))
        self._chunk.publish(_wire.chunk_message(self._contract, self._clock.now_ns(), none))

    def reset_robot(self) -> int | None:
        """Call the driver's reset and wait; None if it failed, for which there is a warning."""
        answer = self._reset.call()
        if answer is None:
            return None
        if answer.task is not None:
            try:
                self._inputs.put_robots_task(answer.task)
            except ValueError as error:
                self._reset.refuse(error)
                return None
        return answer.stamp_ns
