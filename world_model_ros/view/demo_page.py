# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The page of a demo: the settings of its process, and the address once it serves.

Imports no server: a demo runs without the extra `view`, only without the page.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from world_model_ros.deploy.node_parameters import DASHBOARD
from world_model_ros.deploy.nodes_table import Settings
from world_model_ros.view.port import PortError, listening_socket


class DemoPage:
    """The dashboard of one demo."""

    def __init__(self, folder: Path) -> None:
        """Keep its address in `folder`, which is this user's own."""
        port = DASHBOARD['port'].default
        assert isinstance(port, int)
        try:
            listening_socket('127.0.0.1', port).close()
        except PortError:  # another demo, most likely
            port = 0
        self._port = port
        self._file = folder / 'view.address'
        self._told = False

    def added_to(self, settings: Settings) -> Settings:
        """The settings with which the dashboard is started too."""
        file = str(self._file)
        return replace(settings, dashboard=True, port=self._port, address_file=file)

    def news(self) -> str:
        """Where the page is, said once; '' before it serves and afterwards."""
        if self._told or not self.address:
            return ''
        self._told = True
        return f'In the browser: {self.address}'

    @property
    def address(self) -> str:
        """The address with the token; '' before the page is served."""
        if not self._file.is_file():
            return ''
        return self._file.read_text(encoding='utf-8').strip()
