# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a contract means, in plain words."""

from __future__ import annotations

from collections.abc import Iterator

from world_model_ros.contract.kinds import stream_kind
from world_model_ros.contract.schema import Action, Contract, Driver, Stream

_TICKS = {
    'timer': 'by the wall clock',
    'sim_time': 'by /clock',
    'lockstep': 'in lockstep with a simulator',
}


def meaning(contract: Contract) -> Iterator[tuple[str, str]]:
    """What a contract means, as lines of (subject, words)."""
    source = _TICKS.get(contract.tick_source, f'at each message of {contract.tick_stream}')
    yield (
        'decides',
        f'every {contract.period_s:.4g} s, {source}; takes effect '
        f'{contract.command_offset_s:.4g} s later',
    )
    for i, stream in enumerate(contract.sensed):
        yield 'sees' if i == 0 else '', _stream(stream)
    if contract.task is not None:
        task = stream_kind(contract.task.kind).words(contract.task)
        yield 'task', f'{task}; set for an episode, topic agent/set_task'
    for i, group in enumerate(contract.groups):
        yield 'commands' if i == 0 else '', _commands(contract, group)
        for joint, name in enumerate(group.names):
            yield '', f'  {name}: {_limits(group, joint)}'
    yield (
        'in doubt',
        f'the robot {_in_doubt(contract)}: on a stop, when an input is too old, and '
        f'{contract.command_timeout_s:g} s after the last plan',
    )
    for i, words in enumerate(_driver(contract.driver)):
        yield 'driver' if i == 0 else '', words
    for i, words in enumerate(_kept_out(contract)):
        yield 'stays' if i == 0 else '', words
    yield 'episodes', _episodes(contract)
    reward = contract.reward
    if reward.function:
        yield 'reward', f'computed by {reward.function} when it learns'
    else:
        words = f'{reward.topic}, {reward.sampling} over a tick' if reward.topic else 'none'
        yield 'reward', words
    if contract.body:
        yield 'simulated', f'by the body {contract.body}'


def _commands(contract: Contract, group: Action) -> str:
    called = f'{group.name}: ' if group.name else ''
    rate = group.rate_hz or contract.command_rate_hz
    return f'{called}{group.topic} ({group.type}), {rate:g} times a second, {group.kind}:'


def _driver(driver: Driver) -> Iterator[str]:
    """What the robot's own driver takes part in."""
    if driver.fault_topic:
        yield f'stopped when {driver.fault_topic} reports a fault'
    if driver.controllers:
        names = ', '.join(driver.controllers)
        yield f'controllers {names} are switched on while it acts, by {driver.controller_manager}'
    if driver.robot_description:
        yield f'limits of {driver.robot_description} are kept, too, where they are narrower'


def _limits(group: Action, i: int) -> str:
    """The limits of one joint, first what is kept to today."""
    low, high = (group.limit_low or group.low)[i], (group.limit_high or group.high)[i]
    text = f'{low:g} to {high:g}'
    if (low, high) != (group.low[i], group.high[i]):
        text += f' (learned: {group.low[i]:g} to {group.high[i]:g})'
    text += f', changes by at most {group.rate_limit[i]:g} a second'
    if group.acceleration_limit:
        text += f', its speed by at most {group.acceleration_limit[i]:g} a second'
    if group.jerk_limit:
        text += f', its acceleration by at most {group.jerk_limit[i]:g} a second'
    if group.stop_rate_limit:
        text += f', to zero by {group.stop_rate_limit[i]:g} a second'
    if group.following_error:
        text += f', stopped when it is {group.following_error[i]:g} behind'
    if group.limit_margin:
        text += f', commanded {group.limit_margin:g} inside of that'
    return text + (f'; home at {group.home[i]:g}' if group.home else '')


def _in_doubt(contract: Contract) -> str:
    holds = [group.safe == 'hold' for group in contract.groups]
    if all(holds):
        return 'holds its position'
    if not any(holds):
        return 'is commanded zero'
    held = [g.name for g, hold in zip(contract.groups, holds, strict=True) if hold]
    zeroed = [g.name for g, hold in zip(contract.groups, holds, strict=True) if not hold]
    return f'holds {" and ".join(held)}, and {" and ".join(zeroed)} is commanded zero'


def _kept_out(contract: Contract) -> Iterator[str]:
    """Where the links of the robot stay, by the section guard."""
    guard = contract.guard
    if guard.workspace:
        box = zip('xyz', guard.workspace.low, guard.workspace.high, strict=True)
        links = ', '.join(guard.workspace.links) or 'all links'
        yield f'{links} within {", ".join(f"{x} {low:g} to {high:g} m" for x, low, high in box)}'
    if guard.collision:
        yield f'at least {guard.collision.distance:g} m from itself and the links of {guard.urdf}'
    for lock in guard.locks:
        when = 'unless pressed' if lock.hold_to_run else 'while locked'
        yield f'at rest {when}: {lock.name}, {lock.topic} ({lock.type})'
    for zone in guard.zones:
        what = 'at rest' if zone.action == 'stop' else f'at {zone.slowdown_ratio:g} of its speed'
        yield f'{what} while zone {zone.name} is not free: {zone.topic}'


def _stream(stream: Stream) -> str:
    what = stream_kind(stream.kind).words(stream)
    return (
        f'{stream.name}: {stream.topic}, {what}, {stream.rate_hz:g} times a second, at most '
        f'{stream.max_age_s:g} s old'
    )


def _episodes(contract: Contract) -> str:
    episode = contract.episode
    longest = f' and end after {episode.max_ticks} ticks' if episode.max_ticks else ''
    if episode.reset == 'service':
        return f'begin with the reset service of the robot{longest}'
    if episode.reset == 'manual':
        return (
            f'begin when somebody calls agent/start_episode (std_srvs/srv/Trigger){longest}; '
            'until then the agent neither thinks nor acts'
        )
    return f'none: the robot is never reset; recorded in segments of {episode.segment_ticks} ticks'
