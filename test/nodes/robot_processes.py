# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Real nodes as processes on a DDS domain of their own, and ears in the test's process."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import Trigger

from world_model_ros.contract import find_robot
from world_model_ros.deploy.node_parameters import NODES
from world_model_ros.deploy.nodes_table import DDS_PROFILE, DDS_PROFILE_VARIABLES
from world_model_ros.nodes import _common
from world_model_ros.onboard.tick.tick_record import TickRecord
from world_model_ros.parent import PARENT_ENV

ROOT = Path(__file__).resolve().parents[2]
DRIVER_TOPICS = frozenset({'/camera/image_raw', '/joint_states', '/reward'})
ASK_AGAIN_SEC = 6.0  # longer than a whole activation takes
PATIENCE_SEC = 60.0  # discovery alone takes up to 3 s, on a busy machine many times that


def tiny_bundle(folder: Path, contract, seed: int = 0) -> Path:
    """Write a whole bundle of a few kilobytes for a contract; another seed, other weights."""
    where = ROOT / 'test' / 'bundle' / 'tiny_bundle.py'
    spec = importlib.util.spec_from_file_location('tiny_bundle_for_nodes', where)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.make_tiny_bundle(folder / contract.name, contract, seed=seed)


def counter_contract(folder: Path, rules: str) -> Path:
    """Write the counter's contract with these episode rules and commands of at most 1."""
    text = find_robot('counter').read_text()
    shipped = 'episode: {reset: service, max_ticks: 500}'
    assert shipped in text and '1000000.0' in text
    path = folder / 'counter.yaml'
    # In the shipped range the tiny policy would saturate and say the same at every tick.
    path.write_text(text.replace(shipped, f'episode: {rules}').replace('1000000.0', '1.0'))
    return path


