# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""Sphinx settings of the documentation: Markdown pages by MyST, no import of the package.

`sphinx-build -W -n docs SITE` builds it; the tests do the same. rosdoc2 copies this folder, runs
this file with exec() inside of a conf.py of its own (so `__file__` is not here) and adds to it.
"""

project = 'world_model_ros'
author = 'The world_model_ros authors'
copyright = f'2026, {author}. Apache-2.0'
version = release = '0.1.0'

extensions = ['myst_parser']
source_suffix = {'.rst': 'restructuredtext', '.md': 'markdown'}
master_doc = 'index'
exclude_patterns = ['_build']
nitpicky = True
myst_heading_anchors = 4  # [text](page.md#a-heading): a heading that is missing is a warning

html_theme = 'sphinx_rtd_theme'
html_theme_options = {'navigation_depth': 2}
html_show_sphinx = False
