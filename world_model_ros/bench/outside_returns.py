# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Returns of policies in the simulator, measured once and kept in a file beside them.

The file is JSON: {"format": 1, "returns": {policy: {seed: return}}}. A policy is named by the
sha256 of its bundle, how it was damaged, and the reality, where that is not the nominal one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from world_model_ros.bench.inside_policies import InsideError, Policy
from world_model_ros.contract import Contract
from world_model_ros.durable import write_atomic
from world_model_ros.evaluation import run_episode
from world_model_ros.robots import NOMINAL, Env, Reality
from world_model_ros.strict_json import strict_json

OUTSIDE_FILE, OUTSIDE_FORMAT = 'outside_returns.json', 1


class Outside:
    """Returns in the simulator, kept in a file: {policy: {seed: return}}."""

    def __init__(self, path: Path) -> None:
        """Read what there is.

        Raises:
            InsideError: the file is of another format, or damaged.
        """
        self.path = path
        self._returns: dict[str, dict[str, float]] = {}
        if not path.is_file():
            return
        try:
            content = strict_json(path.read_bytes())
            if content['format'] != OUTSIDE_FORMAT:
                raise ValueError(f'format {content["format"]!r}, expected {OUTSIDE_FORMAT}')
            self._returns = {
                key: {seed: float(value) for seed, value in row.items()}
                for key, row in content['returns'].items()
            }
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise InsideError(f'{path}: {error}; delete it to measure again') from error

    def of(
        self,
        policy: Policy,
        contract: Contract,
        env: Env,
        seeds: Sequence[int],
        say: Callable[[str], None],
    ) -> list[float]:
        """The returns of a policy in the reality of `env`, measured where they are missing."""
        row = self._returns.setdefault(key_of(policy, env.reality), {})
        missing = [seed for seed in seeds if str(seed) not in row]
        if missing:
            say(f'outside: {policy.name}, {len(missing)} episodes')
            actor = policy.actor(contract)
            for seed in missing:
                row[str(seed)] = run_episode(env, actor, seed).episode_return
            self._save()
        return [row[str(seed)] for seed in seeds]

    def _save(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        content = {'format': OUTSIDE_FORMAT, 'returns': self._returns}
        write_atomic(self.path, (json.dumps(content, indent=1, sort_keys=True) + '\n').encode())


def key_of(policy: Policy, reality: Reality) -> str:
    """What a policy's returns are kept under."""
    key = f'{policy.bundle.digest}+{policy.random:g}'
    if policy.noise:
        key += f'~{policy.noise:g}'
    nominal = reality.sha256 == NOMINAL.sha256
    return key if nominal else f'{key}@{reality.sha256[:16]}'
