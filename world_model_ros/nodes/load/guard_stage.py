# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""One robot for `chaos guard`: the real guard and the unfriendly arm as processes, and all ears.

Owns the processes, the DDS domain of its own, and the log of what was done, measured and
commanded. Each event of a sequence is a method or a call here; what follows from it is judged in
bench/chaos/. Stays up between runs. For fault injection only.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.srv import SetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rosgraph_msgs.msg import Clock as ClockMessage
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from world_model_ros.contract import Action, load_contract
from world_model_ros.nodes import _common
from world_model_ros.nodes._common import NANOSECONDS
from world_model_ros.nodes.load.guard_stage_agent import StageAgent
from world_model_ros.parent import PARENT_ENV

FOREIGN_NODE = 'other_controller'
READY_S = 30.0  # a process that is not there by then is broken; discovery is slow at times
ASK_S = 1.0  # a request that met a server that was just killed is asked again
STATUS_S = 0.3  # until the guard's status has followed
ANSWER_S = 8.0  # coming to rest before a deactivation takes up to 3 s
EARS_QOS = QoSProfile(
    depth=2000,
    history=HistoryPolicy.KEEP_LAST,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.VOLATILE,
)

# What is written down: name, begin, end, whether it was granted, and in words.
Note = Callable[[str, float, float, bool, str], None]


