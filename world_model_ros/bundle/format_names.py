# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""What a bundle is made of: formats, capabilities, file names, size limit.

The inputs and outputs of the graphs stand in `signatures.py`. Must not import anything of ours.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

BUNDLE_FORMAT = 2  # that is written; format1.py reads the one before
FORMATS = (1, 2)
MANIFEST = 'manifest.json'
WEIGHTS = 'weights.bin'
INITIAL_BELIEF = 'initial_belief.npy'
GOLDEN = 'golden.npz'
# What a model may be able to do; each capability is one graph, NAME.onnx.
REQUIRED = ('observe', 'imagine')
CAPABILITIES = (
    *REQUIRED,
    'policy',
    'value',
    'outcomes',
    'plan',
    'decode',
    'goal',
    'query',
    'disagree',
)
COMMON_FILES = (WEIGHTS, INITIAL_BELIEF, GOLDEN)  # every bundle has them
KNOWN_FILES = (*(f'{name}.onnx' for name in CAPABILITIES), *COMMON_FILES)
# What lies in a bundle's folder, half written or half fetched too: with anything else it is not
# ours to replace or to delete.
OWN_FILES = frozenset(
    f'{name}{end}' for name in (MANIFEST, *KNOWN_FILES) for end in ('', '.part', '.partial')
)
# A whole bundle may be so large. A setting of the machine and not of a robot: the exporter, the
# updater, its preflight, the agent and the commands must agree on it.
MAX_MEGABYTES_ENV = 'WORLD_MODEL_MAX_BUNDLE_MB'
MAX_MEGABYTES = 64
LARGEST_SETTING_MB = 2000  # ONNX Runtime and the store hold a whole file in memory
# Added by `plan` to the value of a candidate whose predicted joints leave the limits, where the
# manifest's planner says `limits_joints`. No return over the return scale comes near it.
REJECTED_VALUE = -1000.0
FIXED_CANDIDATES = 4  # policy rollout, previous plan, safe action, mean; samples come after

FLOAT = np.dtype(np.float32)


class BundleError(ValueError):
    """A bundle that cannot be used; `problems` lists everything that is wrong with it."""

    def __init__(self, directory: Path | str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        where = f'bundle {directory}' if directory else 'bundle'
        if len(self.problems) == 1:
            super().__init__(f'{where}: {self.problems[0]}')
            return
        lines = '\n'.join(f'  - {problem}' for problem in self.problems)
        super().__init__(f'{where}: {len(self.problems)} problems\n{lines}')


@dataclass(frozen=True)
class Tensor:
    """Type and fixed shape of one input or output."""

    dtype: np.dtype
    shape: tuple[int, ...]

    def __str__(self) -> str:
        """Give type and shape as in messages."""
        return f'{self.dtype}{list(self.shape)}'


@dataclass(frozen=True)
class GraphSignature:
    """Inputs and outputs of one graph, by name."""

    inputs: Mapping[str, Tensor]
    outputs: Mapping[str, Tensor]


def max_bundle_bytes() -> int:
    """Return the size limit of a whole bundle in bytes.

    Raises:
        BundleError: the setting is no number of megabytes.
    """
    text = os.environ.get(MAX_MEGABYTES_ENV, str(MAX_MEGABYTES))
    try:
        megabytes = float(text)
    except ValueError:
        megabytes = 0.0
    if not 0.0 < megabytes <= LARGEST_SETTING_MB:
        raise BundleError(
            '',
            [
                f'{MAX_MEGABYTES_ENV} is {text[:40]!r}; expected megabytes above 0 and at most '
                f'{LARGEST_SETTING_MB}'
            ],
        )
    return round(megabytes * 1e6)


def size_problem(total: int) -> str:
    """Say that a bundle of `total` bytes is too large; '' when it is not."""
    try:
        most = max_bundle_bytes()
    except BundleError as error:
        return error.problems[0]
    if total <= most:
        return ''
    return (
        f'{total} bytes in all, at most {most}; for larger bundles set {MAX_MEGABYTES_ENV} '
        '(megabytes) where they are exported and on every robot'
    )
