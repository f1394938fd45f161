# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""The page of a demo: how its process is started, and the address once it serves.

Imports no server: a demo runs without the extra `view`, only without the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from world_model_ros.deploy.node_parameters import DASHBOARD
from world_model_ros.deploy.nodes_table import parameter_file_text
from world_model_ros.view.port import PortError, listening_socket

PAGE_MODULES = ('starlette', 'uvicorn', 'websockets')  # of the extra `view`


class DemoPage:
    """The dashboard of one demo."""

    def __init__(self, contract_file: Path, folder: Path) -> None:
        """Keep its parameter file and its address in `folder`, which is this user's own."""
        port = DASHBOARD['port'].default
        assert isinstance(port, int)
        try:
            listening_socket('127.0.0.1', port).close()
        except PortError:  # another demo, most likely
            port = 0
        self._file = folder / 'view.address'
        values = {
            'contract': str(contract_file.resolve()),
            'port': port,
            'address_file': str(self._file),
        }
        parameters = folder / 'dashboard.yaml'
        parameters.write_text(parameter_file_text('/**', values), encoding='utf-8')
        self.line: Sequence[str] = (
            'world_model_ros.nodes.dashboard',
            '--ros-args',
            '--params-file',
            str(parameters),
        )
        self._told = False

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
