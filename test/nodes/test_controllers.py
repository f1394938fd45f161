# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The controllers of ros2_control: switched on, watched, given back; with a stand-in manager."""

from __future__ import annotations

import threading

import controller_manager
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

rclpy = pytest.importorskip('rclpy')

from guard_inside import discovered, guard_inside
from rclpy.executors import SingleThreadedExecutor
from std_srvs.srv import SetBool, Trigger

from world_model_ros.contract import load_contract
from world_model_ros.contract.schema import Driver
from world_model_ros.nodes import _controllers
from world_model_ros.nodes._controllers import Controllers
from world_model_ros.nodes._service_caller import ServiceCaller
from world_model_ros.onboard.guard.guard_status import RefusalKind

JOINTS = ('shoulder/position', 'elbow/position')


class Log:
    def __init__(self):
        self.infos, self.errors = [], []
        self.info, self.error = self.infos.append, self.errors.append


@pytest.fixture
def manager(monkeypatch):
    controller_manager.install(monkeypatch)
    return controller_manager.Manager(
        old_arm=('active', JOINTS),
        new_arm=('inactive', JOINTS),
        broadcaster=('active', ()),
        gripper=('active', ('finger/position',)),
    )


def controllers(manager, *names):
    log = Log()
    told = []
    found = Controllers(Driver(controllers=names), manager, told.append, log)
    found.log, found.told = log, told
    return found


def test_they_are_switched_on_and_what_has_their_joints_off_and_both_are_given_back(manager):
    ours = controllers(manager, 'new_arm')
    before = manager.active
    assert ours.take() == ''
    assert manager.active == {'new_arm', 'broadcaster', 'gripper'}
    assert 'activate new_arm and deactivate old_arm: done' in ours.log.infos[0]
    ours.give_back()
    assert manager.active == before
    ours.give_back()  # once is enough
    assert manager.calls == [(('new_arm',), ('old_arm',)), (('old_arm',), ('new_arm',))]


def test_what_is_active_already_is_left_alone_and_stays(manager):
    ours = controllers(manager, 'gripper')
    assert ours.take() == ''
    ours.give_back()
    assert manager.calls == [] and 'gripper' in manager.active


@pytest.mark.parametrize(
    ('state', 'words'),
    [
        (None, 'third of the contract is not loaded'),
        ('unconfigured', 'is unconfigured'),
        ('finalized', 'is fin'),
    ],
)
def test_one_that_cannot_be_switched_on_is_refused_with_the_command(manager, state, words):
    if state:
        manager.rows['third'] = [state, ()]
    text = controllers(manager, 'third').take()
    assert words in text and 'spawner third --inactive' in text and '\n' not in text
    assert manager.calls == []


def test_a_refusal_of_the_manager_is_shown_and_nothing_is_given_back(manager):
    manager.refusal = 'hardware is not ready'
    ours = controllers(manager, 'new_arm')
    assert 'refused to activate new_arm' in (text := ours.take())
    assert 'hardware is not ready' in text
    ours.give_back()
    assert len(manager.calls) == 1 and manager.active >= {'old_arm'}


def test_a_manager_that_does_not_answer_is_named(manager):
    manager.silent = True
    assert 'controller_manager/list_controllers has not answered' in (
        controllers(manager, 'new_arm').take()
    )


def test_what_cannot_be_given_back_is_an_error_in_the_log(manager):
    ours = controllers(manager, 'new_arm')
    assert ours.take() == ''
    manager.silent = True
    ours.give_back()
    assert 'not given back' in ours.log.errors[0]


def test_without_the_package_one_line_says_what_to_install():
    ours = controllers(controller_manager.Manager(), 'arm_controller')
    text = ours.take()
    assert 'ros-$ROS_DISTRO-controller-manager-msgs' in text and '\n' not in text


def test_without_controllers_in_the_contract_nobody_is_asked():
    ours = controllers(None)
    assert ours.take() == ''
    ours.watch()
    ours.give_back()
    assert ours.told == []


