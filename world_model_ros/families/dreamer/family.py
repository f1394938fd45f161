# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The Dreamer family as it is registered: makes its models and algorithms, and aligns weights."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import asdict
from typing import Any

import torch

from world_model_ros.contract import Contract
from world_model_ros.families.dreamer.algorithm import Learner, LearnerConfig
from world_model_ros.families.dreamer.alignment import AlignConfig, align
from world_model_ros.families.dreamer.net import Dreamer, DreamerConfig
from world_model_ros.families.dreamer.recipe import recipe_of
from world_model_ros.families.protocol import Batch, Draw

# Of a model, what a second alignment leaves as it was learned since the first.
LEARNED = ('prior_hidden', 'prior_out', 'reward_head', 'continue_head', 'value_head', 'value_code')
# Not in what older versions wrote; they read what newer ones write with these values.
LATER = {'observe_rule': 'mode', 'value_code': 'symexp'}


class DreamerFamily:
    """See `world_model_ros.families.protocol.Family` and `Aligns`."""

    name = 'dreamer'

    def build(self, contract: Contract, config: DreamerConfig | None = None) -> Dreamer:
        """Return an untrained model.

        Raises:
            ValueError: the contract has pictures of a shape that the encoder cannot take.
        """
        return Dreamer(contract, config)

    def algorithm(self, model: Dreamer, config: LearnerConfig | None = None) -> Learner:
        """Return what trains a model; its picture nets get the layout that trains fastest."""
        for module in (*model.encoders.values(), *model.decoders.values()):
            module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return Learner(model, config or LearnerConfig())

    def config_to_json(self, config: DreamerConfig) -> dict[str, Any]:
        """Return sizes as JSON values; a rule that came later is left out at its default."""
        values = asdict(config)
        return {k: v for k, v in values.items() if k not in LATER or v != LATER[k]}

    def config_from_json(self, values: Mapping[str, Any]) -> DreamerConfig:
        """Return sizes of JSON values; raises TypeError for unknown ones."""
        widths = tuple(values.get('widths', DreamerConfig.widths))
        return DreamerConfig(**{**values, 'widths': widths})

    def recipe_from_json(self, values: Mapping[str, Any]) -> LearnerConfig:
        """Return the recipe of named settings; raises ValueError for what it has not."""
        return recipe_of(values)

    # ---- alignment -------------------------------------------------------------------------

    def aligns(self, model: Dreamer) -> bool:
        """Tell whether there are pictures: what changed is found by them."""
        return bool(model.pictures)

    def align_settings(self) -> AlignConfig:
        """Return the settings of `alignment`."""
        return AlignConfig()

    def align(
        self,
        model: Dreamer,
        robot: Draw,
        known: Callable[[int], Batch | None],
        settings: AlignConfig,
        say: Callable[..., None],
    ) -> Generator[str, None, bool]:
        """Align cameras and motors of ``model`` in place: `alignment`."""
        return align(model, robot, known, settings, say)

    def adopt(self, algorithm: Learner, aligned: Dreamer, again: bool) -> None:
        """Put aligned weights into model and average; latents mean the same as before.

        With ``again`` what was learned of rewards and values since the first alignment stays.
        """
        fresh = aligned.state_dict()
        if again:
            fresh = {k: v for k, v in fresh.items() if k.split('.')[0] not in LEARNED}
        for mine in (algorithm.model, algorithm.average):
            mine.load_state_dict(fresh, strict=not again)


FAMILY = DreamerFamily()
