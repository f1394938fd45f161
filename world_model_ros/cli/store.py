# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The `store` verb: make a store, and clear away what nobody needs any more."""

from __future__ import annotations

import json
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False)

URL = Annotated[str, typer.Argument(help='Folder, s3://bucket/prefix, gs://… or az://…')]
AS_JSON = Annotated[bool, typer.Option('--json', help='Print nothing but a JSON object.')]


@app.callback()
def _root() -> None:
    """Make a store, and clear away what nobody needs any more."""


@app.command()
def create(url: URL, as_json: AS_JSON = False) -> None:
    """Make a store there: the folder and the object `format`. One that is there stays as it is.

    Robots never make one: a disk that is not mounted, or a wrong URL, is then an error and no new
    folder.
    """
    from world_model_ros.store import open_store

    store = open_store(url, create=True)
    report = {'url': store.url, 'format': store.layout.format}
    print(
        json.dumps(report) if as_json else f'{report["url"]}: a store of format {report["format"]}'
    )


@app.command()
def gc(
    url: URL,
    keep_days: Annotated[
        float, typer.Option(min=1, help='What changed within so many days stays.')
    ] = 90.0,
    delete: Annotated[bool, typer.Option('--delete', help='Delete; else only show.')] = False,
    as_json: AS_JSON = False,
) -> None:
    """Show, or delete, old episodes and bundles that no newer release and no robot names.

    Only objects with our names are looked at. The ten newest releases of each interface and what
    any robot's status names stay whatever their age.
    """
    from world_model_ros.releases.gc import collect, find_garbage
    from world_model_ros.store import open_store

    store = open_store(url)
    garbage = find_garbage(store, keep_days)
    gone = collect(store, garbage) if delete else []
    if as_json:
        print(
            json.dumps(
                {
                    'episodes': sorted(garbage.episodes),
                    'bundles': sorted(garbage.bundles),
                    'objects': len(garbage.in_order()),
                    'bytes': garbage.bytes,
                    'kept': garbage.kept,
                    'deleted': len(gone),
                }
            )
        )
        return
    for prefix in (*sorted(garbage.episodes), *sorted(garbage.bundles)):
        print(prefix)
    for reason in garbage.kept:
        print(f'kept: {reason}')
    print(
        f'{len(garbage.episodes)} episodes and {len(garbage.bundles)} bundles older than '
        f'{keep_days:g} days, {garbage.bytes / 1e6:.1f} MB: '
        + ('deleted' if delete else 'nothing deleted; add --delete to delete them')
    )
