# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""From an action to the driver's message and back, whatever its kind.

Owns what holds for the commands of a plug-in: what foreign code raises or returns instead of a
message is a fault with its name, and so is a message that says something else than the command,
which is inside of the limits. Must not import ROS, torch or the bundle.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from world_model_ros.contract.kinds import command_kind, plugin_of
from world_model_ros.wire.cdr import typestore

if TYPE_CHECKING:
    from world_model_ros.contract import Action

Encoder = Callable[[int, np.ndarray], bytes]
Decoder = Callable[[bytes], 'np.ndarray | None']
MAX_REASON = 300  # characters of what foreign code raised
# A message may hold float32: what it says may differ from the command by so much.
RELATIVE, ABSOLUTE = 1e-5, 1e-9
MAX_BYTES = 1 << 20  # of one command: more is no command of joints


class CommandError(RuntimeError):
    """A command kind that did not do what it must; one line with its package."""


def encoder(action: Action) -> Encoder:
    """What makes the message of a command: (t_ns, values [A]) -> CDR.

    Found once, so that no sample looks anything up. It raises CommandError if a plug-in fails.
    """
    kind = command_kind(action.kind)
    typestore()  # takes long the first time: not at the first command
    encode = partial(kind.encode, action)
    if not plugin_of(kind):
        return encode
    return partial(_checked, encode, command_decoder(action), _whose(action))


def command_decoder(action: Action) -> Decoder:
    """What reads a command of anybody: CDR -> values [A], None for one that moves nothing.

    It raises ValueError for bytes that are no command of this type.
    """
    kind = command_kind(action.kind)
    decode = partial(kind.decode, action)
    return partial(_checked_values, decode, action) if plugin_of(kind) else decode


def _whose(action: Action) -> str:
    kind = command_kind(action.kind)
    return f'command kind {action.kind!r} of package {plugin_of(kind)}'


def _checked(encode: Encoder, decode: Decoder, whose: str, t_ns: int, values: np.ndarray) -> bytes:
    given = values.copy()  # foreign code must not change what is reported as sent
    try:
        cdr = encode(t_ns, given)
    except Exception as problem:
        reason = f'{type(problem).__name__}: {problem}'[:MAX_REASON]
        raise CommandError(f'{whose} failed to encode a command: {reason}') from problem
    if not isinstance(cdr, bytes) or not 4 < len(cdr) <= MAX_BYTES:
        got = f'{len(cdr)} bytes' if isinstance(cdr, bytes) else type(cdr).__name__
        raise CommandError(f'{whose} must encode a command as bytes (CDR), got {got}')
    said = decode(cdr)
    if said is None or not np.allclose(said, values, RELATIVE, ABSOLUTE):
        raise CommandError(
            f'{whose} must encode what it is given: {values.tolist()} inside of the limits became '
            f'{None if said is None else said.tolist()}'
        )
    # The guard knows its own messages by their bytes, and DDS fills them up to a multiple of 4.
    return cdr + bytes(-len(cdr) % 4)


def _checked_values(decode: Decoder, action: Action, cdr: bytes) -> np.ndarray | None:
    whose = _whose(action)
    try:
        values = decode(cdr)
    except ValueError:
        raise
    except Exception as problem:  # one kind of error for whatever foreign code raises
        reason = f'{type(problem).__name__}: {problem}'[:MAX_REASON]
        raise ValueError(f'{whose} failed to decode a command: {reason}') from problem
    if values is None:
        return None
    shape = (len(action.names),)
    if not isinstance(values, np.ndarray) or values.shape != shape:
        raise ValueError(f'{whose} must decode a command as an array of {shape[0]} numbers')
    if values.dtype != np.float64 or not np.isfinite(values).all():
        raise ValueError(f'{whose} must decode a command as finite numbers of float64')
    return values
