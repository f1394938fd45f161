# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A device that is not there: it computes on the CPU, and is as strict as a GPU.

Tensors on `AWAY` say that they are on torch's device `meta`, meet no tensor of the CPU with more
than one number, and give no numpy array. Their numbers are real, so what is learned there can be
compared with what is learned on the CPU. Inside `away()` numbers can be moved and made there.
"""

from __future__ import annotations

import contextlib
import warnings

import torch
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

AWAY = torch.device('meta')
# A GPU takes these from the CPU: a copy, and places to pick by.
CROSSING = {torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default}
PICKING = {torch.ops.aten.index.Tensor}


class Away(torch.Tensor):
    """Numbers that are held on the CPU."""

    @staticmethod
    def __new__(cls, held):
        return torch.Tensor._make_wrapper_subclass(
            cls, held.size(), strides=held.stride(), storage_offset=held.storage_offset(),
            dtype=held.dtype, layout=held.layout, device=AWAY,
        )  # fmt: skip

    def __init__(self, held):
        self.held = held

    def __repr__(self):
        return f'Away({self.held})'

    def __tensor_flatten__(self):
        return ['held'], None

    @staticmethod
    def __tensor_unflatten__(inner, _context, _size, _stride):
        return Away(inner['held'])

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        return compute(func, args, kwargs or {})


class _Mode(TorchDispatchMode):
    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        return compute(func, args, kwargs or {})


@contextlib.contextmanager
def away():
    """A context in which numbers can be moved to AWAY and made there."""
    with warnings.catch_warnings(), _Mode():
        # On the real `meta` a copy would do nothing.
        warnings.filterwarnings('ignore', '.*copying from a non-meta parameter')
        yield


def compute(func, args, kwargs):
    """Do on the CPU what was asked for, unless a GPU would refuse."""
    tensors = [x for x in pytree.arg_tree_leaves(*args, **kwargs) if isinstance(x, torch.Tensor)]
    there = [x for x in tensors if isinstance(x, Away)]
    here = [x for x in tensors if not isinstance(x, Away) and x.dim() > 0]
    if there and here and func not in CROSSING | PICKING:
        shapes = [tuple(x.shape) for x in tensors]
        raise RuntimeError(f'{func}: tensors of two devices meet, {shapes}')
    target = kwargs.get('device')
    wanted_there = target is not None and torch.device(target) == AWAY
    inner_args, inner_kwargs = pytree.tree_map_only(Away, lambda x: x.held, (args, kwargs))
    if wanted_there:
        inner_kwargs = {**inner_kwargs, 'device': torch.device('cpu')}
    out = func(*inner_args, **inner_kwargs)
    if func is torch.ops.aten.copy_.default:
        return args[0]
    if not (there if target is None else wanted_there):
        return out
    same = {id(x.held): x for x in there}  # done in place, it is the tensor that it was
    return pytree.tree_map_only(
        torch.Tensor, lambda x: same[id(x)] if id(x) in same else Away(x), out
    )