@given(st.data())
def test_what_was_active_before_is_active_again(data):
    states = st.sampled_from(['active', 'inactive'])
    interfaces = st.sets(st.sampled_from('abc'), max_size=2)
    manager = controller_manager.Manager()
    claimed = set()
    for i in range(data.draw(st.integers(1, 5))):
        state, claims = data.draw(states), data.draw(interfaces)
        if state == 'active' and claims & claimed:  # no manager lets this be
            state = 'inactive'
        claimed |= claims if state == 'active' else set()
        manager.rows[f'c{i}'] = [state, tuple(claims)]
    wanted = data.draw(st.lists(st.sampled_from(sorted(manager.rows)), unique=True, min_size=1))
    before = manager.active
    with pytest.MonkeyPatch.context() as monkeypatch:
        controller_manager.install(monkeypatch)
        ours = controllers(manager, *wanted)
        refusal = ours.take()
        if not refusal:
            assert manager.active >= set(wanted)
        ours.give_back()
    assert manager.active == before


# In the guard


@pytest.fixture
def spun(tmp_path, domain, monkeypatch, manager):
    """The guard of an effort robot whose contract names a controller, and a way to spin it."""
    data = yaml.safe_load(load_contract('reacher').text)
    action = data.pop('action')
    limits = {'slew_rate': action.pop('rate_limit')}
    if 'stop_rate_limit' in action:
        limits['stop_slew_rate'] = action.pop('stop_rate_limit')
    data |= {
        'format': 2,
        'actions': {'arm': {**action, 'limits': limits}},
        'driver': {'controllers': ['new_arm']},
    }
    path = tmp_path / 'robot.yaml'
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    monkeypatch.setattr(_controllers, 'POLL_SEC', 0.02)
    with guard_inside(domain, path, 'r', tmp_path) as (node, spin):
        node._controllers._caller.close()
        node._controllers._caller = manager
        spin(lambda: discovered(node), 'discovery')
        yield node, spin


@pytest.mark.ros
def test_the_guard_takes_them_stops_when_one_ends_and_gives_them_back(spun, manager):
    node, spin = spun
    manager.refusal = 'not now'
    node.trigger_activate()
    assert not node._guard.active and node._refusal.kind is RefusalKind.CONTROLLERS
    manager.refusal = ''
    node.trigger_activate()
    assert node._guard.active and 'new_arm' in manager.active

    manager.rows['new_arm'][0] = 'inactive'
    spin(lambda: node._guard.stopped, 'a stop')
    assert 'controller new_arm is inactive' in node._guard.stop_reason
    response = node._switches.on_release_stop(Trigger.Request(), Trigger.Response())
    assert not response.success and 'new_arm is inactive' in response.message
    manager.rows['new_arm'][0] = 'active'
    spin(lambda: not node._guard.faults, 'an active controller')
    assert node._switches.on_release_stop(Trigger.Request(), Trigger.Response()).success

    node.trigger_deactivate()
    assert manager.active == {'old_arm', 'broadcaster', 'gripper'}
    node.trigger_activate()
    spin(lambda: node._commands.silent_s > node.contract.command_timeout_s, 'silence')
    node.trigger_activate()
    assert node._guard.active and 'new_arm' in manager.active
    node._give_way('another node commands')  # two senders
    assert manager.active == {'old_arm', 'broadcaster', 'gripper'}


@pytest.mark.ros
def test_a_service_is_called_from_inside_of_a_callback_and_silence_is_none(domain):
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=domain)
    node = rclpy.create_node('guard', context=context)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(node)

    def answer(request, response):
        response.success, response.message = True, str(request.data)
        return response

    other = rclpy.create_node('manager', context=context)
    other.create_service(SetBool, 'switch', answer)
    served = SingleThreadedExecutor(context=context)
    served.add_node(other)
    caller, told = ServiceCaller(node, 'controllers'), []

    def inside():
        # The server is in this process: it answers from a thread, as another process would.
        told.append(caller.call(SetBool, 'switch', SetBool.Request(data=True), 20.0))
        told.append(caller.call(Trigger, 'nobody', Trigger.Request(), 0.05))

    thread = threading.Thread(target=inside, daemon=True)
    thread.start()
    while thread.is_alive():
        served.spin_once(timeout_sec=0.01)
    assert told[0].message == 'True' and told[1] is None
    caller.close()
    for each in (executor, served):
        each.shutdown(timeout_sec=1.0)
    node.destroy_node()
    other.destroy_node()
    rclpy.try_shutdown(context=context)
