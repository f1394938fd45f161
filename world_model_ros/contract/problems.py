# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""Collecting what is wrong in a YAML file: every fault at once, by file, key, value and remedy.

Owns `ContractError` and `Section`, a strict reader of one YAML mapping. Knows nothing of robots.
"""

import difflib
import math
import reprlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

MISSING: Final = object()

_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = 60
_short.maxlevel = 3


@dataclass(frozen=True)
class Problem:
    """One fault: the dotted key, the value found, what was expected and what to do."""

    key: str
    value: str
    expected: str
    remedy: str

    def __str__(self) -> str:
        """Give the fault in one line."""
        found = 'is missing' if self.value == 'missing' else f'is {self.value}'
        return f'{self.key} {found}; expected {self.expected}; {self.remedy}'


class ContractError(ValueError):
    """A robot file that cannot be used; `problems` lists every fault found in it."""

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        self.file = file
        self.problems = tuple(problems)
        if len(self.problems) == 1:
            super().__init__(f'{file}: {self.problems[0]}')
            return
        lines = '\n'.join(f'  - {problem}' for problem in self.problems)
        super().__init__(f'{file}: {len(self.problems)} problems\n{lines}')


class Problems:
    """The faults found so far, and which keys they concern."""

    def __init__(self) -> None:
        self.found: list[Problem] = []
        # Keys that a misspelt one stands for, and what is missing of them: one fault.
        self._meant: list[str] = []
        self._missing: list[Problem] = []

    def add(self, key: str, value: Any, expected: str, remedy: str) -> None:
        """Note a fault at a dotted key."""
        shown = 'missing' if value is MISSING else _short.repr(value)
        known = value is MISSING and any(f'{key}.'.startswith(f'{each}.') for each in self._meant)
        (self._missing if known else self.found).append(Problem(key, shown, expected, remedy))

    def misspelt(self, key: str, value: Any, section: str, known: Sequence[str]) -> None:
        """Note a key that a section does not know; what it stands for is not missing."""
        dotted = f'{section}.' if section else ''
        near = difflib.get_close_matches(key, known, n=1)
        self.add(f'{dotted}{key}', value, 'no such key', did_you_mean(key, known))
        self._meant += [f'{dotted}{name}' for name in near]

    def clean(self, *keys: str) -> bool:
        """Whether none of the keys, nor anything inside them, has a fault."""
        return not any(
            problem.key == key or problem.key.startswith((f'{key}.', f'{key}['))
            for problem in (*self.found, *self._missing)
            for key in keys
        )


def did_you_mean(word: Any, known: Sequence[str]) -> str:
    """Return a remedy that names the nearest known word, or all of them."""
    near = difflib.get_close_matches(str(word)[:80], known, n=1)
    if near:
        return f'did you mean {near[0]!r}?'
    return f'use one of: {", ".join(known)}' if known else 'remove it'


class Section:
    """Strict reader of one mapping. A faulty value is noted and a stand-in is returned.

    Callers build nothing from stand-ins: they ask `Problems` first.
    """

    def __init__(self, data: Any, path: str, problems: Problems, known: Sequence[str]) -> None:
        self.path = path
        self.problems = problems
        if isinstance(data, dict):
            self.data: dict[Any, Any] = data
        else:
            self.data = {}
            value = MISSING if data is None else data
            problems.add(path or 'file', value, 'a mapping', f'write the keys {", ".join(known)}')
        for key in self.data:
            if key not in known:
                problems.misspelt(str(key)[:80], self.data[key], path, known)

    def key(self, name: str) -> str:
        """Return the dotted key of a name in this section."""
        return f'{self.path}.{name}' if self.path else name

    def get(self, name: str, default: Any = MISSING) -> Any:
        """Return the raw value, the default where it is absent, or MISSING."""
        return self.data.get(name, default)

    def note(self, name: str, value: Any, expected: str, remedy: str) -> None:
        """Note a fault of one name in this section."""
        self.problems.add(self.key(name), value, expected, remedy)

    def number(
        self,
        name: str,
        unit: str,
        default: Any = MISSING,
        low: float = 0.0,
        high: float = math.inf,
        low_included: bool = False,
    ) -> float:
        """Read a finite number above `low` and at most `high`."""
        value = self.get(name, default)
        number = as_number(value)
        floor = f'{"at least" if low_included else "more than"} {low:g}'
        expected = f'a number of {unit}, {floor}'
        expected += '' if math.isinf(high) else f', at most {high:g}'
        if number is None:
            self.note(name, value, expected, 'write a plain number such as 0.5')
            return 1.0
        if number < low or number > high or (number == low and not low_included):
            self.note(name, value, expected, f'correct the number or its unit ({unit})')
            return 1.0
        return number

    def integer(self, name: str, default: Any = MISSING, low: int = 0) -> int:
        """Read an integer of at least `low`."""
        value = self.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value < 2**31:
            self.note(name, value, f'an integer of at least {low}', 'write a whole number')
            return max(low, 1)
        return value

    def choice(self, name: str, options: Sequence[str], default: Any = MISSING) -> Any:
        """Read one of a few words."""
        value = self.get(name, default)
        if not isinstance(value, str) or value not in options:
            remedy = f'add it: {" | ".join(options)}'
            self.note(
                name,
                value,
                f'one of {", ".join(options)}',
                remedy if value is MISSING else did_you_mean(value, options),
            )
            return options[0]
        return value

    def text(self, name: str, default: Any = MISSING) -> str:
        """Read a string."""
        value = self.get(name, default)
        if not isinstance(value, str):
            self.note(name, value, 'a string', 'write a word, in quotes if it looks like a number')
            return ''
        return value

    def flag(self, name: str, default: bool) -> bool:
        """Read true or false."""
        value = self.get(name, default)
        if not isinstance(value, bool):
            self.note(name, value, 'true or false', 'write true or false without quotes')
            return default
        return value

    def words(self, name: str, default: Any = MISSING, at_least: int = 1) -> tuple[str, ...]:
        """Read a list of different, non-empty strings."""
        value = self.get(name, default)
        if (
            not isinstance(value, list)
            or len(value) > MAX_LIST
            or any(
                not isinstance(word, str) or not word.strip() or not word.isprintable()
                for word in value
            )
        ):
            self.note(name, value, f'a list of at most {MAX_LIST} names', 'write [name, name]')
            return ()
        if len(value) < at_least:
            self.note(name, value, f'at least {at_least} name', 'add the name')
        twice = sorted({word for word in value if value.count(word) > 1})
        if twice:
            self.note(name, value, 'every name once', f'remove the second {twice[0]!r}')
        return tuple(value)

    def numbers(self, name: str, unit: str, length: int) -> tuple[float, ...]:
        """Read a list of `length` finite numbers."""
        value = self.get(name)
        if not isinstance(value, list) or len(value) > MAX_LIST:
            count = f'{length} numbers' if length else 'numbers, one for each name,'
            shown = [f'{number}.0' for number in range(1, min(max(1, length), MAX_SHOWN) + 1)]
            example = ', '.join(shown if length <= MAX_SHOWN else [*shown, '…'])
            self.note(name, value, f'a list of {count} in {unit}', f'write [{example}]')
            return ()
        if len(value) != length:
            self.note(
                name,
                value,
                f'{length} numbers, one for each name',
                f'it has {len(value)}; write one for each name, in the same order',
            )
        result = []
        for index, item in enumerate(value):
            number = as_number(item)
            if number is None:
                self.note(
                    f'{name}[{index}]',
                    item,
                    f'a finite number in {unit}',
                    'write a plain number such as 0.5',
                )
            result.append(1.0 if number is None else number)
        return tuple(result)


MAX_SHOWN = 16  # numbers of an example
MAX_LIST = 256  # names in one list; beyond it a file is a mistake or an attack


def as_number(value: Any) -> float | None:
    """Return a finite float, or None for anything else (booleans are not numbers)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number + 0.0 if math.isfinite(number) else None  # -0.0 and 0.0 have one spelling
