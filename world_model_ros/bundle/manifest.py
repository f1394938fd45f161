# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""manifest.json: its fields, writing it last, and finding every fault of one that came in.

A manifest is external data: types, ranges, names and both hashes are checked before any use.
"""

import hashlib
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from world_model_ros.bundle import format1
from world_model_ros.bundle.format_names import (
    BUNDLE_FORMAT,
    CAPABILITIES,
    COMMON_FILES,
    FIXED_CANDIDATES,
    FORMATS,
    KNOWN_FILES,
    MANIFEST,
    REQUIRED,
    BundleError,
    size_problem,
)
from world_model_ros.bundle.read_files import is_plain_name
from world_model_ros.bundle.signatures import PLAN_SIZES, SIZE_NAMES, SIZES
from world_model_ros.contract import (
    Contract,
    ContractError,
    contract_hash,
    interface_dict,
    interface_diff,
    interface_hash,
    parse_contract,
)
from world_model_ros.durable import read_regular, write_atomic
from world_model_ros.strict_json import strict_json

MAX_MANIFEST_BYTES = 256 * 1024
MAX_BELIEF_DIM = 65_536
GOLDEN_TOLERANCE = 1e-4  # float32 across machines and thread counts
MAX_TOLERANCE = 1e-2  # a manifest that allows more has golden vectors in name only
PLANNER_INTEGERS = {'horizon': 1, 'batch_size': 1, 'num_elites': 1, 'iteration_count': 0}
PLANNER_POSITIVE = ('temperature', 'min_std', 'max_std', 'gamma')
MAX_PLANNER_INTEGER = 100_000
FIELDS: dict[str, type] = {
    'format': int,
    'name': str,
    'family': str,
    'interface_hash': str,
    'contract_hash': str,
    'interface': dict,
    'contract': str,
    'files': dict,
    'belief_dim': int,
    'action_dim': int,
    'planner': dict,
    'return_scale': float,
    'provenance': dict,
    'golden': dict,
}
# What format 2 has beside them.
FIELDS_2: dict[str, type] = {**FIELDS, 'capabilities': list, 'sizes': dict}
# What format 2 may have: without `surprise` no surprise is out of the ordinary.
OPTIONAL_2: dict[str, type] = {'surprise': dict}
SURPRISE_KEYS = {'ticks', 'limit'}
MAX_SURPRISE_TICKS = 1000
MAX_SIZE = 65_536  # of a goal, a query, an answer, the joints that a plan predicts
_SHA256 = re.compile(r'[0-9a-f]{64}\Z')


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


def manifest_problems(manifest: Any) -> list[str]:
    """List what is wrong with a manifest, without looking at the files it lists."""
    if not isinstance(manifest, dict):
        return [f'{MANIFEST}: expected a JSON object']
    version = manifest.get('format')
    if isinstance(version, bool) or version not in FORMATS:
        reads = ' and '.join(str(number) for number in FORMATS)
        return [
            f'{MANIFEST}: format is {_show(version)}; this software reads {reads}: '
            'use a bundle of one of them, or update'
        ]
    fields = FIELDS if version == 1 else FIELDS_2
    optional = {} if version == 1 else OPTIONAL_2
    problems = [
        f'{MANIFEST}: {key} is {_show(manifest[key])}; expected {_type_name(kind)}'
        if key in manifest
        else f'{MANIFEST}: {key} is missing'
        for key, kind in {**fields, **{k: v for k, v in optional.items() if k in manifest}}.items()
        if not _is_a(manifest.get(key), kind)
    ]
    problems += [
        f'{MANIFEST}: {_show(key)} is no field of format {version}'
        for key in manifest
        if key not in fields and key not in optional
    ]
    if problems:
        return problems
    if version != 1:
        problems = _capability_problems(manifest)
        if problems:
            return problems
    return [
        *_file_problems(manifest['files'], capabilities_of(manifest), version),
        *_number_problems(manifest),
        *_surprise_problems(manifest.get('surprise')),
        *_planner_problems(manifest['planner'], 'plan' in capabilities_of(manifest)),
        *_interface_problems(manifest),
    ]


def capabilities_of(manifest: Mapping[str, Any]) -> list[str]:
    """Return the graphs of a bundle by name, in the order of the table."""
    if manifest['format'] == 1:
        files = manifest['files']
        return [name for name in format1.GRAPHS if f'{name}.onnx' in files]
    return [name for name in CAPABILITIES if name in manifest['capabilities']]


def _capability_problems(manifest: dict[str, Any]) -> list[str]:
    """What is wrong with `capabilities` and `sizes` of format 2."""
    listed, sizes = manifest['capabilities'], manifest['sizes']
    problems = [
        f'{MANIFEST}: capability {_show(name)} is not known here; this software knows '
        f'{", ".join(CAPABILITIES)}; export without it, or update'
        for name in listed
        if name not in CAPABILITIES
    ]
    if problems:
        return problems
    if len(set(listed)) != len(listed):
        problems.append(f'{MANIFEST}: capabilities {_show(listed)} lists one twice')
    problems += [
        f'{MANIFEST}: capability {name} is missing; every bundle has it'
        for name in REQUIRED
        if name not in listed
    ]
    problems += [
        f'{MANIFEST}: size {_show(name)} is {_show(value)}; expected '
        f'{", ".join(SIZE_NAMES)} from 1 to {MAX_SIZE}'
        for name, value in sizes.items()
        if name not in SIZE_NAMES or not _is_a(value, int) or not 1 <= value <= MAX_SIZE
    ]
    used = {size for name in listed for size in SIZES.get(name, ())}
    used |= set(PLAN_SIZES) if 'plan' in listed else set()
    problems += [
        f'{MANIFEST}: size {name} belongs to none of the capabilities {", ".join(listed)}'
        for name in sizes
        if name in SIZE_NAMES and name not in used
    ]
    problems += [
        f'{MANIFEST}: capability {name} needs sizes.{size}'
        for name in listed
        for size in SIZES.get(name, ())
        if size not in sizes
    ]
    return problems


def _file_problems(files: dict[Any, Any], capabilities: list[str], version: int) -> list[str]:
    problems = []
    graphs = format1.REQUIRED if version == 1 else capabilities
    required = [*(f'{name}.onnx' for name in graphs), *COMMON_FILES]
    known = {*required, *(f'{name}.onnx' for name in capabilities)}
    for name, entry in files.items():
        if not is_plain_name(name):
            problems.append(f'{MANIFEST}: file {_show(name)} leaves the bundle; refused')
        elif name not in known:
            problems.append(
                f'{MANIFEST}: file {_show(name)} is not part of this bundle of format {version}'
            )
        elif (
            not isinstance(entry, dict)
            or set(entry) != {'sha256', 'bytes'}
            or not _is_a(entry['bytes'], int)
            or not entry['bytes'] >= 0
            or not isinstance(entry['sha256'], str)
            or not _SHA256.match(entry['sha256'])
        ):
            problems.append(f'{MANIFEST}: file {name} needs a sha256 (64 hex digits) and bytes')
    problems += [
        f'{name}: not listed in {MANIFEST}; this bundle needs it'
        for name in required
        if name not in files
    ]
    if not problems:
        too_large = size_problem(sum(entry['bytes'] for entry in files.values()))
        if too_large:
            problems.append(f'files: {too_large}')
    return problems


def _number_problems(manifest: dict[str, Any]) -> list[str]:
    problems = []
    if not 1 <= manifest['belief_dim'] <= MAX_BELIEF_DIM:
        problems.append(
            f'{MANIFEST}: belief_dim is {_show(manifest["belief_dim"])}; expected 1 '
            f'to {MAX_BELIEF_DIM}'
        )
    tolerance = manifest['golden'].get('tolerance')
    for key, value in (
        ('return_scale', manifest['return_scale']),
        ('golden.tolerance', tolerance),
    ):
        if not _is_a(value, float) or not value > 0:
            problems.append(f'{MANIFEST}: {key} is {_show(value)}; expected a number above 0')
    if not problems and tolerance > MAX_TOLERANCE:
        problems.append(
            f'{MANIFEST}: golden.tolerance is {_show(tolerance)}; at most {MAX_TOLERANCE}'
        )
    return problems


def _surprise_problems(surprise: dict[str, Any] | None) -> list[str]:
    """What is wrong with `surprise`; None: the bundle does not say."""
    if surprise is None:
        return []
    ticks: Any = surprise.get('ticks')
    limit: Any = surprise.get('limit')
    if (
        set(surprise) != SURPRISE_KEYS
        or not (_is_a(ticks, int) and 1 <= ticks <= MAX_SURPRISE_TICKS)
        or not (_is_a(limit, float) and limit > 0)
    ):
        return [
            f'{MANIFEST}: surprise is {_show(surprise)}; expected ticks, an integer of 1 to '
            f'{MAX_SURPRISE_TICKS}, and limit, a number above 0'
        ]
    return []


def _planner_problems(planner: dict[str, Any], plans: bool) -> list[str]:
    """What is wrong with `planner`; a bundle that does not plan has a horizon only."""
    problems = []
    integers = PLANNER_INTEGERS if plans else {'horizon': 1}
    for key, low in integers.items():
        value: Any = planner.get(key)
        if not _is_a(value, int) or not low <= value <= MAX_PLANNER_INTEGER:
            problems.append(
                f'{MANIFEST}: planner.{key} is {_show(value)}; expected an integer '
                f'of {low} to {MAX_PLANNER_INTEGER}'
            )
    for key in PLANNER_POSITIVE if plans else ():
        value = planner.get(key)
        if not _is_a(value, float) or not value > 0:
            problems.append(
                f'{MANIFEST}: planner.{key} is {_show(value)}; expected a number above 0'
            )
    if problems or not plans:
        return problems
    if planner['num_elites'] > planner['batch_size'] + FIXED_CANDIDATES:
        problems.append(
            f'{MANIFEST}: planner.num_elites exceeds the number of candidates '
            f'({planner["batch_size"]} + {FIXED_CANDIDATES})'
        )
    if planner['min_std'] > planner['max_std']:
        problems.append(f'{MANIFEST}: planner.min_std exceeds planner.max_std')
    if planner['gamma'] > 1:
        problems.append(f'{MANIFEST}: planner.gamma is {planner["gamma"]}; expected at most 1')
    return problems


def _interface_problems(manifest: dict[str, Any]) -> list[str]:
    try:
        contract = parse_contract(manifest['contract'], f'{MANIFEST}: contract')
    except ContractError as error:
        return [f'{error.file}: {problem}' for problem in error.problems]
    problems = []
    if interface_hash(manifest['interface']) != manifest['interface_hash']:
        problems.append(f'{MANIFEST}: interface_hash is not that of interface')
    problems += [
        f'{MANIFEST}: contract and interface differ in {difference}'
        for difference in interface_diff(contract, manifest['interface'])
    ]
    if contract_hash(contract) != manifest['contract_hash']:
        problems.append(f'{MANIFEST}: contract_hash is not that of contract')
    if manifest['action_dim'] != contract.action_dim:
        problems.append(
            f'{MANIFEST}: action_dim is {manifest["action_dim"]}, the contract has '
            f'{contract.action_dim}'
        )
    return problems


def _is_a(value: Any, kind: type) -> bool:
    if isinstance(value, bool):
        return False
    if kind is float:
        return isinstance(value, (int, float)) and abs(value) < 1e300 and math.isfinite(value)
    return isinstance(value, kind)


def _type_name(kind: type) -> str:
    return {
        'dict': 'an object',
        'str': 'a string',
        'int': 'an integer',
        'list': 'a list',
        'float': 'a finite number',
    }[kind.__name__]


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f'{text[:77]}...'
