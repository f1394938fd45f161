# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""Sessions on a device: fixed buffers, and beliefs that stay where they are.

A belief goes from `observe` to `imagine`, `plan` and the next `observe`. It is downloaded once,
for records and checks, and not uploaded again: whoever passes on the array that a graph gave gets
the buffer on the device. Input and output of `run` are numpy arrays. One session is for one
thread at a time. Works with any provider; untried on a GPU.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from world_model_ros.bundle.format_names import GraphSignature, Tensor

BELIEF_OUT = 'belief_out'
BELIEF_IN = ('belief', 'next_belief')
# Outputs of observe and imagine alternate between two buffers: their input may be the other one.
_SIDES = 2


class _Buffer:
    """A tensor on the device, and the array that was downloaded from it last."""

    def __init__(self, runtime: Any, tensor: Tensor, device: str, device_id: int) -> None:
        self.value = runtime.OrtValue.ortvalue_from_shape_and_type(
            list(tensor.shape), tensor.dtype.type, device, device_id
        )
        self.host: np.ndarray | None = None


class Beliefs:
    """The buffers on one device that hold beliefs of one bundle."""

    def __init__(self) -> None:
        self.buffers: list[_Buffer] = []

    def find(self, array: np.ndarray) -> int:
        """Return the number of the buffer, from 1 on, that `array` was downloaded from; else 0."""
        for number, buffer in enumerate(self.buffers, start=1):
            if buffer.host is array:
                return number
        return 0


class BoundSession:
    """One graph whose inputs and outputs have fixed places on a device."""

    def __init__(
        self,
        session: Any,
        runtime: Any,
        signature: GraphSignature,
        beliefs: Beliefs,
        device: str,
        device_id: int,
        captured: bool,
    ) -> None:
        """Make the buffers.

        Args:
            session: an `onnxruntime.InferenceSession`.
            runtime: the module onnxruntime.
            signature: inputs and outputs of the graph.
            beliefs: of the bundle; shared by its graphs.
            device: as ONNX Runtime calls it, `cuda` or `cpu`.
            device_id: of the device.
            captured: whether runs are captured as CUDA graphs: one for each set of places.
        """
        self.session, self.captured = session, captured
        self._runtime, self._beliefs = runtime, beliefs
        self._binding = session.io_binding()

        def buffer(tensor: Tensor) -> _Buffer:
            return _Buffer(runtime, tensor, device, device_id)

        self._inputs = {name: buffer(tensor) for name, tensor in signature.inputs.items()}
        one = {name: buffer(tensor) for name, tensor in signature.outputs.items()}
        self._outputs = [one] * _SIDES
        if BELIEF_OUT in one:
            second = {**one, BELIEF_OUT: buffer(signature.outputs[BELIEF_OUT])}
            self._outputs = [one, second]
            beliefs.buffers += [side[BELIEF_OUT] for side in self._outputs]
        self._side = 0
        self._places: dict[str, _Buffer] = {}  # what is bound now, by name
        self._options: dict[int, Any] = {}

    def get_inputs(self) -> Any:
        """Return the session's inputs."""
        return self.session.get_inputs()

    def get_outputs(self) -> Any:
        """Return the session's outputs."""
        return self.session.get_outputs()

    def get_providers(self) -> list[str]:
        """Return what the session runs on."""
        return list(self.session.get_providers())

    def run(self, names: Sequence[str] | None, feed: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """Compute the named outputs, all if None; float32 and uint8 arrays as in the signature."""
        self._side = (self._side + 1) % _SIDES
        outputs = self._outputs[self._side]
        places = self._side  # names the set of buffers of this run
        for name, array in feed.items():
            own, number = self._inputs[name], 0
            if name in BELIEF_IN:
                number = self._beliefs.find(array)
                places = places * (len(self._beliefs.buffers) + 1)
            source = self._beliefs.buffers[number - 1] if number else own
            if source is outputs.get(BELIEF_OUT):  # written while it is read
                source, number = own, 0
            if source is own:
                own.value.update_inplace(np.ascontiguousarray(array))
            places += number
            self._bind(name, source, self._binding.bind_ortvalue_input)
        for name, buffer in outputs.items():
            self._bind(name, buffer, self._binding.bind_ortvalue_output)
        self._binding.synchronize_inputs()
        self.session.run_with_iobinding(self._binding, self._run_options(places))
        self._binding.synchronize_outputs()
        found = []
        for name in outputs if names is None else names:
            buffer = outputs[name]
            array = buffer.value.numpy().copy()  # on the CPU it is a view of the buffer
            buffer.host = array
            found.append(array)
        return found

    def _bind(self, name: str, buffer: _Buffer, bind: Any) -> None:
        if self._places.get(name) is not buffer:
            bind(name, buffer.value)
            self._places[name] = buffer

    def _run_options(self, places: int) -> Any:
        """A captured graph replays with the places that it was captured with."""
        if not self.captured:
            return None
        if places not in self._options:
            options = self._runtime.RunOptions()
            options.add_run_config_entry('gpu_graph_id', str(places + 1))
            self._options[places] = options
        return self._options[places]
