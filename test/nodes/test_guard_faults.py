# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Faults inside of the guard's own process: the robot comes to rest, and no stop is forgotten."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip('rclpy')

from guard_inside import discovered, guard_inside
from std_srvs.srv import SetBool, Trigger

from world_model_ros.nodes._guard_tally import Tally
from world_model_ros.onboard.guard.latch import Latch, latch_name
from world_model_ros.onboard.guard.reasons import Reason, ReasonKind
from world_model_ros.wire.command_codec import command_decoder

pytestmark = pytest.mark.ros
ROBOT = 'arm_07'


@pytest.fixture
def spun(tmp_path, domain):
    """An active guard of an effort robot in real time, and a way to spin it."""
    with guard_inside(domain, 'reacher', ROBOT, tmp_path) as (node, spin):
        spin(lambda: discovered(node), 'discovery')
        node.trigger_activate()
        assert node._guard.active
        yield node, spin


def move(node):
    """The robot is commanded something that is not zero."""
    node._guard._stepping.motion.value = np.full(len(node._guard.names), 0.2)


def topic_of(node):
    """The command topic of a robot with one group."""
    (topic,) = node._commands.topics
    return topic


def broken(*_arguments, **_names):
    raise RuntimeError('broken')


def test_nobody_commands_while_the_driver_still_follows_another_command(spun):
    node, spin = spun
    topic = topic_of(node).name
    other = node.create_publisher(topic_of(node)._type, topic, 10)
    node.trigger_deactivate()
    node.trigger_activate()
    assert not node._guard.active and 'a command was sent' in node._refusal.text
    spin(lambda: topic_of(node).silent_s > node.contract.command_timeout_s, 'silence')
    spin(lambda: other.get_subscription_count(), 'a listener')
    other.publish(topic_of(node)._type())
    spin(lambda: topic_of(node).silent_s < 0.1, 'the command of the other')
    node.trigger_activate()
    assert not node._guard.active and 'a command was sent' in node._refusal.text
    spin(lambda: topic_of(node).silent_s > node.contract.command_timeout_s, 'silence')
    node.trigger_activate()
    assert node._guard.active


def test_a_transition_that_fails_leaves_the_command_topic(spun, monkeypatch):
    node, _ = spun
    move(node)
    monkeypatch.setattr(node._beat, 'rest', broken)
    node.trigger_deactivate()
    assert not node._guard.active and topic_of(node)._publisher is None
    assert node._beat._metronome is None


def test_a_stop_after_a_shutdown_transition_is_kept(spun, tmp_path):
    node, _ = spun
    node.trigger_shutdown()
    assert not node._guard.active
    assert node._switches.on_stop(Trigger.Request(), Trigger.Response()).success
    node.close()
    latch = Latch(str(tmp_path), latch_name('/', ROBOT))
    latch.close()
    assert latch.state.stop_reason


def test_a_metronome_that_broke_does_not_leave_the_robot_moving(spun, monkeypatch):
    node, spin = spun
    with monkeypatch.context() as patch:
        patch.setattr(topic_of(node), 'publish', broken)
        spin(lambda: node.finished, 'the end of the metronome')
    move(node)
    sent, publish = [], topic_of(node).publish
    read = command_decoder(node.contract.groups[0])
    monkeypatch.setattr(
        topic_of(node), 'publish', lambda cdr: (sent.append(read(cdr)), publish(cdr))
    )
    node.close()
    assert sent and not np.any(sent[-1])
    assert not node._guard.active


def test_one_sample_that_fails_ends_nothing(spun, monkeypatch):
    node, spin = spun
    publish, failed = node._output._sent.publish, []

    def fails_once(message):
        if not failed:
            failed.append(message)
            broken()
        publish(message)

    monkeypatch.setattr(node._output._sent, 'publish', fails_once)
    spin(lambda: failed, 'a failed sample')
    before = node._output.tally.samples
    spin(lambda: node._output.tally.samples > before + 5, 'samples')
    assert not node.finished


def test_a_service_or_timer_that_fails_does_not_end_the_guard(spun, monkeypatch):
    node, spin = spun
    failed = []

    def fails(*_):
        failed.append(1)
        raise RuntimeError('broken')

    client = node.create_client(Trigger, 'guard/stop')
    monkeypatch.setattr(node._rivals, 'look', fails)
    monkeypatch.setattr(node._report, 'publish_status', fails)
    spin(lambda: len(failed) > 2, 'timers')
    spin(client.service_is_ready, 'the service')
    asked = client.call_async(Trigger.Request())
    spin(asked.done, 'an answer')
    assert asked.result().success and node._guard.stopped
    monkeypatch.undo()  # the fixture closes the guard, and that may not fail


def test_counts_of_reasons_stay_small():
    tally = Tally()
    for i in range(10_000):
        reason = Reason(ReasonKind.OUTSIDE, f'shoulder is at {i * 1e-3:.4g}')
        tally.add('outside', (reason,) if i % 10 else (), 0.0)
    figures = tally.values()
    assert len(figures) < 100
    assert figures['reason.outside_limits'] == 9000
    assert figures['interventions.outside_limits'] == 1000


def test_a_stop_that_takes_long_is_waited_for(spun, monkeypatch):
    node, _ = spun
    rested = []
    monkeypatch.setattr(node._beat, 'rest', lambda _at_rest, seconds: rested.append(seconds))
    node._guard.limits.stop_rate[:] = 0.01
    node.trigger_deactivate()
    assert rested[0] >= np.max(np.abs(node._guard.limits.high)) / 0.01


def test_enabling_what_is_enabled_waits_for_no_disk(spun, monkeypatch):
    node, _ = spun
    monkeypatch.setattr(node._latch, 'save_now', broken)
    request = SetBool.Request(data=True)
    assert node._switches.on_enable(request, SetBool.Response()).success
