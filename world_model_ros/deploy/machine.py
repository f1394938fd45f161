# Copyright 2026 The world_model_ros authors
# SPDX-License-Identifier: Apache-2.0
"""What this machine has and lacks to run robots, to simulate and to train, with remedies."""

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.util
import os
import shutil
import sys
from pathlib import Path

from world_model_ros.bundle import BundleError
from world_model_ros.bundle.providers import FLAVOURS, ProviderSettings, choose
from world_model_ros.bundle.runtime import has_runtime, import_runtime
from world_model_ros.deploy.finding import Finding, warn
from world_model_ros.deploy.network import discovery_finding
from world_model_ros.deploy.node_parameters import RECORDER
from world_model_ros.plugins import PluginError, Plugins

MIB = 1 << 20
PLUGIN_GROUPS = {
    'world_model_ros.families': 'world-model family',
    'world_model_ros.kinds': 'kind',
    'world_model_ros.bodies': 'simulated body',
}


MIN_FREE_MB = int(str(RECORDER['min_free_mb'].default))
# A person who starts the recordings of a day looks at the disk no more often.
ROOM_HOURS = 1.0


def python_finding() -> Finding:
    """Is this a Python the package is made for."""
    found = sys.version_info[:2]
    text = f'Python {found[0]}.{found[1]}'
    supported = (3, 10) <= found <= (3, 12)
    return Finding('python', supported, text if supported else f'{text}; needs 3.10 to 3.12')


def onnxruntime_finding(installed: set[str] | None = None) -> Finding:
    """Is exactly one flavour of ONNX Runtime installed; two overwrite each other's files."""
    if installed is None:
        installed = {name for name in FLAVOURS if _version(name)}
    if len(installed) > 1:
        return Finding(
            'onnxruntime',
            False,
            'both flavours are installed and overwrite each other: pip uninstall '
            'onnxruntime onnxruntime-gpu, then install one of the extras cpu and gpu',
        )
    if installed:
        name = next(iter(installed))
        return Finding('onnxruntime', True, f'{name} {_version(name)}')
    if importlib.util.find_spec('onnxruntime'):
        return Finding('onnxruntime', True, 'a build that pip does not know (vendor wheel)')
    return Finding(
        'onnxruntime', False, "none: pip install 'world_model_ros[cpu]' (or gpu) to load bundles"
    )


def provider_finding(provider: str = 'auto') -> Finding:
    """What this `provider` takes here, and why no better one."""
    if not has_runtime():
        return Finding('provider', None, 'none without onnxruntime')
    try:
        return Finding('provider', True, choose(ProviderSettings(provider), import_runtime()).text)
    except BundleError as error:
        return Finding('provider', False, error.problems[0])


def ros_findings() -> list[Finding]:
    """Is ROS importable, which DDS, and how far discovery reaches."""
    distro = os.environ.get('ROS_DISTRO')
    origin = f'sourced {distro}' if distro else 'wheels'
    if importlib.util.find_spec('rclpy') is None:
        return [Finding('ros', False, 'rclpy is missing: source ROS 2, or use ./world-model')]
    return [
        Finding('ros', True, f'rclpy found ({origin})'),
        Finding('dds', True, os.environ.get('RMW_IMPLEMENTATION', 'rmw_fastrtps_cpp (default)')),
        discovery_finding(os.environ),
        _module_finding('launch_ros', 'launch files need it; world-model itself does not'),
    ]


def rendering_findings() -> list[Finding]:
    """Can the simulated camera render offscreen."""
    findings = []
    for library in ('libEGL.so.1', 'libGL.so.1'):
        try:
            ctypes.CDLL(library)
            findings.append(Finding(library, True, 'loads'))
        except OSError:
            remedy = 'sudo apt install libegl1 libgl1 libgl1-mesa-dri'
            findings.append(Finding(library, None, f'missing, simulation needs it: {remedy}'))
    return findings


def disk_finding(
    folder: Path, min_free_mb: int = MIN_FREE_MB, bytes_per_sec: float = 0.0
) -> Finding:
    """Whether recordings fit on the disk of a folder.

    Args:
        folder: of the recordings; it need not exist yet.
        min_free_mb: the recorder's parameter.
        bytes_per_sec: what the streams send, 0 where that is not known.
    """
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    try:
        free_bytes = shutil.disk_usage(there).free
    except OSError as error:
        return Finding('disk', False, f'{there}: {error.strerror}: choose another folder')
    text = f'{there}: {free_bytes / 1e9:.1f} GB free'
    spare_bytes = free_bytes - min_free_mb * MIB
    if spare_bytes <= 0:
        return Finding(
            'disk',
            False,
            f'{text}; the recorder stops below {min_free_mb} MiB (its parameter min_free_mb): '
            'make room, or record into a folder of another disk (its parameter directory)',
        )
    if bytes_per_sec <= 0.0:
        return Finding('disk', True, text)
    hours = spare_bytes / bytes_per_sec / 3600.0
    text += f'; the streams send {bytes_per_sec / 1e6:.1f} MB/s: room for at least {hours:.1f} h'
    if hours < ROOM_HOURS:
        return warn('disk', f'{text}: make room, or write record: model_input for the cameras')
    return Finding('disk', True, text)


def robot_findings(provider: str = 'auto') -> list[Finding]:
    """What a robot needs of its computer, causes first."""
    return [*ros_findings(), python_finding(), onnxruntime_finding(), provider_finding(provider)]


def examine(provider: str = 'auto') -> list[Finding]:
    """Collect everything about this computer, causes first."""
    return [
        *robot_findings(provider),
        *rendering_findings(),
        _module_finding('mujoco', 'simulated robots need it (extra sim)'),
        _module_finding('gymnasium', 'bodies of Gymnasium environments need it (extra sim)'),
        _module_finding('torch', 'training needs it (extra train); robots do not'),
        *plugin_findings(),
    ]


def plugin_findings() -> list[Finding]:
    """One line for each plug-in of another package; a broken one hinders only who asks for it."""
    found = []
    for group, what in PLUGIN_GROUPS.items():
        plugins = Plugins(group, what, {})  # ours are no plug-ins here
        for name in plugins.names():
            try:
                plugins.load(name)
            except PluginError as error:
                found.append(Finding('plug-in', None, str(error)))
            else:
                text = f'{what} {name!r} of package {plugins.package(name)}'
                found.append(Finding('plug-in', True, text))
    return found


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _module_finding(module: str, use: str) -> Finding:
    if importlib.util.find_spec(module):
        return Finding(module, True, 'found')
    return Finding(module, None, f'absent: {use}')
