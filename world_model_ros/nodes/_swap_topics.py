# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Another bundle for an agent that acts: parameters in, ~/release out, the operator's word.

`bundle` and `release` are set in one call, checked at once (fleet/admission.py) and loaded in a
thread of its own; what becomes of them is on the latched ~/release. Lives as long as the agent is
configured.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from rcl_interfaces.msg import SetParametersResult
from rclpy.lifecycle import LifecycleNode
from rclpy.parameter import Parameter
from std_msgs.msg import String
from std_srvs.srv import Trigger

from world_model_ros.bundle import find_bundle
from world_model_ros.fleet.admission import Admission, unchanged
from world_model_ros.nodes import _common
from world_model_ros.onboard.policy.model import Model
from world_model_ros.onboard.policy.swap import Swap


class SwapTopics:
    """The agent's side of a swap. Parameters are checked in every state, taken when configured."""

    def __init__(self, node: LifecycleNode, slots: str = '', others: bool = False) -> None:
        """Watch over the parameters.

        Args:
            node: the agent; its parameter `bundle` names the directory given at start.
            slots: folder of the updater's slots.
            others: whether the operator allows any other directory.
        """
        self._node = node
        self._admission = Admission(str(node.get_parameter('bundle').value), slots, others)
        self._swap: Swap | None = None
        # Directory and release of what acted when the agent was taken down. The parameters may
        # name a bundle that was refused or left, whose slot may be gone.
        self.acted: tuple[str, int] | None = None
        node.add_on_set_parameters_callback(self._check)
        node.add_post_set_parameters_callback(self._take)

    def open(self, acting: Model, make: Callable[[str, int], Model]) -> Swap:
        """Make the swap around the first model; `make` loads others (directory, release)."""
        self._make = make
        self._publisher = self._node.create_publisher(String, '~/release', _common.LATCHED_QOS)
        self._service = self._node.create_service(Trigger, '~/swap_now', self._on_swap_now)
        self._told: dict[str, Any] = {}
        self._swap = Swap(acting, self._report)
        self._swap.start()
        return self._swap

    def close(self) -> None:
        """End the threads, then the topic they speak on."""
        swap, self._swap = self._swap, None
        if swap is None:
            return
        swap.close()
        self.acted = swap.acting.path, swap.acting.release
        self._node.destroy_service(self._service)
        self._node.destroy_publisher(self._publisher)

    # Executor thread

    def _check(self, parameters: Sequence[Parameter]) -> SetParametersResult:
        new = {parameter.name: parameter.value for parameter in parameters}
        refusal = self._admission.refusal(new)
        return SetParametersResult(successful=not refusal, reason=refusal)

    def _take(self, parameters: Sequence[Parameter]) -> None:
        new = {parameter.name: parameter.value for parameter in parameters}
        if 'bundle' not in new:
            return
        if self._swap is None:  # taken when the agent is configured
            self.acted = None
            return
        path, release, make = new['bundle'], new.get('release', 0), self._make
        try:
            digest = self._admission.digest(path)
            path = str(find_bundle(path))
        except (OSError, ValueError) as error:  # gone since it was checked
            self._node.get_logger().error(f'bundle {path}: {error}')
            return

        load = partial(unchanged, make, path, release, digest)
        self._swap.offer(digest, release, path, load)

    def _on_swap_now(
        self, _request: Trigger.Request, response: Trigger.Response
    ) -> Trigger.Response:
        assert self._swap is not None  # the service is there only while it is
        response.success, response.message = self._swap.ask_now()
        return response

    # Following thread

    def _report(self, status: dict[str, Any]) -> None:
        self._publisher.publish(String(data=json.dumps(status)))
        candidate, log = status['candidate'], self._node.get_logger()
        if status['acting'] != self._told.get('acting') and status['acting']:
            log.info('release {release} acts: {bundle}'.format(**status['acting']))
        if candidate and candidate != self._told.get('candidate'):
            text = 'release {release} is {state}: {bundle} {reason}'.format(**candidate).rstrip()
            if candidate['state'] == 'refused':
                log.error(text)
            else:  # rclpy raises if one line logs at two levels
                log.info(text)
        self._told = status
