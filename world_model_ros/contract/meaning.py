# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What a contract means, in plain words."""

from __future__ import annotations

from collections.abc import Iterator

from world_model_ros.contract.kinds import stream_kind
from world_model_ros.contract.schema import Action, Contract, Stream

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
    for i, stream in enumerate(contract.streams):
        yield 'sees' if i == 0 else '', _stream(stream)
    action = contract.action
    yield (
        'commands',
        f'{action.topic} ({action.type}), {contract.command_rate_hz:g} times a second, '
        f'{action.kind}:',
    )
    for i, name in enumerate(action.names):
        yield (
            '',
            f'  {name}: {action.low[i]:g} to {action.high[i]:g}, changes by at most '
            f'{action.rate_limit[i]:g} a second{_more(action, i)}',
        )
    safe = 'holds its position' if action.safe == 'hold' else 'is commanded zero'
    yield (
        'in doubt',
        f'the robot {safe}: on a stop, when an input is too old, and '
        f'{contract.command_timeout_s:g} s after the last plan',
    )
    yield 'episodes', _episodes(contract)
    reward = contract.reward
    if reward.function:
        yield 'reward', f'computed by {reward.function} when it learns'
    else:
        words = f'{reward.topic}, {reward.sampling} over a tick' if reward.topic else 'none'
        yield 'reward', words
    if contract.body:
        yield 'simulated', f'by the body {contract.body}'


def _more(action: Action, i: int) -> str:
    """The optional limits of one joint."""
    more = ''
    if action.acceleration_limit:
        more += f', its speed by at most {action.acceleration_limit[i]:g} a second'
    if action.stop_rate_limit:
        more += f', to zero by {action.stop_rate_limit[i]:g} a second'
    return more + (f'; home at {action.home[i]:g}' if action.home else '')


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
