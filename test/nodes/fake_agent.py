# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""An agent for tests of the updater: takes bundles and says so on ~/release, and thinks nothing.

A process of its own; the test plays the episode boundary (~/safe_point) and the broken model
(~/break). It loads what it is handed with the real loader.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from rcl_interfaces.msg import SetParametersResult
from rclpy.node import Node
from std_msgs.msg import String
from std_srvs.srv import Trigger

from world_model_ros.bundle import BundleError, load_bundle
from world_model_ros.nodes import _common


class FakeAgent(Node):
    """The agent's side of the hand-over."""

    def __init__(self) -> None:
        super().__init__('agent')
        self.declare_parameter('bundle', '')
        self.declare_parameter('release', 0)
        self._busy = self.declare_parameter('busy', False).value
        self._fault = self.declare_parameter('fault', '').value
        self.acting = self.candidate = self.previous = self.rolled_back = None
        if shipped := self.get_parameter('bundle').value:
            self.acting = self._load(shipped, 0)
        self.topic = self.create_publisher(String, '~/release', _common.LATCHED_QOS)
        self.create_service(Trigger, '~/safe_point', self.on_safe_point)
        self.create_service(Trigger, '~/swap_now', self.on_safe_point)
        self.create_service(Trigger, '~/break', self.on_break)
        self.add_on_set_parameters_callback(self.on_parameters)
        self.say()

    def _load(self, bundle, release):
        digest = load_bundle(bundle, graphs=()).digest
        return {'bundle_sha': digest, 'release': release, 'bundle': bundle}

    def on_parameters(self, parameters):
        given = {parameter.name: parameter.value for parameter in parameters}
        if set(given) != {'bundle', 'release'}:
            return SetParametersResult(successful=False, reason='bundle and release in one call')
        if self._busy:
            self._busy = False
            return SetParametersResult(successful=False, reason='busy')
        try:
            self.candidate = {**self._load(given['bundle'], given['release']), 'state': 'ready'}
        except BundleError as error:
            return SetParametersResult(successful=False, reason=str(error))
        if self._fault:
            self.candidate |= {'state': 'refused', 'reason': self._fault}
        self.say()
        return SetParametersResult(successful=True)

    def on_safe_point(self, _request, response):
        response.success = self.candidate is not None
        if response.success:
            self.previous = self.acting
            self.acting = {key: self.candidate[key] for key in ('bundle_sha', 'release', 'bundle')}
            self.candidate = None
            self.say()
        return response

    def on_break(self, _request, response):
        broken, self.acting, self.previous = self.acting, self.previous, None
        self.rolled_back = {'bundle_sha': broken['bundle_sha'], 'reason': 'belief is not finite'}
        self.say()
        response.success = True
        return response

    def say(self):
        told = {
            'format': 1,
            'acting': self.acting,
            'candidate': self.candidate,
            'previous': self.previous,
            'rolled_back': self.rolled_back,
        }
        self.topic.publish(String(data=json.dumps(told)))


if __name__ == '__main__':
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    sys.exit(_common.run_node(FakeAgent))
