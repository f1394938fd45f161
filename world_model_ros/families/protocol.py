# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What planner, exporter, trainer and evaluation need of a family of world models; nothing more.

A family is a `WorldModel`, the `Algorithm` that trains it and a `Family` that makes both. What
only some can do is a small protocol of its own: `Decodes`, `Filters`, `Moves`, `Timed`,
`Anchors`, `Imitates`, `Remembers`, `Recipes`, `Aligns`. Must not import planning, training or
nodes.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch

from world_model_ros.contract import Contract

if TYPE_CHECKING:
    from typing_extensions import Self

Observation = dict[str, torch.Tensor]
# Windows of recorded ticks, [B, T, ...]: obs_STREAM, ages, action_sent, reward (NaN: unknown),
# is_first, terminal.
Batch = dict[str, torch.Tensor]
Draw = Callable[[int, int], Batch]  # windows, ticks in each -> batch


@runtime_checkable
class WorldModel(Protocol):
    """A recurrent latent world model with explicit belief, in SI units at its boundary.

    Shapes: belief [B, D], action [B, A] (SI units, inside the contract's box), observation
    {stream: uint8 [B, h, w, 3] or float32 [B, n]}, ages [B, S] seconds, is_first [B, 1].
    ``noise=None`` means the family's declared deterministic rule.
    """

    belief_dim: int
    action_dim: int

    def initial(self, batch: int) -> torch.Tensor:
        """Return the belief before anything was seen, [batch, D]."""

    def observe(
        self,
        belief: torch.Tensor,
        action_sent: torch.Tensor,
        observation: Observation,
        ages: torch.Tensor,
        is_first: torch.Tensor,
        noise: torch.Tensor | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the belief after this observation [B, D] and the surprise [B] in nats."""

    def imagine(
        self, belief: torch.Tensor, action: torch.Tensor, noise: torch.Tensor | None = None
    ) -> torch.Tensor:
        """Return the belief one period later under ``action``, [B, D]."""

    def outcomes(
        self, belief: torch.Tensor, action: torch.Tensor, next_belief: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return what a step from ``belief`` to ``next_belief`` under ``action`` brought.

        Returns:
            The expected reward [B] of the step, and the probability [B] that the episode did not
            terminate at its end. A family may use any of the three inputs.
        """

    def value(self, belief: torch.Tensor) -> torch.Tensor:
        """Return the expected discounted return from this belief on, [B]."""

    def policy(self, belief: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and standard deviation of the action in SI units, each [B, A]."""


@runtime_checkable
class Decodes(Protocol):
    """A world model that can show what it believes."""

    def decode(self, belief: torch.Tensor) -> Observation:
        """Return uint8 pictures [B, h, w, 3] and float joints [B, n] per stream."""


@runtime_checkable
class DecodesVectors(Protocol):
    """A world model that can say where joints are without drawing a picture, while it plans."""

    def decode_vectors(self, belief: torch.Tensor) -> Observation:
        """Return float [B, n] per vector stream, in SI units."""


@runtime_checkable
class DecodingWorldModel(WorldModel, Decodes, Protocol):
    """A world model whose beliefs can be drawn."""


@runtime_checkable
class Filters(Protocol):
    """A world model that can name what its beliefs hang on."""

    def filter_nets(self) -> list[torch.nn.Module]:
        """Return the nets that make a belief of what is observed and done: all of ``observe``."""


@runtime_checkable
class FamilyModel(WorldModel, Protocol):
    """A world model as a family makes it: a ``torch.nn.Module`` for one contract."""

    @property
    def contract(self) -> Contract:
        """Return the robot that it is for."""

    @property
    def config(self) -> Any:
        """Return its sizes; the family turns them into JSON and back."""

    def state_dict(self) -> dict[str, Any]:
        """Return its tensors by name."""

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True) -> Any:
        """Take tensors of ``state_dict``; without ``strict`` some may be missing."""

    def named_buffers(
        self, prefix: str = '', recurse: bool = True
    ) -> Iterator[tuple[str, torch.Tensor]]:
        """Return the tensors that are not learned."""

    def parameters(self) -> Iterator[torch.nn.Parameter]:
        """Return the tensors that are learned."""

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Free or freeze all parameters."""

    def eval(self) -> Self:
        """Switch to how a robot uses it."""

    def float(self) -> Self:
        """Turn all tensors into float32."""

    def to(self, device: torch.device) -> Any:
        """Move all tensors to a device."""


@runtime_checkable
class Algorithm(Protocol):
    """Losses, optimisers and averages of one model: what learns. It owns all its tensors."""

    updates: int  # taken so far; going back to a checkpoint sets it

    @property
    def family(self) -> str:
        """Return the name of its family, as registered."""

    @property
    def model(self) -> FamilyModel:
        """Return the model that learns and explores."""

    @property
    def average(self) -> FamilyModel:
        """Return the model that is scored and shipped; a family may give ``model`` itself."""

    @property
    def discount(self) -> float:
        """Return the discount of values, per tick."""

    @property
    def return_scale(self) -> torch.Tensor:
        """Return the spread of returns, []; a planner divides by it."""

    @property
    def batch_size(self) -> int:
        """Return the windows of one update."""

    @property
    def window_ticks(self) -> int:
        """Return the ticks of a window."""

    def settings(self) -> dict[str, Any]:
        """Return the recipe for records, as JSON values."""

    def normalise(self, rows: Mapping[str, torch.Tensor]) -> None:
        """Take scales of inputs from rows [N, n] of each stream of numbers; called once."""

    def update(self, batch: Batch) -> dict[str, float]:
        """Learn from one batch; return figures for the log, losses as ``loss/NAME``.

        Figures that are not finite tell the trainer that the update was bad.
        """

    def observe_windows(self, batch: Batch) -> torch.Tensor:
        """Return the beliefs [B, T, D] of ``model`` in windows, by its deterministic rule."""

    def state_dict(self) -> dict[str, torch.Tensor]:
        """Return all that learning needs to go on; the tensors of ``model`` as ``model.NAME``."""

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Take what ``state_dict`` or ``shipped`` of any version returned.

        Raises:
            RuntimeError, KeyError: it does not fit.
        """

    def shipped(self) -> dict[str, torch.Tensor]:
        """Return what travels beside a bundle; the tensors of ``average`` as ``model.NAME``."""


@runtime_checkable
class Moves(Protocol):
    """An algorithm that can learn on another device than the CPU; see `families.device`.

    All its tensors are there, also those of ``model``, ``average`` and ``return_scale``. Batches
    and what it loads may come from any device; beliefs that it returns are on its own.
    """

    @property
    def device(self) -> torch.device:
        """Return where it learns."""

    def to(self, device: torch.device) -> None:
        """Go on learning on another device, with all that was learned."""


@runtime_checkable
class Timed(Protocol):
    """An algorithm that says which part of an update begins, for who measures the time."""

    mark: Callable[[str], None]


@runtime_checkable
class Anchors(Protocol):
    """An algorithm that can hold on to what weights know that work already."""

    @property
    def teacher(self) -> FamilyModel | None:
        """Return whom it holds on to."""

    def anchor(self, teacher: Any) -> None:
        """Keep what beliefs mean, and stay near what ``teacher`` does."""


@runtime_checkable
class Imitates(Protocol):
    """An algorithm whose policy learns from what was done, where no reward is known."""

    @property
    def imitates(self) -> bool:
        """Return whether a batch without any reward teaches the policy."""


@runtime_checkable
class Remembers(Protocol):
    """An algorithm whose windows begin with a stored belief, not with nothing.

    Its batches have ``context`` [B, D] beside the ticks: the belief before the first tick of each
    window. Where none is stored it is zero, and the first tick has ``is_first``.
    """

    @property
    def remembers(self) -> bool:
        """Return whether its recipe asks for stored beliefs."""

    def recent_beliefs(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the beliefs [B, T, D] of the last update's windows and which to store [B, T]."""


@runtime_checkable
class Recipes(Protocol):
    """A family whose recipe is made of named settings, so that a file can hold one."""

    def recipe_from_json(self, values: Mapping[str, Any]) -> Any:
        """Return a recipe for ``algorithm``; what is missing has its default.

        Raises:
            ValueError: there is no such setting, or a value cannot be meant.
        """


@runtime_checkable
class Family(Protocol):
    """A family of world models, registered in the entry point group of `registry`."""

    @property
    def name(self) -> str:
        """Return the name under which it is registered."""

    def build(self, contract: Contract, config: Any = None) -> FamilyModel:
        """Return an untrained model; ``config`` are sizes, None: the family's own.

        Raises:
            ValueError: it cannot serve this contract.
        """

    def algorithm(self, model: Any, config: Any = None) -> Algorithm:
        """Return what trains a model of ``build``; ``config`` is a recipe, None: its own."""

    def config_to_json(self, config: Any) -> dict[str, Any]:
        """Return sizes as JSON values."""

    def config_from_json(self, values: Mapping[str, Any]) -> Any:
        """Return sizes of JSON values; what is missing has its default.

        Raises:
            ValueError, TypeError: there are no such sizes.
        """


class AlignSettings(Protocol):
    """When weights from elsewhere are aligned; how is the family's."""

    @property
    def ticks(self) -> int:
        """Return the ticks of the robot that it takes."""

    @property
    def again_ticks(self) -> int:
        """Return the ticks with aligned weights after which they are aligned once more."""


@runtime_checkable
class Aligns(Protocol):
    """A family that can fit weights from elsewhere to a robot that changed."""

    def aligns(self, model: Any) -> bool:
        """Tell whether this model has anything to be aligned."""

    def align_settings(self) -> AlignSettings:
        """Return the settings of the family."""

    def align(
        self,
        model: Any,
        robot: Draw,
        known: Callable[[int], Batch | None],
        settings: Any,
        say: Callable[..., None],
    ) -> Generator[str, None, bool]:
        """Align ``model`` in place; yields what it does after each short step.

        Returns whether its inputs are understood now, so that what beliefs mean is worth keeping.

        Args:
            model: the weights that are aligned.
            robot: draws windows that the changed robot recorded.
            known: draws so many single ticks as the robot was, from a simulator, or gives None.
            settings: of ``align_settings``.
            say: receives what was found.
        """

    def adopt(self, algorithm: Any, aligned: Any, again: bool) -> None:
        """Put an aligned model into an algorithm; ``again``: what was learned since stays."""
