# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Which policies `bench inside` ranks: bundles, releases of a store, and damaged ones of these.

Damage is deterministic: noise on the policy's weights, or a share of random actions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from world_model_ros.bundle import Bundle, BundleError, load_bundle
from world_model_ros.bundle.format_names import MANIFEST
from world_model_ros.contract import Contract, interface_hash
from world_model_ros.evaluation import Actor, RandomActor
from world_model_ros.evaluation.bundle_actor import BundleActor, shaken
from world_model_ros.evaluation.run_episodes import NOT_FOR_ACTING
from world_model_ros.releases import fetch_release, releases
from world_model_ros.robots import Step
from world_model_ros.store import StoreError, open_store

SHARES = (0.25, 0.5, 0.75, 1.0)  # of random actions, mixed into the best policy
NOISES = (0.1, 0.2, 0.4, 0.8)  # on the weights of a policy, in standard deviations of each tensor
ENOUGH = 16  # policies: with fewer, more of the bundles are shaken
RELEASE = 'release_'  # how the folder of a collected release is named


class InsideError(ValueError):
    """Policies that cannot be ranked; the text says why."""


@dataclass(frozen=True)
class Policy:
    """A bundle's policy, without its planner, whole or damaged."""

    name: str
    bundle: Bundle
    random: float = 0.0  # share of random actions
    noise: float = 0.0  # on its weights

    @property
    def release(self) -> bool:
        """Whether it is a release as it was published."""
        whole = not self.random and not self.noise
        return whole and Path(self.name).name.startswith(RELEASE)

    def actor(self, contract: Contract) -> Actor:
        """Make what acts."""
        acting = BundleActor(contract, self.bundle, plan=False)
        return Damaged(acting, contract, self.random) if self.random else acting


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


def policies_in(
    folder: Path, contract: Contract, beside: Mapping[str, Path] | None = None
) -> list[Policy]:
    """The bundles below a folder that have a policy of this robot, by name.

    Args:
        folder: with bundles in folders of their own.
        contract: of the robot.
        beside: bundles that lie elsewhere, by name.

    Raises:
        InsideError: there is none.
    """
    found: dict[str, Policy] = {}
    unfit = []
    paths = {
        str(manifest.parent.relative_to(folder)): manifest.parent
        for manifest in sorted(folder.glob(f'**/{MANIFEST}'))
    }
    for name, path in {**(beside or {}), **paths}.items():
        try:
            bundle = load_bundle(path, contract, without=(*NOT_FOR_ACTING, 'plan'))
        except BundleError as error:
            unfit.append(f'{name}: {error.problems[0]}')
            continue
        if 'policy' in bundle.capabilities:  # one that is published twice counts once
            found.setdefault(bundle.digest, Policy(name, bundle))
    if not found:
        raise InsideError(
            f'{folder}: no bundle with a policy of {contract.name} below it; '
            f'{"; ".join(unfit[:3]) or "name a folder with releases"}'
        )
    return list(found.values())


def damaged(policies: Iterable[Policy]) -> list[Policy]:
    """Damaged ones of these policies, which come best first."""
    order = list(policies)
    best = order[0]
    made = [
        replace(best, name=f'{best.name} with {share:.0%} random', random=share)
        for share in SHARES
    ]
    for policy in order:
        if policy is not best and len(order) + len(made) >= ENOUGH:
            break
        made += [
            Policy(f'{policy.name} shaken by {size:g}', _shaken(policy, size), noise=size)
            for size in NOISES
        ]
    return made


def _shaken(policy: Policy, size: float) -> Bundle:
    try:
        return shaken(policy.bundle, size)
    except ImportError as error:
        raise InsideError(
            f'{error.name} is not installed: policies cannot be damaged; install the extra: '
            "pip install 'world_model_ros[train]'"
        ) from error


def collect(
    place: str, contract: Contract, folder: Path, most: int, say: Callable[[str], None]
) -> None:
    """Copy releases of a store into a folder, the oldest, the newest and some evenly between.

    A release that is there already is not fetched again.

    Args:
        place: folder or URL of the store.
        contract: of the robot.
        folder: gets a folder `release_NUMBER` each.
        most: how many.
        say: receives what goes on.

    Raises:
        InsideError: the store cannot be read, or has no release of this robot.
    """
    try:
        store = open_store(place)
        known = releases(store, interface_hash(contract))
        if not known:
            raise InsideError(
                f'{place}: no release of {contract.name} in this store; expected one that a '
                'trainer publishes to'
            )
        folder.mkdir(parents=True, exist_ok=True)
        count = min(most, len(known))
        places = np.unique(np.linspace(0, len(known) - 1, count).round().astype(int))
        for release in (known[i] for i in places.tolist()):
            target = folder / f'{RELEASE}{release.number:08d}'
            if not (target / MANIFEST).is_file():
                say(f'fetching release {release.number}')
                fetch_release(store, release, target)
    except (StoreError, ValueError) as error:
        raise InsideError(f'{place}: {error}') from error
