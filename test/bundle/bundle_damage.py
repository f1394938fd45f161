# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0

"""Changing a bundle on disk, and looking for words in its problems."""

import hashlib
import json


def edit_manifest(folder, **changes):
    path = folder / 'manifest.json'
    manifest = json.loads(path.read_text())
    for key, value in changes.items():
        if value is None:
            del manifest[key]
        else:
            manifest[key] = value
    path.write_text(json.dumps(manifest))
    return manifest


def refresh(folder, *names):
    """Make the manifest agree with changed files, as a hostile packer would."""
    files = json.loads((folder / 'manifest.json').read_text())['files']
    for name in names:
        content = (folder / name).read_bytes()
        files[name] = {'sha256': hashlib.sha256(content).hexdigest(), 'bytes': len(content)}
    edit_manifest(folder, files=files)


def only(problems, words):
    assert any(words in problem for problem in problems), problems
