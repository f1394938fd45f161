# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The floors of the house: imports point down, rclpy and torch stay in their rooms."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / 'world_model_ros'

# Folder -> what it may import of the others: the table of docs/explanation/architecture.md.
MAY_IMPORT = {
    'contract': set(),
    'wire': {'contract'},
    'bundle': {'contract'},
    'store': {'contract'},
    'releases': {'contract', 'store'},
    'onboard': {'contract', 'wire', 'bundle'},
    'experience': {'contract', 'wire', 'onboard', 'store'},
    'robots': {'contract', 'wire', 'onboard'},
    'evaluation': {'contract', 'bundle', 'onboard', 'robots'},
    'imagined': {'contract', 'bundle', 'onboard', 'experience', 'robots'},
    'families': {'contract'},
    'planning': {'families'},
    'training': {
        'families',
        'planning',
        'experience',
        'bundle',
        'evaluation',
        'onboard',
        'robots',
        'contract',
        'wire',
        'store',
        'releases',
    },
    'fleet': {'contract', 'wire', 'bundle', 'onboard', 'store', 'releases'},
    'deploy': {'contract', 'bundle'},
    'report': {'contract', 'experience', 'onboard', 'store', 'releases'},
    'bringup': {'contract', 'wire', 'onboard', 'deploy'},
    'telemetry': {'contract', 'wire', 'experience', 'onboard', 'store', 'releases', 'deploy'},
}
MAY_IMPORT['view'] = {
    'contract',
    'wire',
    'bundle',
    'experience',
    'onboard',
    'deploy',
    'telemetry',
}
MAY_IMPORT['nodes'] = set(MAY_IMPORT) - {'families', 'planning', 'training', 'report'}
MAY_IMPORT['bench'] = set(MAY_IMPORT)
MAY_IMPORT['cli'] = set(MAY_IMPORT) - {'cli'}

# Modules with walls of their own, and the folders where they may stand.
ROOMS = {
    'rclpy': {'nodes'},
    'torch': {'families', 'planning', 'training'},
    'typer': {'cli'},
    'starlette': {'view'},
    'uvicorn': {'view'},
}
NO_MODULES = {
    *('world_model_ros.end', 'world_model_ros.damage'),  # metadata of episodes
    *('world_model_ros.bodies', 'world_model_ros.kinds'),  # groups of entry points
}
FILES = sorted(path for path in PACKAGE.rglob('*.py') if path.parent != PACKAGE)


def imported_modules(tree, package):
    """All modules that a file imports, lazily or not, as absolute dotted names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                base = '.'.join(package.split('.')[: len(package.split('.')) - node.level + 1])
                yield f'{base}.{node.module}' if node.module else base
            else:
                yield node.module
                yield from (f'{node.module}.{alias.name}' for alias in node.names)


def breaches(path, source):
    """What a file imports that it must not."""
    folder = path.relative_to(PACKAGE).parts[0]
    package = '.'.join(path.relative_to(ROOT).parent.parts)
    found = []
    for module in imported_modules(ast.parse(source), package):
        parts = module.split('.')
        if parts[0] in ROOMS and folder not in ROOMS[parts[0]]:
            found.append(f'{module} belongs in {sorted(ROOMS[parts[0]])}')
        if parts[0] == 'world_model_ros' and len(parts) > 1 and (PACKAGE / parts[1]).is_dir():
            target = parts[1]
            if target != folder and target not in MAY_IMPORT[folder]:
                found.append(f'{folder} may not import {target}')
    return sorted(set(found))


@pytest.mark.parametrize('path', FILES, ids=[str(path.relative_to(PACKAGE)) for path in FILES])
def test_imports_stay_within_the_walls(path):
    assert path.relative_to(PACKAGE).parts[0] in MAY_IMPORT, 'a folder without a rule'
    assert breaches(path, path.read_text()) == []


@pytest.mark.parametrize(
    ('folder', 'source'),
    [
        ('onboard', 'import rclpy'),
        ('onboard', 'def late():\n    from torch import nn'),
        ('contract', 'from world_model_ros.onboard import guard'),
        ('contract', 'from world_model_ros import onboard'),
        ('contract', 'from ..nodes import agent'),
        ('robots', 'from world_model_ros.nodes.agent import main'),
    ],
)
def test_a_breach_is_seen(folder, source):
    assert breaches(PACKAGE / folder / 'made_up.py', source)


def test_nothing_outside_a_family_knows_it_by_name():
    """A family is found by its name in the registry, so that another one edits no file of ours."""
    families = [path.name for path in (PACKAGE / 'families').iterdir() if path.is_dir()]
    for path in FILES:
        inside = path.relative_to(PACKAGE).parts
        package = '.'.join(path.relative_to(ROOT).parent.parts)
        for module in imported_modules(ast.parse(path.read_text()), package):
            for family in families:
                if f'{module}.'.startswith(f'world_model_ros.families.{family}.'):
                    assert inside[:2] == ('families', family), (path, module)


DEVICES = r'(cpu|cuda|mps|xpu|hip|xla|meta)(:\d+)?'


def devices_named(source):
    """Where a file says which processor computes, instead of asking a model or a batch."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if re.fullmatch(DEVICES, node.value):
                yield f'line {node.lineno}: {node.value!r}'
        elif isinstance(node, ast.Attribute) and re.fullmatch(DEVICES, node.attr):
            yield f'line {node.lineno}: .{node.attr}'
        elif isinstance(node, ast.Attribute) and node.attr in ('numpy', 'pin_memory'):
            yield f'line {node.lineno}: .{node.attr}, for tensors of the CPU alone'
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == 'torch.autocast':
            yield f'line {node.lineno}: torch.autocast'


