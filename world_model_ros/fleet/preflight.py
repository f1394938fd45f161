# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Tries a bundle on this machine, in a process of its own, before the agent sees it.

`python -m world_model_ros.fleet.preflight BUNDLE CONTRACT` examines it (examine.py), prints one
JSON object and exits with 0 or 1.
`run_preflight` calls it: whatever a bundle does to that process, hanging and crashing included, is
a refusal with a reason; it is final unless a busy machine does the same to a good bundle. The
process has limits on memory, processor time and output, and is the first that the system ends when
memory runs out. Must not import ROS or torch.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from world_model_ros.bundle.providers import CPU_ONLY, PROVIDERS, ProviderSettings
from world_model_ros.contract import ContractError, find_robot, load_contract
from world_model_ros.fleet.examine import examine
from world_model_ros.fleet.verdict import Verdict
from world_model_ros.parent import PARENT_ENV, follow_parent
from world_model_ros.strict_json import strict_json

PREFLIGHT_FORMAT = 1
TIMEOUT_SEC = 120.0  # of the whole process; about two seconds are usual
ENGINES_SEC = 1800.0  # TensorRT builds engines for minutes, and preflight runs at low priority
# On top of what the libraries hold: the shipped bundles need 30 MB. The agent holds two models.
MEMORY_BYTES = 1 << 30
CPU_SEC = 90  # about two seconds are usual; no busy machine makes that forty times as much
OUTPUT_BYTES = 1 << 20  # of what it prints
# CUDA alone maps gigabytes; engines are written to disk. No more than that is known of GPUs here.
DEVICE_MEMORY_BYTES = 16 << 30
DEVICE_FILE_BYTES = 1 << 30
LAST_WORDS_BYTES = 16 * 1024
# What the machine, its kernel out of memory, a time limit or Ctrl-C ends a process with.
ENDED_BY_OTHERS = {
    signal.SIGALRM,
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGKILL,
    signal.SIGTERM,
}
# What a process says last that a half-made update, a full disk or another's memory has ended.
ENDED_BY_MACHINE = ('ImportError:', 'ModuleNotFoundError:', 'MemoryError', 'OSError:')
# The robot acts meanwhile, from the first import on.
COMMAND = ('nice', '-n', '19', sys.executable, '-m', 'world_model_ros.fleet.preflight')


def run_preflight(
    bundle: Path | str,
    contract: Path | str,
    *,
    threads: int = 1,
    provider: ProviderSettings = CPU_ONLY,
    timeout_s: float | None = None,
    command: Sequence[str] = COMMAND,
) -> Verdict:
    """Try a bundle in a process of its own, at low priority.

    Args:
        bundle: its directory.
        contract: the robot's, a name or a path.
        threads: of ONNX Runtime, as the agent will have.
        provider: what the graphs run on, as the agent will have.
        timeout_s: after which the process is ended and nothing is decided; the default is longer
            where TensorRT builds engines.
        command: what is run with these arguments.
    """
    if timeout_s is None:
        timeout_s = ENGINES_SEC if provider.provider == 'tensorrt' else TIMEOUT_SEC
    line = [*command, str(bundle), str(contract), '--threads', str(threads)]
    line += ['--provider', provider.provider, '--device-id', str(provider.device_id)]
    line += ['--allow-cpu-fallback'] * provider.allow_cpu_fallback
    line += ['--limit', str(math.ceil(timeout_s) + 1)]
    try:
        done = _run(line, timeout_s)
    except subprocess.TimeoutExpired:
        return Verdict([f'preflight: not done within {timeout_s:g} s; it was ended'], final=False)
    except OSError as error:
        return Verdict([f'preflight: cannot be started: {error}'], final=False)
    try:
        report = strict_json(done.stdout, OUTPUT_BYTES)
        problems, ok = [str(problem) for problem in report['problems']], report['ok']
    except (ValueError, KeyError, TypeError):
        final = -done.returncode not in ENDED_BY_OTHERS
        final = final and not _last_words(done).startswith(ENDED_BY_MACHINE)
        return Verdict([f'preflight: {_how_it_ended(done)}'], final=final)
    if ok is not (done.returncode == 0) or ok is bool(problems):
        return Verdict([f'preflight: contradicts itself, {_how_it_ended(done)}'])
    return Verdict(problems, report.get('figures', {}), report.get('final') is not False)


