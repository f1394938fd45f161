# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A recipe as a file: named settings of a family's model and of its learning.

Owns the file's format and every reason to refuse one; what a setting means is the family's. Must
not import ROS or a simulator.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from world_model_ros.contract import ContractError
from world_model_ros.contract.contract_lookup import find_config
from world_model_ros.families.family_registry import DEFAULT, find_family
from world_model_ros.families.protocol import Family, Recipes

FORMAT = 1
KEYS = ('format', 'family', 'model', 'learner')
MAX_BYTES = 64 * 1024


class RecipeError(ValueError):
    """A recipe that cannot be learned with; the text names it, the fault and the remedy."""


@dataclass(frozen=True)
class Recipe:
    """Settings by name, as they stand in a file and in a checkpoint; empty: all defaults."""

    family: str
    model: dict[str, Any]
    learner: dict[str, Any]
    name: str = ''

    def as_json(self) -> dict[str, Any]:
        """Return what a checkpoint keeps of it."""
        return {'family': self.family, 'model': self.model, 'learner': self.learner}

    def sizes(self, family: Family, given: Any = None) -> Any:
        """Return the model's sizes and rules; ``given`` are those of weights gone on from.

        Raises:
            RecipeError: there is no such setting, or its value cannot be meant.
        """
        if not self.model:
            return given
        before = {} if given is None else family.config_to_json(given)
        try:
            return family.config_from_json({**before, **self.model})
        except (ValueError, TypeError) as error:
            raise RecipeError(f'{self.name}: model: {error}') from error

    def recipe(self, family: Family) -> Any:
        """Return the family's recipe, None for its own.

        Raises:
            RecipeError: there is no such setting, or its value cannot be meant.
        """
        if not self.learner:
            return None
        if not isinstance(family, Recipes):
            raise RecipeError(f'{self.name}: family {family.name!r} has no settings by name')
        try:
            return family.recipe_from_json(self.learner)
        except (ValueError, TypeError) as error:
            raise RecipeError(f'{self.name}: learner: {error}') from error


def read_recipe(name_or_path: str) -> Recipe:
    """Read `config/recipes/NAME.yaml`, or the file at a path.

    Raises:
        RecipeError: there is no such file, or it is none.
        FamilyError: its family is not there.
    """
    try:
        path = find_config('recipes', name_or_path)
    except ContractError as error:
        raise RecipeError(str(error)) from error
    return parse_recipe(_text(path), str(path))


def parse_recipe(text: str, name: str = 'recipe') -> Recipe:
    """Read a recipe from YAML and try its settings.

    Raises:
        RecipeError: it is no recipe, or a setting is none.
        FamilyError: its family is not there.
    """
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise RecipeError(f'{name}: not YAML: {" ".join(str(error).split())[:200]}') from error
    if not isinstance(found, dict) or found.get('format') != FORMAT:
        raise RecipeError(f'{name}: expected a mapping with format: {FORMAT}')
    if unknown := [str(key)[:40] for key in found if key not in KEYS]:
        raise RecipeError(f'{name}: unknown {", ".join(unknown)}; there are: {", ".join(KEYS)}')
    return _tried(found, name)


def recipe_of_state(state: Mapping[str, Any], where: Path) -> Recipe | None:
    """Return the recipe that a checkpoint was learned with; None: the family's own.

    Raises:
        RecipeError: a setting is not known to this version.
        FamilyError: its family is not there.
    """
    found = state.get('recipe')
    return _tried(found, str(where)) if isinstance(found, dict) else None


def _tried(found: Mapping[Any, Any], name: str) -> Recipe:
    family = found.get('family', DEFAULT)
    sections = {key: found.get(key) or {} for key in ('model', 'learner')}
    for key, values in sections.items():
        if not isinstance(values, dict) or not all(isinstance(word, str) for word in values):
            raise RecipeError(f'{name}: {key} must be a mapping of settings by name')
    if not isinstance(family, str):
        raise RecipeError(f'{name}: family must be a name, not {family!r}')
    recipe = Recipe(family, sections['model'], sections['learner'], name)
    known = find_family(family)
    recipe.sizes(known)
    recipe.recipe(known)
    return recipe


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
        if len(content) > MAX_BYTES:
            raise RecipeError(f'{path}: {len(content)} bytes, a recipe has at most {MAX_BYTES}')
        return content.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f'{path}: {error}') from error
