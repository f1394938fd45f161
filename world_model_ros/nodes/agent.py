# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The agent node: a belief of the scene, a plan in imagination, a chunk to the guard.

Lifecycle: unconfigured has no model; inactive is shadow (thinks, reports, commands nothing);
active sends chunks and owns the episodes, with the robot's resets. The executor's thread only
stores raw messages; one worker thread ticks (onboard/agent/worker.py); other models come in beside
it (_swap_topics.py). Without a model it may explore instead. Whether to act is decided in
onboard/agent/acting.py. This file holds parameters and the life cycle.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from world_model_ros.bundle import BundleError
from world_model_ros.contract import (
    ContractError,
    contract_warnings,
    find_robot,
    load_contract,
)
from world_model_ros.deploy.node_parameters import AGENT
from world_model_ros.nodes import _common
from world_model_ros.nodes._agent_report import AgentReport
from world_model_ros.nodes._agent_topics import AgentTopics
from world_model_ros.nodes._clocks import SimTime
from world_model_ros.nodes._guard_link import GuardLink
from world_model_ros.nodes._lacking import Lacking
from world_model_ros.nodes._lifecycle import logs_errors, refuse_impossible_transitions
from world_model_ros.nodes._pictures import Pictures
from world_model_ros.nodes._qos import QosWatch
from world_model_ros.nodes._swap_topics import SwapTopics
from world_model_ros.onboard.agent.acting import Acting, Role, Step
from world_model_ros.onboard.agent.episode import Options
from world_model_ros.onboard.agent.inputs import Inputs
from world_model_ros.onboard.agent.models import Models, ModelSettings
from world_model_ros.onboard.agent.schedule import Schedule
from world_model_ros.onboard.agent.worker import Worker
from world_model_ros.onboard.agent.worker_state import Phase, State
from world_model_ros.onboard.tick.clock import RobotClock, WallTime
from world_model_ros.wire.cdr import typestore

DIAGNOSTICS_PERIOD_SEC = 1.0
JOIN_SEC = 2.0  # longer than any tick
DELAY_PERIOD_SEC = 5.0  # between measurements of the delay from command to effect
WATCH_PERIOD_SEC = 0.1  # between looks at the guard
TAKE_IN_SEC = 0.1
GUARD_HEARS_SEC = 2.0
END_SEC = 1.5  # for the guard to come to rest when the agent ends
# Python threads that load or draw give way to the tick after this long; its own default, 5 ms,
# is an eighth of a period of 25 Hz, and there may be several in a row.
SWITCH_INTERVAL_SEC = 0.001
_SAID = (BundleError, ContractError, ValueError, OSError, ImportError)  # their words suffice

_Settings = TypeVar('_Settings', Options, ModelSettings)
CHANGEABLE = ('bundle', 'release')


