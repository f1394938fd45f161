# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The kind `floats`: the plain numbers of a std_msgs/Float64MultiArray as float32 [n].

The contract names them in their order. The message has no time: the time of arrival counts. Must
not import ROS, torch or the bundle.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from world_model_ros.contract.problems import Problems, Section
from world_model_ros.contract.stream_kind import Draft
from world_model_ros.wire.cdr import FLOATS, blank, decode_padded
from world_model_ros.wire.kinds.stamped import StampedKind, finite, read_unstamped, refusal

if TYPE_CHECKING:
    from world_model_ros.contract import Stream


class FloatsKind(StampedKind):
    """Numbers by their place."""

    name = 'floats'
    message_type = FLOATS
    keys = ('names', 'wrap')

    def read(self, section: Section, problems: Problems) -> dict[str, Any]:
        """Read `names` and `wrap`."""
        read_unstamped(section, FLOATS)
        names = section.words('names')
        wrap = section.words('wrap', [], at_least=0)
        if problems.clean(section.key('names'), section.key('wrap')):
            for name in wrap:
                if name not in names:
                    section.note(
                        'wrap',
                        name,
                        f'a name among {", ".join(names)}',
                        'remove it, or add it to names',
                    )
        return {
            'names': names,
            'wrap': tuple(name for name in names if name in wrap),
            'shape': (len(names),),
        }

    def draft(self, type_name: str, messages: Sequence[bytes]) -> tuple[Draft, ...]:
        """A number for each place, without knowing what it is."""
        sizes = {len(decode_padded(type_name, cdr).data) for cdr in messages}
        if len(sizes) != 1 or sizes == {0}:
            return ()
        keys = {'names': [f'number_{i}' for i in range(sizes.pop())], 'stamp': 'receive'}
        return (Draft(keys, {'names': 'name what each number is'}),)

    def interface(self, stream: Stream) -> dict[str, Any]:
        """Names and angles, in their order."""
        return {'units': self.units, 'names': list(stream.names), 'wrap': list(stream.wrap)}

    def words(self, stream: Stream) -> str:
        """The names."""
        return f'the numbers {", ".join(stream.names)}'

    def labels(self, stream: Stream) -> list[str]:
        """The names."""
        return list(stream.names)

    def turning(self, stream: Stream) -> list[int]:
        """Those in `wrap`."""
        return [i for i, name in enumerate(stream.names) if name in stream.wrap]

    def array(self, stream: Stream, message: Any) -> np.ndarray:
        """The numbers of a message."""
        data = np.asarray(message.data, np.float64)[int(message.layout.data_offset) :]
        if data.size != len(stream.names):
            raise refusal(
                stream,
                'data',
                f'{len(stream.names)} numbers {list(stream.names)}',
                f'{data.size}',
                'correct names in the contract, or the publisher',
            )
        return finite(stream, data.tolist(), stream.names)

    def message(self, stream: Stream, array: np.ndarray, header: Any) -> Any:
        """A message without a layout."""
        message = blank(FLOATS)
        message.data = np.asarray(array, np.float64)
        return message
