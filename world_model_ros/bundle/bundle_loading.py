# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""Loading and checking a bundle: all of it or nothing, and everything that is wrong at once.

Owns `Bundle`, what the robot's tick works with. Files are read and hashed once (`files.py`);
graphs, belief and golden vectors are made of those bytes.
"""

import functools
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from world_model_ros.bundle import format1
from world_model_ros.bundle.format_names import (
    GOLDEN,
    INITIAL_BELIEF,
    WEIGHTS,
    BundleError,
    GraphSignature,
)
from world_model_ros.bundle.golden_check import ARRAY_ERRORS, golden_problems, read_golden
from world_model_ros.bundle.graph_limits import graph_problems
from world_model_ros.bundle.manifest import read_manifest
from world_model_ros.bundle.manifest_checks import capabilities_of
from world_model_ros.bundle.providers import CPU_ONLY, ProviderError, ProviderSettings, Taken
from world_model_ros.bundle.read_files import read_files
from world_model_ros.bundle.runtime import has_runtime, signature_problems
from world_model_ros.bundle.sessions import Sessions
from world_model_ros.bundle.signatures import capability_signatures
from world_model_ros.contract import Contract, interface_diff, parse_contract


@dataclass(frozen=True)
class Bundle:
    """A bundle in memory, verified.

    `sessions` maps the names of its graphs to ONNX Runtime sessions. `capabilities` is what acts
    and draws: the same in format 2, and what makes a format 1 bundle look like it.
    """

    path: Path
    digest: str  # sha256 of manifest.json: names this bundle and, through it, every file
    manifest: Mapping[str, Any]
    contract: Contract  # the robot it was made for
    sessions: Mapping[str, Any]
    initial_belief: np.ndarray  # float32 [1, belief_dim]
    golden: Mapping[str, np.ndarray]
    provider: Taken = field(default_factory=Taken)  # what the sessions run on
    on_cpu: Mapping[str, Any] = field(default_factory=dict)  # see `drawing`

    @functools.cached_property
    def capabilities(self) -> Mapping[str, Any]:
        """What the model can do, by name: anything with the `run` of a session."""
        if self.manifest['format'] == 1:
            return format1.capabilities(self.sessions)
        return self.sessions

    @property
    def drawing(self) -> Mapping[str, Any]:
        """What draws beliefs beside the tick: sessions of a device are for one thread only."""
        return self.on_cpu or self.capabilities

    @property
    def name(self) -> str:
        """Name given when it was exported."""
        return str(self.manifest['name'])

    @property
    def belief_dim(self) -> int:
        """Length of the belief vector."""
        return int(self.manifest['belief_dim'])

    @property
    def action_dim(self) -> int:
        """Length of the action vector."""
        return int(self.manifest['action_dim'])

    @property
    def planner(self) -> Mapping[str, Any]:
        """Planner defaults: horizon, batch_size, num_elites, temperature and more."""
        return dict(self.manifest['planner'])

    @property
    def return_scale(self) -> float:
        """What values were divided by inside the plan graph."""
        return float(self.manifest['return_scale'])

    @property
    def interface_hash(self) -> str:
        """Hash of what the network sees and emits."""
        return str(self.manifest['interface_hash'])

    @property
    def filter_hash(self) -> str:
        """What names how `observe` makes beliefs; '' for bundles that do not say."""
        given = self.manifest['provenance'].get('filter_sha256', '')
        return given if isinstance(given, str) else ''

    def run(self, graph: str, feeds: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Run one graph and return its outputs by name."""
        session = self.sessions[graph]
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(names, dict(feeds)), strict=True))


@dataclass(frozen=True)
class _Verified:
    """What the files say, before any session is made."""

    directory: Path
    digest: str
    manifest: dict[str, Any]
    contract: Contract
    files: dict[str, bytes]
    initial_belief: np.ndarray
    golden: dict[str, np.ndarray]


def load_bundle(
    directory: Path | str,
    contract: Contract | None = None,
    threads: int = 1,
    provider: ProviderSettings = CPU_ONLY,
    *,
    graphs: Sequence[str] | None = None,
    without: Sequence[str] = (),
    progress: Callable[[str], None] = lambda _: None,
) -> Bundle:
    """Verify a bundle and make its sessions.

    Args:
        directory: the bundle.
        contract: the robot it shall act on; a bundle for another interface is refused.
        threads: ONNX Runtime threads of each session.
        provider: what the graphs shall run on, the CPU by default.
        graphs: the graphs to make sessions of, all that the bundle has by default.
        without: graphs to leave out where the bundle has them.
        progress: receives what takes long, in one line.

    Raises:
        BundleError: with everything that is wrong.
        ProviderError: the provider cannot be used on this machine.
    """
    verified, problems = _verify(Path(directory), contract)
    if verified is None or problems:
        raise BundleError(directory, problems)
    make = Sessions(provider, threads, verified.digest, progress)
    bundle, problems = _with_sessions(verified, make, graphs, without)
    if problems:
        raise BundleError(directory, problems)
    return bundle


