# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The recorder node: raw messages of the contract's topics into episodes.

Owns clocks, subscriptions and diagnostics; what goes where is experience.session, how it gets to
the disk experience.writer. It only listens: a full disk ends the recording and is reported, and
nothing the robot does waits for this process.
"""

from __future__ import annotations

import sys
import threading
import time
import traceback

from rclpy.node import Node

from world_model_ros.contract import contract_hash, find_robot, interface_hash, load_contract
from world_model_ros.deploy.node_parameters import RECORDER
from world_model_ros.experience import EpisodeInfo, EpisodeWriter, Topic, recover_leftovers
from world_model_ros.experience.bag import IMAGINED_ROLE
from world_model_ros.experience.record.recover import Recovered
from world_model_ros.experience.record.session import RecordingSession
from world_model_ros.experience.record.shipping import Shipper, ShippingFigures
from world_model_ros.nodes import _common
from world_model_ros.nodes._boundary import SHOW_SEC, Boundary
from world_model_ros.nodes.recorder_topics import TopicFollower, conversions, wanted_topics
from world_model_ros.user_path import user_path

DISCOVERY_PERIOD_SEC = 0.25
POLL_PERIOD_SEC = 0.1
DIAGNOSTICS_PERIOD_SEC = 1.0
SILENT_WARN_SEC = 2.0  # the robot measures and nobody ticks: said long before the file is given up
NO_TICKS = 'no ticks: does the agent run, and does it get all of its inputs (see its diagnostics)?'
# At shutdown: Ctrl-C reaches the agent too, whose last tick ends the episode.
LAST_TICK_PATIENCE_SEC = 0.8
SEAL_PATIENCE_SEC = 3.0  # at shutdown, within what a stop signal allows
SHIP_PATIENCE_SEC = 0.5  # at shutdown; what did not go is shipped after the next start
MIB = 1 << 20


class RecorderNode(Node):
    """Subscriptions and timers around a RecordingSession."""

    def __init__(self) -> None:
        super().__init__('recorder')
        value = _common.parameters(self, RECORDER)
        robot_id = value['robot_id']
        self._compression = value['compression']
        self._queue_mb, self._min_free_mb = value['queue_mb'], value['min_free_mb']
        contract = load_contract(find_robot(value['contract']))
        self._contract_hash = contract_hash(contract)
        self._root = user_path(value['directory']).resolve()
        self._root.mkdir(parents=True, exist_ok=True)
        wanted = wanted_topics(contract, clock=value['record_clock'])
        self.session = RecordingSession(
            root=self._root,
            topics={
                w.role: Topic(self.resolve_topic_name(w.topic) + w.stored, w.type) for w in wanted
            },
            open_writer=self._open_writer,
            robot_id=robot_id,
            contract_text=contract.text,
            convert=conversions(contract),
        )
        self._shipper: Shipper | None = None
        if value['store']:
            self._shipper = Shipper(
                self._root, value['store'], robot_id, interface=interface_hash(contract)
            )
        self._foreign_of = ''  # whose episodes in this folder are left alone, as said in the log
        self._recovered = Recovered()
        self._stop_s: float | None = None  # steady clock, since when it is asked to stop
        # A long leftover takes seconds to check; its lock and name keep it apart from new ones.
        threading.Thread(target=self._recover, name='recover', daemon=True).start()
        self._boundary = Boundary(self)
        self._followers = [
            TopicFollower(self, w, self._on_message, self._on_lost, self._boundary) for w in wanted
        ]
        self._diagnostics = _common.Diagnostics(self, robot_id)
        if self._shipper:
            self._shipper.start()
        steady = _common.STEADY_CLOCK
        self._follow()
        self.create_timer(DISCOVERY_PERIOD_SEC, self._follow, clock=steady)
        self.create_timer(POLL_PERIOD_SEC, self._poll, clock=steady)
        self.create_timer(DIAGNOSTICS_PERIOD_SEC, self._publish_diagnostics, clock=steady)

    def _recover(self) -> None:
        try:
            self._recovered = recover_leftovers(self._root)
        except Exception as error:  # noqa: BLE001 - a thread that ends unseen looks like idleness
            self._recovered.left[self._root] = repr(error)
            self.get_logger().error(f'leftovers cannot be looked at: {traceback.format_exc()}')
        for path in self._recovered.sealed:
            self.get_logger().warning(f'sealed as incomplete, its recorder had died: {path}')
        for path, reason in self._recovered.set_aside.items():
            self.get_logger().error(f'cannot be sealed, set aside as {path}: {reason}')
        for path, reason in self._recovered.left.items():
            self.get_logger().warning(f'left as it is: {path}: {reason}')

    def _open_writer(self, info: EpisodeInfo) -> EpisodeWriter:
        if info.contract_hash and info.contract_hash != self._contract_hash:
            self.get_logger().warning(
                'the agent runs another contract than this recorder: streams that only one of '
                'them knows are not recorded'
            )
        return EpisodeWriter(
            self._root,
            info,
            compression=self._compression,
            queue_bytes=self._queue_mb * MIB,
            min_free_bytes=self._min_free_mb * MIB,
        )

    def _follow(self) -> None:
        for follower in self._followers:
            topic = follower.follow()
            if topic is not None:
                self.session.set_topic(follower.wanted.role, topic)
            if follower.problem:
                self.get_logger().error(follower.problem, throttle_duration_sec=10.0)

    def _on_message(self, role: str, data: bytes) -> None:
        now_ns = self.get_clock().now().nanoseconds
        self.session.on_message(role, data, now_ns, now_ns, time.monotonic())

    def _on_lost(self, role: str, count: int) -> None:
        self.session.note_lost(role, count)

    def _poll(self) -> None:
        before = self.session.totals.last_episode
        self.session.poll(time.monotonic())
        if self.session.totals.last_episode != before:
            self.get_logger().info(f'sealed {self.session.totals.last_episode}')

    def _publish_diagnostics(self) -> None:
        totals, current = self.session.totals, self.session.current
        dropped = totals.dropped + (sum(current.writer.dropped.values()) if current else 0)
        problems = [f.problem for f in self._followers if f.problem]
        shipping = self._shipper.figures if self._shipper else ShippingFigures()
        if shipping.foreign_of != self._foreign_of:
            self._foreign_of = shipping.foreign_of
            self.get_logger().info(
                f'{self._root} also holds episodes of {self._foreign_of}: they stay there, since '
                'each robot ships its own'
            )
        if totals.error:
            level, text = _common.ERROR, totals.error
        elif problems:
            level, text = _common.ERROR, problems[0]
        elif shipping.broken:
            level, text = _common.ERROR, f'recording; not shipped: {shipping.broken}'
        elif time.monotonic() - totals.refused_s < SHOW_SEC:
            level, text = _common.WARN, totals.refusal
        elif self.session.silent_s > SILENT_WARN_SEC or self.session.waits_for_ticks:
            level, text = _common.WARN, NO_TICKS
        elif dropped:
            level, text = _common.WARN, f'{dropped} messages dropped: the disk is too slow'
        elif shipping.error:
            level, text = _common.WARN, f'recording; not shipped: {shipping.error}'
        else:
            level, text = _common.OK, 'recording' if current else 'waiting for an episode'
        values: dict[str, object] = {
            'episode': current.writer.info.uuid if current else '',
            'ticks': current.ticks if current else 0,
            'return': current.total_reward if current else 0.0,
            'messages': sum(current.writer.written.values()) if current else 0,
            'bytes': current.writer.bytes_written if current else 0,
            'episodes': totals.episodes,
            'incomplete': totals.incomplete,
            'recovered': len(self._recovered.sealed),
            'unreadable': len(self._recovered.set_aside),
            'left': len(self._recovered.left),
            'dropped': dropped,
            'last_episode': totals.last_episode,
            'last_return': totals.last_return,
            'silent': ' '.join(
                f.name for f in self._followers if not f.found and f.wanted.role != IMAGINED_ROLE
            ),
            'imagined': self.session.imagined,
            'shipped': shipping.shipped,
            'waiting': shipping.waiting,
            'unshippable': shipping.refused,
            'of_other_robots': shipping.foreign,
            'postponed': shipping.postponed,
            'shipping_error': shipping.error,
            'shipping_failures': shipping.failures,
            'last_shipping_error': shipping.last_error,
        }
        for role, count in totals.refused.items():
            values[f'refused.{self.session.topics[role].name}'] = count
        values.update(self._boundary.values())
        self._diagnostics.publish(*self._boundary.level(level, text), values)

    def drain(self) -> bool:
        """Called until true before the node ends: the last tick is here, or none comes."""
        now_s = time.monotonic()
        if self._stop_s is None:
            self._stop_s = now_s
        return self.session.settled(now_s) or now_s - self._stop_s > LAST_TICK_PATIENCE_SEC

    def close(self) -> None:
        """Seal what is open."""
        if self._shipper:
            self._shipper.stop(0.0)
        self.session.close(SEAL_PATIENCE_SEC)
        if self._shipper:
            self._shipper.stop(SHIP_PATIENCE_SEC)


def main(args: list[str] | None = None) -> None:
    """Run the node."""
    sys.exit(_common.run_node(RecorderNode, args))


if __name__ == '__main__':
    main()
