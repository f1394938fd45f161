# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""`bench inside`: are policies ranked by their return inside of a model as they are outside?

Outside is the simulator, over the selection seeds; these returns are kept in a file beside the
policies and measured only where they are missing. Inside is the imagined robot of one bundle, with
the same guard and the same command offset (Env around ImaginedBody), from the first ticks of the
same seeds. Damaged policies are a share of random actions mixed into the best one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from world_model_ros.bundle import Bundle, BundleError, load_bundle
from world_model_ros.bundle.format_names import MANIFEST
from world_model_ros.contract import Contract
from world_model_ros.durable import write_atomic
from world_model_ros.evaluation import Actor, RandomActor, run_episode
from world_model_ros.evaluation.bundle_actor import BundleActor
from world_model_ros.evaluation.run_episodes import NOT_FOR_ACTING
from world_model_ros.evaluation.seeds import SELECTION
from world_model_ros.imagined import ImaginedBody, ImaginedWorld, Start
from world_model_ros.imagined.simulated_start import simulated_start
from world_model_ros.robots import Env, Step, make_env
from world_model_ros.strict_json import strict_json

OUTSIDE_FILE, OUTSIDE_FORMAT = 'outside_returns.json', 1
DAMAGES = (0.25, 0.5, 0.75, 1.0)  # share of random actions
CONTEXT_TICKS = 5  # seen before the imagination begins
CLOSE_SHARE = 0.3  # of the best return: policies that are hard to tell apart
LEAST_CLOSE = 4  # policies that a rank correlation is worth printing for
RESAMPLES, CONFIDENCE = 2_000, 0.95
GOAL, GOAL_CLOSE = 0.9, 0.7


class InsideError(ValueError):
    """Policies that cannot be ranked; the text says why."""


@dataclass(frozen=True)
class Policy:
    """A bundle's policy, without its planner; `damage` is a share of random actions."""

    name: str
    bundle: Bundle
    damage: float = 0.0

    def actor(self, contract: Contract) -> Actor:
        """Make what acts."""
        acting = BundleActor(contract, self.bundle, plan=False)
        return Damaged(acting, contract, self.damage) if self.damage else acting


class Damaged:
    """Acts at random at a share of the ticks."""

    def __init__(self, actor: Actor, contract: Contract, share: float) -> None:
        """Wrap an actor."""
        self._actor, self._random, self._share = actor, RandomActor(contract), share

    def reset(self, seed: int) -> None:
        """Begin the episode of this seed."""
        self._actor.reset(seed)
        self._random.reset(seed)
        self._rng = np.random.default_rng([seed, 2])

    def __call__(self, step: Step) -> np.ndarray:
        """Decide; the actor sees every tick."""
        wise, wild = self._actor(step), self._random(step)
        return wild if self._rng.random() < self._share else wise

    def figures(self) -> dict[str, float]:
        """What the actor says."""
        return self._actor.figures()


def policies_in(folder: Path, contract: Contract) -> list[Policy]:
    """The bundles below a folder that have a policy of this robot, by name.

    Raises:
        InsideError: there is none.
    """
    found, unfit = [], []
    for manifest in sorted(folder.glob(f'**/{MANIFEST}')):
        path = manifest.parent
        try:
            bundle = load_bundle(path, contract, without=(*NOT_FOR_ACTING, 'plan'))
        except BundleError as error:
            unfit.append(f'{path.name}: {error.problems[0]}')
            continue
        if 'policy' in bundle.capabilities:
            found.append(Policy(str(path.relative_to(folder)), bundle))
    if not found:
        raise InsideError(
            f'{folder}: no bundle with a policy of {contract.name} below it; '
            f'{"; ".join(unfit[:3]) or "name a folder with releases"}'
        )
    return found


