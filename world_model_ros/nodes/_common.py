# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What every node shares: start, spin, stop, QoS, stamps, diagnostics, parameters.

Owns the process's life cycle around rclpy; holds no logic of any one node. Imports rclpy and
nothing heavier.
"""

from __future__ import annotations

import math
import os
import signal
import struct
import threading
import time
from collections.abc import Callable, Mapping
from typing import IO, Any

import rclpy
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.exceptions import NameValidationException, ParameterException
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions

from world_model_ros.deploy.node_parameters import Parameter, fitting
from world_model_ros.deploy.placement import Placed, place
from world_model_ros.nodes._only import AlreadyRunning, only_one
from world_model_ros.nodes._participant_id import another_participant_id
from world_model_ros.parent import follow_parent

NANOSECONDS = 1_000_000_000
SPIN_TIMEOUT_SEC = 0.1  # how soon a signal is noticed; an untimed spin would never notice
# After a stop signal a node that hangs is ended all the same, well inside the 5 s that the
# supervisor promises.
STOP_PATIENCE_SEC = 4.0
# ROS time stands still, and may jump, with a simulator; what times out or repeats uses this one.
STEADY_CLOCK = Clock(clock_type=ClockType.STEADY_TIME)
DRAIN_SEC = 1.0
# Errors in a node's construction whose words suffice.
_MENDABLE = (
    ValueError,
    OSError,
    ImportError,
    ParameterException,
    NameValidationException,
    AlreadyRunning,
)
# Names claimed by this process; None where nodes are made without run_node, as tests do.
_claims: list[IO[str]] | None = None
placed = Placed()  # cores and scheduling class of this process

OK, WARN, ERROR, STALE = (
    DiagnosticStatus.OK,
    DiagnosticStatus.WARN,
    DiagnosticStatus.ERROR,
    DiagnosticStatus.STALE,
)

THREAD_ENDS_SEC = 20.0
SENSOR_QOS = QoSProfile(
    depth=10,
    history=HistoryPolicy.KEEP_LAST,
    reliability=ReliabilityPolicy.BEST_EFFORT,
    durability=DurabilityPolicy.VOLATILE,
)
RELIABLE_QOS = QoSProfile(
    depth=50,
    history=HistoryPolicy.KEEP_LAST,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.VOLATILE,
)
LATCHED_QOS = QoSProfile(
    depth=1,
    history=HistoryPolicy.KEEP_LAST,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)


def to_time(stamp_ns: int) -> Time:
    """Nanoseconds to a ROS stamp."""
    return Time(sec=stamp_ns // NANOSECONDS, nanosec=stamp_ns % NANOSECONDS)


def to_ns(stamp: Time) -> int:
    """A ROS stamp to nanoseconds."""
    return stamp.sec * NANOSECONDS + stamp.nanosec


def cdr_stamp_ns(cdr: bytes) -> int:
    """The stamp of a serialised message whose first field is a Header or a Time.

    Reads twelve bytes, so that the executor's thread never decodes a picture.
    """
    if len(cdr) < 12:
        raise ValueError(f'a stamped message has at least 12 bytes, got {len(cdr)}')
    sec, nanosec = struct.unpack_from('<iI' if cdr[1] & 1 else '>iI', cdr, 4)
    return sec * NANOSECONDS + nanosec


def declare(
    node: Node, name: str, default: Any, description: str, *, changeable: bool = False
) -> Any:
    """Declare one parameter that is in no table; read-only unless changeable; its value."""
    return _declared(node, name, Parameter(default, description, changeable=changeable))


def parameters(node: Node, table: Mapping[str, Parameter]) -> dict[str, Any]:
    """Declare the parameters of a table (node_parameters.py) and return their values.

    The first thing that a node does: a second node of its name is refused here, before it has
    published anything.

    Raises:
        ValueError: a value does not fit; in one line, with the remedy.
        AlreadyRunning: in a process of run_node's, another one runs under this node's name.
    """
    if _claims is not None and (claim := only_one(node)) is not None:
        _claims.append(claim)
    values = {name: _declared(node, name, parameter) for name, parameter in table.items()}
    _place(node, values)
    return values


def _place(node: Node, values: Mapping[str, Any]) -> None:
    """Take the process to its cores and its scheduling class, where it was asked for."""
    global placed
    placed = place(values.get('cpus', ''), values.get('priority', 0))
    if placed.problem:
        node.get_logger().error(placed.problem)
    elif placed.text:
        node.get_logger().info(f'runs with {placed.text}')


def _declared(node: Node, name: str, parameter: Parameter) -> Any:
    """Declare a parameter with what the user gave, once that is known to fit.

    rclpy's own check knows neither a whole number as a float nor a word on how to write it.
    """
    node.declare_parameter(name, None, ParameterDescriptor(dynamic_typing=True))
    given = node.get_parameter(name).value
    node.undeclare_parameter(name)
    value = fitting(name, parameter, parameter.default if given is None else given)
    descriptor = ParameterDescriptor(
        description=parameter.meaning, read_only=not parameter.changeable
    )
    if parameter.choices:
        words = ', '.join(choice or "''" for choice in parameter.choices)
        descriptor.additional_constraints = f'one of {words}'
    if parameter.low is not None or parameter.high is not None:
        _limit(descriptor, parameter)
    # An empty list has no type in ROS: it is declared as a list of one empty text.
    declared = (list(value) or ['']) if isinstance(value, tuple) else value
    node.declare_parameter(name, declared, descriptor, ignore_override=True)
    return value


def _limit(descriptor: ParameterDescriptor, parameter: Parameter) -> None:
    low, high = parameter.low, parameter.high
    if isinstance(parameter.default, float):
        ends = (-math.inf if low is None else low, math.inf if high is None else high)
        descriptor.floating_point_range = [
            FloatingPointRange(from_value=float(ends[0]), to_value=float(ends[1]))
        ]
    else:
        ends = (-(2**63) if low is None else low, 2**63 - 1 if high is None else high)
        descriptor.integer_range = [IntegerRange(from_value=int(ends[0]), to_value=int(ends[1]))]


class Diagnostics:
    """Publishes one DiagnosticArray per call on /diagnostics."""

    def __init__(self, node: Node, hardware_id: str):
        self._publisher = node.create_publisher(DiagnosticArray, '/diagnostics', 10)
        self._clock = node.get_clock()
        self._name = node.get_fully_qualified_name()
        self._hardware_id = hardware_id

    def publish(self, level: bytes, message: str, values: dict[str, object]) -> None:
        """Publish one status; numbers are written short."""
        if placed.text:
            values = {**values, 'scheduling': placed.text}
        status = DiagnosticStatus(
            level=level, name=self._name, message=message, hardware_id=self._hardware_id
        )
        status.values = [KeyValue(key=key, value=_short(value)) for key, value in values.items()]
        array = DiagnosticArray(status=[status])
        array.header.stamp = self._clock.now().to_msg()
        self._publisher.publish(array)


def _short(value: object) -> str:
    return f'{value:.6g}' if isinstance(value, float) else str(value)


class StopSignals:
    """SIGINT and SIGTERM, any number of them, ask for one orderly end.

    rclpy's own handlers are not installed: they would take the context away before a node has
    sent its last safe command. A second signal changes nothing; a node that hangs is ended by
    force after STOP_PATIENCE_SEC.
    """

    def __init__(self) -> None:
        self.asked = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    def ignore(self) -> None:
        """The node has ended: a signal while Python takes itself down must not look like a crash.

        Ctrl-C reaches a node twice, from the terminal and from `ros2 launch`.
        """
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)

    def _on_signal(self, number: int, _frame: object) -> None:
        if self.asked.is_set():
            return
        self.asked.set()
        timer = threading.Timer(STOP_PATIENCE_SEC, os._exit, args=(128 + number,))
        timer.daemon = True
        timer.start()


def make_executor(context: rclpy.Context | None = None) -> Executor:
    """The cheapest single-threaded executor this rclpy has.

    In some builds the untimed spin of EventsExecutor busy-loops: call spin_once with a timeout.
    """
    try:
        from rclpy.experimental.events_executor import EventsExecutor
    except ImportError:
        return SingleThreadedExecutor(context=context)
    return EventsExecutor(context=context)


def end_listener(thread: threading.Thread, node: Node) -> None:
    """Destroy a node that a thread of its own spins, once that thread was asked to end.

    A call into DDS may wait for seconds for a process that was killed. To destroy the node under
    such a call ends this process with a segmentation fault; then it is left to the end of it.
    """
    thread.join(timeout=THREAD_ENDS_SEC)
    if thread.is_alive():
        return
    context = node.context
    node.destroy_node()
    rclpy.try_shutdown(context=context)


def run_node(factory: Callable[[], Node], args: list[str] | None = None) -> int:
    """Run one node until a signal or the context's end; returns the exit status.

    The node's optional `drain()` is called between callbacks until it is true, or DRAIN_SEC have
    passed: what needs messages to end, ends there. Its optional `close()` runs with the context
    still whole, so that it can send a last command. A true `finished` ends the run: a node sets
    it when a thread of its own has ended. Nodes in its optional `beside` are spun with it; it ends
    them itself. What the user can mend is logged in one line: words
    after --ros-args that ROS cannot read, errors in construction, a second node of this name.
    """
    follow_parent()
    stop = StopSignals()
    try:
        rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:  # rcl's, on its arguments and parameter files
        return _refuse(str(error).split(', at /')[0])
    global _claims
    _claims = []
    node = None
    try:
        try:
            with another_participant_id():  # the first node makes the DDS participant
                node = factory()
        except _MENDABLE as error:
            return _refuse(str(error))
        executor = make_executor()
        for each in (node, *getattr(node, 'beside', ())):
            executor.add_node(each)
        while not stop.asked.is_set() and rclpy.ok() and not getattr(node, 'finished', False):
            executor.spin_once(timeout_sec=SPIN_TIMEOUT_SEC)
        status = int(getattr(node, 'exit_status', 0))
        drain = getattr(node, 'drain', None)
        give_up_s = time.monotonic() + DRAIN_SEC
        while drain is not None and not drain() and time.monotonic() < give_up_s:
            executor.spin_once(timeout_sec=0.01)
        return status
    except (KeyboardInterrupt, ExternalShutdownException):
        return 0
    finally:
        if node is not None:
            close = getattr(node, 'close', None)
            if close is not None:
                close()
            node.destroy_node()
        rclpy.try_shutdown()
        for claim in _claims:
            claim.close()
        stop.ignore()


def _refuse(text: str) -> int:
    rclpy.logging.get_logger('world_model_ros').fatal(text)
    return 1
