# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Writes the parts of docs/ that the code already holds: command line, node parameters, faults.

A part stands between `<!-- generated: NAME -->` and `<!-- end of NAME -->` in its page. Run
`python docs/generate.py` after a change of a verb, a parameter or a fault; `test/package/
test_docs.py` fails when a page is stale. The site build itself imports nothing of the package.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from world_model_ros.cli.main import app
from world_model_ros.deploy.node_parameters import NODES, Parameter
from world_model_ros.fault_table import fault_table

DOCS = Path(__file__).resolve().parent


def verbs() -> Iterator[tuple[str, Any]]:
    """Yield (words after `world-model`, click command) of every verb, groups left out."""
    return _commands(get_command(app), ())


def _commands(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, 'list_commands'):
        yield ' '.join(words), command
        return
    context = command.context_class(command, info_name=' '.join(words))
    for name in command.list_commands(context):
        _, found, _ = command.resolve_command(context, [name])
        yield from _commands(found, (*words, name))


def command_line() -> str:
    """A section for each verb: what it does, its usage, and a table of arguments and options."""
    return '\n\n'.join(_verb(words, command) for words, command in verbs())


def _verb(words: str, command: Any) -> str:
    shown = [row for row in command.params if not getattr(row, 'hidden', False)]
    arguments = [row for row in shown if row.param_type_name == 'argument']
    usage = ' '.join([f'world-model {words}', *map(_placeholder, arguments)])
    if len(arguments) < len(shown):
        usage += ' [OPTIONS]'
    text = re.sub(r'\s*\n\s*', ' ', (command.help or '').split('\f')[0].strip())
    lines = [f'## {words}', '', f'```text\n{usage}\n```', '', _plain(text)]
    if shown:
        lines += ['', '| argument or option | default | meaning |', '|---|---|---|']
        lines += [f'| {_name(row)} | {_default(row)} | {_meaning(row)} |' for row in shown]
    return '\n'.join(lines)


def _placeholder(argument: Any) -> str:
    word = argument.metavar or argument.name.upper()
    word += '…' if argument.nargs != 1 else ''
    return word if argument.required else f'[{word}]'


def _name(row: Any) -> str:
    if row.param_type_name == 'argument':
        return f'`{_placeholder(row).strip("[]")}`'
    return ', '.join(f'`{option}`' for option in (*row.opts, *row.secondary_opts))


def _default(row: Any) -> str:
    if row.required:
        return 'required'
    value = row.default() if callable(row.default) else row.default
    if isinstance(value, bool):
        return 'on' if value else 'off'
    return '' if value in (None, '', (), []) else f'`{_value(value)}`'


def _value(value: Any) -> str:
    return str(getattr(value, 'value', value))


def _meaning(row: Any) -> str:
    return _plain(re.sub(r'\s+', ' ', row.help or ''))


def _plain(text: str) -> str:
    """Markdown that shows a help text as it was written, inside a table too."""
    return re.sub(r'([|*<>_\[\]])', r'\\\1', text)


def node_parameters() -> str:
    """A table for each node."""
    return '\n\n'.join(_node(node, table) for node, table in NODES.items())


def _node(node: str, table: dict[str, Parameter]) -> str:
    lines = [f'### Parameters of {node}', '']
    lines += [
        '| parameter | type | default | range | changeable | meaning |',
        '|---|---|---|---|---|---|',
    ]
    for name, row in table.items():
        default = 'required' if row.required else _literal(row.default)
        change = 'yes' if row.changeable else ''
        lines.append(
            f'| `{name}` | {_type(row)} | {default} | {_range(row)} | {change} | '
            f'{_plain(row.meaning)} |'
        )
    return '\n'.join(lines)


def _type(row: Parameter) -> str:
    names = {bool: 'bool', int: 'integer', float: 'double', str: 'string', tuple: 'string array'}
    return names[type(row.default)]


def _literal(value: Any) -> str:
    if value == () or value == '':
        return "`''`" if value == '' else '`[]`'
    return f'`{str(value).lower() if isinstance(value, bool) else value}`'


def _range(row: Parameter) -> str:
    if row.choices:
        return ', '.join(_literal(choice) for choice in row.choices)
    if row.low is None and row.high is None:
        return ''
    if row.high is None:
        return f'≥ {row.low:g}'
    return f'{row.low:g} to {row.high:g}'


PARTS: dict[str, tuple[str, Callable[[], str]]] = {
    'command line': ('reference/cli.md', command_line),
    'node parameters': ('reference/nodes.md', node_parameters),
    'faults': ('reference/faults.md', fault_table),
}


def renewed(name: str) -> tuple[Path, str, str]:
    """Return the page of a part, its text as it is, and as it should be."""
    page, make = PARTS[name]
    path = DOCS / page
    text = path.read_text(encoding='utf-8')
    begin, end = f'<!-- generated: {name} -->', f'<!-- end of {name} -->'
    pattern = re.compile(re.escape(begin) + '.*?' + re.escape(end), re.DOTALL)
    if len(pattern.findall(text)) != 1:
        raise ValueError(f'{path}: expected one part from {begin} to {end}')
    return path, text, pattern.sub(lambda _: f'{begin}\n\n{make()}\n\n{end}', text)


def main() -> None:
    """Write the parts that are stale."""
    for name in PARTS:
        path, text, new = renewed(name)
        if new != text:
            path.write_text(new, encoding='utf-8')
            sys.stdout.write(f'{path}: {name}\n')


if __name__ == '__main__':
    main()
