# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""The two hashes of a contract, and the difference between two interfaces.

`interface_hash` covers only what the network sees and emits, so that a new topic name, age or
rate limit orphans no weights; `contract_hash` covers every field, for provenance.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from world_model_ros.contract.action_vector import ActionVector
from world_model_ros.contract.kinds import stream_kind
from world_model_ros.contract.schema import LATER, Contract, Stream

# Version of what happens to a message before it enters the graph (scaling of pictures, order of
# joints). A change of wire/decode.py that alters one array raises it.
PREPROCESSING_VERSION = 1


def interface_dict(contract: Contract) -> dict[str, Any]:
    """Return what the network sees and emits, as plain JSON types."""
    return {
        'preprocessing': PREPROCESSING_VERSION,
        'period_s': float(contract.period_s),
        'offset_ticks': contract.offset_ticks,
        'streams': [_stream_dict(stream) for stream in contract.streams],
        **_action_dict(contract.action),
    }


def _action_dict(action: ActionVector) -> dict[str, Any]:
    """The action vector, however it is spread over groups and topics.

    Written as format 1 does where all joints are of one kind, so that a file that is brought to
    format 2 keeps its weights.
    """
    if len(set(action.kinds)) == 1:
        return {
            'action': {
                'kind': action.kinds[0],
                'names': list(action.names),
                'low': [float(value) for value in action.low],
                'high': [float(value) for value in action.high],
                'units': 'SI',
            }
        }
    columns = zip(action.names, action.kinds, action.low, action.high, strict=True)
    return {
        'actions': [
            {'name': name, 'kind': kind, 'low': float(low), 'high': float(high), 'units': 'SI'}
            for name, kind, low, high in columns
        ]
    }


def _stream_dict(stream: Stream) -> dict[str, Any]:
    common: dict[str, Any] = {
        'name': stream.name,
        'kind': stream.kind,
        'shape': list(stream.shape),
    }
    return {**common, **stream_kind(stream.kind).interface(stream)}


def canonical_json(value: Any) -> str:
    """Return the one spelling of a JSON value that hashes are taken of."""
    return json.dumps(
        value, sort_keys=True, separators=(',', ':'), ensure_ascii=True, allow_nan=False
    )


def _digest(value: Any) -> str:
    return hashlib.sha256(canonical_json(value).encode('ascii')).hexdigest()


def interface_hash(contract: Contract | Mapping[str, Any]) -> str:
    """Return the sha256 of the interface of a contract, or of a stored interface."""
    return _digest(_as_interface(contract))


def contract_hash(contract: Contract) -> str:
    """Return the sha256 of every field; comments and layout of the file do not count."""
    values = _hashed(contract)
    del values['text']
    if contract.format == 1:  # whose one group had a field of its own
        (values['action'],) = values.pop('groups')
    return _digest(values)


def _hashed(value: Any) -> Any:
    """The fields of a dataclass as plain types; later keys only where they are not the default."""
    if isinstance(value, tuple):
        return [_hashed(item) for item in value]
    if not is_dataclass(value):
        return value
    return {
        field.name: _hashed(getattr(value, field.name))
        for field in fields(value)
        if not (field.metadata.get(LATER) and getattr(value, field.name) == field.default)
    }


def interface_diff(a: Contract | Mapping[str, Any], b: Contract | Mapping[str, Any]) -> list[str]:
    """List the fields in which two interfaces differ, as `field: a -> b`."""
    left = dict(_leaves('', _as_interface(a)))
    right = dict(_leaves('', _as_interface(b)))
    differences = [
        f'{key}: {left.get(key, "absent")} -> {right.get(key, "absent")}'
        for key in dict.fromkeys([*left, *right])
        if left.get(key) != right.get(key)
    ]
    if not differences and interface_hash(a) != interface_hash(b):
        # Only a foreign interface can differ without a differing field, as by an empty section.
        return [f'interface: {interface_hash(a)[:12]} -> {interface_hash(b)[:12]}']
    return differences


def _as_interface(source: Contract | Mapping[str, Any]) -> dict[str, Any]:
    return interface_dict(source) if isinstance(source, Contract) else dict(source)


def _leaves(path: str, value: Any) -> list[tuple[str, str]]:
    """Flatten to dotted keys; a list of named mappings is keyed by name, beside its order."""
    if isinstance(value, Mapping):
        prefix = f'{path}.' if path else ''
        return [leaf for key in value for leaf in _leaves(f'{prefix}{key}', value[key])]
    if (
        isinstance(value, list)
        and value
        and all(isinstance(item, Mapping) and isinstance(item.get('name'), str) for item in value)
    ):
        order = [item['name'] for item in value]
        leaves = [(f'{path} in order', json.dumps(order))]
        for item in value:
            rest = {key: item[key] for key in item if key != 'name'}
            leaves += _leaves(f'{path}.{item["name"]}', rest)
        return leaves
    return [(path, json.dumps(value, sort_keys=True, default=repr))]
