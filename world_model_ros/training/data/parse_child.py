# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The process that reads uploaded episodes, so that none of them can end the trainer.

`python -m world_model_ros.training.data.parse_child`: on stdin a line of JSON with the contract,
then one per episode; one answer each on stdout. The arrays go into plain files without headers,
which the trainer reads by sizes that it knows itself. The first thing it does is to limit itself.
Must not import torch, ROS or a simulator.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Any, TextIO

import cv2
import numpy as np

from world_model_ros.contract import Contract, parse_contract
from world_model_ros.experience import EpisodeError, EpisodeReader, to_arrays
from world_model_ros.plugins import PluginError
from world_model_ros.reward_function import reward_function, rewards
from world_model_ros.training.data.parse_limits import (
    FILE_BYTES,
    OPEN_FILES,
    REASON,
    answer_spec,
    cpu_limit_sec,
)
from world_model_ros.training.data.segments import Unserviceable, check_serves, learnable

_PR_SET_PDEATHSIG = 1
_FIRST_TO_BE_ENDED = b'1000'  # by a system that has no memory left


def main() -> None:
    """Answer until stdin ends."""
    answers = os.fdopen(os.dup(1), 'w', buffering=1)
    os.dup2(2, 1)  # what a library prints is no answer
    begin = json.loads(sys.stdin.readline())
    contract = parse_contract(begin['contract'], 'the contract of the trainer')
    if contract.reward.function:
        reward_function(contract.reward.function)  # imported before memory is short
    cv2.setNumThreads(1)
    limit_self(begin['memory_bytes'], begin['parent'])
    _send(answers, {'ready': True})
    for line in sys.stdin:
        job = json.loads(line)
        folder = Path(job['folder'])
        _limit_cpu(cpu_limit_sec(sum(path.stat().st_size for path in folder.iterdir())))
        answer = answer_for(folder, Path(job['out']), contract)
        _send(answers, answer)
        if answer.get('exhausted'):
            return  # what is left of its memory is in pieces; the next one is read by a new one


def limit_self(memory_bytes: int, parent: int) -> None:
    """Take no more memory, files or children than reading needs; end with the trainer."""
    if sys.platform.startswith('linux'):
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            sys.exit(1)
        with contextlib.suppress(OSError):
            Path('/proc/self/oom_score_adj').write_bytes(_FIRST_TO_BE_ENDED)
        pages = int(Path('/proc/self/statm').read_text().split()[0])
        _limit(resource.RLIMIT_AS, pages * resource.getpagesize() + memory_bytes)
    _limit(resource.RLIMIT_FSIZE, FILE_BYTES)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, OPEN_FILES)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write that is too large is an OSError


def answer_for(folder: Path, out: Path, contract: Contract) -> dict[str, Any]:
    """Read one episode; whatever it is, there is an answer."""
    try:
        return {'ticks': write_rows(folder, out, contract)}
    except MemoryError:
        return {'refused': 'unreadable: it takes more memory than an episode may', 'exhausted': 1}
    except (OSError, PluginError) as error:  # not the episode's fault
        return {'later': one_line(error, folder)}
    except Exception as error:  # noqa: BLE001 - anything may be in an episode
        return {'refused': one_line(error, folder)}


def write_rows(folder: Path, out: Path, contract: Contract) -> int:
    """Write what can be learned from an episode; returns the ticks."""
    reader = EpisodeReader(folder)
    check_serves(reader, contract)
    arrays = to_arrays(reader, contract)
    rows = learnable(arrays, reader, contract)
    if contract.reward.function:
        rated = rewards(contract.reward.function, rows)
        rows['reward'] = np.where(rows['is_first'], np.float32(np.nan), rated)
    for name, (_, dtype) in answer_spec(contract).items():
        rows[name].astype(dtype, copy=False).tofile(out / f'{name}.bin')
    return len(rows['reward'])


def one_line(error: Exception, folder: Path) -> str:
    """Why an episode is refused, without the folder that it was fetched into."""
    text = ' '.join(str(error).split()).replace(f'{folder}/', '').replace(str(folder), '')
    known = isinstance(error, (EpisodeError, Unserviceable))
    text = text if known else f'unreadable: {type(error).__name__}: {text}'
    return text.encode('ascii', 'backslashreplace').decode()[:REASON]


def _limit_cpu(seconds: int) -> None:
    used = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, int(used.ru_utime + used.ru_stime) + 1 + seconds, soft=True)


def _limit(what: int, value: int, soft: bool = False) -> None:
    hard = resource.getrlimit(what)[1]
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(what, (value, hard if soft else value))


def _send(answers: TextIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer) + '\n')
    answers.flush()


if __name__ == '__main__':
    np.seterr(all='ignore')
    main()