class AgentNode(LifecycleNode):
    """Topics, services and the life cycle around a Worker."""

    def __init__(self) -> None:
        super().__init__('agent')
        refuse_impossible_transitions(self)
        self._value = _common.parameters(self, AGENT)
        self._refusal = ''  # why the last try to configure failed
        self._worker: Worker | None = None
        self._pictures: Pictures | None = None
        self._topics: AgentTopics | None = None
        self._link: GuardLink | None = None
        self._acting = Acting(self._value['autostart'])
        self._swaps = SwapTopics(self, self._value['slots'], self._value['allow_other_bundles'])
        self._report = AgentReport(self, self._value['robot_id'])
        self._qos = QosWatch(self)
        self.create_timer(
            DIAGNOSTICS_PERIOD_SEC, self._publish_diagnostics, clock=_common.STEADY_CLOCK
        )
        self.create_timer(DELAY_PERIOD_SEC, self._find_delay, clock=_common.STEADY_CLOCK)
        self.create_timer(WATCH_PERIOD_SEC, self._watch_guard, clock=_common.STEADY_CLOCK)
        if self._value['autoconfigure'] or self._value['autostart']:
            self._auto = self.create_timer(0.0, self._on_auto, clock=_common.STEADY_CLOCK)

    # Life cycle. rclpy swallows what transition callbacks raise: say it here.

    def _on_auto(self) -> None:
        self._auto.cancel()
        self.trigger_configure()

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Load and warm up the bundle, create topics, begin to think."""
        self._refusal = ''
        try:
            self._configure()
        except Exception as error:  # noqa: BLE001 - rclpy would hide it
            self._refusal = str(error) if isinstance(error, _SAID) else repr(error)
            said = self._refusal if isinstance(error, _SAID) else traceback.format_exc()
            self.get_logger().error(f'not configured: {said}')
            self._teardown()
            return TransitionCallbackReturn.FAILURE
        return super().on_configure(state)

    @logs_errors
    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Act: the guard commands from now on, and a new episode begins, with a reset if any."""
        worker, topics, link = self._configured()
        refusal = link.activate()
        if refusal:
            self._acting.refused(f'the guard refuses: {refusal}')
            self.get_logger().error(f'not activated: {self._acting.problem}')
            _think(worker)
            return TransitionCallbackReturn.FAILURE
        result = super().on_activate(state)
        topics.wait_for_guard(GUARD_HEARS_SEC)
        self._acting.begun(link)
        worker.handed_over = False
        link.role = Role.ACTIVE
        topics.allow_chunks()
        # What came in while this waited for the guard is taken in first: it is not the present.
        worker.episodes.begin_not_before(time.monotonic() + TAKE_IN_SEC)
        worker.episodes.acting = True  # ends the episode in shadow
        _think(worker)
        held = f'active, but {State(Phase.HELD).text}'
        self.get_logger().info(held if worker.episodes.held else 'active: chunks go to the guard')
        return result

    @logs_errors
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Back to shadow: stop sending, let the robot come to rest, then the guard leaves."""
        _, _, link = self._configured()
        if link.role is Role.ACTIVE:  # a person decides, not _watch_guard
            self._acting.ended_by_hand()
        self._stop_acting()
        self._rest()
        self.get_logger().info('inactive: shadow')
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget the model."""
        self._teardown()
        return super().on_cleanup(state)

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """End in an orderly way from any state."""
        self.close()
        return super().on_shutdown(state)

    def on_error(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Back to unconfigured with nothing left over."""
        self.close()
        return TransitionCallbackReturn.SUCCESS

    def _stop_acting(self) -> None:
        if self._topics is not None:
            self._topics.forbid_chunks()
        if self._worker is not None:
            self._worker.episodes.acting = False  # ends the acting episode

    def _configured(self) -> tuple[Worker, AgentTopics, GuardLink]:
        """What exists in every state that rclpy activates and deactivates from."""
        assert self._worker is not None and self._topics is not None and self._link is not None
        return self._worker, self._topics, self._link

    def _rest(self) -> None:
        """The guard lets the robot come to rest and leaves the command topic."""
        if self._link is None or self._link.role is Role.SHADOW:
            return
        self._link.role = Role.SHADOW
        if problem := self._link.deactivate():
            self.get_logger().warning(f'the guard was not deactivated: {problem}')

    def _watch_guard(self) -> None:
        """Back to shadow when the guard is gone; act again where autostart asks for it."""
        if self._worker is None or self._link is None:
            return
        acting, log = self._acting, self.get_logger()
        if status := self._link.status:
            self._worker.thinking.keep_within(status.low, status.high)
        if self._worker.handed_over and self._link.role is Role.ACTIVE:
            acting.handed_over(f'{self._worker.state.text}: activate the agent again yourself')
            log.error(f'handed over: {acting.problem}')
            self.trigger_deactivate()
            return
        step = acting.look(self._link.role, self._link, time.monotonic())
        if step is Step.STAND_BACK:
            log.error(f'back to shadow: {acting.problem}')
            self._link.role = Role.SHADOW  # it has left already
            self.trigger_deactivate()
        elif step is Step.WAIT:
            log.warning(f'not acting yet: {acting.problem}', throttle_duration_sec=5.0)
        elif step is Step.GIVE_UP:
            log.error(acting.problem)
            _think(self._worker)
        elif step is Step.ACTIVATE:
            self.trigger_activate()

    def _configure(self) -> None:
        value = self._value
        contract = load_contract(find_robot(value['contract']))
        for warning in contract_warnings(contract):
            self.get_logger().warning(warning)
        options = _chosen(Options, value)
        models = Models(contract, _chosen(ModelSettings, value), self.get_logger().info)
        # What acted before the agent was taken down, else what the parameters name.
        named = tuple(self.get_parameter(name).value for name in CHANGEABLE)
        model = models.first(*(self._swaps.acted or named))
        typestore()  # built before the first tick, not in it
        inputs = Inputs(contract)
        source = value['tick_source'] or contract.tick_source
        sim_time = source in ('lockstep', 'sim_time') or self.get_parameter('use_sim_time').value
        clock: RobotClock = SimTime(self, inputs.wake) if sim_time else WallTime()
        self._link = GuardLink(self, contract.command_timeout_s)
        self._robot_clock = clock
        self._topics = AgentTopics(
            self, contract, inputs, clock, value['robot_id'], source, self._link
        )
        self._topics.boundary.watch = self._qos
        self._lacking = Lacking(self, contract, inputs, self._topics.lost)
        schedule = Schedule(contract, source, inputs, clock)
        swap = self._swaps.open(model, models.load)
        self._worker = Worker(contract, inputs, schedule, swap, self._topics, options)
        self._topics.serve(self._worker)
        worker = self._worker
        self._pictures = Pictures(self, contract, value['picture_rate'], lambda: worker.snapshot)
        if not value['autostart']:  # else the first episode would be a shadow of a moment
            worker.start()
        what = f'bundle {model.name}' if model.digest else 'no bundle yet: exploring'
        self.get_logger().info(f'shadow: {what}, robot {value["robot_id"]}')

    def _teardown(self) -> None:
        """Take everything down that _configure() made, however far it came."""
        if self._worker is not None:
            if not self._worker.stopping:  # its last tick tells the recorder to seal
                self._worker.episodes.ask_end()
            self._worker.ask_stop()
            if self._topics is not None:
                self._topics.abort_waits()
            if not self._worker.join(JOIN_SEC):
                self.get_logger().error('the tick thread hangs')
        self._swaps.close()
        if self._pictures is not None:
            self._pictures.close()
        if self._topics is not None:
            self._topics.close()
        if self._link is not None:
            self._link.close()
        self._worker = self._pictures = self._topics = self._link = None

    def _publish_diagnostics(self) -> None:
        if self._worker is None or self._topics is None or self._link is None:
            self._report.unconfigured(self._refusal)
            return
        self._report.publish(
            self._worker,
            self._topics,
            self._lacking,
            self._link,
            self._robot_clock,
            self._acting.problem,
        )

    def _find_delay(self) -> None:
        if self._worker is not None:
            self._worker.delay_meter.find()

    @property
    def finished(self) -> bool:
        """Whether the tick thread broke: the guard and the supervisor see the node end."""
        return self._worker is not None and self._worker.failed and not self._worker.alive

    @property
    def exit_status(self) -> int:
        """1 after the tick thread broke."""
        return int(self.finished)

    def drain(self) -> bool:
        """Called until true before the node ends: the robot rests, the last tick is out."""
        if self._worker is None:
            return True
        if not self._worker.stopping:
            self._stop_acting()
            self._worker.episodes.ask_end()
            self._worker.ask_stop()
        return self._worker.join(0.0)

    def close(self) -> None:
        """Take everything down, and let the guard leave, if it still lives."""
        self._stop_acting()
        if self._link is not None and self._link.role is Role.ACTIVE:
            self._link.role = Role.SHADOW
            self._link.deactivate(END_SEC)
        self._teardown()


def _think(worker: Worker) -> None:
    """Let the worker begin, if it has not begun."""
    if not worker.alive and not worker.failed:
        worker.start()


def _chosen(kind: type[_Settings], value: Mapping[str, Any]) -> _Settings:
    """Those parameters that a dataclass has fields for."""
    names = [field.name for field in fields(kind)]
    return kind(**{name: value[name] for name in names})


def main(args: list[str] | None = None) -> None:
    """Run the node."""
    sys.setswitchinterval(SWITCH_INTERVAL_SEC)
    sys.exit(_common.run_node(AgentNode, args))


if __name__ == '__main__':
    main()
