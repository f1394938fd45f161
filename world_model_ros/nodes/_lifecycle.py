# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A life cycle that outlives wrong requests.

rclpy raises out of the executor when somebody asks for a transition that the present state does
not have, such as `activate` twice: the node would die of a service call, and a guard with it.
"""

from __future__ import annotations

import functools
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

from lifecycle_msgs.srv import ChangeState
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

_Transition = TypeVar('_Transition', bound=Callable[..., TransitionCallbackReturn])


def logs_errors(transition: _Transition) -> _Transition:
    """A transition callback whose exception is logged; rclpy swallows it without a word."""

    @functools.wraps(transition)
    def logged(self: Any, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            return transition(self, state)
        except Exception:  # whatever a transition raises: rclpy would swallow it; raised again
            self.get_logger().error(
                f'{transition.__name__} failed: {traceback.format_exc(limit=-4)}'
            )
            raise

    return logged  # type: ignore[return-value]  # a method in, the same kind of method out


def refuse_impossible_transitions(node: LifecycleNode) -> None:
    """Answer a request for a transition that does not exist now with success: false."""
    service, machine = node._service_change_state, node._state_machine
    change_state = service.callback

    def change_if_possible(
        request: ChangeState.Request, response: ChangeState.Response
    ) -> ChangeState.Response:
        wanted = request.transition
        possible = {item[0]: item[1] for item in machine.available_transitions}
        known = wanted.label in possible.values() if wanted.label else wanted.id in possible
        if not known:
            node.get_logger().warning(
                f'transition {wanted.label or wanted.id} refused: the node is '
                f'{machine.current_state[1]}; possible: {", ".join(sorted(possible.values()))}'
            )
            response.success = False
            return response
        return change_state(request, response)

    service.callback = change_if_possible
