# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""What is allowed in a robot file but will probably not work: warnings, each with its remedy.

Old files stay valid; a new rule that could refuse one of them is a warning here instead.
"""

from world_model_ros.contract.schema import Contract, Stream
from world_model_ros.contract.shapes import shape_problem

# A stream is as old as its period just before its next message; half a period more is its delay.
MIN_AGE_PERIODS = 1.5
# How late a process of an ordinary computer, not a real-time one, may be woken.
JITTER_SEC = 0.01


def contract_warnings(contract: Contract) -> list[str]:
    """List what will probably not work, one text each; the nodes print it once at load."""
    ages = [text for stream in contract.sensed for text in _age_warnings(stream)]
    return ages + unlearnable(contract)


def unlearnable(contract: Contract) -> list[str]:
    """List what the networks of this package cannot learn from, one text for each stream."""
    return [text for stream in contract.streams if (text := shape_problem(stream))]


def _age_warnings(stream: Stream) -> list[str]:
    period_s = 1.0 / stream.rate_hz
    least_s = max(MIN_AGE_PERIODS * period_s, period_s + JITTER_SEC)
    if stream.max_age_s >= least_s * (1 - 1e-6):
        return []
    return [
        f'streams.{stream.name}.max_age is {stream.max_age_s:g} s, and its messages come every '
        f'{period_s:.4g} s: a message that is a little late stops the robot; write {least_s:.4g} '
        'or more'
    ]