def check_bundle(directory: Path | str, contract: Contract | None = None) -> list[str]:
    """List everything that is wrong with a bundle; an empty list means that it is whole.

    Where ONNX Runtime can be imported, the graphs are loaded and the golden vectors are run.
    """
    verified, problems = _verify(Path(directory), contract)
    if verified is None or problems or not has_runtime():
        return problems
    make = Sessions(CPU_ONLY, 1, verified.digest)
    bundle, problems = _with_sessions(verified, make, None, ())
    return problems or golden_problems(bundle)


def _verify(directory: Path, contract: Contract | None) -> tuple[_Verified | None, list[str]]:
    if not directory.is_dir():
        return None, [f'{directory} is not a directory; give the path of a bundle']
    manifest, digest, problems = read_manifest(directory)
    if problems:
        return None, problems
    own = parse_contract(manifest['contract'], 'manifest.json: contract')
    if contract is not None and (different := interface_diff(own, contract)):
        problems.append(
            f'made for another interface: {"; ".join(different)}; it is of robot {own.name!r}: '
            f'give one that was learned for {contract.name!r}'
        )
    files, broken = read_files(directory, manifest['files'])
    problems += broken
    problems += [
        f'{name}: {problem}'
        for name, content in files.items()
        if name.endswith('.onnx')
        for problem in graph_problems(content)
    ]
    belief: np.ndarray = np.zeros((1, 0), dtype=np.float32)
    if INITIAL_BELIEF in files:
        belief, broken = _read_belief(files[INITIAL_BELIEF], manifest['belief_dim'])
        problems += broken
    golden: dict[str, np.ndarray] = {}
    if GOLDEN in files:
        golden, broken = read_golden(files[GOLDEN], _signatures(own, manifest))
        problems += broken
    return _Verified(directory, digest, manifest, own, files, belief, golden), problems


def _signatures(contract: Contract, manifest: Mapping[str, Any]) -> dict[str, GraphSignature]:
    """Return what the graphs that a bundle has must look like."""
    present = capabilities_of(manifest)
    belief_dim, planner = manifest['belief_dim'], manifest['planner']
    if manifest['format'] == 1:
        every = format1.graph_signatures(contract, belief_dim, planner)
        return {graph: every[graph] for graph in present}
    return capability_signatures(contract, belief_dim, planner, present, manifest['sizes'])


def _read_belief(content: bytes, belief_dim: int) -> tuple[np.ndarray, list[str]]:
    try:
        belief = np.load(io.BytesIO(content), allow_pickle=False)
    except ARRAY_ERRORS as error:
        return np.zeros((1, 0), np.float32), [f'{INITIAL_BELIEF}: unreadable: {str(error)[:200]}']
    if (
        not isinstance(belief, np.ndarray)
        or belief.dtype != np.float32
        or belief.shape != (1, belief_dim)
        or not np.isfinite(belief).all()
    ):
        return np.zeros((1, 0), np.float32), [
            f'{INITIAL_BELIEF}: expected finite float32 [1, {belief_dim}]'
        ]
    return belief, []


def _with_sessions(
    verified: _Verified,
    make: Sessions,
    graphs: Sequence[str] | None,
    without: Sequence[str],
) -> tuple[Bundle, list[str]]:
    signatures = _signatures(verified.contract, verified.manifest)
    sessions: dict[str, Any] = {}
    problems: list[str] = []
    for graph in graphs if graphs is not None else signatures:
        if graph in without:
            continue
        if graph not in signatures:
            problems.append(f'{graph}.onnx: not in this bundle; it has: {", ".join(signatures)}')
            continue
        try:
            sessions[graph] = make.session(
                graph,
                verified.files[f'{graph}.onnx'],
                verified.files[WEIGHTS],
                signatures[graph],
            )
        except ProviderError:
            raise
        except BundleError as error:
            problems += [problem for problem in error.problems if problem not in problems]
            continue
        problems += signature_problems(
            graph, sessions[graph], signatures[graph], int(verified.manifest['format'])
        )
    return Bundle(
        path=verified.directory,
        digest=verified.digest,
        manifest=verified.manifest,
        contract=verified.contract,
        sessions=sessions,
        initial_belief=verified.initial_belief,
        golden=verified.golden,
        provider=make.taken if sessions else Taken(),
        on_cpu={} if problems else _drawing(verified, make, sessions),
    ), problems


def _drawing(verified: _Verified, make: Sessions, sessions: Mapping[str, Any]) -> dict[str, Any]:
    """Sessions that draw beside the tick; none where those of the tick may be shared."""
    if 'decode' not in sessions or make.taken.provider == 'cpu':
        return {}
    return {
        graph: make.plain(graph, verified.files[f'{graph}.onnx'], verified.files[WEIGHTS])
        for graph in ('imagine', 'decode')
    }
