# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""manifest.json: written as the last file of a bundle, and read.

What may stand in it is checked in `manifest_checks`.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from world_model_ros.bundle.format_names import (
    BUNDLE_FORMAT,
    CAPABILITIES,
    KNOWN_FILES,
    MANIFEST,
    BundleError,
)
from world_model_ros.bundle.manifest_checks import manifest_problems
from world_model_ros.contract import (
    Contract,
    contract_hash,
    interface_dict,
    interface_hash,
)
from world_model_ros.durable import read_regular, write_atomic
from world_model_ros.strict_json import strict_json

MAX_MANIFEST_BYTES = 256 * 1024
GOLDEN_TOLERANCE = 1e-4  # float32 across machines and thread counts


def write_manifest(
    directory: Path | str,
    contract: Contract,
    *,
    name: str,
    belief_dim: int,
    planner: Mapping[str, Any],
    return_scale: float,
    provenance: Mapping[str, Any],
    family: str = 'dreamer',
    golden_tolerance: float = GOLDEN_TOLERANCE,
    sizes: Mapping[str, int] | None = None,
    surprise: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Hash the files that lie in `directory` and write manifest.json, as the last of them.

    The capabilities are those whose graphs lie there. `surprise` says which surprise is out of the
    ordinary: a mean over `ticks` ticks above `limit`.

    Returns:
        The manifest as written.

    Raises:
        BundleError: a file is missing, or a field is not what format 2 asks.
    """
    directory = Path(directory)
    files: dict[str, Any] = {}
    for file in KNOWN_FILES:
        if (directory / file).is_file():
            content = (directory / file).read_bytes()
            files[file] = {'sha256': hashlib.sha256(content).hexdigest(), 'bytes': len(content)}
    manifest = {
        'format': BUNDLE_FORMAT,
        'name': name,
        'family': family,
        'interface_hash': interface_hash(contract),
        'contract_hash': contract_hash(contract),
        'interface': interface_dict(contract),
        'contract': contract.text,
        'files': files,
        'belief_dim': belief_dim,
        'action_dim': contract.action_dim,
        'planner': dict(planner),
        'return_scale': float(return_scale),
        'provenance': dict(provenance),
        'golden': {'tolerance': golden_tolerance},
        'capabilities': [name for name in CAPABILITIES if f'{name}.onnx' in files],
        'sizes': dict(sizes or {}),
        **({} if surprise is None else {'surprise': dict(surprise)}),
    }
    problems = manifest_problems(manifest)
    if problems:
        raise BundleError(directory, problems)
    text = json.dumps(manifest, indent=2, sort_keys=True, allow_nan=False) + '\n'
    write_atomic(directory / MANIFEST, text.encode('utf-8'))
    return manifest


def read_manifest(directory: Path) -> tuple[dict[str, Any], str, list[str]]:
    """Read manifest.json: the manifest, its sha256, and what is wrong with it."""
    try:
        raw = read_regular(directory / MANIFEST, MAX_MANIFEST_BYTES)
    except OSError as error:
        reason = 'missing' if isinstance(error, FileNotFoundError) else error.strerror or error
        return {}, '', [f'{MANIFEST}: {reason}; {directory} is not a whole bundle']
    digest = hashlib.sha256(raw).hexdigest()
    try:
        manifest = strict_json(raw)
    except ValueError as error:
        return {}, digest, [f'{MANIFEST}: not readable as JSON: {str(error)[:200]}']
    return (manifest if isinstance(manifest, dict) else {}), digest, manifest_problems(manifest)
