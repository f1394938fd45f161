# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which streams of the contract lack messages, and why: by what came, and by who publishes.

Looks into the ROS graph, so it runs in the executor's thread at the pace of the diagnostics,
never in a tick.
"""

from __future__ import annotations

from collections.abc import Mapping

from rclpy.node import Node

from world_model_ros.contract import Contract, Stream
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.nodes._loss import LossWatch
from world_model_ros.nodes._publishers import publishers_text
from world_model_ros.onboard.agent.given_up import WARN, GivenUp
from world_model_ros.onboard.agent.inputs import Inputs
from world_model_ros.onboard.agent.worker_state import Phase, State

_LOG_SEC = 10.0


class Lacking:
    """Says what the agent waits for."""

    def __init__(
        self, node: Node, contract: Contract, inputs: Inputs, lost: Mapping[str, int]
    ) -> None:
        self._node, self._contract, self._inputs = node, contract, inputs
        self._loss = LossWatch(contract, inputs, lost)

    def status(self, state: State, given_up: GivenUp) -> tuple[int, str]:
        """Level (as in given_up.py) and words, CALM where nothing lacks."""
        level, text = given_up.report()
        silent = [s for s in self._contract.sensed if not self._inputs.received[s.name]]
        if state.phase is Phase.WAITING_FOR_INPUTS:
            streams = [s for s in self._contract.sensed if self._absence(s)]
            what = '; '.join(self._why(stream) for stream in streams)
            level, text = max(level, WARN), f'{state.text}: {what}' if what else state.text
            if what:
                self._node.get_logger().warning(text, throttle_duration_sec=_LOG_SEC)
        elif level and silent:
            if any(stream.name == given_up.stream for stream in silent):
                text = given_up.head()  # who publishes says more than that nothing came
            text = '; '.join([text, *(self._why(stream) for stream in silent)])
        if lossy := self._loss.look():
            level, text = max(level, WARN), f'{text}; {lossy}' if text else lossy
            self._node.get_logger().warning(lossy, throttle_duration_sec=_LOG_SEC)
        return level, text

    def ignored(self) -> dict[str, int]:
        """Messages of other publishers on a stream's topic, for the diagnostics."""
        counts = {
            f'ignored.{stream.name}': self._inputs.assembler.ignored(stream.name)
            for stream in self._contract.joint_streams
        }
        return {key: count for key, count in counts.items() if count}

    def _absence(self, stream: Stream) -> str:
        return self._inputs.assembler.absence(stream.name)

    def _why(self, stream: Stream) -> str:
        if self._inputs.received[stream.name]:
            return self._absence(stream)
        wanted = stream_kind(stream.kind).type_of(stream)
        return f'stream {stream.name!r}: {publishers_text(self._node, stream.topic, wanted)}'