def measure(
    contract: Contract,
    world: Bundle,
    folder: Path,
    episodes: int,
    ticks: int,
    figures: dict[str, Any],
    say: Callable[[str], None],
) -> None:
    """Rank the policies of a folder and add the figures.

    Args:
        contract: of the robot.
        world: the bundle that they are judged in.
        folder: of bundles; their returns outside are kept there.
        episodes: seeds, inside and outside.
        ticks: imagined from each seed.
        figures: filled.
        say: receives what goes on.

    Raises:
        InsideError: fewer than three policies, or the world cannot give what acting needs.
    """
    seeds = SELECTION[:episodes]
    env = make_env(contract, 0)
    try:
        policies = policies_in(folder, contract)
        known = Outside(folder / OUTSIDE_FILE)
        returns = {p.name: known.of(p, contract, env, seeds, say) for p in policies}
        best = max(policies, key=lambda p: float(np.mean(returns[p.name])))
        for share in DAMAGES:
            damaged = Policy(f'{best.name} with {share:.0%} random', best.bundle, share)
            policies.append(damaged)
            returns[damaged.name] = known.of(damaged, contract, env, seeds, say)
        if len(policies) < 3:
            raise InsideError(f'{folder}: {len(policies)} policies; a ranking needs three')
        starts = [_start(world, env, seed, contract) for seed in seeds]
    finally:
        env.close()
    rows = []
    for policy in policies:
        say(f'inside: {policy.name}')
        imagined = inside_returns(policy, world, starts, seeds, ticks)
        rows.append(
            {
                'name': policy.name,
                'outside': float(np.mean(returns[policy.name])),
                'inside': float(np.mean(imagined)),
            }
        )
    figures |= ranking(rows) | {'rows': rows, 'ticks': ticks, 'episodes': len(seeds)}


def _start(world: Bundle, env: Env, seed: int, contract: Contract) -> Start:
    random = RandomActor(contract)
    random.reset(seed)
    return simulated_start(world, env, seed, CONTEXT_TICKS, random)


def inside_returns(
    policy: Policy,
    world: Bundle,
    starts: Sequence[Start],
    seeds: Sequence[int],
    ticks: int,
) -> list[float]:
    """Returns of a policy in the imagined world, one from each start.

    Raises:
        InsideError: the world predicts no reward or draws nothing, or it breaks.
    """
    found = []
    actor = policy.actor(world.contract)
    for start, seed in zip(starts, seeds, strict=True):
        imagined = ImaginedWorld(world, start)
        if imagined.lacks:
            raise InsideError(f'{world.path}: {"; ".join(imagined.lacks)}: it cannot judge')
        env = Env(world.contract, 0, body=ImaginedBody(imagined))
        step, total = env.reset(seed), 0.0
        actor.reset(seed)
        while step.tick < ticks and not (step.terminal or step.truncated):
            step = env.step(actor(step))
            total += step.reward
        if imagined.failure:
            raise InsideError(f'{world.path}: {imagined.failure} gives NaN or infinity')
        found.append(total)
        env.close()
    return found


def ranking(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Rank correlation of inside and outside, with its interval over policies."""
    inside = np.array([row['inside'] for row in rows])
    outside = np.array([row['outside'] for row in rows])
    close = outside >= (1.0 - CLOSE_SHARE) * outside.max()
    found: dict[str, Any] = {
        'policies': len(rows),
        'spearman': spearman(inside, outside),
        'spearman_interval': _interval(inside, outside),
        'close_policies': int(close.sum()),
    }
    if close.sum() >= LEAST_CLOSE:
        found['spearman_close'] = spearman(inside[close], outside[close])
        found['spearman_close_interval'] = _interval(inside[close], outside[close])
    found['goals'] = {
        'all_0.9': found['spearman'] >= GOAL,
        'close_0.7': found.get('spearman_close', -1.0) >= GOAL_CLOSE,
    }
    return found


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Rank correlation; 0 where one of them has no order at all."""
    x, y = _ranks(a), _ranks(b)
    x, y = x - x.mean(), y - y.mean()
    size = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / size if size else 0.0


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1 on; equal values share the mean of theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(count)
    found: np.ndarray = (last - (count - 1) / 2.0)[place]
    return found


def _interval(a: np.ndarray, b: np.ndarray) -> list[float]:
    """Percentile bootstrap over policies."""
    picks = np.random.default_rng(0).integers(len(a), size=(RESAMPLES, len(a)))
    drawn = np.array([spearman(a[row], b[row]) for row in picks])
    tail = 50 * (1 - CONFIDENCE)
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return [round(float(low), 3), round(float(high), 3)]


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
        """The returns of a policy, measured where they are missing."""
        row = self._returns.setdefault(f'{policy.bundle.digest}+{policy.damage:g}', {})
        missing = [seed for seed in seeds if str(seed) not in row]
        if missing:
            say(f'outside: {policy.name}, {len(missing)} episodes')
            actor = policy.actor(contract)
            for seed in missing:
                row[str(seed)] = run_episode(env, actor, seed).episode_return
            self._save()
        return [row[str(seed)] for seed in seeds]

    def _save(self) -> None:
        content = {'format': OUTSIDE_FORMAT, 'returns': self._returns}
        write_atomic(self.path, (json.dumps(content, indent=1, sort_keys=True) + '\n').encode())