def test_one_file_alone_names_devices():
    """`families/device.py` knows where a tensor may be and how its numbers get out of there."""
    for path in FILES:
        folder, *_, name = path.relative_to(PACKAGE).parts
        if folder in ROOMS['torch'] and (folder, name) != ('families', 'device.py'):
            assert list(devices_named(path.read_text())) == [], path


@pytest.mark.parametrize(
    'source',
    [
        "torch.zeros(3, device='cuda')",
        "torch.device('cuda:1')",
        "model.to('cpu')",
        'model.cuda()',
        'tensor.detach().cpu()',
        'torch.cuda.synchronize()',
        'tensor.numpy()',
        'torch.autocast(kind, enabled=True)',
    ],
)
def test_a_device_that_is_named_is_seen(source):
    assert list(devices_named(source))


def test_modules_outside_the_folders_need_neither_ros_nor_torch():
    for path in PACKAGE.glob('*.py'):
        roots = {
            name.split('.')[0]
            for name in imported_modules(ast.parse(path.read_text()), 'world_model_ros')
        }
        assert not roots & set(ROOMS), path


def test_every_module_that_is_named_in_a_string_is_there():
    """What is started as `python -m NAME` is in no import that would fail."""
    for path in PACKAGE.rglob('*.py'):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                name = re.fullmatch(r'world_model_ros((?:\.\w+)+)', node.value)
                if name and name[0] not in NO_MODULES:
                    place = PACKAGE.joinpath(*name[1].split('.')[1:])
                    assert place.with_suffix('.py').is_file() or place.is_dir(), (path, name[0])


def test_every_file_names_licence_and_purpose():
    for path in PACKAGE.rglob('*.py'):
        text = path.read_text()
        assert text.startswith('# Copyright 2026 The world_model_ros authors\n'), path
        assert text.splitlines()[1] == '# SPDX-License-Identifier: Apache-2.0', path
        assert ast.get_docstring(ast.parse(text)), f'{path}: what does this file own?'


def test_no_two_files_have_one_name():
    # A node's executable and a verb of the command line carry the name of what they start.
    paths: dict[str, list[str]] = {}
    for path in PACKAGE.rglob('*.py'):
        folder = path.relative_to(PACKAGE).parts[0]
        if path.name != '__init__.py' and folder not in ('cli', 'nodes'):
            paths.setdefault(path.name, []).append(str(path.relative_to(PACKAGE)))
    assert [names for names in paths.values() if len(names) > 1] == []
