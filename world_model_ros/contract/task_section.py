# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""The section `task` of a robot file of format 2: a vector that is constant within an episode.

What the robot shall do, as numbers: a goal position, a speed, the number of a chore. To a network
it is one more vector stream, called `task` and the last one; nobody publishes it.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from world_model_ros.contract.problems import Problems, Section
from world_model_ros.contract.schema import Stream

TASK = 'task'  # name of the stream and of its kind
KEYS = ('names', 'low', 'high', 'default')


def read_task(top: Section, problems: Problems, others: Sequence[str]) -> list[Stream]:
    """Read `task`: one stream, none where the section is absent or faulty."""
    if TASK not in top.data:
        return []
    section = Section(top.data[TASK], TASK, problems, KEYS)
    names = section.words('names')
    low, high, default = (section.numbers(key, 'SI units', len(names)) for key in KEYS[1:])
    if TASK in others:
        problems.add(TASK, TASK, 'no stream of this name beside it', 'rename streams.task')
    if problems.clean(TASK):
        for index, (least, most, usual) in enumerate(zip(low, high, default, strict=True)):
            if least >= most:
                section.note(
                    f'low[{index}]',
                    least,
                    f'less than high[{index}] ({most:g})',
                    f'correct the range of {names[index]!r}',
                )
            elif not least <= usual <= most:
                section.note(
                    f'default[{index}]',
                    usual,
                    f'between low and high ({least:g} to {most:g})',
                    f'correct the default of {names[index]!r}',
                )
    if not problems.clean(TASK):
        return []
    return [
        Stream(
            name=TASK,
            kind=TASK,
            topic='',
            rate_hz=0.0,
            max_age_s=0.0,
            sampling='hold',
            tolerance_s=0.0,
            stamp='receive',
            record='raw',
            shape=(len(names),),
            encoding='',
            names=names,
            fields=(),
            wrap=(),
            options=(('low', low), ('high', high), ('default', default)),
        )
    ]


def task_option(task: Stream, key: str) -> np.ndarray:
    """`low`, `high` or `default` of a task, float32 [n]."""
    return np.array(dict(task.options)[key], np.float32)


def task_values(task: Stream, given: Mapping[str, float]) -> np.ndarray:
    """A task by name as the array of its stream, float32 [n].

    Raises:
        ValueError: a name is missing or unknown, or a number is outside of its range.
    """
    if set(given) != set(task.names):
        raise ValueError(
            f'a task of {", ".join(sorted(given)) or "nothing"}: expected a number for each of '
            f'{", ".join(task.names)}'
        )
    values = [float(given[name]) for name in task.names]
    ends = zip(dict(task.options)['low'], dict(task.options)['high'], strict=True)
    for name, value, (low, high) in zip(task.names, values, ends, strict=True):
        if not (math.isfinite(value) and low <= value <= high):
            raise ValueError(f'task {name} is {value:g}: expected {low:g} to {high:g}')
    return np.array(values, np.float32)
