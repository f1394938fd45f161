# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""Every fault of a manifest that came in, as lines for a person.

A manifest is external data: types, ranges, names and both hashes are checked before any use.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

from world_model_ros.bundle import format1
from world_model_ros.bundle.format_names import (
    CAPABILITIES,
    COMMON_FILES,
    FIXED_CANDIDATES,
    FORMATS,
    MANIFEST,
    REQUIRED,
    size_problem,
)
from world_model_ros.bundle.read_files import is_plain_name
from world_model_ros.bundle.signatures import PLAN_SIZES, SIZE_NAMES, SIZES
from world_model_ros.contract import (
    ContractError,
    contract_hash,
    interface_diff,
    interface_hash,
    parse_contract,
)

MAX_BELIEF_DIM = 65_536
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
