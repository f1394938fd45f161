# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The agent node: a belief of the scene, a plan in imagination, a chunk to the guard.

Lifecycle: unconfigured has no model; inactive is shadow (thinks, reports, commands nothing);
active sends chunks and owns the episodes, with the robot's resets. The executor's thread only
stores raw messages; one worker thread ticks (_worker.py); other models come in beside it
(_handover.py). Without a model it may explore instead. This file holds parameters and states.
"""

from __future__ import annotations

import importlib
import sys
import time
import traceback

from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn

from world_model_ros.bundle import BundleError, find_bundle, load_bundle
from world_model_ros.bundle.runtime import has_runtime
from world_model_ros.contract import (
    Contract,
    ContractError,
    contract_warnings,
    find_robot,
    load_contract,
)
from world_model_ros.deploy.node_parameters import AGENT
from world_model_ros.nodes import _common
from world_model_ros.nodes._agent_topics import AgentTopics
from world_model_ros.nodes._clocks import SimTime
from world_model_ros.nodes._guard_link import GuardLink
from world_model_ros.nodes._handover import HandOver
from world_model_ros.nodes._lacking import Lacking
from world_model_ros.nodes._lifecycle import logs_errors, refuse_impossible_transitions
from world_model_ros.nodes._pictures import Pictures
from world_model_ros.onboard.agent.episode import Options
from world_model_ros.onboard.agent.inputs import Inputs
from world_model_ros.onboard.agent.schedule import Schedule
from world_model_ros.onboard.agent.worker import HELD, NO_GUARD, Worker
from world_model_ros.onboard.policy.brain import Brain
from world_model_ros.onboard.policy.collector import Collector
from world_model_ros.onboard.policy.model import Model
from world_model_ros.onboard.tick.clock import WallTime
from world_model_ros.wire.cdr import typestore

DIAGNOSTICS_PERIOD_SEC = 1.0
JOIN_SEC = 2.0  # longer than any tick
CLOCK_SILENT_SEC = 2.0  # a simulator that is slow to step is not paused
WATCH_PERIOD_SEC = 0.1  # between looks at the guard
GUARD_GONE_SEC = 1.0  # of silence: it will not come back as it was
TAKE_IN_SEC = 0.1
GUARD_HEARS_SEC = 2.0
RETRY_SEC = 1.0  # with autostart, between tries to act
END_SEC = 1.5  # for the guard to come to rest when the agent ends
# Python threads that load or draw give way to the tick after this long; its own default, 5 ms,
# is an eighth of a period of 25 Hz, and there may be several in a row.
SWITCH_INTERVAL_SEC = 0.001
_SAID = (BundleError, ContractError, ValueError, OSError, ImportError)  # their words suffice

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
        self._not_acting = ''  # why the agent does not act although it was asked to
        self._wants_to_act = self._value['autostart']  # until a person decides otherwise
        self._acted_with = ''  # the guard's process that was activated
        self._next_try_s = 0.0
        self._hand_over = HandOver(self, self._value['slots'], self._value['allow_other_bundles'])
        self._diagnostics = _common.Diagnostics(self, self._value['robot_id'])
        self.create_timer(
            DIAGNOSTICS_PERIOD_SEC, self._publish_diagnostics, clock=_common.STEADY_CLOCK
        )
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
        refusal = self._link.activate()
        if refusal:
            self._not_acting = f'the guard refuses: {refusal}'
            self.get_logger().error(f'not activated: {self._not_acting}')
            self._think()
            return TransitionCallbackReturn.FAILURE
        result = super().on_activate(state)
        self._topics.wait_for_guard(GUARD_HEARS_SEC)
        self._not_acting = ''
        self._wants_to_act = self._value['autostart']
        self._acted_with = self._link.instance
        self._link.state = 'active'
        self._topics.allow_chunks()
        # What came in while this waited for the guard is taken in first: it is not the present.
        self._worker.begin_not_before(time.monotonic() + TAKE_IN_SEC)
        self._worker.acting = True  # ends the episode in shadow
        self._think()
        self.get_logger().info(
            f'active, but {HELD}' if self._worker.held else 'active: chunks go to the guard'
        )
        return result

    @logs_errors
    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Back to shadow: stop sending, let the robot come to rest, then the guard leaves."""
        if self._link.state == 'active':  # a person decides, not _watch_guard
            self._wants_to_act = False
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
            self._worker.acting = False  # ends the acting episode

    def _think(self) -> None:
        """Let the worker begin, if it has not begun."""
        if not self._worker.alive and not self._worker.failed:
            self._worker.start()

    def _rest(self) -> None:
        """The guard lets the robot come to rest and leaves the command topic."""
        if self._link is None or self._link.state == 'shadow':
            return
        self._link.state = 'shadow'
        if problem := self._link.deactivate():
            self.get_logger().warning(f'the guard was not deactivated: {problem}')

    def _watch_guard(self) -> None:
        """Back to shadow when the guard is gone; act again where autostart asks for it."""
        if self._worker is None or self._link is None:
            return
        now_s = time.monotonic()
        if self._link.state == 'active':
            self._not_acting = self._guard_left()
            if self._not_acting:
                self.get_logger().error(f'back to shadow: {self._not_acting}')
                self._link.state = 'shadow'  # it has left already
                self.trigger_deactivate()
                self._next_try_s = now_s + RETRY_SEC
        elif self._wants_to_act and now_s >= self._next_try_s:
            self._next_try_s = now_s + RETRY_SEC
            status = self._link.status
            if status is None or self._link.lost():
                self._not_acting = self._link.lost()
                self.get_logger().warning(
                    f'not acting yet: {self._not_acting}', throttle_duration_sec=5.0
                )
            elif status.stop_reason or not status.enabled or status.silenced:
                latched = f'stopped: {status.stop_reason}' if status.stop_reason else 'disabled'
                self._not_acting = (
                    status.silenced
                    or f'the guard was {latched}: release it, then activate the agent yourself'
                )
                self.get_logger().error(self._not_acting)
                self._wants_to_act = False
                self._think()
            else:
                self.trigger_activate()

    def _guard_left(self) -> str:
        """Why the agent must not go on acting, ''."""
        link = self._link
        if link.silent_s > GUARD_GONE_SEC:
            return f'the guard is gone: {link.lost()}'
        if link.instance != self._acted_with:
            return 'the guard was started again'
        status = link.status
        if status is not None and status.state != 'active':
            # Somebody deactivated it, or there are two senders: a person must look first.
            self._wants_to_act = False
            return f'the guard left: {status.silenced or "it was deactivated"}'
        return ''

    def _configure(self) -> None:
        value = self._value
        contract = load_contract(find_robot(value['contract']))
        for warning in contract_warnings(contract):
            self.get_logger().warning(warning)
        options = Options(
            value['noise_seed'],
            value['eval'],
            value['explore'],
            value['evaluate_every'],
            value['explore_std'],
            value['explore_correlation'],
            value['explore_ticks'],
            value['explore_reach'],
            value['explore_speed'],
        )
        model = self._first_model(contract)
        typestore()  # built before the first tick, not in it
        inputs = Inputs(contract)
        source = value['tick_source'] or contract.tick_source
        sim_time = source in ('lockstep', 'sim_time') or self.get_parameter('use_sim_time').value
        clock = SimTime(self, inputs.wake) if sim_time else WallTime()
        self._link = GuardLink(self, contract.command_timeout_s)
        self._robot_clock = clock
        self._topics = AgentTopics(
            self, contract, inputs, clock, value['robot_id'], source, self._link
        )
        self._lacking = Lacking(self, contract, inputs, self._topics.lost)
        schedule = Schedule(contract, source, inputs, clock)
        swap = self._hand_over.open(
            model, lambda path, release: self._load(contract, path, release)
        )
        self._worker = Worker(contract, inputs, schedule, swap, self._topics, options)
        self._topics.serve(self._worker)
        worker = self._worker
        self._pictures = Pictures(self, contract, value['picture_rate'], lambda: worker.snapshot)
        if not value['autostart']:  # else the first episode would be a shadow of a moment
            worker.start()
        what = f'bundle {model.name}' if model.digest else 'no bundle yet: exploring'
        self.get_logger().info(f'shadow: {what}, robot {value["robot_id"]}')

    def _first_model(self, contract: Contract) -> Model:
        """What acted before, else what the parameters name; no bundle: noise, if asked for."""
        value = self._value
        named = tuple(self.get_parameter(name).value for name in CHANGEABLE)
        path, release = self._hand_over.acted or named
        if path:
            return self._load(contract, path, release)
        if not value['explore']:
            raise ValueError(
                'parameter bundle is empty: give the directory of an exported model, or set '
                'explore to true to collect experience without one'
            )
        # The first bundle comes while the robot moves: the large imports now, not then.
        if has_runtime():
            importlib.import_module('onnxruntime')
        return Model(
            Collector(
                contract,
                value['explore_amplitude'],
                value['explore_correlation'],
                value['explore_reach'],
                value['explore_speed'],
            )
        )

    def _load(self, contract: Contract, path: str, release: int) -> Model:
        """Load a bundle and warm it up; in the executor's thread only before the first tick."""
        value = self._value
        path = str(find_bundle(path))
        bundle = load_bundle(path, contract, threads=value['threads'])
        count = value['iteration_count']
        brain = Brain(
            contract,
            bundle,
            plan=value['plan'],
            iteration_count=None if count < 0 else count,
            budget_s=value['budget'] or None,
        )
        return Model(brain, bundle.digest, release, path, bundle)

    def _teardown(self) -> None:
        """Take everything down that _configure() made, however far it came."""
        if self._worker is not None:
            if not self._worker.stopping:  # its last tick tells the recorder to seal
                self._worker.ask_end('the agent was taken down')
            self._worker.ask_stop()
            if self._topics is not None:
                self._topics.abort_waits()
            if not self._worker.join(JOIN_SEC):
                self.get_logger().error('the tick thread hangs')
        self._hand_over.close()
        if self._pictures is not None:
            self._pictures.close()
        if self._topics is not None:
            self._topics.close()
        if self._link is not None:
            self._link.close()
        self._worker = self._pictures = self._topics = self._link = None

    def _publish_diagnostics(self) -> None:
        worker = self._worker
        if worker is None:
            level = _common.ERROR if self._refusal else _common.WARN
            text = ': '.join(filter(None, ('unconfigured', self._refusal)))
            self._diagnostics.publish(level, text, {})
            return
        stats = worker.stats
        level, text = _common.OK, f'{"active" if worker.acting else "shadow"}: {worker.state}'
        lacking, why = self._lacking.status(worker.state, worker.given_up)
        if worker.failed and not worker.alive:
            level, text = _common.ERROR, 'the tick thread has ended'
        elif worker.state.startswith('no usable model'):
            level, text = _common.ERROR, f'{text}: {stats.error}'
        elif self._not_acting:
            level, text = _common.ERROR, f'{text}: {self._not_acting}'
        elif worker.state.startswith(NO_GUARD):
            level = _common.ERROR
        elif self._robot_clock.silent_s > CLOCK_SILENT_SEC:
            level = _common.WARN
            text = f'{text}: /clock stands still for {self._robot_clock.silent_s:.0f} s'
        elif lacking:
            level = (_common.OK, _common.WARN, _common.ERROR)[lacking]
            text = f'{text.split(":")[0]}: {why}'
        elif self._topics.sent_problem:
            level, text = _common.ERROR, f'{text}: {self._topics.sent_problem}'
        elif worker.state != 'running':
            level = _common.WARN
        else:
            level, text = self._topics.boundary.level(level, text)
        self._diagnostics.publish(
            level,
            text,
            {
                'ticks': stats.ticks,
                'late_ticks': stats.late,
                'skipped_ticks': stats.skipped,
                'invalid_ticks': stats.invalid,
                'episodes': stats.episodes,
                'release': worker.thinking.model.release,
                'swaps': worker.thinking.swaps,
                'rollbacks': worker.thinking.rollbacks,
                'tick_ms.p50': stats.quantile_ms(0.5),
                'tick_ms.p99': stats.quantile_ms(0.99),
                'iterations': stats.iterations / max(1, stats.ticks),
                **{f'age.{name}': age for name, age in stats.ages.items()},
                **{f'source.{name}': count for name, count in stats.sources.items()},
                **{f'lost.{name}': count for name, count in self._topics.lost.items() if count},
                **{f'given_up.{name}': n for name, n in worker.given_up.counts.items()},
                **self._lacking.ignored(),
                **self._topics.boundary.values(),
                'guard': self._guard_words(),
                'input_error': stats.error,
            },
        )

    def _guard_words(self) -> str:
        if self._link is None:
            return 'not looked for'
        status = self._link.status
        words = self._link.lost() or self._link.problem
        return words or (f'{status.state} {status.stop_reason}'.strip() if status else '')

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
            self._worker.ask_end('the node ends')
            self._worker.ask_stop()
        return self._worker.join(0.0)

    def close(self) -> None:
        """Take everything down, and let the guard leave, if it still lives."""
        self._stop_acting()
        if self._link is not None and self._link.state == 'active':
            self._link.state = 'shadow'
            self._link.deactivate(END_SEC)
        self._teardown()


def main(args=None) -> None:
    """Run the node."""
    sys.setswitchinterval(SWITCH_INTERVAL_SEC)
    sys.exit(_common.run_node(AgentNode, args))


if __name__ == '__main__':
    main()
