# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Messages that the middleware lost on their way to the agent, over the last seconds, in words.

DDS numbers its messages, so that it knows what it lost. Looked at once per diagnostics. Holds no
ROS entity.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from world_model_ros.contract import Contract, Stream
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.deploy.dds import segment_remedy
from world_model_ros.onboard.agent.inputs import Inputs

LOOKS = 6  # over 5 s of diagnostics
LEAST_SHARE = 0.02  # below it nobody needs to act
LEAST_LOST = 3  # a single one is no finding


class LossWatch:
    """Counts what was lost of each stream lately."""

    def __init__(self, contract: Contract, inputs: Inputs, lost: Mapping[str, int]) -> None:
        self._streams, self._inputs, self._lost = contract.sensed, inputs, lost
        self._looks: deque[dict[str, tuple[int, int]]] = deque(maxlen=LOOKS)

    def look(self) -> str:
        """What was lost since LOOKS - 1 calls ago, with the remedy; '' for nothing of note."""
        now = {
            s.name: (self._inputs.received[s.name], self._lost.get(s.name, 0))
            for s in self._streams
        }
        self._looks.append(now)
        words = []
        for stream in self._streams:
            before, after = self._looks[0][stream.name], now[stream.name]
            came, lost = after[0] - before[0], after[1] - before[1]
            if lost >= LEAST_LOST and lost >= LEAST_SHARE * (came + lost):
                words.append(loss_text(stream, came, lost))
        return '; '.join(words)


def loss_text(stream: Stream, came: int, lost: int) -> str:
    """How much of a stream is lost, and what to do."""
    share = 100.0 * lost / (came + lost)
    measured = f'stream {stream.name!r}: {share:.0f} % of {stream.topic} is lost on the way'
    measured += f' ({lost} of {came + lost} messages)'
    if not stream_kind(stream.kind).large:
        return f'{measured}; the computer or the network is too busy'
    return f'{measured}; {segment_remedy()}'