def _run(line: Sequence[str], timeout_s: float) -> subprocess.CompletedProcess[bytes]:
    """Run a command; what it prints goes through files, so that no flood of it is held here."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as error:
        done = subprocess.run(
            line,
            stdout=out,
            stderr=error,
            timeout=timeout_s,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, PARENT_ENV: str(os.getpid())},
        )
        out.seek(0)
        error.seek(max(0, error.seek(0, os.SEEK_END) - LAST_WORDS_BYTES))
        return subprocess.CompletedProcess(
            line, done.returncode, out.read(OUTPUT_BYTES + 1), error.read(LAST_WORDS_BYTES)
        )


def _limit_self(provider: str) -> None:
    """What a bundle may take of this machine; kept by the kernel, whatever a bundle does."""
    on_cpu = provider == 'cpu'
    memory = MEMORY_BYTES if on_cpu else DEVICE_MEMORY_BYTES
    cpu_s = CPU_SEC if provider != 'tensorrt' else round(ENGINES_SEC)
    for what, most in (
        # What is written to, by whatever means; address space that is only set aside is free.
        (resource.RLIMIT_DATA, _data_bytes() + memory),
        (resource.RLIMIT_FSIZE, DEVICE_FILE_BYTES if provider == 'tensorrt' else OUTPUT_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        soft = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (soft, soft))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 5))  # first by SIGXCPU: it is named
    with contextlib.suppress(OSError):  # no /proc: then without
        Path('/proc/self/oom_score_adj').write_text('1000')


def _may_be(provider: str) -> str:
    """The provider whose limits hold: `auto` is the CPU where nothing of a GPU is there."""
    return 'cpu' if provider == 'auto' and not Path('/dev/nvidiactl').exists() else provider


def _data_bytes() -> int:
    """What the libraries hold already; 1 GiB where the system does not say."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in Path('/proc/self/status').read_text().splitlines():
            if line.startswith('VmData:'):
                return 1024 * int(line.split()[1])
    return 1 << 30


def _how_it_ended(done: subprocess.CompletedProcess[bytes]) -> str:
    if done.returncode < 0:
        how = f'crashed ({signal.Signals(-done.returncode).name})'
    else:
        how = f'ended with status {done.returncode}'
    return f'{how} and said: {_last_words(done)[:300] or "nothing"}'


def _last_words(done: subprocess.CompletedProcess[bytes]) -> str:
    return ''.join(done.stderr.decode(errors='replace').strip().splitlines()[-1:])


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; prints one JSON object."""
    parser = argparse.ArgumentParser(prog='preflight', description=main.__doc__)
    parser.add_argument('bundle', type=Path)
    parser.add_argument('contract')
    parser.add_argument('--threads', type=int, default=1)
    parser.add_argument('--limit', type=int, default=0, help='seconds until this process ends')
    parser.add_argument('--provider', choices=PROVIDERS, default='cpu')
    parser.add_argument('--device-id', type=int, default=0)
    parser.add_argument('--allow-cpu-fallback', action='store_true')
    given = parser.parse_args(arguments)
    asked = ProviderSettings(given.provider, given.device_id, given.allow_cpu_fallback)
    follow_parent()
    _limit_self(_may_be(given.provider))
    signal.alarm(given.limit)  # ends also what nobody waits for any more
    try:
        contract = load_contract(find_robot(given.contract))
        verdict = examine(given.bundle, contract, given.threads, asked)
    except ContractError as error:
        # The updater has read it: somebody edits it right now. No bundle is bad for that.
        verdict = Verdict([str(error)], final=False)
    report = {
        'format': PREFLIGHT_FORMAT,
        'ok': verdict.ok,
        'problems': list(verdict.problems),
        'figures': verdict.figures,
        'final': verdict.final,
    }
    print(json.dumps(report))
    return 0 if verdict.ok else 1


if __name__ == '__main__':
    sys.exit(main())