class GuardStage:
    """Guard, arm, agent and ears of one robot; use `begin` before each run."""

    def __init__(self, folder: Path, robot_file: Path, domain: int, simulated: bool) -> None:
        self.folder, self.robot_file, self.domain = folder, robot_file, domain
        self.simulated = simulated
        self.contract = load_contract(robot_file)
        self.on_note: Note = lambda *_: None
        # The group's number, when it was sent, its stamp, its number, its values, whose it is.
        self.on_command: Callable[[int, float, float, int, np.ndarray, bool], None] = lambda *_: (
            None
        )
        self.on_measured: Callable[[float, np.ndarray], None] = lambda *_: None
        self.guard: dict[str, Any] = {}  # the newest status of the guard
        self.driver: dict[str, Any] = {}  # and of the arm
        self.fault, self.fault_time = '', 0.0  # the first fault of the driver in this run
        self._clock_ns = 0
        self._begin_ns = time.time_ns()
        self._position = np.full(len(self.contract.action.names), np.nan)
        self.processes: dict[str, subprocess.Popen] = {}
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain)
        self._node = Node('chaos', context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._create_ears()
        self.agent = StageAgent(
            self._node, self.contract, self.now_ns, self.position, self._note_agent
        )
        self._ended = False
        self._met = False  # whether the present guard has answered anything
        self._thread = threading.Thread(target=self._spin, name='ears', daemon=True)
        self._thread.start()
        self.start_driver()
        self.start_guard()

    def _create_ears(self) -> None:
        node = self._node
        # rclpy gives the message's info to a callback of two arguments, which its types lack.
        for i, group in enumerate(self.contract.groups):
            on_command: Any = self._ear(i, group)
            node.create_subscription(JointState, group.topic, on_command, EARS_QOS)
        topic = self.contract.joint_streams[0].topic
        node.create_subscription(JointState, topic, self._on_joints, _common.SENSOR_QOS)
        node.create_subscription(String, 'guard/status', self._on_guard, _common.LATCHED_QOS)
        node.create_subscription(
            String, 'unfriendly_arm/status', self._on_driver, _common.LATCHED_QOS
        )
        node.create_subscription(ClockMessage, '/clock', self._on_clock, 10)
        self._clients = {
            name: node.create_client(kind, name)
            for kind, name in (
                (ChangeState, 'guard/change_state'),
                (Trigger, 'guard/stop'),
                (Trigger, 'guard/release_stop'),
                (SetBool, 'guard/enable'),
                (SetParameters, 'unfriendly_arm/set_parameters'),
                (Trigger, 'hardware_stop'),
                (Trigger, 'hardware_release'),
                (Trigger, 'clear_fault'),
            )
        }

    # Ears

    def _spin(self) -> None:
        while not self._ended:
            self._executor.spin_once(timeout_sec=0.1)
        self._executor.shutdown(timeout_sec=1.0)

    def _ear(self, number: int, group: Action) -> Callable[[JointState, dict], None]:
        return lambda message, info: self._on_command(number, group, message, info)

    def _on_command(self, number: int, group: Action, message: JointState, info: dict) -> None:
        field = {'position': message.position, 'velocity': message.velocity}
        numbers = field.get(group.kind, message.effort)
        given = dict(zip(message.name, numbers, strict=False))
        values = np.array([given.get(name, np.nan) for name in group.names])
        self.on_command(
            number,
            info['source_timestamp'] / NANOSECONDS,
            # Seconds since 1970 have no room for microseconds in a double.
            (_common.to_ns(message.header.stamp) - self._begin_ns) / NANOSECONDS,
            int(info['publication_sequence_number']),
            values,
            message.header.frame_id == FOREIGN_NODE,
        )

    def _on_joints(self, message: JointState) -> None:
        given = dict(zip(message.name, message.position, strict=False))
        for i, name in enumerate(self.contract.action.names):
            self._position[i] = given.get(name, self._position[i])
        if np.all(np.isfinite(self._position)):
            self.on_measured(time.time(), self._position.copy())

    def _on_guard(self, message: String) -> None:
        self.guard = json.loads(message.data)

    def _on_driver(self, message: String) -> None:
        self.driver = json.loads(message.data)
        if self.driver['fault'] and not self.fault:
            self.fault = str(self.driver['fault'])
            self.fault_time = float(self.driver['fault_time'])

    def _on_clock(self, message: ClockMessage) -> None:
        self._clock_ns = _common.to_ns(message.clock)

    def now_ns(self) -> int:
        """The robot's time."""
        return self._clock_ns if self.simulated else time.time_ns()

    def position(self) -> np.ndarray | None:
        """Where the joints are, as far as the robot says."""
        position = self._position.copy()
        return position if np.all(np.isfinite(position)) else None

    def _note_agent(self, name: str) -> None:
        now_s = time.time()
        self.on_note(name, now_s, now_s, True, '')

    # Waiting and asking

    def until(self, done: Callable[[], object], what: str, seconds: float = READY_S) -> None:
        """Wait for something; raises TimeoutError with what was waited for."""
        give_up_s = time.monotonic() + seconds
        while not done():
            ended = [name for name, p in self.processes.items() if p.poll() is not None]
            if ended or time.monotonic() > give_up_s:
                raise TimeoutError(
                    f'{what}: {ended} ended, or not within {seconds:g} s; guard says '
                    f'{self.guard}, driver says {self.driver}\n{self.logs()}'
                )
            time.sleep(0.01)

    def call(
        self, name: str, request: object, mark: str = '', state: str = ''
    ) -> tuple[bool, str]:
        """Ask a service, write it down as `mark`; whether it was granted, and its words.

        `state` is the guard's after a granted request, which tells what became of one that was
        asked twice.
        """
        client, begin_s = self._clients[name], time.time()
        give_up_s = time.monotonic() + ANSWER_S
        answer, asked = None, 0
        while answer is None and time.monotonic() < give_up_s:
            if not client.wait_for_service(timeout_sec=ASK_S):
                continue
            answered, asked = threading.Event(), asked + 1
            future = client.call_async(request)
            future.add_done_callback(lambda _future, event=answered: event.set())
            # Only a request that may have been lost is asked again: none of ours is slow but
            # the life cycle's.
            patience_s = ANSWER_S if name.endswith('change_state') and self._met else ASK_S
            if answered.wait(patience_s):
                answer = future.result()
            else:
                client.remove_pending_request(future)
        if answer is None:
            raise TimeoutError(f'{name} has not answered within {ANSWER_S:g} s\n{self.logs()}')
        self._met = True
        ok = (
            all(r.successful for r in answer.results)
            if hasattr(answer, 'results')
            else (answer.success)
        )
        if not ok and state and asked > 1:  # the first request may have been granted
            time.sleep(STATUS_S)
            ok = self.guard.get('state') == state
        text = getattr(answer, 'message', '') or str(self.guard.get('refusal', ''))
        if mark:
            self.on_note(mark, begin_s, time.time(), ok, text)
        return ok, text

    def change_state(self, transition: int, mark: str, state: str) -> tuple[bool, str]:
        """Ask the guard for a transition of its life cycle, as the agent does."""
        request = ChangeState.Request()
        request.transition.id = transition
        return self.call('guard/change_state', request, mark, state)

    def activate(self, mark: str) -> tuple[bool, str]:
        """Activate the guard."""
        return self.change_state(Transition.TRANSITION_ACTIVATE, mark, 'active')

    def deactivate(self, mark: str) -> tuple[bool, str]:
        """Deactivate the guard."""
        return self.change_state(Transition.TRANSITION_DEACTIVATE, mark, 'inactive')

    def trigger(self, name: str, mark: str = '') -> tuple[bool, str]:
        """Call a Trigger."""
        return self.call(name, Trigger.Request(), mark)

    def enable(self, on: bool, mark: str) -> tuple[bool, str]:
        """Enable or disable the guard."""
        return self.call('guard/enable', SetBool.Request(data=on), mark)

    def set(self, mark: str = '', **parameters: object) -> None:
        """Change faults of the arm."""
        request = SetParameters.Request(
            parameters=[Parameter(n, value=v).to_parameter_msg() for n, v in parameters.items()]
        )
        ok, _ = self.call('unfriendly_arm/set_parameters', request, mark)
        if not ok:
            raise ValueError(f'the arm refuses {parameters}')

    # Processes

    def start_guard(self) -> None:
        """Start the guard and wait until it is there, inactive."""
        before, self._met = self.guard.get('instance'), False
        self._start(
            'guard',
            contract=self.robot_file,
            robot_id='chaos',
            state_directory=self.folder / 'state',
            use_sim_time=self.simulated,
        )
        self.until(
            lambda: self.guard.get('instance') != before and self.guard.get('state') == 'inactive',
            'a guard that is inactive',
        )

    def start_driver(self, start: np.ndarray | None = None) -> None:
        """Start the arm and wait until it publishes."""
        self.driver = {}
        self._position[:] = np.nan
        more = {} if start is None else {'start': [float(x) for x in start]}
        self._start(
            'unfriendly_arm',
            contract=self.robot_file,
            clock='runs' if self.simulated else 'none',
            **more,
        )
        self.until(lambda: self.driver and self.position() is not None, 'the arm')

    def signal(self, name: str, number: int) -> None:
        """Send a signal to a process that this stage has started."""
        self.processes[name].send_signal(number)

    def end(self, name: str, number: int) -> None:
        """End a process by a signal and wait for its end."""
        process = self.processes[name]
        process.send_signal(number)
        process.wait(timeout=10.0)

    def _start(self, name: str, **parameters: object) -> None:
        line = [sys.executable, '-m', f'world_model_ros.nodes.{name}', '--ros-args']
        for key, value in parameters.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            line += ['-p', f'{key}:={text}']
        environment = {
            **os.environ,
            'ROS_DOMAIN_ID': str(self.domain),
            PARENT_ENV: str(os.getpid()),
            'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
        }
        with (self.folder / f'{name}.log').open('ab') as log:
            self.processes[name] = subprocess.Popen(
                line, env=environment, stdout=log, stderr=subprocess.STDOUT
            )

    def logs(self) -> str:
        """The last lines of both processes."""
        return '\n'.join(
            f'--- {path.name}\n{path.read_text(errors="replace")[-1500:]}'
            for path in sorted(self.folder.glob('*.log'))
        )

    def close(self) -> None:
        """End everything."""
        self.agent.close()
        # The node goes first: to destroy it while its thread or DDS still handles the end of the
        # others has ended this process with a segmentation fault.
        self._ended = True
        _common.end_listener(self._thread, self._node)
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait()