class Robot:
    """Processes of one domain; use as a context manager."""

    def __init__(self, domain: int, folder: Path) -> None:
        self.folder, self.domain, self.cwd = folder, domain, ROOT
        self.processes: dict[str, subprocess.Popen] = {}
        self.context = rclpy.Context()
        os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
        rclpy.init(context=self.context, domain_id=domain)
        self.node = Node('test_ears', context=self.context)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.executor.add_node(self.node)
        self.ticks: list[TickRecord] = []
        self.sent: list[tuple[int, str, float]] = []  # stamp, source, heard at
        self.announced: list[dict] = []  # episodes, once more for every mark
        self.statuses: dict[str, tuple[int, str]] = {}
        self.values: dict[str, dict[str, str]] = {}  # of the same diagnostics
        self.node.create_subscription(
            DiagnosticArray, '/diagnostics', self._on_diagnostics, _common.RELIABLE_QOS
        )

    def __enter__(self) -> Robot:
        return self

    def __exit__(self, *_error) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
        for process in self.processes.values():
            try:
                process.wait(6.0)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.executor.shutdown(timeout_sec=1.0)
        self.node.destroy_node()
        rclpy.try_shutdown(context=self.context)

    def listen(self, namespace: str = '') -> None:
        """Hear ticks, episodes and what the guard sends."""
        prefix = f'/{namespace}/' if namespace else ''
        self.node.create_subscription(
            JointState, f'{prefix}agent/tick', self._on_tick, _common.RELIABLE_QOS
        )
        self.node.create_subscription(
            JointState, f'{prefix}guard/sent', self._on_sent, _common.RELIABLE_QOS
        )
        self.node.create_subscription(
            String,
            f'{prefix}agent/episode',
            lambda message: self.announced.append(json.loads(message.data)),
            _common.LATCHED_QOS,
        )

    def start(self, name: str, *remaps: str, namespace: str = '', **parameters) -> None:
        """Start one node with these parameters; robot_id is r where none is given."""
        if 'robot_id' in NODES.get(name, {}):
            parameters.setdefault('robot_id', 'r')
        if name == 'guard':  # a stop must not reach the next test
            parameters.setdefault('state_directory', self.folder / 'state')
        line = [sys.executable, '-m', f'world_model_ros.nodes.{name}', '--ros-args']
        if namespace:
            line += ['-r', f'__ns:=/{namespace}']
        for remap in remaps:
            line += ['-r', remap]
        for key, value in parameters.items():
            text = str(value).lower() if isinstance(value, bool) else str(value)
            line += ['-p', f'{key}:={text}']
        more = {}
        if name == 'unfriendly_arm':  # two VGA cameras: see the profile
            more[DDS_PROFILE_VARIABLES[0]] = str(ROOT / 'config' / DDS_PROFILE)
        self.run(f'{namespace}/{name}'.strip('/'), line, **more)

    def run(self, key: str, line: list[str], **more: str) -> None:
        """Start any process on this domain; `more` are variables of its environment."""
        environment = {
            **os.environ,
            'ROS_DOMAIN_ID': str(self.domain),
            PARENT_ENV: str(os.getpid()),
            'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST',
            'MUJOCO_GL': 'egl',
            **more,
        }
        log = (self.folder / f'{key.replace("/", "_")}.log').open('wb')
        self.processes[key] = subprocess.Popen(
            line, env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=self.cwd
        )

    def kill(self, name: str) -> None:
        """End a node as a power cut would."""
        self.processes[name].kill()
        self.processes[name].wait()

    def end(self, name: str) -> int:
        """Ask a node to end, listen until it has, and return its exit status."""
        process = self.processes[name]
        process.send_signal(signal.SIGINT)
        self.until(lambda: process.poll() is not None, f'the end of {name}')
        return process.returncode

    def until(self, done: Callable[[], object], what: str, seconds: float = PATIENCE_SEC):
        """Listen until something is true; its value."""
        give_up_s = time.monotonic() + seconds
        while not (value := done()):
            if time.monotonic() > give_up_s:
                self._make_nodes_say_where_they_are()
                raise AssertionError(
                    f'{what}: not within {seconds:.0f} s; {len(self.ticks)} ticks heard, sent '
                    f'{self.sent[-2:]}, diagnostics {self.statuses}\n{self.logs()}'
                )
            self.executor.spin_once(timeout_sec=0.02)
        return value

    def _make_nodes_say_where_they_are(self) -> None:
        """The executor has enabled faulthandler: SIGABRT writes every thread's stack."""
        for process in self.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGABRT)
                process.wait()

    def call(self, name: str, kind=Trigger, request=None, seconds: float = PATIENCE_SEC):
        """Call a service and return its answer."""
        client = self.node.create_client(kind, name)
        self.until(client.service_is_ready, f'service {name}', seconds)
        # A server that was killed counts as ready for some seconds yet, and swallows the request.
        futures = []

        def answered():
            if not futures or time.monotonic() - asked_s > ASK_AGAIN_SEC * len(futures):
                futures.append(client.call_async(request or kind.Request()))
            return next((future for future in futures if future.done()), None)

        asked_s = time.monotonic()
        future = self.until(answered, f'answer of {name}', seconds)
        self.node.destroy_client(client)
        return future.result()

    def activate(self, namespace: str = '') -> None:
        """Let the agent act, once it is configured and this process hears its ticks."""
        prefix = f'/{namespace}/' if namespace else ''
        self.until(lambda: self.node.count_publishers(f'{prefix}agent/tick'), 'a configured agent')
        activate = Transition.TRANSITION_ACTIVATE  # a guard that just started refuses for a moment
        self.until(lambda: self.change_state(activate, prefix), 'an agent that acts')

    def change_state(self, transition: int, prefix: str = '', node: str = 'agent') -> bool:
        """Ask a node for a transition of its life cycle; whether it was made."""
        request = ChangeState.Request()
        request.transition.id = transition
        return self.call(f'{prefix}{node}/change_state', ChangeState, request).success

    def activate_guard(self, turn: Callable[[], object] = lambda: None) -> None:
        """Let the guard command without an agent; it looks for other publishers first."""
        activate = Transition.TRANSITION_ACTIVATE

        def active() -> bool:
            turn()
            return self.change_state(activate, node='guard')

        self.until(active, 'an active guard')

    def until_recorder_hears(self, topics: frozenset[str] = DRIVER_TOPICS) -> None:
        """Listen until the recorder has found what the driver says: no discovery is in order."""

        def silent() -> frozenset[str]:
            values = self.values.get('/recorder')
            return topics & set(values['silent'].split()) if values else topics

        self.until(lambda: not silent(), 'the recorder to find the driver')

    def records(self, uuid: str) -> bool:
        """Whether the recorder says that it writes this episode's ticks: it may find them late."""
        values = self.values.get('/recorder', {})
        return bool(values.get('episode') == uuid and int(values['ticks']) > 0)

    def until_recorder_hears_the_agent(self) -> None:
        """Listen until ticks are recorded: only episodes that begin after that one are whole."""
        self.until(lambda: self.ticks and self.records(self.ticks[-1].episode), 'a recording')

    @property
    def acting(self) -> set[str]:
        """Episodes that were announced as more than shadow."""
        return {episode['uuid'] for episode in self.announced if episode['acting']}

    def status(self, name: str) -> tuple[int, str]:
        """Level and words of a node's newest diagnostics."""
        return self.statuses.get(name, (-1, ''))

    def logs(self) -> str:
        """What the nodes printed."""
        return '\n'.join(
            f'--- {path.name}\n{path.read_text(errors="replace")[-4000:]}'
            for path in sorted(self.folder.glob('*.log'))
        )

    def _on_tick(self, message: JointState) -> None:
        self.ticks.append(
            TickRecord.from_doubles(
                message.name,
                message.position,
                _common.to_ns(message.header.stamp),
                message.header.frame_id,
            )
        )

    def _on_sent(self, message: JointState) -> None:
        source = message.header.frame_id.split(':')[0]
        self.sent.append((_common.to_ns(message.header.stamp), source, time.monotonic()))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            self.statuses[status.name] = (status.level[0], status.message)
            self.values[status.name] = {pair.key: pair.value for pair in status.values}
