# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The documents: the site builds without a warning, and what a page points to is there."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest
import yaml

from world_model_ros.contract import parse_contract

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / 'docs'
PAGES = sorted(
    [
        *DOCS.rglob('*.md'),
        *ROOT.glob('*.md'),
        ROOT / 'benchmarks' / 'README.md',
        ROOT / 'benchmarks' / 'results' / 'README.md',
    ]
)
README_LINES = 200
# Where a file named in a page may lie: `onboard/tick/ticker.py` is below the package.
ROOTS = (ROOT, ROOT / 'world_model_ros', ROOT / 'config')


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def generator():
    """docs/generate.py as a module; the folder is no package."""
    spec = importlib.util.spec_from_file_location('docs_generate', DOCS / 'generate.py')
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_site_builds_without_a_warning(tmp_path):
    """From a copy of docs/ alone, as rosdoc2 does: no page may need what lies beside it."""
    pytest.importorskip('sphinx')
    alone = shutil.copytree(DOCS, tmp_path / 'docs')
    command = ['-m', 'sphinx', '-W', '-n', '--keep-going', '-q', '-d', str(tmp_path / 'trees')]
    done = subprocess.run(
        [sys.executable, *command, str(alone), str(tmp_path / 'site')],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert 'world_model_ros' in (tmp_path / 'site' / 'index.html').read_text()


def test_rosdoc2_finds_the_site():
    _, settings = yaml.safe_load_all((ROOT / 'rosdoc2.yaml').read_text())
    [builder] = settings['builders']
    assert (ROOT / builder['sphinx']['sphinx_sourcedir'] / 'conf.py').is_file()
    assert '<rosdoc2>rosdoc2.yaml</rosdoc2>' in (ROOT / 'package.xml').read_text()
    assert (DOCS / 'index.rst').is_file()  # where there is none it writes one beside index.md


@pytest.mark.parametrize('page', PAGES, ids=name_of)
def test_every_robot_file_of_a_page_is_valid(page):
    blocks = re.findall(r'^```yaml\n(format: .*?)^```', page.read_text(), re.MULTILINE | re.DOTALL)
    for block in blocks:
        parse_contract(block, name_of(page))


@pytest.mark.parametrize('part', ['command line', 'node parameters', 'faults'])
def test_a_generated_part_is_what_the_code_says(part):
    path, text, new = generator().renewed(part)
    assert text == new, f'{path} is stale: run python docs/generate.py'


def test_every_page_named_anywhere_exists():
    """In code, tests, settings and pages: `docs/reference/bundle.md`, and no older name."""
    places = [ROOT / name for name in ('world_model_ros', 'test', 'config', 'launch', 'docs')]
    files = [path for place in places for path in place.rglob('*')]
    files += [*ROOT.glob('*.*'), *ROOT.glob('benchmarks/**/*.md')]
    lost = []
    for path in files:
        if path.suffix not in ('.py', '.md', '.rst', '.yaml', '.xml', '.toml', '.html', '.cfg'):
            continue
        for page in re.findall(r'(?<![\w/.])docs/[\w/]+\.(?:md|rst|py)', path.read_text()):
            if not (ROOT / page).is_file():
                lost.append(f'{name_of(path)}: {page}')
    assert lost == []


@pytest.mark.parametrize('page', PAGES, ids=name_of)
def test_every_link_to_a_file_leads_to_one(page):
    """Of the pages that no site holds too, pictures included."""
    links = re.findall(r'\]\(([^)\s#]+)(?:#[^)]*)?\)', page.read_text())
    local = [link for link in links if not re.match(r'\w+:', link)]
    assert [link for link in local if not (page.parent / link).exists()] == []


@pytest.mark.parametrize('page', PAGES, ids=name_of)
def test_every_file_and_function_of_ours_that_a_page_names_exists(page):
    """`onboard/tick/ticker.py`, and `nodes/agent.py::main` with what is defined there."""
    lost = []
    for path, _, what in re.findall(r'`([\w/]+/\w+\.py)(::([\w.]+))?`', page.read_text()):
        found = [root / path for root in ROOTS if (root / path).is_file()]
        if not found or (what and what not in defined(found[0])):
            lost.append(path + (f'::{what}' if what else ''))
    assert lost == []


@cache
def defined(path: Path) -> set[str]:
    """Names of functions, classes and constants of a file, and of methods as `Class.method`."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {f'{node.name}.{row.name}' for row in node.body if hasattr(row, 'name')}
    return names


@cache
def options() -> dict[str, set[str]]:
    """Verb -> its options, as the program has them."""
    return {
        words: {option for row in command.params for option in (*row.opts, *row.secondary_opts)}
        for words, command in generator().verbs()
    }


def commands(page: Path) -> list[str]:
    """What a page says after `world-model`: in code blocks and in single backticks."""
    text = re.sub(r'\\\n\s*', ' ', page.read_text())
    text = text.replace('\\|', '|')
    blocks = re.findall(r'^(?:    |  *)?(?:\./)?world-model ([a-z].*)$', text, re.MULTILINE)
    inline = re.findall(r'`(?:\./)?world-model ([a-z][^`\n]*)`', text)
    return [re.split(r'\s#|[|;&]', line)[0] for line in blocks + inline]


@pytest.mark.parametrize('page', PAGES, ids=name_of)
def test_every_command_of_a_page_has_its_verb_and_options(page):
    wrong = []
    for line in commands(page):
        try:
            words = shlex.split(line)
        except ValueError:
            continue  # an apostrophe of a sentence
        words = words[: words.index('--')] if '--' in words else words
        verb = ' '.join(words[:2]) if ' '.join(words[:2]) in options() else words[0]
        given = {word.split('=')[0].strip('[]') for word in words if word.lstrip('[')[:2] == '--'}
        group = any(name.startswith(f'{verb} ') for name in options())
        known = options().get(verb, set()) | {'--help'}
        if not (group or verb in options()) or given - known:
            wrong.append(line)
    assert wrong == []


def test_the_readme_is_short():
    assert len((ROOT / 'README.md').read_text().splitlines()) <= README_LINES
